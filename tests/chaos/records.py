"""Items of the load generator as records of inbound, valid or invalid, as an outside producer publishes them."""
from blazz.v1 import common_pb2 as common
from blazz.v1 import inbound_pb2

from harness.events import Source, headers

from dialects import stanza

STATUS_WORDS = {"sent": common.MESSAGE_STATUS_SENT, "delivered": common.MESSAGE_STATUS_DELIVERED,
                "read": common.MESSAGE_STATUS_READ, "played": common.MESSAGE_STATUS_PLAYED,
                "failed": common.MESSAGE_STATUS_FAILED, "pending": common.MESSAGE_STATUS_PENDING}
ORIGINS = {"live": common.ORIGIN_LIVE, "history": common.ORIGIN_HISTORY, "sync": common.ORIGIN_SYNC}
GROUP_ACTIONS = {"subject": inbound_pb2.GroupChange.ACTION_SUBJECT, "add": inbound_pb2.GroupChange.ACTION_ADD,
                 "remove": inbound_pb2.GroupChange.ACTION_REMOVE}
SESSIONS = {"connected": inbound_pb2.SessionState.STATE_CONNECTED, "disconnected": inbound_pb2.SessionState.STATE_DISCONNECTED,
            "qr_scanning": inbound_pb2.SessionState.STATE_QR}


def fill(chat, address, name=""):
    Source.fill_chat(chat, address.get("phone"), address.get("lid"), address.get("group"), name)


def fill_message(m, item):
    fill(m.chat, item["chat"], "" if "group" in item["chat"] or item["out"] else item["name"])
    m.key, m.provider_id, m.body = item["key"], stanza(item["key"]), item["body"]
    m.direction = common.DIRECTION_OUTBOUND if item["out"] else common.DIRECTION_INBOUND
    m.type = common.MESSAGE_TYPE_TEXT
    m.placeholder = item.get("placeholder", False)
    if item["out"]:
        m.status = STATUS_WORDS[item["status"]]
    if item.get("sender") and not item["out"]:
        m.sender.phone, m.sender.name = item["sender"]["phone"], item["name"]


def fill_update(v, item):
    v.target.key = item["key"]
    fill(v.chat, item["chat"])
    if hasattr(v, "direction"):
        v.direction = common.DIRECTION_OUTBOUND if item.get("out") else common.DIRECTION_INBOUND


def fill_status(v, item):
    fill_update(v, item)
    v.status = STATUS_WORDS[item["status"]]
    if item.get("participant"):
        v.participant.phone = item["participant"]


def fill_edit(v, item):
    fill_update(v, item)
    v.body = item["body"]


def fill_reaction(v, item):
    fill_update(v, item)
    v.emoji = item["emoji"]
    if not item["out"]:
        who = item.get("sender") or item["chat"]
        v.sender.phone, v.sender.lid = who.get("phone", ""), who.get("lid", "")


def fill_read(v, item):
    fill(v.chat, item["chat"])
    v.read_at_ms = item["read_at"]


def fill_sync_chat(v, item):
    fill(v.state.chat, item["chat"], item["name"])
    v.sync_id, v.index, v.rank = item["sync"], item["index"], item["rank"]
    for one in item["messages"]:
        history = v.messages.add()
        fill_message(history.message, one)
        history.source_time_ms = one["at"]


def fill_sync_end(v, item):
    v.sync_id, v.index, v.total, v.last = item["sync"], item["index"], item["total"], item["last"]
    v.chats, v.rejected = item["chats"], item["rejected"]


def fill_alias(v, item):
    v.kind, v.old.lid, v.new.phone = v.KIND_ALIAS, item["lid"], item["phone"]


def fill_number(v, item):
    v.kind, v.old.phone, v.new.phone = v.KIND_NUMBER_CHANGED, item["old"], item["new"]


def fill_group(v, item):
    v.group.jid, v.action = item["chat"]["group"], GROUP_ACTIONS[item["action"]]
    v.text = item.get("text", "")
    for phone in item.get("participants", ()):
        v.participants.add().party.phone = phone


def fill_session(v, item):
    v.state = SESSIONS[item["state"]]


# kind: (the variant of InboundEvent, the function that fills it)
VARIANTS = {
    "message": ("message", fill_message), "status": ("message_status", fill_status), "edit": ("message_edit", fill_edit),
    "revoke": ("message_revoke", fill_update), "reaction": ("reaction", fill_reaction), "delete": ("message_delete", fill_update),
    "read": ("read_marker", fill_read), "sync_chat": ("sync_chat", fill_sync_chat), "sync_end": ("sync_batch_end", fill_sync_end),
    "alias": ("identity_change", fill_alias), "number": ("identity_change", fill_number), "group": ("group_change", fill_group),
    "session": ("session_state", fill_session),
}


def event_of(account, item):
    variant, filler = VARIANTS[item["kind"]]
    source = Source(account.workspace, account.uuid)
    event = source.event(variant, item["n"], at=item["at"] / 1000, origin=ORIGINS[item.get("origin", "live")])
    filler(getattr(event, variant), item)
    return event


# Violations of the rules of inbound.proto: {name: (reason, the function that makes a valid event invalid)}

def without(member):
    return lambda e: e.message.ClearField(member)


def assign(field, value):
    return lambda e: setattr(e, field, value)


def no_variant(event):
    event.ClearField("event")
    return event.SerializeToString() + b"\xaa\x06\x02\x08\x01"  # field 101, which no release has


SPOILERS = {
    "no protobuf": ("decode", lambda e: b"\xff\xff\xff\xff" + e.event_id.encode()),
    "not UTF-8": ("decode", lambda e: e.SerializeToString().replace(e.message.body.encode()[:4], b"\xff\xfe\xff\xfe")),
    "variant unknown": ("unsupported", no_variant),
    "no chat": ("rule", without("chat")),
    "no direction": ("rule", without("direction")),
    "no key": ("rule", without("key")),
    "no such account": ("unknown_reference", assign("account_id", "00000000-0000-4000-8000-000000000001")),
    "a number that numeric cannot hold": ("rule", lambda e: setattr(e.message, "extra", '{"price":1e999999}')),
    "another workspace": ("unknown_reference", assign("workspace_id", "00000000-0000-4000-8000-000000000002")),
}


def bad_value(account, item):
    event = event_of(account, item["good"])
    value = SPOILERS[item["how"]][1](event)
    return value if isinstance(value, bytes) else event.SerializeToString()


def topic_of(item):
    """Events of syncs and histories have a topic of their own; an invalid record goes to the topic of a valid one."""
    return "inbound" if item.get("good", item).get("origin", "live") == "live" else "inbound.bulk"


def record_of(account, item):
    """(value, headers) as an outside producer publishes it."""
    if item["kind"] == "bad":
        return bad_value(account, item), []
    event = event_of(account, item)
    return event.SerializeToString(), headers(event, "chaos")
