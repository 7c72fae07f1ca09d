#!/usr/bin/python3
"""Prints the vectors of test_inbound.c and test_chat_event.c: events as another language's library encodes them.

PYTHONPATH=build/gen/python tests/unit/wire/vectors.py
"""
from blazz.v1 import chat_event_pb2, common_pb2, inbound_pb2

WORKSPACE = "0b8e7f6a-1111-4111-8111-000000000001"
ACCOUNT = "0b8e7f6a-2222-4222-8222-000000000002"
CONVERSATION = "0b8e7f6a-4444-4444-8444-000000000004"
EVENT = "0b8e7f6a-3333-8333-8333-000000000003"


def inbound_event():
    e = inbound_pb2.InboundEvent(event_id=EVENT, workspace_id=WORKSPACE, account_id=ACCOUNT,
                                 provider=common_pb2.PROVIDER_WEBJS, bridge_kind=common_pb2.BRIDGE_KIND_WAHA,
                                 source_time_ms=1767225600000, ingest_time_ms=1767225600123,
                                 origin=common_pb2.ORIGIN_HISTORY, time_suspect=True)
    e.raw.json = '{"cut":'
    e.raw.truncated = True
    e.raw.sha256 = bytes(range(32))
    m = e.message
    m.chat.group.jid = "120363012345678901@g.us"
    m.chat.group.name = "Ops team \N{ROCKET}"
    m.key = "false:3EB0F00D"
    m.provider_id = "false_120363012345678901@g.us_3EB0F00D"
    m.direction = common_pb2.DIRECTION_INBOUND
    m.sender.lid = "198765432101234"
    m.sender.phone = "+16505551234"
    m.sender.name = "Zoë"
    m.type = common_pb2.MESSAGE_TYPE_IMAGE
    m.body = "a caption"
    m.media.mime = "image/jpeg"
    m.media.size_bytes = 123456
    m.media.missing = True
    m.location.latitude = -6.25
    m.location.longitude = 106.5
    m.quoted.target.stanza = "3EB0BEEF"
    m.quoted.sender.bsuid = "US.13491208655302741918"
    m.quoted.body = "before"
    m.error.code = "131047"
    m.status = common_pb2.MESSAGE_STATUS_READ
    m.extra = '{"forwarded":true}'
    return e


def chat_event():
    e = chat_event_pb2.ChatEvent(event_id=EVENT, workspace_id=WORKSPACE, account_id=ACCOUNT,
                                 conversation_id=CONVERSATION, sequence=7, occurred_at_ms=1767225600000,
                                 origin=common_pb2.ORIGIN_LIVE, provider=common_pb2.PROVIDER_META)
    e.source.producer = "chat-sync"
    e.source.slot = 3
    e.source.epoch = 1767225600000000
    e.source.seq = 42
    e.source.index = 1
    r = e.message_reaction
    r.message_id = 4711
    r.message_uuid = EVENT
    r.sender.phone = "16505551234"
    r.from_me = True
    r.vote = True
    r.options.extend(["Pizza", "Nasi goreng"])
    return e


if __name__ == "__main__":
    for event in (inbound_event(), chat_event()):
        print(event.DESCRIPTOR.name, event.SerializeToString(deterministic=True).hex())
