#!/usr/bin/python3
"""webhook-dispatcher against a bare libcurl multi loop that posts the same bodies to the same receiver.

In a round a dispatcher that has just started drains prepared chat events, and then the loop posts the bodies that the receiver kept, with
as many requests in flight. PostgreSQL and Kafka run during both. Then events are published at half the rate of the drain, and the receiver
reports how long each took from the event's time to its arrival.

A rate is requests per second from the first one to the last one that the receiver gets: without the start, the join of the group and the
writes after the last delivery. Each endpoint has a host of its own, 127.0.0.1 to 127.0.0.16, and the loop posts to as many hosts.

usage: tests/bench/hooks.py [--events N] [--endpoints 1,10] [--rounds R] [--order] [--set KEY=VALUE]
"""
import argparse
import atexit
import json
import os
import signal
import subprocess
import time
import uuid

import setting

from blazz.v1 import chat_event_pb2, common_pb2  # noqa: E402
from harness import hooks  # noqa: E402
from harness.service import BIN  # noqa: E402
from harness.waiting import wait_for  # noqa: E402

PARTITIONS, CONVERSATIONS, CONCURRENCY, HALF_SECONDS, WARM_EVENTS = 8, 4000, 128, 15, 20000
ADDRESSES = 16  # of a sink
BODY = "A message of some length, as people write them: it says what it has to say and not much more. " * 2


class Sink:
    def __init__(self, bodies=None, port=0, order=False):
        words = [*(["--order"] if order else []), str(port), *([bodies] if bodies else [])]
        self.process = subprocess.Popen([BIN / "bench-hooks", "sink", *words], stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def url(self, i=0):
        """The URL of the i-th endpoint: a path of its own, and one of 16 hosts."""
        return f"http://127.0.0.{1 + i % ADDRESSES}:{self.port}/hook{i}"

    def ask(self, number):
        self.process.send_signal(number)
        return json.loads(self.process.stdout.readline())

    def so_far(self):
        return self.ask(signal.SIGUSR2)

    def since_last(self):
        """What the receiver got since the last call."""
        return self.ask(signal.SIGUSR1)

    def end(self):
        self.process.terminate()
        return json.loads(self.process.communicate(timeout=30)[0])


def stream_at(rate, seconds, *sources):
    """Publishes events of these workspaces in turns, at an even rate. Returns their number."""
    began, done = time.time(), 0
    while (passed := time.time() - began) < seconds:
        while done < int(passed * rate):
            sources[done % len(sources)].publish()
            done += 1
        sources[0].producer.poll(0.001)
    for s in sources:
        s.flush()
    return done


class Events:
    """Chat events of messages, numbered in each conversation as chat-sync does."""

    def __init__(self, blazz, workspace=None, conversations=CONVERSATIONS, producer=None):
        self.blazz, self.workspace = blazz, workspace or blazz.workspace
        self.account = str(uuid.uuid4())
        self.conversations = [str(uuid.uuid4()) for _ in range(conversations)]
        self.producer, self.sent, self.failures = producer or blazz.producer(), 0, []

    def publish(self):
        round_, which = divmod(self.sent, len(self.conversations))
        conversation = self.conversations[which]
        self.sent += 1
        e = chat_event_pb2.ChatEvent(event_id=str(uuid.uuid4()), workspace_id=self.workspace, account_id=self.account,
                                     conversation_id=conversation, occurred_at_ms=int(time.time() * 1000),
                                     sequence=round_ + 1, origin=common_pb2.ORIGIN_LIVE,
                                     provider=common_pb2.PROVIDER_WEBJS)
        m = e.message_created
        m.message.id, m.message.uuid, m.message.body = self.sent, str(uuid.uuid4()), BODY
        m.message.direction, m.message.type = common_pb2.DIRECTION_INBOUND, common_pb2.MESSAGE_TYPE_TEXT
        m.message.key, m.message.sent_at_ms = f"false:B{self.sent}", e.occurred_at_ms
        m.contact.id, m.contact.name, m.contact.phone = conversation, "Alice Example", "+16505551234"
        self.producer.produce(self.blazz.topic("chat-event"), e.SerializeToString(), f"{self.workspace}:{conversation}",
                              on_delivery=self.written)
        self.producer.poll(0)

    def written(self, error, _):
        if error:
            self.failures.append(error)

    def flush(self):
        assert self.producer.flush(60) == 0 and not self.failures, self.failures[:3]

    def prepare(self, n):
        for i in range(n):
            self.publish()
            if i % 20000 == 0:
                self.flush()
        self.flush()


def unconsumed(blazz):
    marks = blazz.kafka.watermarks(blazz.topic("chat-event"))
    done = {r["partition"]: r["next_offset"] for r in blazz.sql(
        "SELECT partition, next_offset FROM consumer_progress WHERE consumer = 'webhook-dispatcher'")}
    return sum(high - (done.get(p) or low) for p, (low, high) in marks.items())


def counters(blazz):
    return blazz.sql("""SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits,
        pg_current_wal_lsn() - '0/0'::pg_lsn AS wal, (SELECT count(*) FROM webhook_attempts) AS attempts,
        (SELECT count(*) FROM webhook_retry_queue) AS rows""")[0]


def dispatcher(blazz, settings):
    """A dispatcher with default settings, except that receivers on loopback are allowed."""
    own = {k: hooks.DISPATCHER[k] for k in ("secrets.keyring", "webhooks.allow_http", "webhooks.allowed_networks")}
    return blazz.service("webhook-dispatcher", own | settings, f"dispatcher-{uuid.uuid4().hex[:6]}")


def wait_delivered(blazz, service, deadline_s=600):
    wait_for(lambda: setting.alive(service) and unconsumed(blazz) == 0,
             lambda: f"every event is delivered, {unconsumed(blazz)} are not\n{service.log_tail()}", deadline_s)


def drain(blazz, settings):
    """Runs a dispatcher until it has delivered the backlog. Returns what that cost."""
    before = counters(blazz)
    service = dispatcher(blazz, settings).start(wait_ready=False)
    wait_delivered(blazz, service)
    used, resident = setting.cpu_s(service.process), setting.resident_mib(service.process)
    service.stop()
    after = counters(blazz)
    assert after["rows"] == before["rows"], f"{after['rows'] - before['rows']} were spilled\n{service.log_tail()}"
    return {"cpu": used, "commits": after["commits"] - before["commits"],
            "wal": int(after["wal"] - before["wal"]), "attempts": after["attempts"] - before["attempts"], "resident": resident}


def bare(port, bodies, addresses):
    words = map(str, (port, bodies, CONCURRENCY, addresses))
    out = subprocess.run([BIN / "bench-hooks", "post", *words], capture_output=True, text=True, check=True, timeout=600)
    return json.loads(out.stdout)


def round_of(blazz, events, n, endpoints, settings, order=False):
    bodies, deliveries = blazz.folder / "bodies", n * endpoints
    sink = Sink(bodies, order=order)
    endpoints_of_round = [hooks.add_webhook(blazz, blazz.workspace, sink.url(i)) for i in range(endpoints)]
    events.prepare(n)
    ours = drain(blazz, settings)
    got = sink.end()
    assert (got["requests"], got["out_of_order"], got["twice"]) == (deliveries, 0, 0), got
    limit_sink = Sink(order=order)
    posted = bare(limit_sink.port, bodies, min(endpoints, ADDRESSES))
    limit = limit_sink.end()
    for endpoint in endpoints_of_round:
        hooks.delete_webhook(blazz, endpoint)
    os.unlink(bodies)
    assert posted["posts"] == limit["requests"] == deliveries, (posted, limit)
    return ours | {"rate": deliveries / got["seconds"], "limit": deliveries / limit["seconds"], "limit_cpu": posted["cpu"],
                   "deliveries": deliveries}


def half(blazz, events, rate, settings):
    sink = Sink()
    hook = hooks.add_webhook(blazz, blazz.workspace, sink.url())
    service = dispatcher(blazz, settings).start()
    stream_at(rate, 5, events)
    wait_delivered(blazz, service, 60)
    sink.since_last()
    sent = stream_at(rate, HALF_SECONDS, events)
    wait_delivered(blazz, service, 60)
    found = sink.end()
    service.stop()
    hooks.delete_webhook(blazz, hook)
    assert found["requests"] == sent, (found, sent)
    return found


def run(options):
    settings = dict(options.set)
    rows = [["endpoints", "deliveries a second", "of the bare loop", "CPU a delivery, µs", "of the bare loop's", "commits a delivery",
             "WAL a delivery, bytes", "resident, MiB"]]
    with setting.stack(PARTITIONS) as blazz:
        blazz.seed(dialects=("bridge",))
        events = Events(blazz)
        round_of(blazz, events, WARM_EVENTS, 1, settings)
        latency = None
        for endpoints in options.endpoints:
            each = [round_of(blazz, events, options.events // (endpoints if endpoints > 1 else 1), endpoints, settings, options.order)
                    for _ in range(options.rounds)]
            one = each[-1]
            rows.append([endpoints, f"{one['rate']:,.0f}", setting.ratio([e["rate"] for e in each], [e["limit"] for e in each]),
                         f"{one['cpu'] / one['deliveries'] * 1e6:.1f}", f"{one['cpu'] / one['limit_cpu']:.2f}",
                         f"{one['commits'] / one['deliveries']:.4f}", f"{one['wal'] / one['deliveries']:.0f}",
                         f"{one['resident']:.0f}"])
            if endpoints == 1:
                rate = int(one["rate"] / 2)
                latency = half(blazz, events, rate, settings)
        print(setting.machine())
        setting.table(*rows)
        if latency:
            print(f"\nAt {rate} events a second to one endpoint: p50 {latency['p50']} ms, p99 {latency['p99']} ms, p99.9 {latency['p999']} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--endpoints", type=lambda s: [int(n) for n in s.split(",")], default=[1, 10])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--order", action="store_true", help="the receiver checks the order, which costs it time")
    parser.add_argument("--set", action="append", default=[], type=setting.key_value,
                        help="a setting of the dispatcher: flush.interval=20ms")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
