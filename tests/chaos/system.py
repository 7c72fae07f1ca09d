"""One whole Blazz under load: servers, tenants, services, generator, and the watch over what it does."""
import json
import mmap
import shutil
import socket
import struct
import subprocess
import threading
from pathlib import Path

import psycopg2
from confluent_kafka import Consumer, TopicPartition

from harness.blazz import CHAT_SYNC, KEYRING, Blazz
from harness.client import VERIFY_TOKEN
from harness.servers import Kafka, Postgres
from harness.waiting import wait_for

import snapshot
from load import Journal, Load, Target

PARTITIONS = 4
MAX_CONNECTIONS = 40
REPLICAS = ("one", "two")
DISK = "size=900m"
# A broker that was killed is missed after two seconds, and may come back.
BROKER = "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=400"
WATCH_EVERY_S = 0.1
# What a sanitized program keeps of freed memory is bounded, so that a leak shows.
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=16:detect_stack_use_after_return=1:strict_string_checks=1",
              "UBSAN_OPTIONS": "print_stacktrace=1"}
BRIDGES = {"webjs-raw": "wwebjs", "waha": "waha", "evolution": "evolution", "bridge": "blazz", "kafka": "blazz"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Clock:
    """The offset of a running program's clock, in a file that it maps."""

    def __init__(self, path):
        path.write_bytes(bytes(8))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 8)

    def jump(self, seconds):
        self.map[:8] = struct.pack("=q", int(seconds * 1_000_000))


class Watch(threading.Thread):
    """Sees every place that consumer_progress stands at, while faults go on."""

    def __init__(self, conninfo):
        super().__init__(daemon=True)
        self.conninfo, self.seen, self.ended = conninfo, [], threading.Event()

    def run(self):
        connection = None
        while not self.ended.wait(WATCH_EVERY_S):
            try:
                connection = connection or psycopg2.connect(self.conninfo, connect_timeout=2)
                with connection, connection.cursor() as cursor:
                    cursor.execute("SELECT partition, next_offset, epoch, seq FROM consumer_progress WHERE next_offset IS NOT NULL")
                    for row in cursor.fetchall():
                        if list(row) not in self.seen[-PARTITIONS:]:
                            self.seen.append(list(row))
            except psycopg2.Error:
                connection = None


class System:
    def __init__(self, folder, planner, root):
        self.folder, self.root = Path(folder), root
        self.postgres = self.start_postgres()
        self.kafka = Kafka(self.folder / "kafka", BROKER)
        self.blazz = Blazz(self.postgres, self.kafka, self.folder, PARTITIONS)
        self.clocks, self.usage, self.ranks = {}, [], []
        self.targets = self.add_tenants(planner)
        self.ingest = self.new_ingest()
        self.replicas = [self.new_chat_sync(name) for name in REPLICAS]
        self.load = Load(self.targets, Journal(self.folder / "journal.jsonl"), self.http_port, self.kafka.address,
                         self.blazz.topic("inbound"))
        self.topics = snapshot.Topics(self.kafka.address, {self.blazz.topic(t): t for t in (
            "inbound", "chat-event", "inbound.chat-sync.dlq", "http.ingest.dlq")})
        for service in self.services():
            service.start(wait_ready=False)
        self.wait_ready()
        self.watch = Watch(self.blazz.conninfo("postgres"))
        self.watch.start()

    def services(self):
        return [self.ingest, *self.replicas]

    def start_postgres(self):
        """Small enough to be filled: on a disk of its own where we may mount one."""
        folder = self.folder / "postgres"
        folder.mkdir()
        if self.root:
            subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", folder], check=True)
        postgres = Postgres(folder)
        for setting in (f"max_connections = {MAX_CONNECTIONS}", "deadlock_timeout = '200ms'", "max_wal_size = '96MB'",
                        "min_wal_size = '32MB'"):
            postgres.run("postgres", f"ALTER SYSTEM SET {setting}")
        postgres.stop()
        postgres.start()
        return postgres

    # Tenants

    def add_tenants(self, planner):
        self.workspaces = [self.blazz.add_workspace(t.marker, sync={"window_days": 0}) for t in planner.tenants]
        self.markers = {w: t.marker for w, t in zip(self.workspaces, planner.tenants)}
        return {a.name: self.add_account(i, a) for i, a in enumerate(planner.accounts)}

    def add_account(self, i, account):
        workspace, session, secret = self.workspaces[account.tenant], f"{account.name}-session", f"secret-of-{account.name}"
        if account.dialect == "meta":
            app = self.blazz.add_app(secret)
            number, waba = f"1065403522429{i:02}", f"1022901293403{i:02}"
            uuid = self.blazz.add_account(workspace, session=session, provider="meta", app=app, phone_number_id=number, waba=waba)
            return Target(account.name, "meta", workspace, uuid, session, secret, f"/webhooks/meta/{app}", phone_number_id=number,
                          waba=waba)
        bridge = BRIDGES[account.dialect]
        uuid = self.blazz.add_account(workspace, secret, session=session, provider="webjs", bridge=bridge, ref=session)
        path = "/api/whatsapp/webhook" if bridge == "blazz" else f"/webhooks/{bridge}/{uuid}"
        return Target(account.name, account.dialect, workspace, uuid, session, secret, path)

    # Services

    def clock_env(self, label):
        path = self.folder / f"{label}.clock"
        self.clocks[label] = Clock(path)
        return SANITIZERS | {"BLAZZ_CLOCK_FILE": str(path)}

    def new_ingest(self):
        self.http_port = free_port()
        return self.blazz.service("ingest", {
            "http.listen": f"127.0.0.1:{self.http_port}", "secrets.keyring": KEYRING, "limits.failures_per_minute": 1000000,
            "postgres.statement_timeout": "2s"}, "ingest", env=self.clock_env("ingest"))

    def new_chat_sync(self, name):
        """A replica; not started."""
        label = f"chat-sync.{name}"
        return self.blazz.service("chat-sync", CHAT_SYNC | {"batch.max_events": 40, "postgres.statement_timeout": "2s"}, label,
                                  env=self.clock_env(label))

    def storm_replica(self, name):
        """One that comes and goes: it is not of those that must be ready."""
        label = f"chat-sync.{name}"
        return next((s for s in self.blazz.services if s.label == label), None) or self.new_chat_sync(name)

    def wait_ready(self, deadline_s=60.0):
        for service in self.services():
            service.wait_ready(deadline_s)

    # At rest

    def admin_conninfo(self):
        return self.blazz.conninfo("postgres")

    def committed(self):
        reader = Consumer({"bootstrap.servers": self.kafka.address, "group.id": "chat-sync", "log_level": 0})
        try:
            return {t.partition: t.offset for t in reader.committed(
                [TopicPartition(self.blazz.topic("inbound"), p) for p in range(PARTITIONS)], timeout=20)}
        finally:
            reader.close()

    def measure(self, sessions):
        """Of each process, with its share of its role's connections."""
        out = {}
        for service in self.services():
            role = "blazz_" + service.name.replace("-", "_")
            processes = sum(1 for s in self.services() if s.name == service.name)
            out[service.label] = snapshot.usage(service.process.pid) | {
                "connections": sum(1 for s in sessions if s["role"] == role) / processes}
        return out

    def settle(self, deadline_s):
        self.blazz.connection = None  # a fault may have ended it
        self.blazz.settle(deadline_s)
        # A server learns late that a client behind a cut has gone.
        wait_for(self.sessions_are_few, lambda: f"old sessions end: {snapshot.sessions_now(self.admin_conninfo())}", deadline_s)

    def sessions_are_few(self):
        first = sum(p["connections"] for p in self.usage[0].values())
        return len(snapshot.sessions_now(self.admin_conninfo())) <= first

    def snapshot(self):
        tables, sessions = snapshot.tables(self.admin_conninfo()), snapshot.sessions(self.admin_conninfo())
        self.usage.append(self.measure(sessions))
        self.ranks.append({r["id"]: r["message_status"] for r in tables["chats"]})
        journal = [json.loads(line) for line in (self.folder / "journal.jsonl").read_text().splitlines()]
        accounts = {name: {k: getattr(t, k) for k in ("uuid", "workspace", "dialect")} for name, t in self.targets.items()}
        secrets = [t.secret for t in self.targets.values()] + [KEYRING.split(":")[1], VERIFY_TOKEN]
        return snapshot.Snapshot(
            setup={"tenants": self.markers, "accounts": accounts, "secrets": secrets}, journal=journal, tables=tables,
            topics={name: list(records) for name, records in self.topics.read_on().items()},
            watermarks={p: list(m) for p, m in self.kafka.watermarks(self.blazz.topic("inbound")).items()},
            committed=self.committed(), watch=list(self.watch.seen), ranks=list(self.ranks), sessions=sessions,
            usage=list(self.usage), logs={s.label: s.log() for s in self.blazz.services},
            metrics={s.label: s.get("/metrics")[1] for s in self.services()})

    def close(self):
        """Stops everything; returns what the programs said on their way out."""
        self.watch.ended.set()
        self.load.close()
        self.topics.close()
        wrong = self.blazz.close()
        self.kafka.stop()
        self.postgres.stop()
        if self.root:
            shutil.copy(Path(self.postgres.folder, "log"), self.folder / "postgres.log")
            subprocess.run(["umount", self.postgres.folder], check=True)
        return wrong
