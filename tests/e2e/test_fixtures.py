"""Every fixture gives exactly what expected.json says: on the topic, in PostgreSQL and as ChatEvents. A repeat adds nothing, and any order,
also from several clients at once, ends in the same state."""
import random
import threading
from collections import defaultdict

import pytest
from blazz.v1 import common_pb2 as common
from harness import expected, fixtures
from harness.client import Client

# A number change frees the old number: earlier and later events with it belong to different people. So number changes come last.
FIXTURES = sorted(fixtures.load(), key=lambda f: (f.is_number_change(), f.id))
LIVE = ("message", "message_pending")
MESSAGES = (*LIVE, "history_message", "history_media")


def post_all(stack, bodies, client=None):
    """Posts the bodies one after the other, each with a trace id that is its place. Returns [(fixture, answer)]."""
    return [(f, stack.post(f.dialect, f.body(stack.workspace), client, {"traceparent": f"00-{n:032x}-{1:016x}-01"}))
            for n, f in enumerate(bodies, 1)]


def post_fixtures(stack):
    """Posts all fixtures and waits until they are processed. Before a number change it waits, too: history is bulk, and a live number change
    would overtake it, so that its messages would go to the number's next holder."""
    answers = []
    for f in FIXTURES:
        if f.is_number_change():
            stack.wait_processed()
        headers = {"traceparent": f"00-{len(answers) + 1:032x}-{1:016x}-01"}
        answers.append((f, stack.post(f.dialect, f.body(stack.workspace), headers=headers)))
    stack.wait_processed()
    return answers


@pytest.fixture(scope="module")
def posted(shared):
    """{fixture's id: (answer, its events)} of all fixtures, posted in order; the trace id says which body an event came from."""
    answers = post_fixtures(shared)
    events = defaultdict(list)
    for r, e in shared.inbound():
        if e.WhichOneof("event") != "identity_change" or e.identity_change.kind != e.identity_change.KIND_MERGED:
            events[int(r.headers["traceparent"].split("-")[1], 16)].append(e)
    given = {}
    for n, (fixture, answer) in enumerate(answers, 1):
        count = answer.json().get("events", 0) if answer.status in (200, 202) else 0
        assert count == len(events[n]), fixture
        given[fixture.id] = (answer, events.pop(n))
    assert not events, "events that no answer counted"
    given["snapshot"] = snapshot(shared)
    return given


@pytest.mark.parametrize("fixture", FIXTURES, ids=str)
def test_a_body_becomes_the_expected_events(fixture, posted, shared_logs):
    answer, events = posted[fixture.id]
    if fixture.status():
        assert answer.status == fixture.status(), answer
        assert events == []
        return
    assert answer.status == (200 if fixture.dialect == "meta" else 202), answer
    if fixture.events() is None:
        assert len(events) == fixture.expected["_count"]
        for place, at in (("first", 0), ("last", -1)):
            assert expected.differences([fixture.expected[place]], [events[at]]) == []
        return
    assert expected.differences(fixture.events(), events) == []
    rejected = [e for e in fixture.expected if e["kind"] == "rejected"]
    assert answer.json()["rejected"] == len(rejected)


def test_ids_of_events_are_stable_uuids_of_version_8(posted):
    import uuid
    for fixture in FIXTURES:
        for e in posted[fixture.id][1]:
            assert uuid.UUID(e.event_id).version == 8


def test_no_secret_reaches_kafka_or_a_log(posted, shared):
    secrets = [b"example-app-secret", b"my-secret-key", b"example-bridge-key", b"example-evolution-token"]
    values = [r.value for r, _ in shared.inbound()] + [r.value for r in shared.read("http.ingest.dlq")]
    logs = "".join(s.log() for s in shared.services).encode()
    qr = next(f for f in FIXTURES if f.id == "webjs-raw/event_qr.json").body(shared.workspace)
    import json
    code = json.loads(qr)["data"]["qr"].encode()
    for word in [*secrets, code, b'"apikey"', b'\\"apikey\\"', b"mediaKey"]:
        assert not any(word in v for v in values), word
        assert word not in logs, word


def test_a_qr_code_is_stored_sealed(posted, shared):
    rows = shared.sql("SELECT code, expires_at - updated_at AS lives FROM account_qr")
    assert len(rows) == 2  # wwebjs and Evolution
    assert all(len(r["code"]) > 30 for r in rows)


def items(kinds):
    for fixture in FIXTURES:
        if isinstance(fixture.expected, dict):
            continue
        for item in fixture.expected:
            if item["kind"] in kinds:
                yield fixture, item


def rows_by_key(stack):
    """{(dialect, key): [row, ...]}"""
    names = {account: dialect for dialect, account in stack.accounts.items()}
    rows = {}
    for m in stack.messages():
        rows.setdefault((names[m["account"]], m["message_key"]), []).append(m)
    return rows


def test_every_message_is_stored_once_with_its_content(posted, shared):
    rows, wrong = rows_by_key(shared), []
    edits = {(f.dialect, key): i for f, i in items(("edit",)) for key in keys_of_target(i)}
    for (dialect, key), wanted in messages_by_key().items():
        if key is None:
            continue
        found = rows.get((dialect, key), [])
        if len(found) != 1:
            wrong.append(f"{dialect} {key}: {len(found)} rows")
            continue
        row = found[0]
        bodies = {i.get("body") for i in wanted if "body" in i}
        if (dialect, key) in edits:
            bodies = {edits[dialect, key]["body"]}
        if bodies and row["metadata"].get("body", "") not in bodies:
            wrong.append(f"{dialect} {key}: body {row['metadata'].get('body')!r}, not of {bodies}")
        if row["type"] != {"in": "inbound", "out": "outbound"}[wanted[0]["direction"]]:
            wrong.append(f"{dialect} {key}: {row['type']}")
        if row["sent_at"].timestamp() not in {i["ts"] for i in wanted if "ts" in i}:
            wrong.append(f"{dialect} {key}: sent at {row['sent_at']}")
        types = {expected.TYPE_OF.get(i["type"], i["type"]) for i in wanted if "type" in i}
        types |= {"voice"} if "audio" in types else {"unknown"} if row["placeholder"] else set()
        if "media" not in types and row["message_type"] not in types:
            wrong.append(f"{dialect} {key}: type {row['message_type']}, not of {types}")
        group = next((i["chat"] for i in wanted if i["chat"].endswith("@g.us") or i["chat"].startswith("Y2Fw")), None)
        if row["group_jid"] != group:
            wrong.append(f"{dialect} {key}: in {row['group_jid']}, not {group}")
    assert not wrong, "\n".join(wrong)


def messages_by_key():
    wanted = {}
    for fixture, item in items(MESSAGES):
        wanted.setdefault((fixture.dialect, expected.key_of(item)), []).append(item)
    return wanted


def keys_of_target(item):
    """The message keys that an update may refer to."""
    id_ = item.get("target_id") or item.get("target_stanza")
    if id_.startswith("wamid."):
        return [id_]
    key = expected.key_of({"id": id_, "direction": "in"})
    return [key] if "_" in id_ else ["false:" + id_, "true:" + id_]


def test_all_thousand_messages_of_one_post_are_stored(posted, shared):
    bulk = shared.value("SELECT count(*) FROM chats WHERE metadata->>'body' LIKE 'bulk %%'")
    assert bulk == 1000


def test_revoked_messages_are_marked(posted, shared):
    rows = rows_by_key(shared)
    for fixture, item in items(("revoke",)):
        for key in keys_of_target(item):
            for row in rows.get((fixture.dialect, key), []):
                if len(keys_of_target(item)) == 1 or row["type"] == "inbound":
                    assert row["revoked_at"], f"{fixture.id}: {key}"


def test_statuses_are_applied_or_parked(posted, shared):
    rank = ["pending", "sent", "delivered", "read", "played"]
    rows = rows_by_key(shared)
    waiting = {r["target"] for r in shared.sql("SELECT target FROM parked_updates")}
    for fixture, item in items(("status",)):
        key = expected.key_of(item)
        row = rows.get((fixture.dialect, key), [None])[0]
        if row is None:
            assert key in waiting, f"{fixture.id}: {key} is neither stored nor waiting"
        elif item["type"] in rank and row["message_status"] in rank and not row["group_jid"]:
            assert rank.index(row["message_status"]) >= rank.index(item["type"]), f"{fixture.id}: {key}"


def test_one_message_created_for_every_stored_message(posted, shared):
    events = shared.check_chat_events()
    published = [e for e in events if e.WhichOneof("event") == "message_created"]
    created = [e.message_created.message for e in published]
    rows = {m["id"]: m for m in shared.messages()}
    assert set(rows) <= {m.id for m in created}
    # Once as history and once as live, when history contained the message first.
    once = [(e.message_created.message.id, e.origin == common.ORIGIN_LIVE) for e in published]
    assert len(set(once)) == len(once)
    keys = {m["message_key"] for m in rows.values()}
    for m in created:
        if m.id in rows:
            assert m.key == rows[m.id]["message_key"]
            assert expected.type_word(m.type) == rows[m.id]["message_type"] or m.placeholder
        else:
            assert m.key in keys, "a message that was neither stored nor merged into another"


def test_invariants_hold_and_chat_sync_rejected_nothing(posted, shared):
    shared.check_invariants()
    dead_letters = [(r.headers.get("ce_type"), r.headers["x-dlq-reason"], r.headers["__dlq.errors.message"])
               for r in shared.dead_letters()]
    assert dead_letters == []


def test_items_that_ingest_rejected_are_in_its_dead_letter_topic(posted, shared):
    reasons = [r.headers["x-dlq-reason"] for r in shared.read("http.ingest.dlq")]
    # Meta's wrong object; one invalid chat of a sync.
    assert len(reasons) == sum(1 for f, i in items(("rejected",)) if i.get("dead_letter") or "item" in i), reasons


def test_the_whole_set_again_adds_nothing(posted, shared):
    """Contacts are not compared: a repeated number change finds the contact that has the old number by now."""
    same = ("messages", "receipts", "reactions", "media", "groups", "unread")
    before = {k: v for k, v in shared.counts().items() if k in same}
    post_fixtures(shared)
    assert {k: v for k, v in shared.counts().items() if k in same} == before
    assert snapshot(shared) == posted["snapshot"]
    shared.check_invariants()


def snapshot(stack):
    """The final state of messages, statuses, edits, revokes and reactions, without ids and conversations."""
    names = {account: dialect for dialect, account in stack.accounts.items()}
    reactions = {}
    for r in stack.sql("SELECT chat_id, coalesce(c.phone, min(value) || '@lid', sender) AS sender, emoji FROM chat_reactions r"
                       " LEFT JOIN contacts c ON c.workspace_id = r.workspace_id AND c.uuid::text = r.sender"
                       " LEFT JOIN contact_aliases a ON a.workspace_id = c.workspace_id AND a.contact_id = c.id"
                       " GROUP BY chat_id, c.phone, sender, emoji"):
        reactions.setdefault(r["chat_id"], []).append((r["sender"], r["emoji"]))
    return sorted((names[m["account"]], m["message_key"], m["type"], m["message_type"], m["message_status"],
                   m["metadata"].get("body", ""), bool(m["revoked_at"]), bool(m["edited_at"]), m["placeholder"],
                   sorted(reactions.get(m["id"], []))) for m in stack.messages())


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_shuffled_and_parallel_posts_give_the_same_final_state(seed, posted, shared, make_blazz):
    stack = make_blazz(partitions=3).seed(sync={"window_days": 0})
    stack.start()
    shuffled = [f for f in FIXTURES if not f.status() and not f.is_number_change()]
    random.Random(seed).shuffle(shuffled)
    failures = []

    def send(part):
        client = Client(stack.in_.port("http.port_file"))
        for fixture, answer in post_all(stack, part, client):
            if answer.status not in (200, 202):
                failures.append((fixture, answer))
        client.close()

    threads = [threading.Thread(target=send, args=(shuffled[i::4],)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    stack.wait_processed()
    for fixture in FIXTURES:
        if fixture.is_number_change():  # two accounts name different new numbers for one old number: the first one counts
            send([fixture])
            stack.wait_processed()
    assert snapshot(stack) == posted["snapshot"]
    stack.check_invariants()
    stack.check_chat_events()
