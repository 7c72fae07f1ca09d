"""The complete system under load: servers, tenants, services, load generator, and a monitor of consumer_progress."""
import json
import mmap
import shutil
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import psycopg2
from confluent_kafka import Consumer, TopicPartition

from harness.blazz import CHAT_SYNC, KEYRING, Blazz
from harness.backup import Vault
from harness.cleanup import CLEANUP
from harness.client import VERIFY_TOKEN
from harness.hooks import DISPATCHER, all_dispatched
from harness.sending import SENDER
from harness.servers import Kafka, Postgres
from harness.service import BIN
from harness.waiting import wait_for

import snapshot
from bridging import TIMES as CLEANUP_TIMES
from bridging import Bridging
from gate import Gate
from keeping import CACHE, Keeping
from keeping import TIMES as JOB_TIMES
from load import Journal, Load, Target
from receivers import Receivers
from sending import TIMES, Sending
from snapshot import CONSUMED, INBOUND, SENDING_DEAD_LETTERS, STREAM_OF, STREAMS

PARTITIONS = 4
MAX_CONNECTIONS = 40
REPLICAS = ("one", "two")
TOPICS = (*CONSUMED, *(f"{t}.chat-sync.dlq" for t in INBOUND), "http.ingest.dlq", "chat-event.webhook-dispatcher.dlq", *SENDING_DEAD_LETTERS)
# Limits so low that endpoints enter catch-up, deliveries in flight are spilled, and leases expire before a stopped replica resumes.
LOW_LIMITS = {"delivery.max_waiting": 16, "retry.max_rows": 30, "window.max_age": "200ms", "retry.lease": "2500ms",
               "breaker.failures": 4, "breaker.min_pause": "100ms", "breaker.max_pause": "400ms"}
# Only deliveries to inactive endpoints may be pending.
WAITING = """SELECT e.name, w.* FROM (
    SELECT workspace_id, endpoint_id, status, source_partition, source_offset, next_retry_at::text, lease_owner, last_error
    FROM webhook_retry_queue WHERE status IN ('pending', 'retrying')
    UNION ALL SELECT workspace_id, endpoint_id, 'catch-up', partition, next_offset, live_from::text, NULL, NULL FROM webhook_positions) w
    JOIN webhook_endpoints e ON (e.workspace_id, e.id) = (w.workspace_id, w.endpoint_id)
    WHERE w.status = 'retrying' OR e.enabled AND (e.disabled_at IS NULL OR e.disabled_at < e.enabled_at)"""
DISK = "size=900m"
# A killed broker is detected after two seconds, so that it may register again.
BROKER = "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=400"
WATCH_EVERY_S = 0.1
PROCESSED_S = 120.0
SNAPSHOTS = 5  # at most, until nothing was published meanwhile
# A small quarantine, so that leaked memory shows.
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=16:detect_stack_use_after_return=1:strict_string_checks=1",
              "UBSAN_OPTIONS": "print_stacktrace=1"}
UNMANAGED = "http://127.0.0.1:9"  # no registered instance, and no Graph API: cleanup leaves the accounts of the load alone
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
    """Samples consumer_progress and the states of campaigns during the faults."""

    def __init__(self, conninfo, topics, sends, gate):
        super().__init__(daemon=True)
        self.conninfo, self.topics, self.sends, self.gate, self.seen, self.campaigns = conninfo, topics, sends, gate, [], []
        self.opt_outs, self.unknown, self.connection, self.ended = {}, set(), None, threading.Event()

    def run(self):
        while not self.ended.wait(WATCH_EVERY_S):
            with self.gate.passing():
                self.look()

    def look(self):
        try:
            self.connection = self.connection or psycopg2.connect(self.conninfo, connect_timeout=2)
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute("SELECT consumer, topic, partition, next_offset, epoch, seq FROM consumer_progress WHERE next_offset IS NOT NULL")
                for consumer, topic, *place in cursor.fetchall():
                    row = [STREAM_OF[consumer, self.topics[topic]], *place]
                    if row not in self.seen[-PARTITIONS * len(STREAMS):]:
                        self.seen.append(row)
                self.watch_campaigns(cursor)
        except psycopg2.Error:
            self.connection = None

    def leave(self):
        """Ends its session, while the gate is closed."""
        if self.connection:
            self.connection.close()
        self.connection = None

    def watch_campaigns(self, cursor):
        """The statuses are those of a time or newer, the opt-outs of a time or older."""
        if self.sends:
            at = int(time.time() * 1000)
            cursor.execute("SELECT uuid::text, status FROM campaigns WHERE status = 'paused'")
            self.campaigns += [[at, *row] for row in cursor.fetchall()]
            cursor.execute("SELECT workspace_id, contact_id, account_id FROM contact_opt_outs WHERE stopped")
            at = int(time.time() * 1000)
            for row in cursor.fetchall():
                self.opt_outs.setdefault(row, at)
            cursor.execute("SELECT workspace_id, id FROM sends WHERE status = 'unknown'")
            self.unknown |= set(cursor.fetchall())


class System:
    server, programs = Postgres, BIN  # with which the run starts
    sends = True  # whether campaign-sender is a part of it
    bridges = True  # whether cleanup is
    archive = None  # the id of a workspace that no load concerns; snapshots leave it out
    keeps = True  # whether its jobs have work, and secrets are rotated

    def __init__(self, folder, planner, root):
        self.folder, self.root = Path(folder), root
        self.postgres = self.start_postgres()
        self.kafka = Kafka(self.folder / "kafka", BROKER)
        self.blazz = Blazz(self.postgres, self.kafka, self.folder, PARTITIONS, self.programs)
        self.clocks, self.usage, self.ranks, self.epochs = {}, [], [], []
        self.stub_port = free_port()
        self.targets = self.add_tenants(planner)
        self.ingest = self.new_ingest()
        replicated = ("chat-sync", "webhook-dispatcher", *(("campaign-sender",) if self.sends else ()),
                      *(("cleanup",) if self.bridges else ()))
        self.replicas = {"ingest": [self.ingest], **{name: [self.new_replica(name, n) for n in REPLICAS] for name in replicated}}
        self.gate, self.vault, self.restores = Gate(), None, []
        self.receivers = Receivers(self.blazz, self.workspaces, self.gate)
        self.topic_names = {self.blazz.topic(t): t for t in TOPICS}
        self.load = Load(self.targets, Journal(self.folder / "journal.jsonl"), self.http_port, self.kafka.address,
                         {short: whole for whole, short in self.topic_names.items()})
        self.jumps = []  # of campaign-sender's clocks: [from_ms, to_ms]
        self.sending = Sending(self.blazz, self.folder, planner.sending, self.http_port, self.load.publisher,
                               self.stub_port) if self.sends else None
        self.bridging = Bridging(self.blazz, self.folder, planner.bridging, self.gate) if self.bridges else None
        self.keeping = Keeping(self.blazz, self.folder, planner.keeping, self.load.publisher, UNMANAGED, self.gate) if self.keeps else None
        for service in self.services() if self.keeps else ():
            self.keeping.give_keys(service)
        self.topics = snapshot.Topics(self.kafka.address, self.topic_names)
        for service in self.services():
            service.start(wait_ready=False)
        self.wait_ready()
        self.watch = Watch(self.blazz.conninfo("postgres"), self.topic_names, self.sends, self.gate)
        self.watch.start()

    def services(self):
        return [one for replicas in self.replicas.values() for one in replicas]

    def start_postgres(self):
        """On a disk of its own, small enough to be filled, when the run may mount one."""
        folder = self.folder / "postgres"
        folder.mkdir()
        if self.root:
            subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", folder], check=True)
        postgres = self.server(folder)
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
        uuid = self.blazz.add_account(workspace, secret, session=session, provider="webjs", bridge=bridge, ref=session,
                                      instance=UNMANAGED)
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

    def new_replica(self, service, name):
        """A replica that is not started yet."""
        label, settings = f"{service}.{name}", CHAT_SYNC | CACHE | {"batch.max_events": 40}
        if service == "webhook-dispatcher":
            settings = DISPATCHER | LOW_LIMITS
        if service == "campaign-sender":
            settings = SENDER | TIMES | {"meta.base_url": f"http://127.0.0.1:{self.stub_port}"}
        if service == "cleanup":
            settings = CLEANUP | CLEANUP_TIMES | JOB_TIMES | {"meta.base_url": UNMANAGED,
                                                  "bridges.webhook_base": f"http://127.0.0.1:{self.http_port}"}
        return self.blazz.service(service, settings | {"postgres.statement_timeout": "2s"}, label, env=self.clock_env(label))

    def storm_replica(self, service, name):
        """A further replica, which joins and leaves."""
        label = f"{service}.{name}"
        one = next((s for s in self.blazz.services if s.label == label), None) or self.new_replica(service, name)
        if self.keeps:
            self.keeping.give_keys(one)
        return one

    # Restores

    def published(self):
        """{partition: end of chat-event}"""
        return {p: high for p, (_, high) in self.kafka.watermarks(self.blazz.topic("chat-event")).items()}

    def restore(self, meanwhile):
        """Replaces the database by a backup; services, bridges and producers go on after it until meanwhile() returns. The harness writes nothing
        to the database after the backup: nobody would write it again."""
        vault = self.vault = self.vault or Vault(self.blazz, self.folder)
        vault.config = dict(self.blazz.ctl_config)
        with self.gate.closed():
            self.watch.leave()
            line = {"backup": self.published()}
            name = vault.create()
            meanwhile()
            for service in self.services():
                service.stop()
            vault.do("restore", name)
            self.restores.append(line | {"restored": self.published(), "watched": len(self.watch.seen), "at_ms": int(time.time() * 1000)})
        for service in self.services():
            service.start(wait_ready=False)
        wait_for(lambda: vault.run("accept")[0] == 0, lambda: f"the restore is accepted: {vault.run('accept')}", PROCESSED_S)
        for former in vault.former():
            self.postgres.drop_database(former)

    def wait_ready(self, deadline_s=60.0):
        for service in self.services():
            service.wait_ready(deadline_s)

    # The state after a cycle

    def admin_conninfo(self):
        return self.blazz.conninfo("postgres")

    def committed(self, stream):
        consumer, topic = STREAMS[stream]
        reader = Consumer({"bootstrap.servers": self.kafka.address, "group.id": consumer, "log_level": 0})
        try:
            return {t.partition: t.offset for t in reader.committed(
                [TopicPartition(self.blazz.topic(topic), p) for p in range(PARTITIONS)], timeout=20)}
        finally:
            reader.close()

    def measure(self, sessions):
        """{label: memory, descriptors, and its share of the connections of its role} of each process"""
        out = {}
        for service in self.services():
            role = "blazz_" + service.name.replace("-", "_")
            processes = sum(1 for s in self.services() if s.name == service.name)
            out[service.label] = snapshot.usage(service.process.pid) | {
                "connections": sum(1 for s in sessions if s["role"] == role) / processes}
        return out

    def wait_processed(self, deadline_s):
        self.blazz.connection = None  # a fault may have ended it
        wait_for(self.all_processed, self.remaining, deadline_s)
        # After a network cut the server detects late that a client has disconnected.
        wait_for(self.sessions_are_few, lambda: f"old sessions end: {snapshot.sessions_now(self.admin_conninfo())}", deadline_s)

    def all_processed(self):
        """The output of one service is the input of another, so consumption is checked again at the end."""
        def done():
            return (not self.bridges or self.bridging.settled()) and (not self.keeps or self.keeping.settled()) and (not self.sends or self.sending.settled() and self.all_sent()) and self.blazz.all_consumed() and all_dispatched(self.blazz)

        return done() and self.blazz.value("SELECT count(*) FROM outbox") == 0 and not self.blazz.sql(WAITING) and done()

    def all_sent(self):
        """Whether campaign-sender has consumed every record."""
        reached = {(r["topic"], r["partition"]): r["next_offset"] for r in self.blazz.sql(
            "SELECT topic, partition, next_offset FROM consumer_progress WHERE consumer = 'campaign-sender'")}
        topics = [self.blazz.topic(topic) for consumer, topic in STREAMS.values() if consumer == "campaign-sender"]
        return all((reached.get((t, p)) or low) >= high for t in topics for p, (low, high) in self.kafka.watermarks(t).items())

    def remaining(self):
        lines = [str(dict(r)) for r in self.blazz.sql("SELECT topic, partition, next_offset FROM consumer_progress")
                 + self.blazz.sql("SELECT producer, slot, epoch, seq FROM outbox") + self.blazz.sql(WAITING)]
        return "everything is processed and delivered\n" + "\n".join(
            lines + (self.sending.remaining() if self.sends else []) + (self.bridging.remaining() if self.bridges else []) + (self.keeping.remaining() if self.keeps else []) + [s.log_tail() for s in self.services()])

    def sessions_are_few(self):
        first = sum(p["connections"] for p in self.usage[0].values()) if self.usage else MAX_CONNECTIONS
        return len(snapshot.sessions_now(self.admin_conninfo())) <= first

    def marks(self):
        return {(s, p): marks for s, (_, topic) in STREAMS.items() for p, marks in self.kafka.watermarks(self.blazz.topic(topic)).items()}

    def snapshot(self):
        """At a moment at which nothing is published: cleanup reports what differs for 30 s, whenever these are over."""
        for _ in range(SNAPSHOTS if self.bridges else 0):
            before, taken = self.marks(), self.take_snapshot()
            reached = {(STREAM_OF[r["consumer"], self.topic_names[r["topic"]]], r["partition"]): r["next_offset"]
                       for r in taken.tables["consumer_progress"]}
            if self.marks() == before and all((reached.get(at) or low) == high for at, (low, high) in before.items()):
                return taken
            del self.usage[-1], self.ranks[-1], self.epochs[-1]
            self.wait_processed(PROCESSED_S)
        return self.take_snapshot()

    def take_snapshot(self):
        tables, sessions = snapshot.tables(self.admin_conninfo(), self.archive), snapshot.sessions(self.admin_conninfo())
        self.usage.append(self.measure(sessions))
        self.ranks.append({r["id"]: r["message_status"] for r in tables["chats"]})
        self.epochs.append({r["partition"]: r["epoch"] for r in tables["consumer_progress"] if r["consumer"] == "webhook-dispatcher"})
        journal = [json.loads(line) for line in (self.folder / "journal.jsonl").read_text().splitlines()]
        accounts = {name: {k: getattr(t, k) for k in ("uuid", "workspace", "dialect")} for name, t in self.targets.items()}
        hooks, there = self.receivers.setup, self.kafka.admin.list_topics(timeout=20).topics
        streams = [s for s, (_, topic) in STREAMS.items() if self.blazz.topic(topic) in there and (self.sends or s != "chat-event of sending")]
        secrets = [x.secret for x in self.targets.values()] + [h["secret"] for h in hooks.values()] + [KEYRING.split(":")[1], VERIFY_TOKEN]
        return snapshot.Snapshot(
            setup={"tenants": self.markers, "accounts": accounts, "hooks": hooks, "secrets": secrets,
                   "topics": self.topic_names}, journal=journal, tables=tables,
            topics={name: list(records) for name, records in self.topics.read_new().items()},
            watermarks={s: {p: list(m) for p, m in self.kafka.watermarks(self.blazz.topic(STREAMS[s][1])).items()} for s in streams},
            committed={s: self.committed(s) for s in streams}, watch=list(self.watch.seen), sending=self.sending_state(), bridging=self.bridging.state() if self.bridges else {},
            keeping=self.keeping.state() if self.keeps else {},
            deliveries=self.receivers.deliveries(len(self.epochs) - 1), epochs=list(self.epochs), ranks=list(self.ranks), restores=list(self.restores), sessions=sessions,
            usage=list(self.usage), logs={s.label: s.log() for s in self.blazz.services},
            metrics={s.label: s.get("/metrics")[1] for s in self.services()})

    def sending_state(self):
        return {"setup": self.sending.setup(), "journal": self.sending.lines(), "posts": self.sending.posts(),
                "watch": list(self.watch.campaigns), "jumps": list(self.jumps),
                "opt_outs": [[*place, at] for place, at in self.watch.opt_outs.items()],
                "unknown": [list(place) for place in self.watch.unknown]} if self.sends else {}

    def close(self):
        """Stops everything. Returns the errors of programs."""
        self.watch.ended.set()
        self.load.close()
        self.topics.close()
        wrong = self.blazz.close() + (self.sending.close() if self.sends else []) + (self.bridging.close() if self.bridges else [])
        self.receivers.close()
        self.kafka.stop()
        self.postgres.stop()
        if self.root:
            shutil.copy(Path(self.postgres.folder, "log"), self.folder / "postgres.log")
            # After an immediate stop its processes end a moment later.
            wait_for(lambda: subprocess.run(["umount", self.postgres.folder], capture_output=True).returncode == 0,
                     "PostgreSQL's disk is unmounted", 20)
        return wrong
