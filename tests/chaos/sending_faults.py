"""Faults of campaign-sender, and of the providers that it sends to."""
import signal
import time

from catalogue import fault, hold
from sending import WEATHER
from service_faults import add_service_faults, clock_jumps, fail_at, rebalance_storm, rolling_restart

POINTS = ("flush_begin", "flush_locked", "flush_commit", "flush_committed", "resolve_commit", "send_begin", "send_done", "audience_chunk", "retry_chunk",
          "batch_begin", "batch_applied", "batch_commit", "batch_committed", "batch_published")
SHARES = (0.3, 0.6, 1.0)


def add_stub_fault(name, about, *rules):
    """A provider misbehaves for some seconds, by rules before those of the weather."""
    def run(system, random):
        share = random.choice(SHARES)
        system.sending.weather([{"act": "send", "share": share} | r for r in rules], WEATHER)
        try:
            hold(random, 0.8, 2.5)
        finally:
            system.sending.weather(WEATHER)

    fault(name, "provider-stub", about)(run)


add_service_faults("campaign-sender", POINTS, "_of_sender")
fault("clock_jump_campaign_sender", "campaign-sender", "its wall clock jumps by up to three days, forward and back")(
    lambda s, r: jump(s, r))
for name, run in (("rebalance_storm_of_senders", rebalance_storm), ("rolling_restart_of_senders", rolling_restart)):
    fault(name, "campaign-sender", "two more replicas join and leave, by SIGTERM and kill -9" if run is rebalance_storm else
          "each replica ends by SIGTERM, with 0, and starts again")(lambda s, r, run=run: run(s, "campaign-sender", r))


def jump(system, random):
    began = int(time.time() * 1000)
    try:
        clock_jumps(system, "campaign-sender", random)
    finally:
        system.jumps.append([began, int(time.time() * 1000)])


fault("fail_at_flush_of_sender", "campaign-sender", "its commit fails a few times, and the program continues")(
    lambda s, r: fail_at(s, "campaign-sender", r, "batch_commit"))

add_stub_fault("provider_cuts", "accepts messages, and cuts the connection", {"end": "cut"})
add_stub_fault("provider_resets", "accepts no message, and resets the connection", {"end": "reset"})
add_stub_fault("provider_fails", "answers 503 without a body", {"status": 503})
add_stub_fault("provider_fails_behind_proxy", "accepts messages, and a proxy answers 502", {"status": 502, "accept": True})
add_stub_fault("provider_hangs", "never answers", {"end": "hang"})
add_stub_fault("provider_is_slow", "answers late, some after the deadline", {"delay_ms": 600}, {"delay_ms": 2500})
add_stub_fault("provider_limits_rate", "answers 130429, or rate_limited", {"provider": "meta", "code": 130429},
               {"provider": "blazz", "error": "rate_limited"})
add_stub_fault("provider_limits_pairs", "answers 131056", {"provider": "meta", "code": 131056})
add_stub_fault("provider_gives_no_id", "answers success without an id", {"no_id": True})


@fault("kill_provider", "provider-stub", "kill -9, then started with its journal: what it was to post is lost")
def kill_provider(system, random):
    system.sending.stub.kill()
    hold(random, 0.0, 1.0)
    system.sending.stub.start()


@fault("pause_provider", "provider-stub", "SIGSTOP, then SIGCONT")
def pause_provider(system, random):
    process = system.sending.stub.process
    process.send_signal(signal.SIGSTOP)
    try:
        hold(random, 0.5, 2.5)
    finally:
        process.send_signal(signal.SIGCONT)
