#!/usr/bin/python3
"""webhook-dispatcher with misbehaving endpoints: what they cost others. Ratios within one run.

night    an endpoint is down while --events events are published; another one is healthy. Rows in PostgreSQL meanwhile, the latency of
         the healthy one against the time before, how long the other takes to be live once it is back and to get its pending retries,
         and whether all events arrived in order and once (--order; default: up to 400,000 events, as the check costs the receiver
         time). Then the same for an endpoint that is disabled and enabled.
hang     one endpoint reads requests and never answers, beside 50 healthy ones: their p99 against the time without it.
noisy    one workspace has a hundred times the traffic of each of 20 others: their latency against the time without it.
queue    --rows deliveries of another workspace are pending in the retry queue, by default for as few endpoints as retry.max_rows allows:
         how long a dispatcher takes to start with them, and the latency of an endpoint without retries, without and with them. Then all
         are due: how fast they are delivered, how often each row is claimed, and the latency meanwhile.

A latency is of --samples events at an even rate, and counts when all of them have arrived.

usage: tests/bench/fairness.py [--events N] [--[no-]order] [--rows N] [--endpoints N] [--samples N] [night] [hang] [noisy] [queue]
"""
import argparse
import socket
import threading
import time
from contextlib import contextmanager

import setting
from hooks import Events, Sink, dispatcher, stream_at, wait_delivered

from harness import hooks  # noqa: E402
from harness.waiting import wait_for  # noqa: E402

PARTITIONS, RATE, WARM_SECONDS, HEALTHY, OTHERS, LOUDER = 8, 300, 5, 50, 20, 100
HANG_RATE = 50  # events per second, for each healthy endpoint
DOWN_SCHEDULE_MS = [20000] * 32  # with the default a delivery would be pending for half an hour after four failures
MAX_ROWS = 1000  # retry.max_rows, of an endpoint in a partition
DUE_SECONDS = 3600  # at most
INSERTED_AT_ONCE = 100_000

# Copies of a row that the dispatcher wrote, each with an event and a conversation of its own.
COPIES = """INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, account, event_id, event_type, url, payload, ordering_key,
	source_partition, source_offset, source_timestamp_ms, retry_count, max_retries, next_retry_at, last_error, status)
SELECT m.workspace_id, e.id, m.account, n.event, m.event_type, e.url, decode(replace(replace(encode(m.payload, 'hex'),
		encode(m.event_id::text::bytea, 'hex'), encode(n.event::text::bytea, 'hex')),
		encode(m.ordering_key::text::bytea, 'hex'), encode(n.conversation::text::bytea, 'hex')), 'hex'),
	n.conversation, g %% {partitions}, g / {partitions}, m.source_timestamp_ms, m.retry_count, m.max_retries,
	now() + interval '1 day', m.last_error, 'pending'
FROM model m CROSS JOIN generate_series(%s::bigint, %s::bigint) g
CROSS JOIN LATERAL (SELECT md5('event ' || g)::uuid AS event, md5('conversation ' || g)::uuid AS conversation) n
JOIN (SELECT workspace_id, id, url, row_number() OVER (PARTITION BY workspace_id ORDER BY id) - 1 AS place
	FROM webhook_endpoints) e
	ON e.workspace_id = m.workspace_id AND e.place = g %% %s"""
# One endpoint after the other, as when each is enabled again.
ALL_DUE = "UPDATE webhook_retry_queue SET next_retry_at = now() - endpoint_id * interval '1 ms' WHERE status = 'pending'"
UNFINISHED = "SELECT count(*) FROM webhook_retry_queue WHERE status IN ('pending', 'retrying')"


def row_count(blazz, table, endpoint, condition="true"):
    return blazz.value(f"""SELECT count(*) FROM {table} t JOIN webhook_endpoints e
        ON (e.workspace_id, e.id) = (t.workspace_id, t.endpoint_id) WHERE e.uuid = %s AND {condition}""", endpoint)


def pending_rows(blazz, endpoint):
    return row_count(blazz, "webhook_retry_queue", endpoint, "t.status IN ('pending', 'retrying')")


def positions(blazz, endpoint):
    return row_count(blazz, "webhook_positions", endpoint)


def arrived(sink, count):
    """What the sink has received, or None while that is fewer than `count`."""
    wait_for(lambda: sink.so_far()["requests"] >= count, lambda: f"{count} deliveries have arrived: {sink.so_far()}", 120)
    return sink.since_last()


def measure(sink, samples, *sources, rate=RATE, each=1):
    """Publishes `samples` events at an even rate. Returns the percentiles of their latency at `each` endpoints."""
    sink.since_last()
    return arrived(sink, stream_at(rate, samples / rate, *sources) * each)


def warm_up(sink, *sources, rate=RATE, each=1):
    measure(sink, rate * WARM_SECONDS, *sources, rate=rate, each=each)


def compared(before, during):
    return [f"{before[p]} → {during[p]} ms" for p in ("p50", "p99")] + [f"{during['p99'] / max(before['p99'], 1):.1f}"]


# night

class Down:
    def __init__(self, blazz, order):
        self.port, self.order = setting.free_port(), order
        self.sink = Sink(port=self.port, order=order)
        self.endpoint = hooks.add_webhook(blazz, blazz.workspace, self.sink.url(), schedule_ms=DOWN_SCHEDULE_MS)

    def begin(self):
        self.sink.end()

    def end(self):
        self.sink = Sink(port=self.port, order=self.order)


class Disabled:
    def __init__(self, blazz, order):
        self.blazz, self.sink = blazz, Sink(order=order)
        self.endpoint = hooks.add_webhook(blazz, blazz.workspace, self.sink.url())

    def begin(self):
        self.sink.since_last()
        hooks.change_webhook(self.blazz, self.endpoint, enabled=False)

    def end(self):
        hooks.enable_webhook(self.blazz, self.endpoint)


def wrong(got, missed, order):
    """How many are out of order, duplicate, missing."""
    if not order:
        return ["", "", max(0, missed - got["requests"])]
    return [got["out_of_order"], got["twice"], max(0, missed - got["requests"] + got["twice"])]


def outage(blazz, service, events, absent, healthy, options):
    """A row of the table of night."""
    warm_up(healthy, events)
    before = measure(healthy, options.samples, events)
    wait_delivered(blazz, service)
    began, most = events.sent, [0, 0]

    def look():
        most[:] = [max(most[0], pending_rows(blazz, absent.endpoint)), max(most[1], positions(blazz, absent.endpoint))]

    absent.begin()
    while events.sent - began < options.events:
        events.prepare(min(20000, options.events - (events.sent - began)))
        look()
    wait_delivered(blazz, service)
    during = measure(healthy, options.samples, events)
    look()
    back, missed = time.monotonic(), events.sent - began
    absent.end()
    seconds = []
    for remaining in (positions, pending_rows):
        wait_for(lambda: setting.alive(service) and remaining(blazz, absent.endpoint) == 0,
                 lambda: f"it has caught up\n{service.log_tail()}", 1800, 0.1)
        seconds.append(time.monotonic() - back)
    return [f"{missed:,}", *most, *compared(before, during), *(f"{s:.1f}" for s in seconds), f"{missed / seconds[0]:,.0f}",
            *wrong(absent.sink.end(), missed, options.order), f"{setting.resident_mib(service.process):.0f}"]


def night(blazz, options):
    events, healthy = Events(blazz), Sink()
    hooks.add_webhook(blazz, blazz.workspace, healthy.url())
    service = dispatcher(blazz, {"breaker.max_pause": "5s"}).start()
    rows = [["one endpoint is", "events missed", "most retry rows", "most positions", "the other's p50", "its p99", "ratio",
             "seconds until it is live", "until no retry is pending", "events a second", "out of order", "duplicate", "missing", "resident, MiB"]]
    for name, kind in (("down", Down), ("disabled", Disabled)):
        absent = kind(blazz, options.order)
        rows.append([name, *outage(blazz, service, events, absent, healthy, options)])
        hooks.delete_webhook(blazz, absent.endpoint)
    service.stop()
    setting.table(*rows)
    print(f"Rows may reach retry.max_rows ({MAX_ROWS:,}) and the deliveries in flight, in each of {PARTITIONS} partitions.\n")


# hang

def hang(blazz, options):
    events, sink = Events(blazz), Sink()
    for i in range(HEALTHY):
        hooks.add_webhook(blazz, blazz.workspace, sink.url(i))
    service, to_all = dispatcher(blazz, {}).start(), {"rate": HANG_RATE, "each": HEALTHY}
    warm_up(sink, events, **to_all)
    before = measure(sink, options.samples, events, **to_all)
    silent = socket.create_server(("127.0.0.1", 0), backlog=4096)  # accepts connections and never reads
    hanging = hooks.add_webhook(blazz, blazz.workspace, f"http://127.0.0.1:{silent.getsockname()[1]}/")
    during = measure(sink, options.samples, events, **to_all)
    assert pending_rows(blazz, hanging) + positions(blazz, hanging) > 0, "no request hangs"
    service.stop()
    silent.close()
    setting.table(["beside one that hangs", "p50", "p99", "ratio"],
                  [f"{HEALTHY} healthy endpoints, {HANG_RATE} events a second to each", *compared(before, during)])


# noisy

@contextmanager
def noise(events, rate):
    stop = threading.Event()

    def make():
        while not stop.is_set():
            stream_at(rate, 1, events)

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def noisy(blazz, options):
    sink, loud_sink, others, producer = Sink(), Sink(), [], blazz.producer()
    for i in range(OTHERS):
        workspace = blazz.add_workspace(f"other-{i}")
        hooks.add_webhook(blazz, workspace, sink.url(i))
        others.append(Events(blazz, workspace, 20, producer))
    loud = Events(blazz)
    hooks.add_webhook(blazz, blazz.workspace, loud_sink.url())
    service, each = dispatcher(blazz, {}).start(), RATE // OTHERS
    warm_up(sink, *others)
    before = measure(sink, options.samples, *others)
    with noise(loud, each * LOUDER):
        arrived(loud_sink, each * LOUDER * WARM_SECONDS)
        during = measure(sink, options.samples, *others)
        received = loud_sink.since_last()
    service.stop()
    setting.table(["beside a loud workspace", "p50", "p99", "ratio", "the loud one's"],
                  [f"{OTHERS} workspaces of {each} events a second", *compared(before, during),
                   f"{received['requests'] / received['seconds']:,.0f} a second"])


# queue

def one_row(blazz, workspace):
    """An endpoint that is down, and the row that the dispatcher writes for one event of it."""
    endpoint = hooks.add_webhook(blazz, workspace, f"http://127.0.0.1:{setting.free_port()}/")
    service = dispatcher(blazz, {}).start()
    Events(blazz, workspace).prepare(1)
    wait_for(lambda: setting.alive(service) and row_count(blazz, "webhook_retry_queue", endpoint, "t.status = 'pending'"),
             "a retry is pending")
    service.stop()
    blazz.sql("CREATE TABLE model AS SELECT * FROM webhook_retry_queue")
    blazz.sql("DELETE FROM webhook_retry_queue")
    assert blazz.value("SELECT count(*) FROM model WHERE payload IS NOT NULL") == 1
    return endpoint


def fill_queue(blazz, workspace, first, sink, rows, endpoints):
    hooks.change_webhook(blazz, first, url=sink.url())
    blazz.sql("ALTER TABLE webhook_endpoints DISABLE TRIGGER check_count")  # more endpoints of one workspace than it may have
    for i in range(1, endpoints):
        hooks.add_webhook(blazz, workspace, sink.url(i))
    for at in range(0, rows, INSERTED_AT_ONCE):
        blazz.sql(COPIES.format(partitions=PARTITIONS), at, min(at + INSERTED_AT_ONCE, rows) - 1, endpoints)
    assert blazz.value(UNFINISHED) == rows
    blazz.sql("VACUUM ANALYZE webhook_retry_queue")
    blazz.sql("CHECKPOINT")


def started(blazz):
    """Starts a dispatcher. Returns (dispatcher, seconds until it has acquired its partitions)."""
    service, began = dispatcher(blazz, {}), time.monotonic()
    service.start(wait_ready=False)
    wait_for(service.ready, lambda: f"the dispatcher is ready\n{service.log_tail()}", 600, 0.01)
    return service, time.monotonic() - began


def updates(blazz):
    """The number of updates of rows of the retry queue so far."""
    blazz.sql("SELECT pg_stat_force_next_flush()")
    time.sleep(2)  # the dispatcher's session reports its statistics at most once a second
    return blazz.value("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'webhook_retry_queue'")


def all_due(blazz, events, live, away, rows):
    """Makes all rows due. Returns (latency of the other endpoint meanwhile, deliveries of the rows, claims)."""
    before, sent, end = updates(blazz), 0, time.monotonic() + DUE_SECONDS
    blazz.sql(ALL_DUE)
    live.since_last()
    while away.so_far()["requests"] < rows:
        assert time.monotonic() < end, f"{blazz.value(UNFINISHED)} rows are pending"
        sent += stream_at(RATE, 1, events)
    meanwhile, got = arrived(live, sent), away.since_last()
    wait_for(lambda: blazz.value(UNFINISHED) == 0, "no row is pending", 60)
    return meanwhile, got, (updates(blazz) - before - rows) / 2  # one update made it due; a claim and its result are an update each


def queue(blazz, options):
    rows, live, away, events = options.rows, Sink(), Sink(), Events(blazz)
    endpoints = options.endpoints or -(-rows // (PARTITIONS * MAX_ROWS))
    workspace = blazz.add_workspace("away")
    first = one_row(blazz, workspace)
    hooks.add_webhook(blazz, blazz.workspace, live.url())
    columns = []
    for wait in (False, True):
        if wait:
            fill_queue(blazz, workspace, first, away, rows, endpoints)
        service, seconds = started(blazz)
        warm_up(live, events)
        found = measure(live, options.samples, events)
        columns.append([f"{seconds:.1f}", found["p50"], found["p99"], f"{setting.resident_mib(service.process):.0f}", "", ""])
        if not wait:
            service.stop()
    assert away.so_far()["requests"] == 0, "rows were due"
    meanwhile, got, claims = all_due(blazz, events, live, away, rows)
    columns.append(["", meanwhile["p50"], meanwhile["p99"], f"{setting.resident_mib(service.process):.0f}",
                    f"{got['requests'] / got['seconds']:,.0f}", f"{claims / got['seconds']:,.0f} ({claims / rows:.2f} times each)"])
    service.stop()
    what = ["seconds until the dispatcher is ready", "another endpoint's p50, ms", "its p99, ms", "resident, MiB",
            "deliveries of rows a second", "rows claimed a second"]
    setting.table(["retry queue", "empty", f"{rows:,} rows wait, of {endpoints} endpoints", "they are due"], *zip(what, *columns))


PARTS = {"night": night, "hang": hang, "noisy": noisy, "queue": queue}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--order", action=argparse.BooleanOptionalAction, help="by default when --events is at most 400,000")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--endpoints", type=int, help="that --rows are of")
    parser.add_argument("--samples", type=int, default=3000, help="events behind a p99")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    options = parser.parse_args()
    if options.order is None:
        options.order = options.events <= 400_000
    print(setting.machine())
    for name in options.parts or PARTS:
        with setting.stack(PARTITIONS) as blazz:
            blazz.seed(dialects=("bridge",))
            PARTS[name](blazz, options)


if __name__ == "__main__":
    main()
