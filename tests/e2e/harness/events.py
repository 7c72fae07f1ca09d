"""InboundEvents as a producer outside Blazz makes them from the published .proto files."""
import hashlib
import uuid

from blazz.v1 import common_pb2 as common
from blazz.v1 import inbound_pb2

T0 = 1767225600  # 2026-01-01 in seconds: the fixtures' time


def event_id(*parts):
    """A stable UUIDv8, as inbound.proto asks for."""
    digest = bytearray(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


class Source:
    """Makes events of one account."""

    def __init__(self, workspace, account, provider=common.PROVIDER_WEBJS, bridge=common.BRIDGE_KIND_BLAZZ):
        self.workspace, self.account, self.provider, self.bridge = workspace, account, provider, bridge

    def event(self, kind, *identity, at=T0, origin=common.ORIGIN_LIVE):
        e = inbound_pb2.InboundEvent(event_id=event_id(self.account, kind, at, *identity), workspace_id=self.workspace,
                                     account_id=self.account, provider=self.provider, bridge_kind=self.bridge,
                                     source_time_ms=int(at * 1000), ingest_time_ms=int(at * 1000) + 500, origin=origin)
        getattr(e, kind).SetInParent()
        return e

    @staticmethod
    def fill_chat(chat, phone=None, lid=None, group=None, name=""):
        if group:
            chat.group.jid, chat.group.name = group, name
        else:
            chat.contact.phone, chat.contact.lid, chat.contact.name = phone or "", lid or "", name

    def message(self, stanza, phone="16505551234", body="hello", at=T0, out=False, lid=None, group=None, sender=None, name="",
                origin=common.ORIGIN_LIVE, type=common.MESSAGE_TYPE_TEXT, **fields):
        e = self.event("message", stanza, body, at=at, origin=origin)
        m = e.message
        self.fill_chat(m.chat, phone, lid, group, name)
        m.key, m.provider_id = f"{'true' if out else 'false'}:{stanza}", stanza
        m.direction = common.DIRECTION_OUTBOUND if out else common.DIRECTION_INBOUND
        m.type, m.body = type, body
        if group and not out:
            m.sender.phone = sender or phone
        for key, value in fields.items():
            setattr(m, key, value)
        return e

    def status(self, stanza, status, at=T0 + 1, phone="16505551234", group=None, participant=None):
        e = self.event("message_status", stanza, status, participant, at=at)
        s = e.message_status
        s.target.key, s.status = f"true:{stanza}", status
        self.fill_chat(s.chat, phone, group=group)
        if participant:
            s.participant.phone = participant
        return e

    def edit(self, stanza, body, at=T0 + 2, phone="16505551234"):
        e = self.event("message_edit", stanza, body, at=at)
        e.message_edit.target.key, e.message_edit.body = f"false:{stanza}", body
        e.message_edit.direction = common.DIRECTION_INBOUND
        self.fill_chat(e.message_edit.chat, phone)
        return e

    def revoke(self, stanza, at=T0 + 3, phone="16505551234"):
        e = self.event("message_revoke", stanza, at=at)
        e.message_revoke.target.key, e.message_revoke.direction = f"false:{stanza}", common.DIRECTION_INBOUND
        self.fill_chat(e.message_revoke.chat, phone)
        return e

    def reaction(self, stanza, emoji, at=T0 + 4, phone="16505551234", out=False):
        e = self.event("reaction", stanza, emoji, at=at)
        r = e.reaction
        r.target.key, r.emoji = f"{'true' if out else 'false'}:{stanza}", emoji
        r.direction = common.DIRECTION_INBOUND
        self.fill_chat(r.chat, phone)
        r.sender.phone = phone
        return e

    def alias(self, phone, lid, at=T0):
        """Both aliases belong to one person."""
        e = self.event("identity_change", phone, lid, at=at)
        c = e.identity_change
        c.kind, c.old.lid, c.new.phone = inbound_pb2.IdentityChange.KIND_ALIAS, lid, phone
        return e

    def number_change(self, old, new, at=T0):
        """The provider reports that a person has changed the phone number."""
        e = self.event("identity_change", old, new, "moved", at=at)
        c = e.identity_change
        c.kind, c.old.phone, c.new.phone = inbound_pb2.IdentityChange.KIND_NUMBER_CHANGED, old, new
        return e


def headers(event, source="e2e"):
    """CloudEvents' headers of an event."""
    kind = event.WhichOneof("event")
    return [("ce_specversion", b"1.0"), ("ce_id", event.event_id.encode()), ("ce_type", f"blazz.inbound.{kind}".encode()),
            ("ce_source", source.encode()), ("content-type", b"application/protobuf"),
            ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
