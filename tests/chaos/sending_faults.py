"""Faults of campaign-sender, and of the providers that it sends to."""
import signal
import time

import psycopg2

from catalogue import fault, happens, hold
from sending import WEATHER
from sending_plan import Campaign, phone
from service_faults import ACQUIRED_S, REACHED_S, add_service_faults, clock_jumps, fail_at, rebalance_storm, restart_at, rolling_restart

POINTS = ("flush_begin", "flush_locked", "flush_commit", "flush_committed", "resolve_commit", "send_begin", "send_done", "audience_chunk", "retry_chunk",
          "batch_begin", "batch_locked", "batch_applied", "batch_commit", "batch_committed", "batch_published")
SHARES = (0.3, 0.6, 1.0)
MOVED_S = 40.0  # segments move when their account has been unusable for 30 s
UNDER_WAY = """SELECT a.uuid::text FROM campaigns c JOIN campaign_segments g ON (g.workspace_id, g.campaign_id) = (c.workspace_id, c.id)
    JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (g.workspace_id, g.account_id) WHERE c.uuid = %s AND c.status = 'running' AND NOT g.done AND g.cursor_id > 0"""
REPORT = "UPDATE whatsapp_accounts SET status = %s, status_since = now(), status_at = now() WHERE uuid = %s"


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


def at_segment_move(system, random, act):
    """An account is disconnected in the middle of a campaign that is spread over two, until its segment moves."""
    sending, replicas, lost = system.sending, system.replicas["campaign-sender"], None
    for one in replicas:
        restart_at(one, f"segment_move:{act}@1")
    people = [(phone(5_000_000 + random.randrange(1_000_000)), f"Name {n}") for n in range(200)]
    c = Campaign(f"{sending.planner.markers[0]} moves {random.getrandbits(32)}", 0, "", [people[:100], people[100:]], [people[0][0]], "")
    try:
        sending.add_campaign(c)
        sending.command(0, sending.campaigns[c.name], "START")
        lost = happens(lambda: account_under_way(system, sending.campaigns[c.name]), REACHED_S)
        if lost:
            system.keeping.write(REPORT, "disconnected", lost)
        hit = lost and happens(lambda: any(not r.running() or r.stopped() for r in replicas), MOVED_S)
        if hit and act == "stop":
            hold(random, ACQUIRED_S, ACQUIRED_S + 0.5)
    except psycopg2.Error:  # another fault is PostgreSQL's
        hit = False
    finally:
        for one in replicas:
            one.resume()
        hold(random, 0.3, 0.6)
        if lost:
            system.keeping.write(REPORT, "connected", lost)
        for one in replicas:  # one may reach its failpoint in a later cycle
            if one.running():
                one.kill()
            one.start(wait_ready=False)
    return bool(hit)


def account_under_way(system, campaign):
    """Of a segment of which a part is sent."""
    try:
        return next((r["uuid"] for r in system.keeping.sql(UNDER_WAY, campaign)), None)
    except psycopg2.Error:
        return None


fault("kill_at_segment_move_of_sender", "campaign-sender", "kill -9 before a segment moves to another account")(
    lambda s, r: at_segment_move(s, r, "kill"))
fault("stop_at_segment_move_of_sender", "campaign-sender", "SIGSTOP there; another replica usually acquires its partitions, and it resumes as a fenced owner")(
    lambda s, r: at_segment_move(s, r, "stop"))
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
