"""A snapshot in the terms of the plan, as the invariants query it: items and events by their identity, rows by the model's keys."""
import json
import re
import sys
from collections import defaultdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "build/gen/python")]

from blazz.v1 import chat_event_pb2, common_pb2, inbound_pb2  # noqa: E402 (found by the line above)

from dialects import AT_INGEST, stanza  # noqa: E402
from model import Model  # noqa: E402
from records import bad_value  # noqa: E402
from snapshot import INBOUND, STREAM_OF  # noqa: E402


def ms(text):
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)


def word(enum, number, prefix):
    return enum.Name(number).removeprefix(prefix).lower()


def chat_name(chat):
    if chat.WhichOneof("peer") == "group":
        return chat.group.jid
    return chat.contact.lid or chat.contact.phone.lstrip("+")


def item_chat(chat):
    return chat.get("group") or chat.get("lid") or chat["phone"]


def identity_of_item(item):
    """The identity of an item, which is the same whether it was posted or published."""
    kind = item["kind"]
    if kind == "message":
        return kind, stanza(item["key"]), item_chat(item["chat"]), item.get("origin", "live"), item["body"]
    if kind == "status":
        return kind, stanza(item["key"]), item["status"], item.get("participant", "")
    if kind == "edit":
        return kind, stanza(item["key"]), item["body"]
    if kind in ("revoke", "delete"):
        return kind, stanza(item["key"])
    if kind == "reaction":
        return kind, stanza(item["key"]), item["emoji"], item["out"]
    if kind == "read":
        return kind, item_chat(item["chat"]), item["read_at"]
    if kind == "sync_chat":
        return kind, item["sync"], item["rank"], len(item["messages"])
    if kind == "sync_end":
        return kind, item["sync"], item["index"], item["chats"], item["rejected"]
    if kind == "alias":
        return kind, item["lid"], item["phone"]
    if kind == "number":
        return kind, item["old"], item["new"]
    if kind == "group":
        return kind, item["chat"]["group"], item.get("text", ""), tuple(sorted(item.get("participants", ()))), item["action"]
    return kind, item["state"], item["at"]


def identity_of_event(e):
    variant = e.WhichOneof("event")
    v = getattr(e, variant)
    if variant == "message":
        origin = word(common_pb2.Origin, e.origin, "ORIGIN_")
        return "message", stanza(v.key), chat_name(v.chat), origin, v.body
    if variant == "message_status":
        return "status", target(v), word(common_pb2.MessageStatus, v.status, "MESSAGE_STATUS_"), v.participant.phone.lstrip("+")
    if variant == "message_edit":
        return "edit", target(v), v.body
    if variant in ("message_revoke", "message_delete"):
        return variant.removeprefix("message_"), target(v)
    if variant == "reaction":
        return variant, target(v), v.emoji, v.direction == common_pb2.DIRECTION_OUTBOUND
    if variant == "read_marker":
        return "read", chat_name(v.chat), v.read_at_ms
    if variant == "sync_chat":
        return variant, v.sync_id, v.rank, len(v.messages)
    if variant == "sync_batch_end":
        return "sync_end", v.sync_id, v.index, v.chats, v.rejected
    if variant == "identity_change" and v.kind == v.KIND_ALIAS:
        return "alias", v.old.lid, v.new.phone
    if variant == "identity_change" and v.kind == v.KIND_NUMBER_CHANGED:
        return "number", v.old.phone, v.new.phone
    if variant == "group_change":
        action = word(inbound_pb2.GroupChange.Action, v.action, "ACTION_")
        return "group", v.group.jid, v.text, tuple(sorted(p.party.phone for p in v.participants)), action
    if variant == "session_state":
        state = {"connected": "connected", "disconnected": "disconnected", "qr": "qr_scanning"}
        name = word(inbound_pb2.SessionState.State, v.state, "STATE_")
        return "session", state.get(name, name), e.source_time_ms
    return (variant,)


def target(v):
    return stanza(v.target.key) if v.target.key else v.target.stanza


class Case:
    """A snapshot, and the queries that several invariants share."""

    def __init__(self, snapshot):
        self.s = snapshot

    def table(self, name):
        """Rows of the plan's tenants, and those of no tenant. The others are those of sent.py, bridged.py and kept.py."""
        return [r for r in self.s.tables[name] if r.get("workspace_id") not in self.workspaces_apart]

    @cached_property
    def sending_tenants(self):
        """{workspace uuid: marker}"""
        return self.s.sending["setup"]["tenants"] if self.s.sending else {}

    @cached_property
    def sending_workspaces(self):
        return {r["id"] for r in self.s.tables["workspaces"] if r["uuid"] in self.sending_tenants}

    @cached_property
    def tenants_apart(self):
        """{workspace uuid: marker} of those that the model leaves out"""
        return self.sending_tenants | self.s.bridging.get("tenants", {}) | self.s.keeping.get("tenants", {})

    @cached_property
    def workspaces_apart(self):
        return {r["id"] for r in self.s.tables["workspaces"] if r["uuid"] in self.tenants_apart}

    # The journal

    @cached_property
    def sent(self):
        """{number: (account, item)}; the valid item in a POST with an invalid one is an item of its own."""
        out = {}
        for line in self.s.journal:
            if line["what"] == "sent":
                for item in line["items"]:
                    out[item["n"]] = (line["account"], item)
                    if "good" in item and item["how"] == "no id":
                        out[item["good"]["n"]] = (line["account"], item["good"])
        return out

    @cached_property
    def acknowledged(self):
        numbers = {n for line in self.s.journal if line["what"] == "acknowledged" for n in line["items"]}
        return numbers | {self.sent[n][1]["good"]["n"] for n in numbers if self.sent[n][1].get("how") == "no id"}

    @cached_property
    def bad(self):
        """{value of the record: item} of the records that must become dead letters of chat-sync"""
        return {bad_value(SimpleNamespace(**self.s.setup["accounts"][a]), i): i for a, i in self.sent.values()
                if i["kind"] == "bad" and i["how"] not in AT_INGEST}

    # Topics

    @cached_property
    def inbound_records(self):
        """{(topic, partition, offset): record} of both inbound topics"""
        return {(t, r.partition, r.offset): r for t in INBOUND for r in self.s.topics[t]
                if r.key.partition(":")[0] not in self.tenants_apart}

    @cached_property
    def inbound(self):
        """[(place, event)] without the records that were sent as invalid; the event is None when another record cannot be read."""
        return [(place, parse(inbound_pb2.InboundEvent, r.value)) for place, r in self.inbound_records.items() if r.value not in self.bad]

    @cached_property
    def dead_letters(self):
        """{place of the original record: [dead letter]} of chat-sync"""
        out = defaultdict(list)
        for topic in INBOUND:
            for r in self.s.topics[f"{topic}.chat-sync.dlq"]:
                out[topic, int(r.headers["__dlq.errors.partition"]), int(r.headers["__dlq.errors.offset"])].append(r)
        return out

    @cached_property
    def in_inbound(self):
        """{(account uuid, identity)} of the valid events in inbound, without those that chat-sync published itself"""
        return {(e.account_id, identity_of_event(e)) for place, e in self.inbound
                if e and e.WhichOneof("event") and place not in self.dead_letters and not own_merge(e)}

    @cached_property
    def accepted(self):
        """The items that are in inbound, acknowledged or not."""
        out = []
        for account, item in self.sent.values():
            if item["kind"] != "bad" and (self.uuid(account), identity_of_item(item)) in self.in_inbound:
                out.append(item | {"account": account})
        return out

    @cached_property
    def progress(self):
        """{(stream, partition): row}"""
        return {(STREAM_OF[r["consumer"], self.s.setup["topics"][r["topic"]]], r["partition"]): r for r in self.table("consumer_progress")}

    def era(self, record):
        """How often the database had been restored when the record of chat-event was published."""
        return sum(record.offset >= r["restored"].get(record.partition, 0) for r in self.s.restores)

    @cached_property
    def restored_ms(self):
        """When the database was restored last; 0: never"""
        return max((r["at_ms"] for r in self.s.restores), default=0)

    def is_lost(self, record):
        """Whether a restore has taken back what the record of chat-event tells."""
        return any(r["backup"].get(record.partition, 0) <= record.offset < r["restored"].get(record.partition, 0) for r in self.s.restores)

    @cached_property
    def published(self):
        """([(record, event)] of chat-event, [(record, event)] of the late ones that readers discard (proto/README.md)). What is published again
        after a restore is in neither; see republished."""
        kept, dropped = self.in_time
        again = {(r.partition, r.offset) for _, (r, _) in self.republished}
        return [(r, e) for r, e in kept if (r.partition, r.offset) not in again], dropped

    @cached_property
    def republished(self):
        """[((record, event) before a restore, (record, event) after it)]"""
        first, out = {}, []
        for r, e in self.in_order:
            before = first.setdefault(e.event_id, (r, e))
            if self.era(before[0]) < self.era(r):
                out.append((before, (r, e)))
        return out

    @cached_property
    def in_order(self):
        """[(record, event)] of chat-event that are in time; what was published after a restore is behind what was before it"""
        return sorted(self.in_time[0], key=lambda one: self.era(one[0]))

    @cached_property
    def in_time(self):
        """[(record, event)] of chat-event, and those of them that are late"""
        marks, kept, dropped = {}, [], []
        for r in self.s.topics["chat-event"]:
            e = chat_event_pb2.ChatEvent.FromString(r.value)
            slot, at = (r.partition, e.source.producer, e.source.slot), (e.source.epoch, e.source.seq, e.source.index)
            if at <= marks.get(slot, (-1, -1, -1)):
                dropped.append((r, e))
            else:
                marks[slot] = at
                kept.append((r, e))
        return kept, dropped

    # Tables and the model

    def uuid(self, account):
        return self.s.setup["accounts"][account]["uuid"]

    @cached_property
    def model(self):
        return Model({name: a["workspace"] for name, a in self.s.setup["accounts"].items()}, self.accepted)

    @cached_property
    def account_of(self):
        """{row id of an account: its name in the plan}"""
        names = {a["uuid"]: name for name, a in self.s.setup["accounts"].items()}
        return {r["id"]: names[r["uuid"]] for r in self.table("whatsapp_accounts")}

    @cached_property
    def workspaces(self):
        return {r["id"]: r["uuid"] for r in self.table("workspaces")}

    @cached_property
    def contact_roots(self):
        into = {r["id"]: r["merged_into"] for r in self.table("contacts")}

        def root(id_):
            while into[id_]:
                id_ = into[id_]
            return id_
        return {id_: root(id_) for id_ in into}

    @cached_property
    def named(self):
        """{(workspace, kind, value): contact} of the aliases"""
        return {(self.workspaces[r["workspace_id"]], r["kind"], r["value"]): self.contact_roots[r["contact_id"]]
                for r in self.table("contact_aliases")}

    @cached_property
    def contact_names(self):
        return {r["id"]: r["full_name"] for r in self.table("contacts")}

    @cached_property
    def persons(self):
        """{(workspace, representative): contact}"""
        out = {}
        for workspace in self.s.setup["tenants"]:
            for person, names in self.model.persons(workspace).items():
                found = {self.named.get((workspace, *n)) for n in names}
                out[workspace, person] = found.pop() if len(found) == 1 else None
        return out

    def peer(self, account, peer):
        """The peer as the tables have it, of a peer of the model."""
        if peer[0] == "group":
            return peer
        return "contact", self.persons.get((self.s.setup["accounts"][account]["workspace"], peer[1]))

    def person(self, account, name):
        """The contact of the model's representative, or the alias when there is no contact."""
        return self.persons.get((self.s.setup["accounts"][account]["workspace"], name)) or name[1]

    def sender(self, account, text):
        """The contact to which a participant or the sender of a reaction resolves now, or the alias when there is no contact."""
        if text in self.contact_uuids:
            return self.contact_uuids[text]
        name = ("lid", text.removesuffix("@lid")) if text.endswith("@lid") else ("phone", text.lstrip("+"))
        return self.named.get((self.s.setup["accounts"][account]["workspace"], *name)) or name[1]

    @cached_property
    def contact_uuids(self):
        return {r["uuid"]: self.contact_roots[r["id"]] for r in self.table("contacts")}

    @cached_property
    def groups(self):
        return {r["id"]: r for r in self.table("whatsapp_groups")}

    @cached_property
    def conversations(self):
        """{(account, peer): [row]} of conversations that are not merged"""
        out = defaultdict(list)
        for r in self.table("conversations"):
            if r["merged_into"] is None:
                peer = (("group", self.groups[r["group_id"]]["group_jid"]) if r["group_id"]
                        else ("contact", self.contact_roots[r["contact_id"]]))
                out[self.account_of[r["account_id"]], peer].append(r)
        return out

    @cached_property
    def rows(self):
        """{(account, peer, key): [row]}"""
        by_id = {r["id"]: place for place, rows in self.conversations.items() for r in rows}
        out = defaultdict(list)
        for r in self.table("chats"):
            account, peer = by_id.get(r["conversation_id"], (self.account_of[r["account_id"]], ("merged", r["conversation_id"])))
            out[account, peer, r["message_key"]].append(r)
        return out

    @cached_property
    def reactions_of(self):
        return group_by(self.table("chat_reactions"), "chat_id")

    @cached_property
    def tenant_of(self):
        """{public id of an account, an endpoint or a campaign: its workspace}"""
        accounts = [*self.s.setup["accounts"].values(), *(self.s.sending["setup"]["accounts"].values() if self.s.sending else ())]
        sessions = {a["uuid"]: w for w in self.s.bridging.get("tenants", ()) for a in self.s.bridging["accounts"]}
        return {a["uuid"]: a["workspace"] for a in accounts} | sessions | self.s.keeping.get("accounts", {}) | {
            uuid: hook["workspace"] for uuid, hook in self.s.setup["hooks"].items()} | {
            r["uuid"]: self.workspaces[r["workspace_id"]] for r in self.s.tables.get("campaigns", ())}

    @cached_property
    def pairs(self):
        """[(place, message of the model, row)] of the messages that are stored exactly once"""
        out = []
        for m in self.model.messages.values():
            place = (m.account, self.peer(m.account, m.peer), m.key)
            if len(self.rows[place]) == 1:
                out.append((place, m, self.rows[place][0]))
        return out


def parse(kind, value):
    try:
        return kind.FromString(value)
    except Exception:
        return None


def own_merge(e):
    return e.WhichOneof("event") == "identity_change" and e.identity_change.kind == e.identity_change.KIND_MERGED


def text_of(row):
    """All of a row as text, with the content of its bytea columns."""
    bytes_ = " ".join(bytes.fromhex(v[2:]).decode(errors="replace") for v in row.values()
                      if isinstance(v, str) and re.fullmatch(r"\\x([0-9a-f]{2})+", v))
    return json.dumps(row, ensure_ascii=False) + bytes_


def group_by(rows, *columns):
    out = defaultdict(list)
    for r in rows:
        out[tuple(r[c] for c in columns)].append(r)
    return out
