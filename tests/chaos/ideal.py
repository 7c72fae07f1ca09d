"""A consistent snapshot, made from a plan and the model without any server; the ledger's own tests corrupt it."""
import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime, timezone
from types import SimpleNamespace

from blazz.v1 import chat_event_pb2, common_pb2

from bridging_ideal import IdealBridging
from case import Case
from dialects import stanza
from keeping_ideal import IdealKeeping
from ledger import VARIANT
from model import Model
from plan import Planner
from records import STATUS_WORDS, bad_value, record_of, topic_of
from sending_ideal import IdealSending
from snapshot import CONSUMED, INBOUND, SENDING_DEAD_LETTERS, STREAMS, Rec, Snapshot

PARTITIONS = 4
# (name, tenant, filters). All deliveries of the third are exhausted; the fourth is disabled.
HOOKS = (("well", 0, {}), ("created", 1, {"types": ["message.created"]}), ("redirecting", 1, {}), ("sleeper", 2, {}), ("unordered", 2, {"ordered": False}))


def uid(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


def iso(ms):
    return None if ms is None else datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat()


def without_target(deliveries):
    """Leaves out a message that is edited, so that its edit is parked."""
    new = {(d.account, d.items[0].get("key")) for d in deliveries if d.items[0]["kind"] == "message"}
    edited = next(((d.account, d.items[0]["key"]) for d in deliveries if d.items[0]["kind"] == "edit"
                  and (d.account, d.items[0]["key"]) in new), None)
    return [d for d in deliveries if d.items[0]["kind"] != "message" or (d.account, d.items[0]["key"]) != edited]


class Ideal:
    iso = staticmethod(iso)

    def __init__(self, seed=1, cycles=4):
        self.planner = Planner(seed)
        workspaces = [uid("workspace", t.marker) for t in self.planner.tenants]
        self.workspace_ids = {w: i + 1 for i, w in enumerate(workspaces)}
        self.accounts = {a.name: {"uuid": uid(a.name), "workspace": workspaces[a.tenant], "dialect": a.dialect}
                         for a in self.planner.accounts}
        self.account_ids = {name: i + 1 for i, name in enumerate(self.accounts)}
        self.s = Snapshot({"tenants": {w: t.marker for w, t in zip(workspaces, self.planner.tenants)}, "accounts": self.accounts,
                           "secrets": ["a-secret-key"]}, [])
        self.hooks(workspaces)
        self.s.topics = {t: [] for t in (*CONSUMED, *(f"{t}.chat-sync.dlq" for t in INBOUND), "http.ingest.dlq",
                                         "chat-event.webhook-dispatcher.dlq", *SENDING_DEAD_LETTERS)}
        self.s.setup["topics"] = {f"blazz.{t}.v1": t for t in CONSUMED}
        for n in range(cycles):
            for delivery in without_target(self.planner.cycle()):
                self.send(n, delivery)
        self.tables()
        self.events()
        IdealBridging(self)
        IdealKeeping(self)
        self.delivered()
        IdealSending(self)
        for topic in ("outbound", "campaign-command", "chat-event of sending"):
            for p in range(PARTITIONS):
                self.consume_all(topic, p)
        for label in ("ingest", "chat-sync.one", "webhook-dispatcher.one"):
            self.s.logs[label], self.s.metrics[label] = 'level=info msg="started"\n', "blazz_records 1\n"
        self.s.usage = [{label: {"pid": 1, "rss_kb": 50_000, "fds": 20, "connections": 1} for label in self.s.logs}] * 2
        self.s.ranks = [{r["id"]: r["message_status"] for r in self.s.tables["chats"]}]

    def hooks(self, workspaces):
        self.s.setup["hooks"] = {uid("hook", name): {
            "name": name, "workspace": workspaces[tenant], "secret": "whsec_" + base64.b64encode(name.encode()).decode(), "types": [],
            "origins": ["live"], "ordered": True} | wants for name, tenant, wants in HOOKS}
        self.hook = {name: uid("hook", name) for name, *_ in HOOKS}

    # inbound

    def write(self, what, items, **more):
        self.s.journal.append({"what": what, "items": items} | more)

    def send(self, cycle, d):
        numbers = [i["n"] for i in d.items]
        self.write("sent", d.items, account=d.account, cycle=cycle)
        if not d.patient:
            return self.write("rejected" if d.forged else "abandoned", numbers)
        for item in d.items:
            self.accept_item(d.account, item)
        return self.write("acknowledged", numbers)

    def accept_item(self, name, item):
        account = SimpleNamespace(**self.accounts[name])
        if item.get("rejected") or item.get("how") == "no id":
            self.record("http.ingest.dlq", account, item["mark"].encode())
        if item["kind"] != "bad":
            self.record(topic_of(item), account, *record_of(account, item))
        elif item["how"] == "no id":
            self.record(topic_of(item["good"]), account, *record_of(account, item["good"]))
        else:
            r = self.record(topic_of(item), account, bad_value(account, item))
            self.record(f"{topic_of(item)}.chat-sync.dlq", account, r.value, [
                ("__dlq.errors.partition", str(r.partition).encode()), ("__dlq.errors.offset", str(r.offset).encode()),
                ("x-dlq-reason", item["reason"].encode()), ("__dlq.errors.message", b"why")])

    def record(self, topic, account, value, headers=()):
        partition = list(self.s.setup["tenants"]).index(account.workspace) % PARTITIONS
        return self.record_at(topic, f"{account.workspace}:{account.uuid}", value, {k: v.decode() for k, v in headers}, partition)

    def record_at(self, topic, key, value, headers=None, partition=0):
        offset = sum(1 for r in self.s.topics[topic] if r.partition == partition)
        r = Rec(partition, offset, key, value, headers or {})
        self.s.topics[topic].append(r)
        return r

    # Tables

    def tables(self):
        names = ("chats", "conversations", "contacts", "contact_aliases", "whatsapp_groups", "chat_reactions", "chat_receipts",
                 "account_syncs", "outbox", "parked_updates")
        self.t = self.s.tables = {name: [] for name in names}
        self.t["workspaces"] = [{"id": id_, "uuid": w} for w, id_ in self.workspace_ids.items()]
        self.t["whatsapp_accounts"] = []
        self.progress()
        case = Case(self.s)
        self.model = Model({name: a["workspace"] for name, a in self.accounts.items()}, case.accepted)
        self.people()
        self.groups()
        for v in self.model.conversations.values():
            self.conversation(v)
        self.syncs_and_accounts()
        for item in self.model.parked:
            self.add("parked_updates", item["account"], account_id=self.account_ids[item["account"]],
                     target=f"true:{stanza(item['key'])}", kind=VARIANT.get(item["kind"], item["kind"]))

    def add(self, table, account, **columns):
        row = {"workspace_id": self.workspace_ids[self.accounts[account]["workspace"]], "id": len(self.t[table]) + 1} | columns
        self.t[table].append(row)
        return row

    def progress(self):
        self.t["consumer_progress"] = []
        for topic in INBOUND:
            for p in range(PARTITIONS):
                self.consume_all(topic, p, sum(1 for r in self.s.topics[f"{topic}.chat-sync.dlq"] if r.partition == p))

    def consume_all(self, stream, p, dead=0):
        consumer, topic = STREAMS[stream]
        high = sum(1 for r in self.s.topics[topic] if r.partition == p)
        self.t["consumer_progress"].append({
            "consumer": consumer, "topic": f"blazz.{topic}.v1", "partition": p, "epoch": 1, "start_offset": 0, "next_offset": high, "applied": high - dead,
            "no_effect": 0, "filtered": 0, "parked": 0, "dead_lettered": dead, "skipped": 0})
        self.s.watermarks.setdefault(stream, {})[p] = [0, high]
        self.s.committed.setdefault(stream, {})[p] = high
        self.s.watch += [[stream, p, high // 2, 1, 1], [stream, p, high, 1, 2]]

    def people(self):
        self.contacts, names_of = {}, self.model.names_of_people()
        for w, id_ in self.workspace_ids.items():
            for person, names in self.model.persons(w).items():
                row = {"workspace_id": id_, "id": len(self.t["contacts"]) + 1, "merged_into": None, "uuid": uid(f"{w} {person}"),
                       "full_name": max(names_of[w, person], default=None)}
                self.t["contacts"].append(row)
                self.contacts[w, person] = row["id"]
                self.t["contact_aliases"] += [{"workspace_id": id_, "contact_id": row["id"], "kind": k, "value": v}
                                              for k, v in sorted(names)]

    def groups(self):
        self.group_ids = {}
        for w, jid in sorted({(self.accounts[v.account]["workspace"], v.peer[1]) for v in self.model.conversations.values()
                              if v.peer[0] == "group"}):
            facts = self.model.groups.get((w, jid), {})
            members = [{"phone": p} for p, f in facts.items() if p != "name" and f[1]]
            row = {"workspace_id": self.workspace_ids[w], "id": len(self.t["whatsapp_groups"]) + 1, "group_jid": jid,
                   "name": facts.get("name", (0, jid))[1], "participants": members, "participants_count": len(members)}
            self.t["whatsapp_groups"].append(row)
            self.group_ids[w, jid] = row["id"]

    def conversation(self, v):
        w = self.accounts[v.account]["workspace"]
        row = self.add("conversations", v.account, account_id=self.account_ids[v.account], merged_into=None, sequence=0,
                       contact_id=None, group_id=None, unread_messages=v.unread, last_read_at=iso(v.read_at))
        row["uuid"] = uid("conversation", v.account, v.peer)
        if v.peer[0] == "group":
            row["group_id"] = self.group_ids[w, v.peer[1]]
        else:
            row["contact_id"] = self.contacts[w, v.peer[1]]
        rows = [self.message(row, m) for m in v.messages]
        last = max(rows, key=lambda r: r["sent_at"], default=None)
        inbound = [r["sent_at"] for r in rows if r["type"] == "inbound"]
        row |= {"last_message_at": last and last["sent_at"], "last_message_id": last and last["id"],
                "last_inbound_at": max(inbound, default=None)}
        self.t["conversations"][-1] = row

    def message(self, conversation, m):
        c = m.content()
        row = self.add("chats", m.account, account_id=conversation["account_id"], conversation_id=conversation["id"],
                       message_key=m.key, type="outbound" if c["out"] else "inbound", message_type="text", message_status=m.status,
                       origin=m.origin(), placeholder=bool(c.get("placeholder")), metadata={"body": m.body}, sent_at=iso(c["at"]),
                       delivered_at=iso(m.delivered_at), read_at=iso(m.read_at), edited_at=iso(m.edited_at),
                       revoked_at=iso(m.revoked_at), deleted_at=iso(c["at"]) if m.deleted else None)
        for sender, (_, emoji) in m.reactions.items():
            if emoji:
                self.add("chat_reactions", m.account, chat_id=row["id"], sender=sender if sender == "me" else sender[1], emoji=emoji)
        for participant, status in m.receipts.items():
            self.add("chat_receipts", m.account, chat_id=row["id"], participant=participant[1], status=status)
        return row

    def syncs_and_accounts(self):
        latest = {}
        for (account, sync, index), (ranks, end) in self.model.syncs.items():
            self.add("account_syncs", account, account_id=self.account_ids[account], sync_id=sync, index=index, skipped_mask=0,
                     synced_mask=sum(1 << r for r in ranks), ended_at=end and iso(end["at"]), chats=end and end["chats"],
                     rejected=end and end["rejected"])
            latest[account] = sync
        for name, id_ in self.account_ids.items():
            rows = [r for r in self.t["account_syncs"] if (r["account_id"], r["sync_id"]) == (id_, latest.get(name))]
            sync = {"sync_id": latest[name], "status": "completed", "skipped": 0,
                    "synced": sum(bin(r["synced_mask"]).count("1") for r in rows),
                    "rejected": sum(r["rejected"] or 0 for r in rows),
                    "total": sum(r["chats"] or 0 for r in rows)} if rows else {}
            self.t["whatsapp_accounts"].append({
                "workspace_id": self.workspace_ids[self.accounts[name]["workspace"]], "id": id_, "uuid": self.accounts[name]["uuid"],
                "status": self.model.sessions.get(name, (0, "disconnected"))[1], "sync": sync})

    # chat-event

    def events(self):
        names = {id_: name for name, id_ in self.account_ids.items()}
        conversations = {r["id"]: r for r in self.t["conversations"]}
        for row in self.t["chats"]:
            account, v = names[row["account_id"]], conversations[row["conversation_id"]]
            e = self.event(account, v, "created", row)
            e.message_created.message.key, e.message_created.message.body = row["message_key"], row["metadata"]["body"]
            self.publish(account, e)
            if row["message_status"] != "pending":
                e = self.event(account, v, "status", row)
                e.message_status.status = STATUS_WORDS[row["message_status"]]
                e.message_status.message_uuid = uid(account, row["message_key"], row["conversation_id"])
                self.publish(account, e)

    def event(self, account, v, kind, row):
        v["sequence"] += 1
        e = chat_event_pb2.ChatEvent(event_id=uid(kind, account, row["id"]), workspace_id=self.accounts[account]["workspace"],
                                     account_id=self.accounts[account]["uuid"], conversation_id=v["uuid"], sequence=v["sequence"],
                                     origin=common_pb2.ORIGIN_LIVE)
        e.source.producer, e.source.epoch, e.source.seq = "chat-sync", 1, len(self.s.topics["chat-event"]) + 1
        return e

    def publish(self, account, e):
        r = self.record("chat-event", SimpleNamespace(**self.accounts[account]), e.SerializeToString())
        r.key = f"{e.workspace_id}:{e.conversation_id}"

    # Deliveries

    def delivered(self):
        for p in range(PARTITIONS):
            self.consume_all("chat-event", p)
        self.s.epochs = [{p: 1 for p in range(PARTITIONS)}] * 2
        self.t["webhook_endpoints"] = [{
            "workspace_id": self.workspace_ids[h["workspace"]], "id": n + 1, "uuid": endpoint, "enabled": h["name"] != "sleeper",
            "enabled_at": iso(0), "disabled_at": None, "active_from": iso(0)} for n, (endpoint, h) in enumerate(self.s.setup["hooks"].items())]
        self.t["webhook_positions"], self.t["webhook_retry_queue"], self.t["webhook_attempts"] = [], [], []
        events = [(r, chat_event_pb2.ChatEvent.FromString(r.value)) for r in self.s.topics["chat-event"]]
        for endpoint, hook in self.s.setup["hooks"].items():
            matching = [(r, e) for r, e in events if e.workspace_id == hook["workspace"]
                    and (not hook["types"] or e.WhichOneof("event") == "message_created")]
            for n, (r, e) in enumerate(matching):
                self.deliver(endpoint, hook, r, e, n)

    def deliver(self, endpoint, hook, r, e, n):
        """The sleeper was disabled after three deliveries: the fourth is pending, and later ones are beyond its position."""
        if hook["name"] == "redirecting":
            self.record_delivery(endpoint, hook, e, 302)
            self.s.topics["chat-event.webhook-dispatcher.dlq"].append(Rec(r.partition, n, r.key, r.value, {
                "__dlq.errors.partition": str(r.partition), "__dlq.errors.offset": str(r.offset), "x-dlq-endpoint": endpoint,
                "x-dlq-reason": "exhausted", "__dlq.errors.message": "HTTP 302"}))
        elif hook["name"] == "sleeper" and n == 3:
            self.t["webhook_retry_queue"].append({
                "id": 1, "endpoint_id": self.endpoint_id(endpoint), "workspace_id": self.workspace_ids[hook["workspace"]],
                "event_id": e.event_id, "status": "pending", "next_retry_at": "infinity", "lease_owner": None})
            self.t["webhook_positions"].append({
                "endpoint_id": self.endpoint_id(endpoint), "workspace_id": self.workspace_ids[hook["workspace"]],
                "partition": r.partition, "next_offset": r.offset + 1, "live_from": None})
        elif hook["name"] != "sleeper" or n < 3:
            if n % 5 == 0:
                self.record_delivery(endpoint, hook, e, 503)
            self.record_delivery(endpoint, hook, e, 204)

    def endpoint_id(self, endpoint):
        return list(self.s.setup["hooks"]).index(endpoint) + 1

    def record_delivery(self, endpoint, hook, e, status):
        body = json.dumps({"id": e.event_id, "conversation_id": e.conversation_id, "sequence": e.sequence,
                           "text": e.message_created.message.body}, ensure_ascii=False)
        key, id_ = base64.b64decode(hook["secret"].removeprefix("whsec_")), uid(endpoint, e.event_id)
        made = hmac.new(key, f"{id_}.1.{body}".encode(), hashlib.sha256).digest()
        self.s.deliveries.append({"endpoint": endpoint, "cycle": 1, "status": status, "body": body, "headers": {
            "webhook-id": id_, "webhook-timestamp": "1", "webhook-signature": "v1," + base64.b64encode(made).decode(),
            "x-whatsapp-signature": hmac.new(key, body.encode(), hashlib.sha256).hexdigest()}})
