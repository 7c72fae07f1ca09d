"""Sends the items of plan.py as bridges and producers do, and keeps a journal of the items sent and acknowledged.

A bridge repeats a body until it is acknowledged; an impatient one makes one attempt, so that its item may be stored or not. A producer
publishes with acks=all and idempotence.
"""
import json
import threading
import time
from dataclasses import dataclass

from confluent_kafka import KafkaException, Producer

from harness.client import Client, signature

from dialects import body_of
from records import record_of, topic_of

PATIENCE_S = 90.0
ATTEMPT_S = 3.0
PAUSE_S = 0.1


@dataclass
class Target:
    """An account, and how bodies and records address it."""
    name: str
    dialect: str
    workspace: str
    uuid: str
    session: str
    secret: str
    path: str
    sync_path: str = "/api/whatsapp/chats/sync"
    phone_number_id: str = ""
    waba: str = ""


class Journal:
    """A line of JSON for each action."""

    def __init__(self, path):
        self.file, self.lock = open(path, "a", buffering=1), threading.Lock()

    def write(self, what, **fields):
        with self.lock:
            self.file.write(json.dumps({"what": what} | fields, ensure_ascii=False) + "\n")

    def close(self):
        self.file.close()


class NotAcknowledged(AssertionError):
    """An item was not acknowledged within PATIENCE_S."""


class Sender(threading.Thread):
    """The bridge or producer of one account: sends in the order of due times."""

    def __init__(self, load, target, deliveries, began):
        super().__init__(daemon=True)
        self.load, self.target, self.deliveries, self.began = load, target, deliveries, began
        self.failure = None

    def run(self):
        try:
            for d in self.deliveries:
                time.sleep(max(0.0, self.began + d.due - time.monotonic()))  # not a wait for a condition: the load has a schedule
                self.load.journal.write("sent", account=d.account, items=d.items, cycle=self.load.cycle)
                self.send(d)
        except Exception as e:  # reported by finish()
            self.failure = e

    def acknowledged(self, d, **more):
        self.load.journal.write("acknowledged", items=[i["n"] for i in d.items], **more)


class HttpSender(Sender):
    def send(self, d):
        body, end, attempts = body_of(self.target, d.items), time.monotonic() + PATIENCE_S, 0
        while True:
            attempts += 1
            status = self.attempt(d, body)
            if status in (200, 202):
                return self.acknowledged(d, attempts=attempts)
            if status in (400, 401, 422) or not d.patient:
                return self.load.journal.write("rejected" if status else "abandoned", items=[i["n"] for i in d.items], status=status)
            if time.monotonic() > end:
                raise NotAcknowledged(f"{d.account}: not acknowledged within {PATIENCE_S:g} s, last answer {status}")
            time.sleep(PAUSE_S)

    def attempt(self, d, body):
        """The status of the answer; None: no answer, so the result is unknown."""
        client = self.load.clients[self.target.name]
        path = self.target.sync_path if d.items[-1]["kind"] == "sync_end" else self.target.path
        secret = "not-" + self.target.secret if d.forged else self.target.secret
        try:
            return client.post(path, body, signature(self.target.dialect, body, secret), timeout_s=ATTEMPT_S).status
        except OSError:
            return None
        except Exception:  # a truncated answer
            client.close()
            return None


class KafkaSender(Sender):
    def send(self, d):
        for item in d.items:
            value, headers = record_of(self.target, item)
            self.load.publisher.publish(topic_of(item), f"{self.target.workspace}:{self.target.uuid}", value, headers,
                                        lambda d=d: self.acknowledged(d))


class Publisher:
    """An idempotent producer with acks=all. After a fatal error (librdkafka 2.0.2 reports false ones when a broker was killed) it opens
    another client and publishes unacknowledged records again, in order."""

    def __init__(self, address, topics):
        self.settings = {"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 2, "log_level": 0,
                         "message.timeout.ms": int(PATIENCE_S * 1000), "partitioner": "murmur2_random", "socket.timeout.ms": 10000,
                         "reconnect.backoff.max.ms": 500}
        self.topics, self.lock, self.pending, self.n = topics, threading.RLock(), {}, 0
        self.open()

    def open(self):
        self.producer, self.broken = Producer(self.settings), False

    def publish(self, topic, key, value, headers, acknowledged):
        with self.lock:
            self.n += 1
            self.pending[self.n] = (self.topics[topic], key, value, headers, acknowledged)
            self.produce(self.n)

    def produce(self, n):
        topic, key, value, headers, _ = self.pending[n]
        producer = self.producer

        def report(error, message):
            if not error and n in self.pending:
                self.pending.pop(n)[4]()
            elif error and producer is self.producer:
                self.broken = True

        try:
            producer.produce(topic, value, key, headers=headers, on_delivery=report)
        except KafkaException:
            self.broken = True
        self.poll(0)

    def poll(self, timeout_s):
        try:
            self.producer.poll(timeout_s)
        except KafkaException:
            self.broken = True

    def flush(self, deadline_s):
        """Returns the number of records that are not acknowledged."""
        end = time.monotonic() + deadline_s
        while self.pending and time.monotonic() < end:
            with self.lock:
                if self.broken:
                    self.open()
                    for n in list(self.pending):
                        self.produce(n)
                self.poll(0.1)
        return len(self.pending)


class Load:
    """targets: {account: Target}; topics: {short name: whole name}"""

    def __init__(self, targets, journal, http_port, kafka_address, topics):
        self.targets, self.journal = targets, journal
        self.clients = {name: Client(http_port) for name, t in targets.items() if t.dialect != "kafka"}
        self.publisher = Publisher(kafka_address, topics)
        self.senders, self.cycle = [], 0

    def start(self, cycle, deliveries):
        self.cycle, began = cycle, time.monotonic()
        by_account = {}
        for d in deliveries:
            by_account.setdefault(d.account, []).append(d)
        self.senders = [(KafkaSender if self.targets[a].dialect == "kafka" else HttpSender)(self, self.targets[a], ds, began)
                      for a, ds in by_account.items()]
        for sender in self.senders:
            sender.start()

    def finish(self):
        """Until every item is acknowledged, rejected, or abandoned by an impatient bridge."""
        for sender in self.senders:
            sender.join()
        pending = self.publisher.flush(PATIENCE_S)
        failures = [s.failure for s in self.senders if s.failure]
        if failures or pending:
            raise NotAcknowledged(f"{pending} records unacknowledged; {failures}")

    def close(self):
        for client in self.clients.values():
            client.close()
        self.journal.close()
