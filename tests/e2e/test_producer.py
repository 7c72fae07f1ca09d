"""A producer outside Blazz writes to Kafka from the published .proto files: valid records are stored, and each invalid one becomes a dead
dead_letter with a reason and affects no other."""
import json
import uuid

import pytest
from blazz.v1 import common_pb2 as common
from blazz.v1 import inbound_pb2
from harness.events import T0, Source, headers
from harness.waiting import wait_for


@pytest.fixture
def stack(blazz):
    blazz.seed(("bridge",))
    blazz.start_chat_sync()
    blazz.source = Source(blazz.workspace, blazz.accounts["bridge"])
    return blazz


def test_a_valid_record_is_stored_and_its_event_published(stack):
    event = stack.source.message("3EB0P1", body="straight from Kafka 🙏", name="Alice")
    stack.publish([event], headers=headers(event))
    stack.wait_processed()
    (row,) = stack.messages()
    assert row["message_key"] == "false:3EB0P1" and row["type"] == "inbound" and row["message_type"] == "text"
    assert row["metadata"]["body"] == "straight from Kafka 🙏" and row["message_status"] == "delivered"
    assert row["sent_at"].timestamp() == T0
    created = [e for e in stack.check_chat_events() if e.WhichOneof("event") == "message_created"]
    assert [e.message_created.message.key for e in created] == ["false:3EB0P1"]
    assert created[0].message_created.contact.name == "Alice"
    assert created[0].message_created.contact.phone == "+16505551234"
    record = next(r for r, e in stack.chat_events() if e.event_id == created[0].event_id)
    assert record.headers["ce_type"] == "blazz.chat_event.message.created"
    assert record.headers["ce_id"] == created[0].event_id
    assert record.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")


def test_the_same_record_again_changes_nothing(stack):
    events = [stack.source.message(f"3EB0D{i}", body=f"m{i}", at=T0 + i) for i in range(5)]
    stack.publish(events)
    stack.wait_processed()
    before, published = stack.counts(), len(stack.chat_events())
    stack.publish(events + events)
    stack.wait_processed()
    assert stack.counts() == before
    assert len(stack.chat_events()) == published


def bad_records(source):
    def changed(**fields):
        e = source.message("3EB0BAD", body=str(fields))
        for key, value in fields.items():
            setattr(e, key, value)
        return e

    no_chat = source.message("3EB0BAD1")
    no_chat.message.ClearField("chat")
    no_direction = source.message("3EB0BAD2")
    no_direction.message.direction = common.DIRECTION_UNSPECIFIED
    no_key = source.message("3EB0BAD3")
    no_key.message.key = ""
    nul = source.message("3EB0BAD4", body="a\0b")
    bad_extra = source.message("3EB0BAD5", extra="[1]")
    no_variant = source.message("3EB0BAD6")
    no_variant.ClearField("event")
    later_variant = no_variant.SerializeToString() + b"\xaa\x06\x02\x08\x01"  # field 101, which does not exist yet
    not_utf8 = source.message("3EB0BAD7", body="xxxx").SerializeToString().replace(b"xxxx", b"\xff\xfe\xff\xfe")
    return [
        ("bytes that are no protobuf", b"\xff\xff\xff\xff", "decode"),
        ("a string that is not UTF-8", not_utf8, "decode"),
        ("a string with a NUL", nul, "decode"),
        ("a variant that is not known", later_variant, "unsupported"),
        ("no event id", changed(event_id=""), "rule"),
        ("a workspace that is no UUID", changed(workspace_id="acme"), "rule"),
        ("no chat", no_chat, "rule"),
        ("no direction", no_direction, "rule"),
        ("no key", no_key, "rule"),
        ("extra that is no object", bad_extra, "rule"),
        ("an account that does not exist", changed(account_id="00000000-0000-4000-8000-000000000001"), "unknown_reference"),
        ("an account of another workspace", changed(workspace_id="00000000-0000-4000-8000-000000000002"),
         "unknown_reference"),
    ]


def test_a_session_reports_its_phone_and_how_often_it_was_lost(stack):
    reports = []
    for i, (state, reason) in enumerate([("CONNECTED", None), ("DISCONNECTED", "TIMEOUT"), ("CONNECTED", None),
                                         ("DISCONNECTED", "USER_INITIATED")]):
        event = stack.source.event("session_state", str(i), at=T0 + i)
        session = event.session_state
        session.state = getattr(session, f"STATE_{state}")
        session.phone = "16505550100"
        if reason:
            session.reason = getattr(session, f"REASON_{reason}")
        reports.append(event)
    stack.publish(reports + reports)
    stack.wait_processed()
    assert stack.sql("SELECT status, reported_phone, disconnect_count FROM whatsapp_accounts WHERE uuid = %s", stack.source.account) == [
        {"status": "disconnected", "reported_phone": "16505550100", "disconnect_count": 1}]


def test_bad_records_become_dead_letters_alone_and_unchanged(stack):
    good = [stack.source.message(f"3EB0G{i}", body=f"good {i}", at=T0 + i) for i in range(20)]
    bad = bad_records(stack.source)
    mixed = []
    for i, event in enumerate(good):
        mixed.append(event)
        if i < len(bad):
            mixed.append(bad[i][1])
    key = f"{stack.workspace}:{stack.accounts['bridge']}"
    stack.publish(mixed, headers=[("mine", b"kept")], key=key)
    stack.wait_processed()
    assert len(stack.messages()) == len(good)
    dead = {r.value: r for r in stack.dead_letters()}
    for name, record, reason in bad:
        value = record if isinstance(record, bytes) else record.SerializeToString()
        assert value in dead, f"{name}: no dead letter"
        dead_letter = dead[value]
        assert dead_letter.headers["x-dlq-reason"] == reason, (name, dead_letter.headers)
        assert dead_letter.key.decode() == key and dead_letter.headers["mine"] == "kept"
        assert dead_letter.headers["__dlq.errors.topic"] == stack.topic("inbound") == dead_letter.headers["x-dlq-first-topic"]
        assert dead_letter.headers["__dlq.errors.group"] == "chat-sync" and dead_letter.headers["__dlq.errors.message"]
        assert int(dead_letter.headers["__dlq.errors.offset"]) >= 0 and dead_letter.headers["x-dlq-failed-at"].endswith("Z")
    assert len(dead) == len(bad)
    assert stack.value("SELECT sum(dead_lettered) FROM consumer_progress") == len(bad)
    stack.check_invariants()


def test_a_poison_record_alone_in_its_partition_does_not_stop_it(stack):
    stack.publish([b"\x08"], key="whatever")
    stack.wait_processed()
    event = stack.source.message("3EB0AFTER")
    stack.publish([event], key="whatever")
    stack.wait_processed()
    assert [m["message_key"] for m in stack.messages()] == ["false:3EB0AFTER"]


def test_900_kib_are_accepted_and_values_that_no_column_can_hold_are_cut_or_rejected(stack):
    wide = stack.source.message("3EB0WIDE", body="é" * 65536)
    wide.raw.json = json.dumps({"x": "y" * 60000})
    stack.publish([wide])
    stack.wait_processed()
    (row,) = stack.messages()
    assert row["metadata"]["body"] == "é" * 65536


def test_a_message_is_visible_within_two_seconds(stack):
    stack.publish([stack.source.message("3EB0WARM")])
    stack.wait_processed()
    stack.publish([stack.source.message("3EB0FAST", at=T0 + 1)])
    wait_for(lambda: len(stack.messages()) == 2, "the message is stored", 2.0, 0.01)


def test_every_variant_of_the_proto_is_applied(stack):
    """Each is applied, has no effect, or is parked."""
    source, events = stack.source, []
    events.append(source.message("3EB0V1"))
    for kind in inbound_pb2.InboundEvent.DESCRIPTOR.oneofs_by_name["event"].fields:
        e = source.event(kind.name, "variant", at=T0 + 100)
        v = getattr(e, kind.name)
        if hasattr(v, "chat"):
            source.fill_chat(v.chat, "16505551234")
        if hasattr(v, "target"):
            v.target.key = "false:3EB0V1"
        if hasattr(v, "direction"):
            v.direction = common.DIRECTION_INBOUND
        fill = {
            "message": lambda: setattr(v, "key", "false:3EB0V2"),
            "message_status": lambda: setattr(v, "status", common.MESSAGE_STATUS_READ),
            "message_edit": lambda: setattr(v, "body", "edited"),
            "reaction": lambda: (setattr(v, "emoji", "👍"), setattr(v.sender, "phone", "16505551234")),
            "poll_vote": lambda: (v.options.append("Pizza"), setattr(v.voter, "phone", "16505551234")),
            "group_change": lambda: (setattr(v.group, "jid", "120363012345678901@g.us"), setattr(v, "action", v.ACTION_SUBJECT),
                                     setattr(v, "text", "Team")),
            "chat_state": lambda: setattr(v.unread, "count", 0),
            "sync_chat": lambda: (source.fill_chat(v.state.chat, "16505550001"), setattr(v, "sync_id", "s1")),
            "sync_batch_end": lambda: (setattr(v, "sync_id", "s1"), setattr(v, "chats", 1), setattr(v, "last", True),
                                       setattr(v, "total", 1)),
            "contact": lambda: (setattr(v.party, "phone", "16505551234"), setattr(v, "full_name", "Alice Example"),
                                setattr(v, "action", v.ACTION_UPSERT)),
            "identity_change": lambda: (setattr(v.old, "lid", "198765432101234"), setattr(v.new, "phone", "16505551234"),
                                        setattr(v, "kind", v.KIND_ALIAS)),
            "opt_out": lambda: (setattr(v.party, "phone", "16505551234"), setattr(v, "category", "marketing_messages"),
                                setattr(v, "stop", True)),
            "session_state": lambda: setattr(v, "state", v.STATE_CONNECTED),
            "account_notice": lambda: (setattr(v, "kind", "account_update"), setattr(v, "severity", v.SEVERITY_WARNING)),
            "template_status": lambda: (setattr(v, "name", "welcome"), setattr(v, "language", "en"),
                                        setattr(v, "status", "APPROVED"), setattr(v, "provider_template_id", "1")),
            "call": lambda: setattr(v, "call_id", "CALL1"),
            "read_marker": lambda: setattr(v, "read_at_ms", (T0 + 100) * 1000),
            "contact_erase": lambda: (setattr(v, "contact_id", str(uuid.uuid4())), setattr(v, "stage", v.STAGE_IDENTITY)),
            "dispatch": lambda: (source.fill_chat(v.message.chat, "16505551234"), setattr(v.message, "key", "c:1"),
                                 setattr(v.message, "client_message_id", "1"),
                                 setattr(v.message, "direction", common.DIRECTION_OUTBOUND)),
        }.get(kind.name)
        if fill:
            fill()
        events.append(e)
    for event in events:
        stack.publish([event], headers=headers(event))
    stack.wait_processed()
    assert stack.dead_letters() == []
    kinds = {e.WhichOneof("event") for e in stack.check_chat_events()}
    assert {"message_created", "message_edited", "message_revoked", "message_reaction", "group_updated", "session_state",
            "account_notice", "template_status", "contact_updated", "sync_completed"} <= kinds
    stack.check_invariants()
