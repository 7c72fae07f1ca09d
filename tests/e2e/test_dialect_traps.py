"""Valid JSON that breaks many programs: NUL, lone surrogates, depth, a thousand updates, large bodies (30-inbound)."""
import json

import pytest
from harness.events import T0
from test_answers import bridge, chat, meta, meta_text, sync


@pytest.fixture(autouse=True)
def logs(shared_logs):
    """Shown when a test fails."""


def stored(stack, key):
    stack.wait_processed()
    rows = stack.sql("SELECT metadata FROM chats WHERE message_key = %s", key)
    assert len(rows) == 1, key
    return rows[0]["metadata"]


@pytest.mark.parametrize("n, escaped, want", (
    (1, r"a\u0000b", "ab"),
    (2, r"high \ud83d end", "high \ufffd end"),
    (3, r"low \ude00 end", "low \ufffd end"),
    (4, r"\ud83d\ude00", "\U0001f600"),
    (5, r"\ud83d\u0000\ude00", "\ufffd\ufffd"),
    (6, r"\ude00\ud83d", "\ufffd\ufffd"),
    (7, r"\\u0000 is text", r"\u0000 is text"),
    (8, "bidi \u202eabc\u202c \u061c \u200f", "bidi \u202eabc\u202c \u061c \u200f"),
    (9, "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
    (10, r"e\u0301 \/ \u00e9", "e\u0301 / \u00e9"),
))
def test_text_is_stored_in_a_form_that_postgresql_can_hold(shared, n, escaped, want):
    body = json.dumps(meta({"messages": [meta_text(f"trap{n}", text={"body": "TEXT"})]}))
    answer = shared.post("meta", body.replace("TEXT", escaped).encode())
    assert answer.status == 200 and answer.json()["events"] == 1
    assert stored(shared, f"wamid.ANtrap{n}")["body"] == want


def nested(depth):
    """JSON that is `depth` levels deep, the body itself included."""
    return b'{"event":"message","session":"acme-support-1","payload":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_depth_64_is_read_and_65_is_not(shared):
    assert b"deep" not in shared.post("waha", nested(64)).body
    assert b"deep" in shared.post("waha", nested(65)).body
    assert shared.post("waha", b"[" * 200000 + b"]" * 200000).status == 400


def test_integers_never_go_through_a_double(shared):
    big = 9007199254740993  # 2^53 + 1
    body = {"messages": [meta_text("trap-int", type="new_thing", new_thing={"n": big})]}
    assert shared.post("meta", meta(body)).status == 200
    _, event = next((r, e) for r, e in shared.inbound() if e.message.key == "wamid.ANtrap-int")
    assert str(big) in event.raw.json, "an unknown message keeps its JSON"
    assert stored(shared, "wamid.ANtrap-int") is not None


def test_an_unknown_type_becomes_an_unknown_message(shared):
    assert shared.post("meta", meta({"messages": [meta_text("trap-new", type="hologram",
                                                            hologram={"x": 1})]})).status == 200
    stored(shared, "wamid.ANtrap-new")
    assert shared.value("SELECT message_type FROM chats WHERE message_key = 'wamid.ANtrap-new'") == "unknown"


def test_one_invalid_update_among_a_thousand_in_one_post_is_rejected_alone(shared):
    messages = [meta_text(f"k{i}", timestamp=str(T0 + i), **{"from": f"1202555{i % 300:04}"}) for i in range(1000)]
    del messages[500]["id"]
    answer = shared.post("meta", meta({"messages": messages}))
    assert answer.status == 200 and answer.json()["events"] == 999 and answer.json()["rejected"] == 1
    shared.wait_processed()
    assert shared.value("SELECT count(*) FROM chats WHERE message_key LIKE 'wamid.ANk%%'") == 999


def test_every_entry_and_every_change_is_read(shared):
    one, two = meta({"messages": [meta_text("e1"), meta_text("e2")]}), meta({"messages": [meta_text("e3")]})
    one["entry"][0]["changes"] += meta({"messages": [meta_text("e4")]})["entry"][0]["changes"]
    one["entry"] += two["entry"]
    assert shared.post("meta", one).json()["events"] == 4


def test_within_a_post_messages_come_first_and_statuses_last(shared):
    value = {"statuses": [{"id": "wamid.ANorder", "status": "read", "timestamp": str(T0), "recipient_id": "16505551234"}],
             "messages": [{"from": "16505551234", "id": "wamid.ANr", "timestamp": str(T0), "type": "reaction",
                           "reaction": {"message_id": "wamid.ANo", "emoji": "👍"}}, meta_text("o")]}
    before = len(shared.inbound())
    shared.post("meta", meta(value))
    kinds = [e.WhichOneof("event") for _, e in shared.inbound()[before:]]
    assert kinds == ["message", "reaction", "message_status"]


def test_a_suspect_time_is_flagged_and_raw_is_kept(shared):
    for n, ts in (("old", 1000), ("future", 4102444800)):
        assert shared.post("meta", meta({"messages": [meta_text(f"time-{n}", timestamp=str(ts))]})).status == 200
    events = {e.message.key: e for _, e in shared.inbound()}
    for n in ("old", "future"):
        event = events[f"wamid.ANtime-{n}"]
        assert event.time_suspect and event.raw.json


def test_secrets_in_a_body_are_not_published(shared):
    body = {"event": "messages.upsert", "instance": "acme-support-1", "apikey": "INSTANCE-CREDENTIAL", "server_url": "http://x",
            "data": {"key": {"remoteJid": "16505551234@s.whatsapp.net", "fromMe": False, "id": "3EB0SECRET"},
                     "messageTimestamp": 1, "messageType": "newThing",
                     "message": {"newThing": {"mediaKey": "MEDIA-KEY", "base64": "QUJD" * 100, "x": "kept"}}}}
    assert shared.post("evolution", body).status == 202
    record, event = next((r, e) for r, e in shared.inbound() if e.message.key == "false:3EB0SECRET")
    for word in (b"INSTANCE-CREDENTIAL", b"MEDIA-KEY", b"QUJDQUJD"):
        assert word not in record.value
    assert "kept" in event.raw.json
    broken = dict(body, data={"key": 7})
    shared.post("evolution", broken)
    assert not any(b"INSTANCE-CREDENTIAL" in r.value for r in shared.read("http.ingest.dlq"))


def test_a_sync_of_large_chats_is_split_below_the_records_limit(shared):
    """50 messages of 60,000 characters in one chat: several parts of one rank."""
    wide = [{"id": f"3EB0WIDE{i:08}", "body": "é" * 30000, "type": "text", "timestamp": T0 + i, "from_me": False}
            for i in range(50)]
    answer = shared.post("bridge", sync([chat(77) | {"messages": wide}], "s-wide"))
    assert answer.status == 202, answer
    parts = [(r, e) for r, e in shared.inbound() if e.WhichOneof("event") == "sync_chat" and e.sync_chat.sync_id == "s-wide"]
    assert len(parts) > 1 and len({e.sync_chat.rank for _, e in parts}) == 1
    assert [e.sync_chat.continued for _, e in parts] == [False] + [True] * (len(parts) - 1)
    assert all(len(r.value) <= 900 * 1024 for r, _ in parts)
    shared.wait_processed()
    assert shared.value("SELECT count(*) FROM chats WHERE message_key LIKE 'false:3EB0WIDE%%'") == 50


def test_65536_wide_characters_are_one_message(shared):
    assert shared.post("bridge", bridge(700, message_body="😀" * 65536)).status == 202
    assert stored(shared, "false:3EB0AN00000700")["body"] == "😀" * 65536


def test_raw_is_cut_flagged_and_hashed(shared):
    value = meta({"messages": [meta_text("raw", type="new_thing", new_thing={"x": "y" * 1_000_000})]})
    assert shared.post("meta", value).status == 200
    record, event = next((r, e) for r, e in shared.inbound() if e.message.key == "wamid.ANraw")
    assert event.raw.truncated and len(event.raw.sha256) == 32 and len(record.value) <= 900 * 1024
