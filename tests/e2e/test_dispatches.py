"""Messages that Blazz sends: their Dispatches come on Kafka, their statuses through ingest from Meta, in any order, and with replicas that die."""
import itertools
import json

import pytest
from blazz.v1 import common_pb2 as common
from blazz.v1 import inbound_pb2
from harness.events import T0, Source, headers
from harness.hooks import SECRET, add_webhook, dispatcher, wait_all_dispatched
from harness.receiver import verified
from harness.waiting import wait_for

PHONE = "16505551234"
SENT, FAILED, UNKNOWN = (inbound_pb2.Dispatch.OUTCOME_SENT, inbound_pb2.Dispatch.OUTCOME_FAILED, inbound_pb2.Dispatch.OUTCOME_UNKNOWN)


@pytest.fixture
def stack(blazz):
    blazz.seed(("meta",))
    blazz.source = Source(blazz.workspace, blazz.accounts["meta"], common.PROVIDER_META, common.BRIDGE_KIND_UNSPECIFIED)
    return blazz


def wamid(name):
    return f"wamid.{name}"


def dispatch(stack, name, outcome, at=T0):
    """What campaign-sender publishes of the message with our id `name`."""
    e = stack.source.event("dispatch", name, outcome, at=at)
    e.dispatch.outcome = outcome
    m = e.dispatch.message
    stack.source.fill_chat(m.chat, PHONE)
    m.client_message_id, m.direction, m.type, m.body = name, common.DIRECTION_OUTBOUND, common.MESSAGE_TYPE_TEXT, f"offer {name}"
    if outcome == SENT:
        m.key = m.provider_id = wamid(name)
    if outcome == FAILED:
        e.dispatch.error.code = "unknown_outcome"
    return e


def echo(stack, name, at=T0):
    e = stack.source.message(name, PHONE, f"offer {name}", at=at, out=True)
    e.message.key = e.message.provider_id = wamid(name)
    return e


def status(name, word, at, callback=None):
    """A body of Meta's webhook."""
    one = {"id": wamid(name), "status": word, "timestamp": str(at), "recipient_id": PHONE,
           "biz_opaque_callback_data": f"blazz:{name}" if callback is None else callback}
    if word == "failed":
        one["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [{"field": "messages", "value": {
        "messaging_product": "whatsapp", "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
        "statuses": [one]}}]}]}


def give(stack, item):
    """An event goes to Kafka, a body to ingest, which has published its event when it answers."""
    if isinstance(item, dict):
        assert stack.post("meta", item).status == 200
    else:
        stack.publish([item], headers=headers(item))


def rows(stack):
    return {m["client_message_id"]: m for m in stack.messages()}


def created(stack):
    """The key of each message.created."""
    return [e.message_created.message.key for e in stack.check_chat_events()
            if e.WhichOneof("event") == "message_created"]


# Which events of a message come, and its row at the end: message_key, wam_id, message_status.
CASES = {
    "sent": ((SENT,), ("wamid", "wamid", "sent")),
    "sent-read": ((SENT, "read"), ("wamid", "wamid", "read")),
    "sent-echo-delivered": ((SENT, "echo", "delivered"), ("wamid", "wamid", "delivered")),
    "unknown-sent": ((UNKNOWN, "sent"), ("wamid", "wamid", "sent")),
    "unknown-delivered-read": ((UNKNOWN, "delivered", "read"), ("wamid", "wamid", "read")),
    "unknown-refused": ((UNKNOWN, "failed"), ("wamid", "wamid", "failed")),
    "unknown-resolved": ((UNKNOWN, SENT, "read"), ("wamid", "wamid", "read")),
    "failed": ((FAILED,), ("c:", None, "failed")),
    "failed-delivered": ((FAILED, "delivered"), ("c:", "wamid", "delivered")),
}
TIMES = {"sent": T0 + 10, "failed": T0 + 15, "delivered": T0 + 20, "read": T0 + 30}


def plan(stack):
    """{our id: (case, its events in one of their orders)}"""
    plan = {}
    for case, (parts, _) in CASES.items():
        for n, order in enumerate(itertools.permutations(parts)):
            name = f"{case}.{n}"
            plan[name] = case, [echo(stack, name) if p == "echo" else status(name, p, TIMES[p]) if isinstance(p, str)
                                else dispatch(stack, name, p) for p in order]
    return plan


def check(stack, plan):
    got = rows(stack)
    assert set(got) == set(plan)
    for name, (case, _) in plan.items():
        key, wam_id, state = CASES[case][1]
        row = got[name]
        want = (wamid(name) if key == "wamid" else key + name, wam_id and wamid(name), state)
        assert (row["message_key"], row["wam_id"], row["message_status"]) == want, name
        assert row["type"] == "outbound" and row["metadata"]["body"] == f"offer {name}", name
    assert sorted(created(stack)) == sorted(row["message_key"] for row in got.values())
    assert stack.dead_letters() == [] and stack.counts()["parked"] == 0
    stack.check_invariants()


@pytest.mark.parametrize("together", (True, False), ids=("in large batches", "one at a time"))
def test_every_order_of_a_messages_events_makes_it_once(stack, together):
    """Together: chat-sync starts when all are there. Each of them again changes nothing."""
    stack.start_ingest()
    sent = plan(stack)
    if not together:
        stack.start_chat_sync(batch__max_events=1)
    for step in range(max(len(events) for _, events in sent.values())):
        for _, events in sent.values():
            if step < len(events):
                give(stack, events[step])
        if not together:
            stack.wait_processed()
    if together:
        stack.start_chat_sync()
    stack.wait_processed()
    wait_for(lambda: stack.counts()["parked"] == 0, "nothing is parked any more")
    check(stack, sent)
    before = len(stack.chat_events())
    for _, events in sent.values():
        for item in events:
            give(stack, item)
    stack.wait_processed()
    assert len(stack.chat_events()) == before
    check(stack, sent)


def test_a_replica_that_dies_makes_no_message_twice(stack):
    """It is killed three times in the middle of a batch, and the next one applies the same records again."""
    stack.start_ingest()
    sent = plan(stack)
    for _, events in sent.values():
        for item in events:
            give(stack, item)
    sync = stack.chat_sync(batch__max_events=5)
    for failpoint in ("batch_applied", "batch_commit", "batch_committed"):
        sync.start(wait_ready=False, failpoint=f"{failpoint}:kill@3")
        assert sync.wait_end() == -9
    stack.sync = sync.start()
    stack.wait_processed()
    wait_for(lambda: stack.counts()["parked"] == 0, "nothing is parked any more")
    check(stack, sent)


def test_an_unknown_result_without_evidence_is_dropped_in_silence(stack):
    stack.start_chat_sync(parked__ttl="500ms")
    give(stack, dispatch(stack, "lost", UNKNOWN))
    stack.wait_processed()
    assert stack.sql("SELECT kind, target FROM parked_updates") == [{"kind": "dispatch", "target": "c:lost"}]
    assert stack.value("SELECT count(*) FROM contacts") == 0
    wait_for(lambda: stack.counts()["parked"] == 0, "the Dispatch expires", 20)
    assert stack.dead_letters() == [] and stack.chat_events() == [] and stack.messages() == []


def test_callback_data_of_another_program_is_no_id_of_ours(stack):
    stack.start()
    give(stack, dispatch(stack, "a", UNKNOWN))
    give(stack, status("a", "read", T0 + 30, callback="order-8812;tenant=acme"))
    stack.wait_processed()
    assert stack.messages() == [] and stack.counts()["parked"] == 2
    give(stack, status("a", "sent", T0 + 10))
    stack.wait_processed()
    wait_for(lambda: stack.counts()["parked"] == 0, "both have found the message")
    assert rows(stack)["a"]["message_status"] == "read"


def test_dead_letters_of_a_release_that_knew_no_dispatches_are_replayed(stack):
    stack.start_chat_sync()
    producer = stack.producer()
    for event in (dispatch(stack, "a", SENT), dispatch(stack, "b", FAILED)):
        producer.produce(stack.topic("inbound.chat-sync.dlq"), event.SerializeToString(), f"{event.workspace_id}:{event.account_id}",
                         headers=headers(event) + [
                             ("__dlq.errors.topic", stack.topic("inbound").encode()), ("__dlq.errors.partition", b"0"),
                             ("__dlq.errors.offset", b"0"), ("x-dlq-first-topic", stack.topic("inbound").encode()),
                             ("x-dlq-reason", b"unsupported"), ("x-dlq-code", b"dispatch"), ("x-dlq-retryable", b"true")])
    assert producer.flush(30) == 0
    assert stack.ctl("dlq", "replay", "--reason", "unsupported", "--yes")["replayed"] == 2
    stack.wait_processed()
    assert {name: m["message_status"] for name, m in rows(stack).items()} == {"a": "sent", "b": "failed"}


def test_a_tenants_webhook_shows_which_message_it_is(stack, receive):
    receiver = receive()
    stack.start()
    stack.dispatcher = dispatcher(stack).start()
    add_webhook(stack, stack.workspace, receiver.url())
    give(stack, dispatch(stack, "found", UNKNOWN))
    give(stack, status("found", "delivered", T0 + 20))
    give(stack, dispatch(stack, "refused", FAILED))
    receiver.wait(4)
    wait_all_dispatched(stack)
    assert all(verified(d, SECRET) for d in receiver.deliveries)
    got = [json.loads(d.body) for d in receiver.deliveries]
    messages = {e["data"]["chat"]["client_message_id"]: e["data"]["chat"] for e in got if e["type"] == "message.created"}
    assert {k: m["status"] for k, m in messages.items()} == {"found": "sent", "refused": "failed"}
    assert messages["found"]["provider_message_id"] == wamid("found") and messages["refused"]["provider_message_id"] is None
    (moved,) = [e["data"] for e in got if e["type"] == "message.status"]
    assert moved["chat"]["client_message_id"] == "found" and moved["status"] == "delivered"
