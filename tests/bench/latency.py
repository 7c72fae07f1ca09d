#!/usr/bin/python3
"""From a POST to its chat event, at half of the rate that the whole pipeline sustains, and on an idle system.

Load is open: requests are sent when they are due, and latency counts from then, so that a stall is not hidden. A ramp finds the sustained
rate: the highest one at which the messages of the last half second of a step had their events within a quarter of a second. Generator,
services, Kafka and PostgreSQL share the machine.

usage: tests/bench/latency.py [--rate N] [--seconds S] [--set ingest:kafka.linger.ms=1] [--set chat-sync:batch.linger=1ms]
"""
import argparse

import live
import setting

WARM_RATE, WARM_SECONDS = 1500, 12  # until Kafka has compiled its hot code and chat-sync has created the contacts
FIRST_RATE, STEP, STEP_SECONDS = 1000, 1.3, 5
IDLE_RATE, IDLE_SECONDS = 10, 16
SERVICES = ("ingest", "chat-sync")
ENDS = [("answer", "answer", None), ("chat event", "chat-event", "read")]
STAGES = [("ingest hands it to Kafka", "inbound", "created"), ("readable in inbound", "inbound", "read"),
          ("chat-sync has committed", "chat-event", "created"), ("readable in chat-event", "chat-event", "read")]


def sustains(found):
    event = found["chat-event"]
    return event["missing"] == 0 and event["end"]["p50"] < 250


def ramp(blazz, traffic):
    """The highest rate that the pipeline sustains."""
    rate, best = FIRST_RATE, 0
    while True:
        found = traffic.run(rate, STEP_SECONDS)
        blazz.wait_processed()
        print(f"{rate} a second: p50 {found['chat-event']['read']['p50']:.0f} ms, p99 {found['chat-event']['read']['p99']:.0f} ms, "
              f"at the end {found['chat-event']['end']['p50']:.0f} ms", flush=True)
        if not sustains(found):
            assert best, "not even the first rate is sustained"
            return best
        best, rate = rate, int(rate * STEP)


def percentiles(times):
    return [f"{times[p]:.1f}" for p in ("p50", "p90", "p99", "p99.9")]


def rows(found, name, moments):
    for label, first, second in moments:
        yield [f"{name}: {label}", *percentiles(found[first][second] if second else found[first])]


def of_service(word):
    """("chat-sync", "batch.linger", "1ms") of "chat-sync:batch.linger=1ms"."""
    service, _, rest = word.partition(":")
    if service not in SERVICES:
        raise argparse.ArgumentTypeError(f"{word} does not start with one of {', '.join(SERVICES)} and a colon")
    return service, *setting.key_value(rest)


def settings_of(words, service):
    return {key: value for name, key, value in words if name == service}


def run(options):
    with setting.stack() as blazz:
        live.start(blazz, *(settings_of(options.set, s) for s in SERVICES))
        traffic = live.Traffic(blazz, live.add_accounts(blazz, 5, 4), contacts=100)
        traffic.run(WARM_RATE, WARM_SECONDS)
        blazz.wait_processed()
        blazz.sql("ANALYZE")
        highest = options.rate and options.rate * 2 or ramp(blazz, traffic)
        half = traffic.run(highest // 2, options.seconds)
        assert half["chat-event"]["missing"] == 0
        stages = traffic.run(highest // 2, options.seconds // 2, ("inbound", "chat-event"))
        idle = traffic.run(IDLE_RATE, IDLE_SECONDS, ("inbound", "chat-event"))
        blazz.check_invariants()
    print(setting.machine() + ("" if options.rate else f"; sustained {highest} a second"))
    load, calm = f"{highest // 2} a second", f"{IDLE_RATE} a second"
    setting.table(["ms from when the POST was due", "p50", "p90", "p99", "p99.9"], *rows(half, load, ENDS),
                  ["the generator's own lateness", *percentiles(half["late"])],
                  *rows(stages, f"{load}, inbound read as well", STAGES), *rows(idle, calm, ENDS + STAGES[:-1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, help="messages a second, instead of half of what a ramp finds")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--set", action="append", default=[], type=of_service,
                        help="SERVICE:KEY=VALUE: another setting than the shipped one")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
