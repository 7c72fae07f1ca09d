#!/usr/bin/python3
"""webhook-dispatcher against a bare libcurl multi loop that posts the same bodies to the same receiver.

A round is a drain of prepared chat events by a dispatcher that has just started, and then the loop with the bodies that the receiver
kept, with as many requests at once. PostgreSQL and Kafka run during both. Then events come at half the rate of the drain, and the
receiver says how long each took from the event's time to its arrival.

usage: tests/bench/hooks.py [--events N] [--endpoints 1,10] [--rounds R]
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

PARTITIONS, CONVERSATIONS, HALF_SECONDS, WARM_EVENTS = 8, 4000, 15, 20000
BODY = "A message of some length, as people write them: it says what it has to say and not much more. " * 2


class Sink:
    def __init__(self, folder, bodies=None, port=None):
        self.port_file = folder / f"sink-{uuid.uuid4().hex}"
        if port:
            self.port_file.write_text(str(port))
        self.process = subprocess.Popen([BIN / "bench-hooks", "sink", self.port_file, *([bodies] if bodies else [])],
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        self.port = int(wait_for(lambda: self.port_file.exists() and self.port_file.read_text().strip(), "the sink listens"))

    def anew(self):
        """What came since the last time."""
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.terminate()
        return json.loads(self.process.communicate(timeout=30)[0])


class Events:
    """Chat events of messages, as chat-sync publishes them."""

    def __init__(self, blazz, workspace=None, conversations=CONVERSATIONS):
        self.blazz, self.workspace = blazz, workspace or blazz.workspace
        self.account = str(uuid.uuid4())
        self.conversations = [str(uuid.uuid4()) for _ in range(conversations)]
        self.producer, self.sent = blazz.producer(), 0

    def publish(self, now=None):
        conversation = self.conversations[self.sent % len(self.conversations)]
        self.sent += 1
        e = chat_event_pb2.ChatEvent(event_id=str(uuid.uuid4()), workspace_id=self.workspace, account_id=self.account,
                                     conversation_id=conversation, occurred_at_ms=int((now or time.time()) * 1000),
                                     sequence=self.sent // len(self.conversations) + 1, origin=common_pb2.ORIGIN_LIVE,
                                     provider=common_pb2.PROVIDER_WEBJS)
        m = e.message_created
        m.message.id, m.message.uuid, m.message.body = self.sent, str(uuid.uuid4()), BODY
        m.message.direction, m.message.type = common_pb2.DIRECTION_INBOUND, common_pb2.MESSAGE_TYPE_TEXT
        m.message.key, m.message.sent_at_ms = f"false:B{self.sent}", e.occurred_at_ms
        m.contact.id, m.contact.name, m.contact.phone = conversation, "Alice Example", "+16505551234"
        self.producer.produce(self.blazz.topic("chat-event"), e.SerializeToString(), f"{self.workspace}:{conversation}")
        self.producer.poll(0)

    def prepare(self, n):
        for i in range(n):
            self.publish()
            if i % 20000 == 0:
                self.producer.flush(60)
        assert self.producer.flush(60) == 0

    def stream_at(self, rate, seconds):
        """At an even rate; how many."""
        began, done = time.time(), 0
        while (passed := time.time() - began) < seconds:
            while done < int(passed * rate):
                self.publish()
                done += 1
            self.producer.poll(0.001)
        assert self.producer.flush(60) == 0
        return done


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def behind(blazz):
    marks = blazz.kafka.watermarks(blazz.topic("chat-event"))
    done = {r["partition"]: r["next_offset"] for r in blazz.sql(
        "SELECT partition, next_offset FROM consumer_progress WHERE consumer = 'webhook-dispatcher'")}
    return sum(high - (done.get(p) or low) for p, (low, high) in marks.items())


def counters(blazz):
    return blazz.sql("""SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits,
        pg_current_wal_lsn() - '0/0'::pg_lsn AS wal, (SELECT count(*) FROM webhook_attempts) AS attempts,
        (SELECT count(*) FROM webhook_retry_queue) AS rows""")[0]


def dispatcher(blazz, settings):
    """As it is by default, but for its receivers on loopback."""
    own = {k: hooks.DISPATCHER[k] for k in ("secrets.keyring", "webhooks.allow_http", "webhooks.allowed_networks")}
    return blazz.service("webhook-dispatcher", own | settings, f"dispatcher-{uuid.uuid4().hex[:6]}")


def drain(blazz, n, settings):
    """(seconds, CPU seconds, commits, WAL bytes) of a dispatcher that takes in what is there."""
    before = counters(blazz)
    service = dispatcher(blazz, settings)
    began = time.time()
    service.start(wait_ready=False)
    wait_for(lambda: behind(blazz) == 0, lambda: f"all is delivered, {behind(blazz)} are not\n{service.log_tail()}", 600, 0.02)
    seconds, used = time.time() - began, cpu(service.process.pid)
    resident = int(open(f"/proc/{service.process.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    service.stop()
    after = counters(blazz)
    assert after["rows"] == before["rows"], "something was put off"
    return {"seconds": seconds, "cpu": used, "commits": after["commits"] - before["commits"],
            "wal": int(after["wal"] - before["wal"]), "attempts": after["attempts"] - before["attempts"], "resident": resident}


def bare(port, bodies, concurrency):
    out = subprocess.run([BIN / "bench-hooks", "post", str(port), bodies, str(concurrency)], capture_output=True, text=True,
                         check=True, timeout=600)
    return json.loads(out.stdout)


def round_of(blazz, events, n, endpoints, settings):
    bodies = blazz.folder / "bodies"
    sink = Sink(blazz.folder, bodies)
    endpoints_of_round = [hooks.add_webhook(blazz, blazz.workspace, f"http://127.0.0.1:{sink.port}/hook{i}")
                          for i in range(endpoints)]
    events.prepare(n)
    ours = drain(blazz, n, settings)
    got = sink.end()
    assert got["requests"] == n * endpoints, got
    limit_sink = Sink(blazz.folder)
    limit = bare(limit_sink.port, bodies, 128)
    limit_sink.end()
    for endpoint in endpoints_of_round:
        hooks.delete_webhook(blazz, endpoint)
    os.unlink(bodies)
    assert limit["posts"] == n * endpoints
    return ours | {"rate": n * endpoints / ours["seconds"], "limit": limit["posts"] / limit["seconds"],
                   "limit_cpu": limit["cpu"], "deliveries": n * endpoints}


def half(blazz, events, rate, settings):
    sink = Sink(blazz.folder)
    hook = hooks.add_webhook(blazz, blazz.workspace, f"http://127.0.0.1:{sink.port}/half")
    service = dispatcher(blazz, settings).start()
    events.stream_at(rate, 5)
    wait_for(lambda: behind(blazz) == 0, "warm", 60)
    sink.anew()
    sent = events.stream_at(rate, HALF_SECONDS)
    wait_for(lambda: behind(blazz) == 0, "all is delivered", 60)
    found = sink.end()
    service.stop()
    hooks.delete_webhook(blazz, hook)
    assert found["requests"] == sent, (found, sent)
    return found


def run(options):
    settings = dict(word.split("=", 1) for word in options.set)
    rows = [["endpoints", "deliveries a second", "of the bare loop", "CPU a delivery, µs", "of the bare loop's", "commits a delivery",
             "WAL a delivery, bytes", "resident, MiB"]]
    with setting.stack(PARTITIONS) as blazz:
        blazz.seed(dialects=("bridge",))
        events = Events(blazz)
        round_of(blazz, events, WARM_EVENTS, 1, settings)
        for endpoints in options.endpoints:
            each = [round_of(blazz, events, options.events // (endpoints if endpoints > 1 else 1), endpoints, settings)
                    for _ in range(options.rounds)]
            one = each[-1]
            rows.append([endpoints, f"{one['rate']:,.0f}", setting.ratio([e["rate"] for e in each], [e["limit"] for e in each]),
                         f"{one['cpu'] / one['deliveries'] * 1e6:.1f}", f"{one['cpu'] / one['limit_cpu']:.2f}",
                         f"{one['commits'] / one['deliveries']:.4f}", f"{one['wal'] / one['deliveries']:.0f}",
                         f"{one['resident'] >> 20}"])
            if endpoints == 1:
                rate = int(one["rate"] / 2)
                latency = half(blazz, events, rate, settings)
        print(setting.machine())
        setting.table(*rows)
        print(f"\nAt {rate} events a second to one endpoint: p50 {latency['p50']} ms, p99 {latency['p99']} ms, p99.9 {latency['p999']} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--endpoints", type=lambda s: [int(n) for n in s.split(",")], default=[1, 10])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], help="a setting of the dispatcher: settle__interval=20ms")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
