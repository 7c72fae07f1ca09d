"""A whole Blazz: a database, topics, workspaces, apps, accounts, and the services between them."""
import json
import subprocess
import uuid
from collections import defaultdict

import psycopg2
import psycopg2.extras
from confluent_kafka import Producer

from blazz.v1 import chat_event_pb2, common_pb2, inbound_pb2
from harness.client import SECRETS, VERIFY_TOKEN, Client, signature
from harness.service import BIN, SANITIZER, Service
from harness.waiting import wait_for

KEYRING = "k1:" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

# One account per dialect, named as the fixtures' bodies name them.
ACCOUNTS = {
    "meta": {"session": "meta-1", "provider": "meta", "phone-number-id": "106540352242922", "waba": "102290129340398",
             "phone": "15550783881"},
    "webjs-raw": {"session": "wwebjs-1", "provider": "webjs", "bridge": "wwebjs", "ref": "acme-support-1"},
    "waha": {"session": "waha-1", "provider": "webjs", "bridge": "waha", "ref": "acme-support-1"},
    "evolution": {"session": "evolution-1", "provider": "webjs", "bridge": "evolution", "ref": "acme-support-1"},
    "bridge": {"session": "acme-support-1", "provider": "webjs", "bridge": "blazz"},
}

# A killed group member is detected after two seconds instead of ten.
CHAT_SYNC = {"sweep.interval": "100ms", "backoff.min": "50ms", "backoff.max": "500ms", "batch.linger": "5ms",
             "kafka.session.timeout.ms": 2000, "kafka.heartbeat.interval.ms": 400}


TOPICS = ("inbound.bulk", "inbound", "chat-event", "http", "outbound", "campaign-command", "erasure")
BULK = (common_pb2.ORIGIN_HISTORY, common_pb2.ORIGIN_SYNC)  # origins whose events go to inbound.bulk


class Failed(AssertionError):
    """blazzctl exited with a status other than 0."""


def fetched(cursor):
    """The rows as dictionaries; none of a statement that returns none."""
    assert cursor.description or not cursor.statusmessage.startswith("SELECT"), f"rows without columns cannot be told: {cursor.query}"
    return [dict(r) for r in cursor.fetchall()] if cursor.description else []


class Blazz:
    def __init__(self, postgres, kafka, folder, partitions=3, programs=BIN):
        self.postgres, self.kafka, self.folder, self.programs = postgres, kafka, folder, programs
        self.consumed = ("inbound", "inbound.bulk")  # by chat-sync
        self.database = postgres.create_database()
        self.prefix = "e2e-" + uuid.uuid4().hex[:10]
        self.services, self.clients = [], []
        self.wrong = []  # sanitizer reports of runs of blazzctl
        self.ctl_config = {
            "postgres.conninfo": self.conninfo("blazz_admin"), "postgres.ops_conninfo": self.conninfo("blazz_ops"),
            "topics.prefix": self.prefix, "kafka.bootstrap.servers": kafka.address, "secrets.keyring": KEYRING,
        }
        self.ctl("topics", "create", "--partitions", str(partitions), "--replication", "1")
        self.connection = None

    # Names

    def conninfo(self, role):
        return self.postgres.conninfo(self.database, role)

    def topic(self, name):
        """"inbound", "inbound.bulk", "chat-event", "inbound.chat-sync.dlq", "http.ingest.dlq"."""
        first = next(t for t in TOPICS if f"{name}.".startswith(f"{t}."))
        return f"{self.prefix}.{first}.v1{name[len(first):]}"

    # blazzctl

    def ctl_run(self, *arguments, stdin=None, config=None):
        from harness.service import config_text
        file = self.folder / "blazzctl.conf"
        file.write_text(config_text(self.ctl_config if config is None else config))
        done = subprocess.run([self.programs / "blazzctl", "-c", file, *map(str, arguments)], capture_output=True, text=True,
                              input=stdin, timeout=120)
        if SANITIZER.search(done.stderr):
            self.wrong.append(f"blazzctl {arguments}\n{done.stderr}")
        return done

    def ctl(self, *arguments, stdin=None):
        """The output of blazzctl --json, parsed."""
        done = self.ctl_run("--json", *arguments, stdin=stdin)
        if done.returncode != 0:
            raise Failed(f"blazzctl {arguments} ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    # Tenants

    def add_workspace(self, name="acme", **settings):
        options = ["--settings", json.dumps(settings)] if settings else []
        return self.ctl("workspaces", "add", name, *options)[0]["workspace"]

    def add_app(self, secret=SECRETS["meta"], token=VERIFY_TOKEN):
        verify = self.folder / "verify"
        verify.write_text(token)
        return self.ctl("apps", "add", "--secret-file", "-", "--verify-token-file", verify, stdin=secret)[0]["app"]

    def add_account(self, workspace, secret=None, **options):
        """Returns the account's public id. Keywords are blazzctl's options, with _ for -."""
        words = []
        for key, value in options.items():
            words += ["--" + key.replace("_", "-")] + ([] if value is True else [value])
        if secret and options["provider"] != "meta":
            words += ["--secret-file", "-"]
        done = self.ctl("accounts", "add", "--workspace", workspace, *words, stdin=secret)
        return done[0]["account"]

    def seed(self, dialects=tuple(ACCOUNTS), **settings):
        """One workspace with an account per dialect."""
        self.workspace = self.add_workspace(**settings)
        self.app = self.add_app() if "meta" in dialects else None
        self.accounts = {}
        for dialect in dialects:
            options = {k.replace("-", "_"): v for k, v in ACCOUNTS[dialect].items()}
            if dialect == "meta":
                options["app"] = self.app
            self.accounts[dialect] = self.add_account(self.workspace, SECRETS[dialect], **options)
        return self

    # Services

    def service(self, name, settings=None, label=None, **more):
        """A service that is not started yet."""
        role = "blazz_" + name.replace("-", "_")
        base = {"postgres.conninfo": self.conninfo(role), "kafka.bootstrap.servers": self.kafka.address,
                "topics.prefix": self.prefix, "log.level": "info"}
        service = Service(name, base | (settings or {}), self.folder, label, **more)
        service.programs = self.programs
        self.services.append(service)
        return service

    def ingest(self, label="ingest", **settings):
        base = {"http.listen": "127.0.0.1:0", "http.port_file": str(self.folder / f"{label}.port"),
                "secrets.keyring": KEYRING}
        return self.service("ingest", base | {k.replace("__", "."): v for k, v in settings.items()}, label)

    def chat_sync(self, label="chat-sync", failpoint=None, **settings):
        return self.service("chat-sync", CHAT_SYNC | {k.replace("__", "."): v for k, v in settings.items()}, label,
                            failpoint=failpoint)

    def start(self, **ingest_settings):
        """Starts ingest and chat-sync; both are ready."""
        self.in_ = self.ingest(**ingest_settings).start(wait_ready=False)
        self.sync = self.chat_sync().start(wait_ready=False)
        self.in_.wait_ready()
        self.sync.wait_ready()
        return self

    def start_ingest(self, **settings):
        self.in_ = self.ingest(**settings).start()
        return self

    def start_chat_sync(self, **settings):
        self.sync = self.chat_sync(**settings).start()
        return self

    def client(self, service=None):
        client = Client((service or self.in_).port("http.port_file"))
        self.clients.append(client)
        return client

    def route(self, dialect, body=b""):
        if dialect == "meta":
            return f"/webhooks/meta/{self.app}"
        if dialect == "bridge":
            sync = b'"chats"' in body
            return "/api/whatsapp/chats/sync" if sync else "/api/whatsapp/webhook"
        word = "wwebjs" if dialect == "webjs-raw" else dialect
        return f"/webhooks/{word}/{self.accounts[dialect]}"

    def post(self, dialect, body, client=None, headers=None, **more):
        """A signed POST; a body that is not bytes is encoded as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        client = client or self.default_client()
        return client.post(self.route(dialect, body), body, signature(dialect, body) | (headers or {}), **more)

    def default_client(self):
        if not hasattr(self, "kept_client"):
            self.kept_client = self.client()
        return self.kept_client

    # Kafka

    def read(self, name):
        return self.kafka.read(self.topic(name))

    def inbound(self):
        """[(record, InboundEvent)], live ones first."""
        return [(r, inbound_pb2.InboundEvent.FromString(r.value)) for t in ("inbound", "inbound.bulk") for r in self.read(t)]

    def chat_events(self):
        return [(r, chat_event_pb2.ChatEvent.FromString(r.value)) for r in self.read("chat-event")]

    def dead_letters(self, topic="inbound.chat-sync.dlq"):
        return self.read(topic)

    def producer(self):
        return Producer({"bootstrap.servers": self.kafka.address, "enable.idempotence": True, "linger.ms": 2,
                         "partitioner": "murmur2_random", "log_level": 0})

    def publish(self, events, headers=None, key=None):
        """Produces InboundEvents, or bytes, to Kafka as a producer outside Blazz does: each to the topic of its origin."""
        producer, failures = self.producer(), []
        for event in events:
            value = event if isinstance(event, bytes) else event.SerializeToString()
            bulk = not isinstance(event, bytes) and event.origin in BULK
            own = key or ("" if isinstance(event, bytes) else f"{event.workspace_id}:{event.account_id}")
            producer.produce(self.topic("inbound.bulk" if bulk else "inbound"), value, own, headers=headers or [],
                             on_delivery=lambda e, m: e and failures.append(e))
            producer.poll(0)
        assert producer.flush(30) == 0 and not failures, failures

    # PostgreSQL

    def sql(self, query, *parameters):
        """Rows as dictionaries, read as superuser; reconnects when PostgreSQL was restarted since the last time."""
        kept = self.connection is not None and not self.connection.closed
        if not kept:
            self.connection = psycopg2.connect(self.conninfo("postgres"))
            self.connection.autocommit = True
        try:
            with self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(query, parameters or None)
                return fetched(cursor)
        except psycopg2.OperationalError:
            if not kept or not self.connection.closed:
                raise
        return self.sql(query, *parameters)

    def value(self, query, *parameters):
        return next(iter(self.sql(query, *parameters)[0].values()))

    def account_row(self, account):
        return self.sql("SELECT * FROM whatsapp_accounts WHERE uuid = %s", account)[0]

    def messages(self, account=None):
        return self.sql("""SELECT c.*, a.uuid::text AS account, v.uuid::text AS conversation, v.contact_id, g.group_jid
            FROM chats c JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (c.workspace_id, c.account_id)
            JOIN conversations v ON (v.workspace_id, v.id) = (c.workspace_id, c.conversation_id)
            LEFT JOIN whatsapp_groups g ON (g.workspace_id, g.id) = (v.workspace_id, v.group_id)
            WHERE %s::uuid IS NULL OR a.uuid = %s::uuid ORDER BY a.id, c.message_key, c.id""", account, account)

    def progress(self, topic="inbound"):
        """{partition: next offset} of chat-sync."""
        return {r["partition"]: r["next_offset"] for r in self.sql(
            "SELECT partition, next_offset FROM consumer_progress WHERE consumer = 'chat-sync' AND topic = %s", self.topic(topic))}

    def unconsumed(self):
        """[(topic, partition, next offset, end)] of the partitions that chat-sync has not consumed to their end."""
        done = {t: self.progress(t) for t in self.consumed}
        return [(t, p, done[t].get(p), high) for t in done for p, (low, high) in self.kafka.watermarks(self.topic(t)).items()
                if (done[t].get(p) or low) < high]

    def all_consumed(self):
        return not self.unconsumed()

    def wait_processed(self, deadline_s=60.0):
        """Until chat-sync has consumed every record and published all resulting events."""
        def processed():
            return self.all_consumed() and self.value("SELECT count(*) FROM outbox") == 0 and self.all_consumed()

        wait_for(processed, lambda: f"every record is processed; not consumed {self.unconsumed()}, "
                 f"outbox {self.value('SELECT count(*) FROM outbox')}\n"
                 + "\n".join(s.log_tail() for s in self.services), deadline_s)

    def counts(self):
        """Rows by table, and sums that a repeated event would change."""
        rows = self.sql("""SELECT (SELECT count(*) FROM contacts) AS contacts, (SELECT count(*) FROM contact_aliases) AS aliases,
            (SELECT count(*) FROM conversations) AS conversations, (SELECT count(*) FROM chats) AS messages,
            (SELECT count(*) FROM chat_receipts) AS receipts, (SELECT count(*) FROM chat_reactions) AS reactions,
            (SELECT count(*) FROM chat_media) AS media, (SELECT count(*) FROM whatsapp_groups) AS groups,
            (SELECT count(*) FROM parked_updates) AS parked,
            (SELECT coalesce(sum(unread_messages), 0) FROM conversations) AS unread""")[0]
        return dict(rows)

    def check_invariants(self):
        """What holds in every database at any time."""
        bad = self.sql("""SELECT v.id, v.unread_messages, count(c.id) FROM conversations v
            LEFT JOIN chats c ON (c.workspace_id, c.conversation_id) = (v.workspace_id, v.id) AND c.type = 'inbound'
                AND c.origin IN ('live', 'sync') AND c.deleted_at IS NULL AND (v.last_read_at IS NULL OR c.sent_at > v.last_read_at)
            WHERE v.merged_into IS NULL GROUP BY v.workspace_id, v.id HAVING v.unread_messages <> count(c.id)""")
        assert not bad, f"unread counters that differ from a recount: {bad}"
        off = self.sql("""SELECT * FROM consumer_progress WHERE next_offset IS NOT NULL AND start_offset IS NOT NULL
            AND next_offset - start_offset <> applied + no_effect + filtered + parked + dead_lettered + skipped""")
        assert not off, f"consumed records without an outcome: {off}"

    def check_chat_events(self):
        """Ids are stable, and sequence numbers have no gap within a conversation. Returns the distinct events in order."""
        seen, order, distinct = {}, defaultdict(list), []
        for record, event in self.chat_events():
            first = seen.setdefault(event.event_id, event)
            if first is not event:
                assert first == event, f"two events with one id:\n{str(first)[:1500]}\n{str(event)[:1500]}"
                continue
            distinct.append(event)
            if event.conversation_id:
                assert record.key.decode() == f"{event.workspace_id}:{event.conversation_id}"
                order[event.conversation_id].append(event.sequence)
        for conversation, sequence in order.items():
            assert sequence == list(range(1, len(sequence) + 1)), f"{conversation}: {sequence}"
        return distinct

    def close(self):
        wrong = list(self.wrong)
        for client in self.clients:
            client.close()
        for service in self.services:
            wrong += service.close()
        if self.connection:
            self.connection.close()
        self.postgres.drop_database(self.database)
        self.kafka.delete_topics(self.prefix)
        return wrong
