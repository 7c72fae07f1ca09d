#!/usr/bin/python3
"""webhook-dispatcher where some misbehave: what that costs those who do not. Ratios within one run.

night    an endpoint is down while --events events come; another one is healthy. Rows in PostgreSQL meanwhile, the healthy one's
         latency against the time before, and how long the other takes to get everything once it is back. Then the same for one
         that is disabled and enabled.
hang     one endpoint takes requests and never answers, beside 50 healthy ones: their p99 against the time without it.
noisy    one workspace has a hundred times the traffic of each of 20 others: theirs against the time without it.

usage: tests/bench/fairness.py [--events N] [night] [hang] [noisy]
"""
import argparse
import socket
import threading
import time

import setting
from hooks import Events, Sink, behind, dispatcher, stream_at

from harness import hooks  # noqa: E402
from harness.waiting import wait_for  # noqa: E402

PARTITIONS, RATE, SECONDS, HEALTHY, OTHERS = 8, 300, 12, 50, 20


def row_count(blazz, table, endpoint, condition="true"):
    return blazz.value(f"""SELECT count(*) FROM {table} t JOIN webhook_endpoints e
        ON (e.workspace_id, e.id) = (t.workspace_id, t.endpoint_id) WHERE e.uuid = %s AND {condition}""", endpoint)


def waiting_rows(blazz, endpoint):
    return row_count(blazz, "webhook_retry_queue", endpoint, "t.status IN ('pending', 'retrying')")


def positions(blazz, endpoint):
    return row_count(blazz, "webhook_positions", endpoint)


def measure(sink, events, rate=RATE):
    """Percentiles of what is published now at an even rate."""
    sink.anew()
    stream_at(rate, SECONDS, events)
    time.sleep(1)
    return sink.anew()


def compared(before, during):
    return [f"{before[p]} → {during[p]} ms" for p in ("p50", "p99")] + [f"{during['p99'] / max(before['p99'], 1):.1f}"]


def outage(blazz, events, n, absent, healthy, come_back):
    """(most rows, most positions, [p50, p99, ratio], seconds to deliver all) of one outage."""
    most = [0, 0]
    before = measure(healthy, events)
    began = events.sent
    absent.begin()
    while events.sent - began < n:
        events.prepare(min(20000, n - (events.sent - began)))
        most = [max(most[0], waiting_rows(blazz, absent.endpoint)), max(most[1], positions(blazz, absent.endpoint))]
    wait_for(lambda: behind(blazz) == 0, "the others have everything", 600, 0.1)
    during = measure(healthy, events)
    most = [max(most[0], waiting_rows(blazz, absent.endpoint)), max(most[1], positions(blazz, absent.endpoint))]
    back, missed = time.time(), events.sent - began
    come_back()
    wait_for(lambda: positions(blazz, absent.endpoint) == 0 and waiting_rows(blazz, absent.endpoint) == 0, "it has caught up", 900, 0.2)
    seconds = time.time() - back
    return [f"{missed:,}", most[0], most[1], *compared(before, during), f"{seconds:.0f}", f"{missed / seconds:,.0f}"]


class Down:
    def __init__(self, blazz):
        self.port = setting.free_port()
        self.blazz, self.sink = blazz, Sink(port=self.port)
        self.endpoint = hooks.add_webhook(blazz, blazz.workspace, self.sink.url())

    def begin(self):
        self.sink.end()

    def end(self):
        self.sink = Sink(port=self.port)


class Disabled:
    def __init__(self, blazz):
        self.blazz, self.sink = blazz, Sink()
        self.endpoint = hooks.add_webhook(blazz, blazz.workspace, self.sink.url())

    def begin(self):
        hooks.change_webhook(self.blazz, self.endpoint, enabled=False)

    def end(self):
        hooks.enable_webhook(self.blazz, self.endpoint)


def night(blazz, options):
    events, healthy = Events(blazz), Sink()
    hooks.add_webhook(blazz, blazz.workspace, healthy.url())
    service = dispatcher(blazz, {"breaker.max_pause": "5s"}).start()
    rows = [["one endpoint is", "events missed", "most retry rows", "most positions", "the other's p50", "its p99", "ratio",
             "seconds to catch up", "events a second"]]
    for name, kind in (("down", Down), ("disabled", Disabled)):
        absent = kind(blazz)
        time.sleep(1)
        rows.append([name, *outage(blazz, events, options.events, absent, healthy, absent.end)])
        hooks.delete_webhook(blazz, absent.endpoint)
    service.stop()
    setting.table(*rows)
    print(f"Rows may reach retry.max_rows (1,000) and what was in flight, in each of {PARTITIONS} partitions.\n")


def hang(blazz, options):
    events, sink = Events(blazz), Sink()
    for i in range(HEALTHY):
        hooks.add_webhook(blazz, blazz.workspace, sink.url(i))
    service = dispatcher(blazz, {}).start()
    rate = RATE // 6
    measure(sink, events, rate)
    before = measure(sink, events, rate)
    silent = socket.create_server(("127.0.0.1", 0), backlog=4096)  # takes connections, and never reads
    hooks.add_webhook(blazz, blazz.workspace, f"http://127.0.0.1:{silent.getsockname()[1]}/")
    time.sleep(1)
    during = measure(sink, events, rate)
    service.stop()
    silent.close()
    setting.table(["beside one that hangs", "p50", "p99", "ratio"], [f"{HEALTHY} healthy endpoints, {rate} events a second to each",
                                                                   *compared(before, during)])


def noisy(blazz, options):
    sink, noise_sink, others = Sink(), Sink(), []
    for i in range(OTHERS):
        workspace = blazz.add_workspace(f"other-{i}")
        hooks.add_webhook(blazz, workspace, sink.url(i))
        others.append(Events(blazz, workspace, 20))
    loud = Events(blazz)
    hooks.add_webhook(blazz, blazz.workspace, noise_sink.url())
    service = dispatcher(blazz, {}).start()
    each, stop = RATE // OTHERS, threading.Event()

    def all_others():
        threads = [threading.Thread(target=stream_at, args=(each, SECONDS, o)) for o in others]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def quiet_or_loud():
        sink.anew()
        all_others()
        time.sleep(1)
        return sink.anew()

    quiet_or_loud()
    before = quiet_or_loud()

    def make_noise():
        while not stop.is_set():
            stream_at(each * 100, 1, loud)

    thread = threading.Thread(target=make_noise)
    noise_sink.anew()
    thread.start()
    during = quiet_or_loud()
    stop.set()
    thread.join()
    came = noise_sink.anew()["requests"]
    service.stop()
    setting.table(["beside a loud workspace", "p50", "p99", "ratio", "the loud one's"],
                  [f"{OTHERS} workspaces of {each} events a second", *compared(before, during), f"{came / (SECONDS + 2):,.0f} a second"])


PARTS = {"night": night, "hang": hang, "noisy": noisy}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    options = parser.parse_args()
    print(setting.machine())
    for name in options.parts or PARTS:
        with setting.stack(PARTITIONS) as blazz:
            blazz.seed(dialects=("bridge",))
            PARTS[name](blazz, options)


if __name__ == "__main__":
    main()
