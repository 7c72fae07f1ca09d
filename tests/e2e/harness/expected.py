"""Compares expected.json with the resulting events: one InboundEvent must match each expected item (32-events: the table).

An absent key is not asserted; times are asserted to the second. The tables below translate the words of the providers.
"""
import hashlib
import re

from blazz.v1 import common_pb2 as common
from blazz.v1 import inbound_pb2 as inbound

TYPES = {
    "text": ("chat", "conversation", "extendedTextMessage"),
    "image": ("imageMessage",), "video": ("videoMessage",), "audio": ("audioMessage",), "voice": ("ptt",),
    "document": ("documentMessage",), "sticker": ("stickerMessage",),
    "location": ("live_location", "locationMessage", "liveLocationMessage"),
    "contacts": ("vcard", "multi_vcard", "contactMessage", "contactsArrayMessage"),
    "interactive": ("button", "buttons_response", "list_response", "buttonsResponseMessage", "listResponseMessage",
                    "templateButtonReplyMessage"),
    "poll": ("poll_creation",), "order": ("orderMessage",), "group_invite": ("groups_v4_invite", "groupInviteMessage"),
    "system": ("e2e_notification",), "call": ("call_log",),
    "unknown": ("unsupported", "ciphertext", "errors", "media_placeholder"),
}
TYPE_OF = {word: name for name, words in TYPES.items() for word in (name, *words)}
ACKS = {-1: "failed", 0: "pending", 1: "sent", 2: "delivered", 3: "read", 4: "played", "ERROR": "failed", "PENDING": "pending",
        "SERVER_ACK": "sent", "DELIVERY_ACK": "delivered", "DELIVERED": "delivered", "READ": "read", "PLAYED": "played",
        "SENT": "sent"}
SESSIONS = {"ready": "CONNECTED", "WORKING": "CONNECTED", "open": "CONNECTED", "authenticated": "AUTHENTICATED", "qr": "QR",
            "loading_screen": "STARTING", "close": "DISCONNECTED"}
ACTIONS = {"group_create": "CREATE", "update": "SUBJECT", "subject": "SUBJECT", "join": "JOIN", "participants:leave": "LEAVE",
           "add": "ADD", "remove": "REMOVE", "promote": "PROMOTE", "demote": "DEMOTE", "invite": "JOIN", "leave": "LEAVE"}


def type_word(number):
    return common.MessageType.Name(number).removeprefix("MESSAGE_TYPE_").lower()


def status_word(number):
    return common.MessageStatus.Name(number).removeprefix("MESSAGE_STATUS_").lower()


def same_person(party, address):
    digits = address.split("@")[0].split(":")[0]
    if address.endswith(("@c.us", "@s.whatsapp.net")) or re.fullmatch(r"\+?\d+", address):
        return party.phone.lstrip("+") == digits.lstrip("+")
    if address.endswith("@lid"):
        return party.lid == digits
    return party.bsuid == address


def same_chat(chat, address):
    if chat.WhichOneof("peer") == "group":
        return chat.group.jid == address
    return chat.WhichOneof("peer") == "contact" and same_person(chat.contact, address)


def same_target(target, id_):
    """id_ is a serialized id, a wamid or a bare stanza id."""
    parts = re.fullmatch(r"(true|false)_[^_]+_([^_]+)(_.*)?", id_)
    if parts:
        return target.key == f"{parts[1]}:{parts[2]}"
    return target.key == id_ or target.stanza == id_ or re.fullmatch(rf"(true|false):{re.escape(id_)}", target.key)


class Mismatch(Exception):
    pass


class Check:
    """Assertions about one expected item, each with a name."""

    def __init__(self, item):
        self.item = item

    def that(self, good, what):
        if not good:
            raise Mismatch(what)

    def equal(self, key, got, want=None):
        if key in self.item:
            want = self.item[key] if want is None else want
            self.that(got == want, f"{key}: {got!r}, not {want!r}")

    def fits(self, key, test):
        if self.item.get(key) is not None:
            self.that(test(self.item[key]), f"{key}: not {self.item[key]!r}")


def key_of(item):
    """The message key that the item's id stands for; None: a generated one."""
    if item.get("id") is None:
        return None
    parts = re.fullmatch(r"(true|false)_[^_]+_([^_]+)(_.*)?", item["id"])
    if parts:
        return f"{parts[1]}:{parts[2]}"
    if item["id"].startswith("wamid."):
        return item["id"]
    return f"{'true' if item['direction'] == 'out' else 'false'}:{item['id']}"


def check_message(c, m, time_ms):
    item = c.item
    if "id" in item:
        c.that(m.synthetic_key if item["id"] is None else m.key == key_of(item), f"key: {m.key!r}, not {item['id']!r}")
    c.fits("chat", lambda a: same_chat(m.chat, a))
    c.fits("chat_alias", lambda a: same_person(m.chat.contact, a))
    c.equal("direction", {1: "in", 2: "out"}.get(m.direction))
    if item.get("direction") == "in":
        sender = m.sender if m.chat.WhichOneof("peer") == "group" else m.chat.contact
        c.fits("sender", lambda a: same_person(sender, a))
        c.fits("sender_alias", lambda a: same_person(sender, a))
    c.fits("stanza_id", lambda s: m.key.endswith(":" + s))
    check_content(c, m)
    c.equal("ts", time_ms // 1000)


def check_content(c, m):
    item = c.item
    if "type" in item:
        got, want = type_word(m.type), item["type"]
        if want == "media":  # WAHA: by mime type
            c.that(got in ("image", "video", "audio", "voice", "document", "sticker", "unknown"), f"type {got}")
        elif want == "audio":
            c.that(got in ("audio", "voice"), f"type {got}")
        elif item["kind"] != "message_pending":
            c.that(got == TYPE_OF[want], f"type: {got}, not {TYPE_OF[want]}")
    if item["kind"] == "message_pending":
        c.that(m.placeholder, "no placeholder")
    if item.get("type") in ("unsupported", "media_placeholder") and "error_code" not in item:
        c.that(m.placeholder or type_word(m.type) == "unknown", "neither placeholder nor unknown")
    c.equal("body", m.body)
    c.fits("body_sha256", lambda h: hashlib.sha256(m.body.encode()).hexdigest() == h)
    c.fits("body_chars", lambda n: len(m.body) == n)
    c.equal("media_id", m.media.provider_media_id)
    c.equal("mime", m.media.mime)
    c.fits("error_code", lambda n: m.error.code == str(n))
    c.fits("reply_to", lambda id_: same_target(m.quoted.target, id_))
    c.fits("reply_to_stanza", lambda id_: same_target(m.quoted.target, id_))
    if item.get("direction") == "out" and "ack" in item and item["ack"] in ACKS:
        c.that(status_word(m.status) == ACKS[item["ack"]], f"status {status_word(m.status)}")
    c.fits("selected", lambda word: word in m.extra)


def check_update(c, v, e):
    """edit, revoke, reaction, poll vote, status: items that depend on a message."""
    item = c.item
    target = item.get("target_id") or item.get("target_stanza") or item.get("id")
    c.that(same_target(v.target, target), f"target: {v.target}, not {target}")
    c.fits("chat", lambda a: same_chat(v.chat, a))
    c.equal("ts", e.source_time_ms // 1000)


def check_sender(c, v, field):
    if "sender" in c.item and c.item["sender"] != "me" and c.item.get("direction") != "out":
        party = getattr(v, field)
        in_chat = v.chat.WhichOneof("peer") == "contact" and same_person(v.chat.contact, c.item["sender"])
        c.that(same_person(party, c.item["sender"]) or in_chat, f"sender: {party}")


def participants_fit(got, want):
    """["x@lid:admin", ...]; an absent role is not asserted."""
    if len(got) != len(want):
        return False
    for word in want:
        address, _, role = word.partition(":")
        found = [p for p in got if same_person(p.party, address)]
        if not found or (role == "admin" and not found[0].admin) or (role == "superadmin" and not found[0].super_admin):
            return False
    return True


def check_state(c, s, name):
    c.fits("chat", lambda a: same_chat(s.chat, a))
    peer = getattr(s.chat, s.chat.WhichOneof("peer"))
    c.equal("body", name or peer.name)
    if "unread" in c.item:
        c.that(s.HasField("unread") and s.unread.count == c.item["unread"], f"unread: {s.unread}")
    if "archived" in c.item:
        c.that(s.HasField("archived") and s.archived.archived == c.item["archived"], f"archived: {s.archived}")
    c.fits("participants", lambda want: s.has_participants and participants_fit(s.participants, want))


def check_group(c, g, e):
    c.that(g.group.jid == c.item["chat"], f"group {g.group.jid}")
    word = inbound.GroupChange.Action.Name(g.action).removeprefix("ACTION_")
    want = ACTIONS[c.item["type"]]
    c.that(word == want or (c.item["type"] == "invite" and word == "INVITE"), f"action: {word}, not {want}")
    c.fits("body", lambda text: text in (g.text, g.group.name))
    c.fits("participants", lambda want: participants_fit(g.participants, want))
    c.fits("sender", lambda a: same_person(g.actor, a))
    c.equal("ts", e.source_time_ms // 1000)


def check_session(c, s):
    word = inbound.SessionState.State.Name(s.state).removeprefix("STATE_")
    c.that(word == SESSIONS[c.item["type"]], f"state {word}")
    if c.item["type"] == "close" and c.item.get("body") == "401":
        c.that(s.reason == inbound.SessionState.REASON_USER_INITIATED, "401 is logged out by the user")


def check_account(c, e):
    kind = e.WhichOneof("event")
    if kind == "template_status":
        c.that(c.item["body"] in (e.template_status.status, e.template_status.quality), f"{e.template_status}")
    else:
        c.that(kind == "account_notice" and e.account_notice.kind == c.item["type"], f"kind {kind}")
        c.equal("body", e.account_notice.text)
    c.equal("ts", e.source_time_ms // 1000)


def check_contact(c, v, e):
    c.fits("id", lambda a: same_person(v.party, a))
    c.fits("phone", lambda a: same_person(v.party, a))
    names = (v.full_name, f"{v.first_name} {v.last_name}".strip(), v.party.name)
    c.fits("body", lambda name: name in names)
    if "action" in c.item:
        want = v.ACTION_REMOVE if c.item["action"] == "remove" else v.ACTION_UPSERT
        c.that(v.action == want, f"action {v.action}")
    c.equal("ts", e.source_time_ms // 1000)


def check_call(c, v, e):
    c.equal("id", v.call_id)
    c.fits("chat", lambda a: same_chat(v.chat, a))
    c.that(v.video == (c.item["type"] == "video"), "video")
    c.equal("ts", e.source_time_ms // 1000)


def check_identity(c, v):
    c.that(same_person(v.old, c.item["old"]) and same_person(v.new, c.item["new"]), f"{v}")


def check_status(c, v, e):
    check_update(c, v, e)
    c.that(status_word(v.status) == c.item["type"], f"status {status_word(v.status)}")
    c.fits("participant", lambda a: same_person(v.participant, a))
    c.fits("error_code", lambda n: v.error.code == str(n))


def check_edit(c, v, e):
    check_update(c, v, e)
    c.equal("body", v.body)
    check_sender(c, v, "sender")


def check_reaction(c, v, e):
    check_update(c, v, e)
    c.equal("body", v.emoji)
    check_sender(c, v, "sender")


def check_vote(c, v, e):
    check_update(c, v, e)
    c.that(", ".join(v.options) == c.item["body"], f"options {list(v.options)}")
    check_sender(c, v, "voter")


def check_batch_end(c, v):
    for key in ("sync_id", "index", "total", "last", "chats", "rejected"):
        if c.item.get(key) is not None:
            c.equal(key, getattr(v, key))


def check_history(c, v):
    for key in ("phase", "chunk", "progress"):
        c.equal(key, getattr(v, key))
    if c.item["kind"] == "history_declined":
        c.that(v.declined and v.error.code == str(c.item["error_code"]), f"{v}")


def check_opt_out(c, v, e):
    c.that(same_person(v.party, c.item["chat"]) and v.category == c.item["type"], f"{v}")
    c.that(v.stop == (c.item["body"] == "stop"), "stop")


# kind: (members of the oneof that may match, the check)
KINDS = {
    "message": (("message",), lambda c, e: check_message(c, e.message, e.source_time_ms)),
    "message_pending": (("message",), lambda c, e: check_message(c, e.message, e.source_time_ms)),
    "history_message": (("message",), lambda c, e: (c.that(e.origin == common.ORIGIN_HISTORY, "origin"),
                                                    check_message(c, e.message, e.source_time_ms))),
    "history_media": (("message",), lambda c, e: (c.that(e.origin == common.ORIGIN_HISTORY, "origin"),
                                                  check_message(c, e.message, e.source_time_ms))),
    "status": (("message_status",), lambda c, e: check_status(c, e.message_status, e)),
    "edit": (("message_edit",), lambda c, e: check_edit(c, e.message_edit, e)),
    "revoke": (("message_revoke",), lambda c, e: check_update(c, e.message_revoke, e)),
    "reaction": (("reaction",), lambda c, e: check_reaction(c, e.reaction, e)),
    "poll_vote": (("poll_vote",), lambda c, e: check_vote(c, e.poll_vote, e)),
    "group": (("group_change",), lambda c, e: check_group(c, e.group_change, e)),
    "chat_upsert": (("chat_state",), lambda c, e: check_state(c, e.chat_state, "")),
    "sync_end": (("sync_batch_end",), lambda c, e: check_batch_end(c, e.sync_batch_end)),
    "history_progress": (("history_state",), lambda c, e: check_history(c, e.history_state)),
    "history_declined": (("history_state",), lambda c, e: check_history(c, e.history_state)),
    "contact_upsert": (("contact",), lambda c, e: check_contact(c, e.contact, e)),
    "contact_sync": (("contact",), lambda c, e: check_contact(c, e.contact, e)),
    "contact_changed": (("identity_change",), lambda c, e: check_identity(c, e.identity_change)),
    "user_preference": (("opt_out",), lambda c, e: check_opt_out(c, e.opt_out, e)),
    "session": (("session_state",), lambda c, e: check_session(c, e.session_state)),
    "account": (("account_notice", "template_status"), check_account),
    "channel_error": (("account_notice",), lambda c, e: c.fits("error_code", lambda n: e.account_notice.error.code == str(n))),
    "call": (("call",), lambda c, e: check_call(c, e.call, e)),
}


def sync_chats_expanded(events):
    """The events, with each sync_chat replaced by a chat_upsert and its history_messages."""
    out = []
    for e in events:
        if e.WhichOneof("event") != "sync_chat":
            out.append(e)
            continue
        if not e.sync_chat.continued:
            state = inbound.InboundEvent(origin=e.origin, source_time_ms=e.source_time_ms)
            state.chat_state.CopyFrom(e.sync_chat.state)
            out.append(state)
        for h in e.sync_chat.messages:
            m = inbound.InboundEvent(origin=common.ORIGIN_HISTORY, source_time_ms=h.source_time_ms)
            m.message.CopyFrom(h.message)
            if not m.message.HasField("chat"):
                m.message.chat.CopyFrom(e.sync_chat.state.chat)
            out.append(m)
    return out


def differences(expected, events):
    """How the events of one body differ from the expected items; empty when they do not."""
    left, wrong = sync_chats_expanded(events), []
    for item in expected:
        members, check = KINDS[item["kind"]]
        reasons = []
        for e in left:
            if e.WhichOneof("event") not in members:
                continue
            try:
                check(Check(item), e)
            except Mismatch as why:
                reasons.append(str(why))
                continue
            left.remove(e)
            break
        else:
            wrong.append(f"{item['kind']} {item.get('id', '')}: " + ("; ".join(reasons) or "no such event"))
    return wrong + [f"not expected: {e.WhichOneof('event')} {e}" for e in left]
