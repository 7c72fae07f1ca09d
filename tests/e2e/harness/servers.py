"""A real PostgreSQL and a real Kafka for the whole run; a database and topics of its own for every stack."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg2
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from harness.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = "blazz_template"


def tool(name, *arguments, env=None):
    done = subprocess.run([ROOT / "tools" / name, *arguments], capture_output=True, text=True, timeout=180,
                          env=os.environ | (env or {}))
    assert done.returncode == 0, f"{name} {arguments}: {done.stderr}"
    return done.stdout.strip()


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(parent):
    """The running processes that `parent` started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            continue
        if int(ppid) == parent and state != "Z":
            found.append(int(stat.parent.name))
    return found


class Server:
    """Started by `tools/<script> <action>` in a folder of its own."""

    def __init__(self, script, folder=None, env=None, action="start"):
        self.script, self.env, self.action = script, env, action
        self.folder = str(folder or tempfile.mkdtemp(prefix="blazz-", dir="/tmp"))
        self.start()

    def signal(self, number):
        """Sends the signal to each of its processes. Returns their pids."""
        pids = self.pids()
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        return pids

    def kill(self):
        """kill -9; returns when none of its processes runs any more."""
        pids = self.signal(signal.SIGKILL)
        wait_for(lambda: not any(running(p) for p in pids), f"{self.script}: its processes have ended")

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        tool(self.script, "stop", self.folder)

    def start(self):
        """Also starts a stopped server again, on the same port."""
        self.address = tool(self.script, self.action, self.folder, env=self.env)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    """A server with a migrated template database, from which each stack's database is copied."""

    def __init__(self, folder=None, action="migrated"):
        super().__init__("pg-temp.sh", folder, action=action)
        self.count = 0

    def pids(self):
        """The postmaster comes first, because it restarts children that end."""
        file = Path(self.folder, "data/postmaster.pid")
        if not file.exists():
            return []
        postmaster = int(file.read_text().split()[0])
        return [postmaster, *children(postmaster)]

    def parts(self):
        return dict(p.split("=", 1) for p in self.address.split())

    def conninfo(self, database, role):
        return f"host=127.0.0.1 port={self.parts()['port']} dbname={database} user={role}"

    def run(self, database, sql):
        connection = psycopg2.connect(self.conninfo(database, "postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
        connection.close()

    def create_database(self):
        self.count += 1
        name = f"t{self.count}"
        self.run("postgres", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    def drop_database(self, name):
        self.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")


class Record:
    """A record as it was read. header_list keeps the order of the headers and absent values."""

    def __init__(self, message):
        self.topic, self.partition, self.offset = message.topic(), message.partition(), message.offset()
        self.key, self.value = message.key(), message.value()
        self.timestamp_ms = message.timestamp()[1]
        self.header_list = message.headers() or []

    @property
    def headers(self):
        return {k: v.decode(errors="replace") for k, v in self.header_list if v is not None}


class Kafka(Server):
    def __init__(self, folder=None, properties=""):
        super().__init__("kafka-temp.sh", folder, {"BLAZZ_KAFKA_PROPERTIES": properties})
        self.admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def pids(self):
        return [int(Path(self.folder, "pid").read_text())]

    def consumer(self):
        return Consumer({"bootstrap.servers": self.address, "group.id": "e2e-reader", "enable.auto.commit": False,
                         "auto.offset.reset": "error", "enable.partition.eof": False, "fetch.wait.max.ms": 50,
                         "isolation.level": "read_uncommitted", "log_level": 0})

    def watermarks(self, topic, consumer=None):
        """{partition: (low, high)}"""
        consumer = consumer or self.watermark_consumer()

        def ask():
            found = consumer.list_topics(topic, timeout=20).topics[topic]
            try:
                return [(p, consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)) for p in found.partitions]
            except KafkaException as e:  # a topic that was just created has no leader yet
                if e.args[0].code() not in (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE):
                    raise
                return None

        return dict(wait_for(ask, f"{topic} has leaders"))

    def watermark_consumer(self):
        if not hasattr(self, "kept"):
            self.kept = self.consumer()
        return self.kept

    def read(self, topic):
        """All present records, by partition and offset."""
        consumer = self.consumer()
        try:
            marks = {p: m for p, m in self.watermarks(topic, consumer).items() if m[1] > m[0]}
            consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in marks.items()])
            records, open_, end = [], dict(marks), time.monotonic() + 60
            while open_:
                assert time.monotonic() < end, f"{topic} was not read to its end: {open_}"
                for message in consumer.consume(2000, timeout=0.2):
                    if message.error() is None and message.offset() < marks[message.partition()][1]:
                        records.append(Record(message))
                done = {t.partition: t.offset for t in consumer.position([TopicPartition(topic, p) for p in open_])}
                open_ = {p: m for p, m in open_.items() if done[p] < m[1]}
            return sorted(records, key=lambda r: (r.partition, r.offset))
        finally:
            consumer.close()

    def delete_records(self, topic, before):
        """Deletes the records before these offsets {partition: offset}, as retention would. Debian's client does not have this
        request: DeleteRecords (21), version 1."""
        def text(s):
            return struct.pack(">h", len(s)) + s.encode()

        request = struct.pack(">hhi", 21, 1, 7) + text("e2e") + struct.pack(">i", 1) + text(topic) + struct.pack(">i", len(before))
        request += b"".join(struct.pack(">iq", p, offset) for p, offset in before.items()) + struct.pack(">i", 20000)
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as answer:
            connection.sendall(struct.pack(">i", len(request)) + request)
            size, correlation = struct.unpack(">ii", answer.read(8))
            results = answer.read(size - 4)[-14 * len(before):]  # partition, low watermark, error code
        assert correlation == 7 and {p: low for p, low, error in struct.iter_unpack(">iqh", results) if error == 0} == before, results

    def delete_topics(self, prefix):
        self.delete([t for t in self.admin.list_topics(timeout=20).topics if t.startswith(prefix + ".")])

    def delete(self, names):
        for future in self.admin.delete_topics(names, operation_timeout=30).values() if names else []:
            future.result()
