"""The endpoints of tenants, their events, and the dispatcher: shared by the tests of webhooks."""
import base64
import json
import os
import time
import uuid
from collections import defaultdict

from blazz.v1 import chat_event_pb2 as chat
from blazz.v1 import common_pb2 as common
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness.blazz import KEYRING
from harness.waiting import wait_for

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OLDER_SECRET = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()

# A killed group member is detected after two seconds, and receivers are on loopback.
DISPATCHER = {"secrets.keyring": KEYRING, "webhooks.allow_http": True, "webhooks.allowed_networks": ["127.0.0.0/8"],
              "backoff.min": "50ms", "backoff.max": "500ms", "retry.claim_interval": "50ms",
              "kafka.session.timeout.ms": 2000, "kafka.heartbeat.interval.ms": 400}


def dispatcher(stack, label="dispatcher", env=None, **settings):
    """A dispatcher that is not started yet."""
    return stack.service("webhook-dispatcher", DISPATCHER | {k.replace("__", "."): v for k, v in settings.items()}, label, env=env)


# Endpoints

def sealed(secrets, endpoint):
    """Seals secrets, newest first: each a text, or (text, time in ms at which it expires); or their JSON as it is stored."""
    if not isinstance(secrets, dict):
        secrets = {"keys": [{"secret": s} if isinstance(s, str) else {"secret": s[0], "expires_at": s[1]} for s in secrets]}
    name, _, key = KEYRING.partition(":")
    head = bytes([1, len(name)]) + name.encode()
    nonce = os.urandom(12)
    associated = head + f"endpoint:{endpoint}".encode()
    return head + nonce + AESGCM(base64.b64decode(key)).encrypt(nonce, json.dumps(secrets).encode(), associated)


def add_webhook(stack, workspace, url, secrets=(SECRET,), **columns):
    """Adds an endpoint. Returns its public id."""
    endpoint = str(uuid.uuid4())
    columns = {"uuid": endpoint, "url": url, "secrets": sealed(secrets, endpoint)} | columns
    stack.sql(f"""INSERT INTO webhook_endpoints (workspace_id, {", ".join(columns)})
        SELECT id, {", ".join(["%s"] * len(columns))} FROM workspaces WHERE uuid = %s""", *columns.values(), workspace)
    return endpoint


def change_webhook(stack, endpoint, **columns):
    stack.sql(f"UPDATE webhook_endpoints SET {', '.join(f'{c} = %s' for c in columns)} WHERE uuid = %s", *columns.values(),
              endpoint)


def enable_webhook(stack, endpoint):
    stack.sql("UPDATE webhook_endpoints SET enabled = true, enabled_at = clock_timestamp() WHERE uuid = %s", endpoint)


def delete_webhook(stack, endpoint):
    stack.sql("UPDATE webhook_endpoints SET deleted_at = now() WHERE uuid = %s", endpoint)


def endpoint_row(stack, endpoint):
    return stack.sql("SELECT * FROM webhook_endpoints WHERE uuid = %s", endpoint)[0]


def rows_of(stack, table, endpoint, order):
    return stack.sql(f"""SELECT t.* FROM {table} t JOIN webhook_endpoints e
        ON (e.workspace_id, e.id) = (t.workspace_id, t.endpoint_id) WHERE e.uuid = %s ORDER BY {order}""", endpoint)


def attempts(stack, endpoint):
    return rows_of(stack, "webhook_attempts", endpoint, "t.at, t.attempt")


def retries(stack, endpoint, *statuses):
    return [r for r in rows_of(stack, "webhook_retry_queue", endpoint, "t.source_partition, t.source_offset")
            if not statuses or r["status"] in statuses]


def positions(stack, endpoint):
    return rows_of(stack, "webhook_positions", endpoint, "t.partition")


def dead_letters(stack, endpoint):
    return [r for r in stack.read("chat-event.webhook-dispatcher.dlq") if r.headers.get("x-dlq-endpoint") == endpoint]


# Events

class Chat:
    """Publishes the events of one workspace as chat-sync does: numbered in each conversation."""

    def __init__(self, stack, workspace=None):
        self.stack, self.workspace = stack, workspace or stack.add_workspace()
        self.account = str(uuid.uuid4())
        self.producer = stack.producer()
        self.sequences = defaultdict(int)
        self.conversations = {}
        self.published = []

    def conversation(self, n):
        return self.conversations.setdefault(n, str(uuid.uuid4()))

    def message(self, conversation=0, origin=common.ORIGIN_LIVE, body="hello"):
        name = self.conversation(conversation)
        self.sequences[name] += 1
        now = int(time.time() * 1000)
        event = chat.ChatEvent(event_id=str(uuid.uuid4()), workspace_id=self.workspace, account_id=self.account,
                               conversation_id=name, sequence=self.sequences[name], occurred_at_ms=now, origin=origin,
                               provider=common.PROVIDER_WEBJS)
        m = event.message_created.message
        m.id, m.uuid, m.key, m.body = len(self.published) + 1, str(uuid.uuid4()), f"false:{event.event_id}", body
        m.direction, m.type, m.sent_at_ms = common.DIRECTION_INBOUND, common.MESSAGE_TYPE_TEXT, now
        event.message_created.contact.id, event.message_created.contact.phone = str(uuid.uuid4()), f"+1650555{conversation:04}"
        return event

    def status(self, conversation=0):
        event = self.message(conversation)
        event.message_status.message_id, event.message_status.status = 1, common.MESSAGE_STATUS_READ
        return event

    def publish(self, *events, ago_s=0):
        """Produces the events in this order within each conversation, with a timestamp of ago_s before now. Returns them."""
        failures, at_ms = [], int((time.time() - ago_s) * 1000)
        for event in events:
            self.producer.produce(self.stack.topic("chat-event"), event.SerializeToString(),
                                  f"{self.workspace}:{event.conversation_id}", timestamp=at_ms,
                                  on_delivery=lambda e, m: e and failures.append(e))
            self.producer.poll(0)
        assert self.producer.flush(30) == 0 and not failures, failures
        self.published += events
        return list(events)

    def burst(self, n, conversations=4):
        return self.publish(*[self.message(i % conversations) for i in range(n)])


def events_of(receiver, path=None):
    """The ids of the events that the receiver acknowledged."""
    return {delivered[0].event["id"] for delivered in receiver.accepted(path).values()}


def wait_events(receiver, events, path=None, deadline_s=30.0, why=""):
    """Until the receiver has acknowledged each of these events."""
    wanted = {e.event_id for e in events}
    wait_for(lambda: wanted <= events_of(receiver, path), lambda: f"missing {len(wanted - events_of(receiver, path))} of "
             f"{len(wanted)} events at {path}\n{why() if callable(why) else why}", deadline_s)


def all_dispatched(stack):
    """Whether the dispatcher has delivered every published event or stored it in its retry queue."""
    done = {r["partition"]: r["next_offset"] for r in stack.sql(
        "SELECT partition, next_offset FROM consumer_progress WHERE consumer = 'webhook-dispatcher'")}
    marks = stack.kafka.watermarks(stack.topic("chat-event"))
    return all((done.get(p) or low) >= high for p, (low, high) in marks.items())


def wait_all_dispatched(stack, deadline_s=30.0):
    wait_for(lambda: all_dispatched(stack), lambda: "the dispatcher has consumed every event\n" + "\n".join(
        s.log_tail() for s in stack.services), deadline_s)
