"""The input of the ledger: the state after a cycle, as plain data that can be saved and checked again later."""
import base64
import json
import re
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg2
from confluent_kafka import Consumer, TopicPartition

# {stream: (consumer, topic)}: what a consumer has consumed of a topic; campaign-sender's of chat-event is "chat-event of sending".
STREAMS = {"inbound": ("chat-sync", "inbound"), "inbound.bulk": ("chat-sync", "inbound.bulk"), "chat-event": ("webhook-dispatcher", "chat-event"),
           "outbound": ("campaign-sender", "outbound"), "campaign-command": ("campaign-sender", "campaign-command"),
           "chat-event of sending": ("campaign-sender", "chat-event")}
STREAM_OF = {place: stream for stream, place in STREAMS.items()}
CONSUMED = tuple(dict.fromkeys(topic for _, topic in STREAMS.values()))
SENDING_DEAD_LETTERS = tuple(f"{topic}.{consumer}.dlq" for consumer, topic in STREAMS.values() if consumer == "campaign-sender")
INBOUND = ("inbound", "inbound.bulk")
SKIPPED_TABLES = ("schema_version",)
SWEEP_S = 3.0  # far longer than any transaction without load


@dataclass
class Rec:
    """A Kafka record."""
    partition: int
    offset: int
    key: str
    value: bytes
    headers: dict
    at_ms: int = 0


@dataclass
class Snapshot:
    setup: dict     # {"tenants": {workspace uuid: marker}, "accounts": {name: {...}}, "hooks": {uuid: {...}}, "secrets": [...],
                    #  "topics": {whole name: short name}}
    journal: list   # of the generator: {"what": "sent"|"acknowledged"|"rejected"|"abandoned", "items": ...}
    tables: dict = field(default_factory=dict)    # {table: [row]}
    topics: dict = field(default_factory=dict)    # {"inbound"|"inbound.bulk"|"chat-event"|"inbound.chat-sync.dlq"|…: [Rec]}
    watermarks: dict = field(default_factory=dict)  # {stream: {partition: [low, high]}} of its topic
    committed: dict = field(default_factory=dict)   # {stream: {partition: offset}} of its consumer group, in Kafka
    watch: list = field(default_factory=list)     # [stream, partition, next_offset, epoch, seq], sampled during the faults
    sending: dict = field(default_factory=dict)   # of sending.py: {"setup": …, "journal": [line], "posts": [line of the stub's journal],
                                                  #  "watch": [[at_ms, campaign uuid, status]], "jumps": [[from_ms, to_ms]] of a sender's clock,
                                                  #  "opt_outs": [[workspace, contact, account or null, when it was first seen]],
                                                  #  "unknown": [[workspace, row]] that was seen unknown}
    bridging: dict = field(default_factory=dict)  # of bridging.py: {"accounts": [row, with its account_control], "instances": {index: {"kind",
                                                  #  "sessions": {name: state}}} of the stub, "tenants": {workspace uuid: marker}, "secrets",
                                                  #  "assignments": [[account, instance, epoch, migrations]] in the order in which they were seen,
                                                  #  "twice": [[session, instances that ran it at once]], "samples", "calls": how many were seen}
    keeping: dict = field(default_factory=dict)   # of keeping.py: {"tenants": {workspace uuid: marker}, "keeper": uuid, "accounts": {uuid: workspace},
                                                  #  "messages": [{"workspace", "key", "old", "acknowledged"}], "people": [who is erased, with texts],
                                                  #  "deleted": [row that cleanup deleted, "at", "days", "unread"], "filled": [backfill], "runs": [orphans],
                                                  #  "answers": {job: answer to its second run}, "first_texts": {place: digest},
                                                  #  "sealed": {place: [digest, key id]}, "rotated", "first_key", "secrets"}
    deliveries: list = field(default_factory=list)  # as received: {"endpoint", "cycle", "headers", "body", "status"}
    epochs: list = field(default_factory=list)    # of each cycle: {partition: epoch} of webhook-dispatcher
    ranks: list = field(default_factory=list)     # [{message id: status}] at the end of each cycle
    restores: list = field(default_factory=list)  # [{"backup", "restored": {partition: end of chat-event}, "watched": rows of watch before it, "at_ms"}]
    sessions: list = field(default_factory=list)  # pg_stat_activity of the services' roles
    usage: list = field(default_factory=list)     # of each cycle: {process: {"pid", "rss_kb", "fds", "connections"}}
    logs: dict = field(default_factory=dict)      # {process: text}
    metrics: dict = field(default_factory=dict)   # {process: page}

    def save(self, path):
        plain = asdict(self)
        for records in plain["topics"].values():
            for r in records:
                r["value"] = base64.b64encode(r["value"]).decode()
        Path(path).write_text(json.dumps(plain, ensure_ascii=False))

    @classmethod
    def load(cls, path):
        plain = json.loads(Path(path).read_text())
        for name, records in plain["topics"].items():
            plain["topics"][name] = [Rec(**r | {"value": base64.b64decode(r["value"])}) for r in records]
        for name in ("watermarks", "committed"):
            plain[name] = {topic: numbered(v) for topic, v in plain[name].items()}
        plain["epochs"] = [numbered(v) for v in plain["epochs"]]
        plain["restores"] = [{k: numbered(v) if isinstance(v, dict) else v for k, v in r.items()} for r in plain["restores"]]
        return cls(**plain)


def numbered(by_partition):
    """With integer keys, which JSON turned into strings."""
    return {int(k): v for k, v in by_partition.items()}


class Topics:
    """Reads topics, resuming at its last offsets."""

    def __init__(self, address, names):
        self.consumer = Consumer({"bootstrap.servers": address, "group.id": "chaos-ledger", "enable.auto.commit": False,
                                  "auto.offset.reset": "error", "fetch.wait.max.ms": 20, "log_level": 0})
        self.names, self.next, self.records = names, {}, {short: [] for short in names.values()}

    def marks(self, topic):
        found = self.consumer.list_topics(topic, timeout=20).topics[topic]
        return {p: self.consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20) for p in found.partitions}

    def read_new(self):
        ends = {(t, p): high for t in self.names for p, (_, high) in self.marks(t).items() if high > self.next.get((t, p), 0)}
        if ends:
            self.consumer.assign([TopicPartition(t, p, self.next.get((t, p), 0)) for t, p in ends])
        while any(self.next.get(at, 0) < end for at, end in ends.items()):
            for m in self.consumer.consume(5000, timeout=0.5):
                if m.error() or m.offset() >= ends[m.topic(), m.partition()]:
                    continue
                self.next[m.topic(), m.partition()] = m.offset() + 1
                self.records[self.names[m.topic()]].append(
                    Rec(m.partition(), m.offset(), (m.key() or b"").decode(errors="replace"), m.value() or b"",
                        {k: (v or b"").decode(errors="replace") for k, v in m.headers() or []}, m.timestamp()[1]))
        return self.records

    def close(self):
        self.consumer.close()


def tables(conninfo, without=None):
    """{table: [row]} of every table, in one transaction; the rows of one workspace may be left out."""
    connection = psycopg2.connect(conninfo)
    connection.set_session("REPEATABLE READ", readonly=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("""SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND NOT relispartition ORDER BY 1""")
        out = {}
        for (table,) in cursor.fetchall():
            if table not in SKIPPED_TABLES:
                workspace = "id" if table == "workspaces" else "workspace_id"
                cursor.execute(f"SELECT row FROM (SELECT to_jsonb(t) AS row FROM {table} t) r WHERE %s IS NULL OR row ->> '{workspace}' IS DISTINCT FROM %s",
                               [without and str(without)] * 2)
                out[table] = [row for row, in cursor.fetchall()]
    connection.close()
    return out


def sessions(conninfo):
    """The sessions of the services, if possible at a moment without a short transaction of a sweep."""
    end = time.monotonic() + SWEEP_S
    while True:
        now = sessions_now(conninfo)
        if time.monotonic() > end or not any(is_busy(s) for s in now):
            return now


def is_busy(session):
    return session["waits"] == "Lock" or (session["state"] or "").startswith("idle in transaction")


def sessions_now(conninfo):
    connection = psycopg2.connect(conninfo)
    with connection, connection.cursor() as cursor:
        cursor.execute("""SELECT jsonb_build_object('role', usename, 'pid', pid, 'state', state, 'waits', wait_event_type,
            'query', left(query, 80), 'age_s', extract(epoch FROM clock_timestamp() - state_change)) FROM pg_stat_activity WHERE usename LIKE 'blazz%'""")
        out = [row for row, in cursor.fetchall()]
    connection.close()
    return out


def usage(pid):
    """Memory and descriptors of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {"pid": pid, "rss_kb": int(re.search(r"VmRSS:\s+(\d+)", status)[1]), "fds": len(list(Path(f"/proc/{pid}/fd").iterdir()))}
