"""Every row of the table of answers, as a client sees it (30-inbound)."""
import http.client
import json
import socket
import threading
import time

import pytest
from blazz.v1 import inbound_pb2
from harness.client import SECRETS, VERIFY_TOKEN, Client, signature, standard_webhook
from harness.events import T0
from harness.waiting import wait_for

MIB = 1024 * 1024


def bridge(n=1, **changes):
    body = {"session_id": "acme-support-1", "id": f"3EB0AN{n:08}", "chat_type": "private", "contact_phone": "16505551234",
            "contact_name": "Alice", "from_me": False, "message_body": f"hello {n}", "message_type": "text", "timestamp": T0 + n,
            "has_media": False}
    return body | changes


def sync(chats, sync_id="s1", **changes):
    return {"session_id": "acme-support-1", "sync_id": sync_id, "index": 0, "total": 1, "last": True, "chats": chats} | changes


def chat(n):
    return {"type": "private", "contact_phone": f"1650555{n:04}", "contact_name": f"Contact {n}", "timestamp": T0 + n,
            "last_message": f"last {n}"}


def meta(value, field="messages"):
    value = {"messaging_product": "whatsapp", "metadata": {"display_phone_number": "15550783881",
                                                           "phone_number_id": "106540352242922"}} | value
    return {"object": "whatsapp_business_account",
            "entry": [{"id": "102290129340398", "changes": [{"field": field, "value": value}]}]}


def meta_text(n, **changes):
    at = T0 + n if isinstance(n, int) else T0
    return {"from": "16505551234", "id": f"wamid.AN{n}", "timestamp": str(at), "type": "text",
            "text": {"body": f"hello {n}"}} | changes


@pytest.fixture(autouse=True)
def logs(shared_logs):
    """Shown when a test fails."""


@pytest.fixture
def client(shared):
    client = shared.client()
    yield client
    client.close()


# Accepted

def test_202_counts_the_queued_events(shared):
    answer = shared.post("bridge", bridge(1))
    assert answer.status == 202 and answer.json() == {"status": "queued", "events": 1, "rejected": 0}
    assert answer.headers["content-type"].startswith("application/json")


def test_meta_is_answered_200(shared):
    answer = shared.post("meta", meta({"messages": [meta_text(1)]}))
    assert answer.status == 200 and answer.json()["events"] == 1


def test_a_2xx_means_that_it_is_in_kafka(shared):
    before = len(shared.read("inbound"))
    for n in range(100, 120):
        assert shared.post("bridge", bridge(n)).status == 202
        assert len(shared.read("inbound")) == before + n - 99


def test_a_missing_topic_of_syncs_is_named_and_delays_nothing_else(make_blazz):
    """As when ingest is upgraded before the topics are created: it recovers by itself once the topic exists."""
    stack = make_blazz().seed(("bridge",))
    stack.kafka.delete([stack.topic("inbound.bulk")])
    stack.start_ingest()
    assert stack.post("bridge", sync([chat(1)], "s1")).status == 503
    assert f"{stack.topic('inbound.bulk')}: Broker: Unknown topic or partition" in stack.in_.log()
    assert stack.post("bridge", bridge(1)).status == 202
    stack.ctl("topics", "create", "--partitions", "3", "--replication", "1")
    wait_for(lambda: stack.post("bridge", sync([chat(1)], "s1")).status == 202, "the sync is accepted", 30)
    assert [e.WhichOneof("event") for _, e in stack.inbound()] == ["message", "sync_chat", "sync_batch_end"]


def test_the_older_contracts_account_names_and_bearer_token_are_accepted(shared, client):
    workspace = shared.workspace
    token = "older-contract-token"
    shared.folder.joinpath("token").write_text(token)
    shared.add_account(workspace, "k", session="older-1", provider="webjs", bridge="blazz",
                       token_file=shared.folder / "token")
    body = sync([chat(1)])
    del body["session_id"]
    body["whatsapp_account_id"] = "older-1"

    def post():
        answer = client.post("/api/webhooks/chats/sync", body, {"Authorization": f"Bearer {token}"})
        return answer.status == 202 and answer

    assert wait_for(post, "ingest has loaded the new account", 10).json()["events"] >= 1
    wrong = client.post("/api/webhooks/chats/sync", body, {"Authorization": "Bearer x" + token[1:]})
    assert wrong.status == 401


def test_standard_webhooks_signatures_stop_replays(shared, client):
    body = json.dumps(bridge(2)).encode()
    secret = SECRETS["bridge"]
    assert client.post("/api/whatsapp/webhook", body, standard_webhook(secret, body)).status == 202
    late = standard_webhook(secret, body, at=time.time() - 301)
    early = standard_webhook(secret, body, at=time.time() + 330)
    assert client.post("/api/whatsapp/webhook", body, late).status == 401
    assert client.post("/api/whatsapp/webhook", body, early).status == 401


def test_metas_subscription_check(shared, client):
    path = f"/webhooks/meta/{shared.app}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    answer = client.request("GET", path + VERIFY_TOKEN)
    assert (answer.status, answer.body) == (200, b"1158201444")
    assert client.request("GET", path + "wrong").status == 403
    assert client.request("GET", path.replace("subscribe", "other") + VERIFY_TOKEN).status == 403
    assert client.request("GET", f"/webhooks/meta/{shared.app}").status == 403


def test_several_secrets_are_valid_for_rotation(shared, client):
    """The newest secret first; older ones stay valid."""
    shared.add_account(shared.workspace, "new-key\nold-key", session="rotated-1", provider="webjs", bridge="blazz")
    body = json.dumps(bridge(3, session_id="rotated-1")).encode()

    def post(secret):
        return client.post("/api/whatsapp/webhook", body, signature("bridge", body, secret)).status

    wait_for(lambda: post("new-key") == 202, "ingest has loaded the new account", 10)
    assert post("old-key") == 202 and post("older-key") == 401


def test_bridges_that_do_not_sign_authenticate_by_token_or_api_key(shared, client):
    body = json.dumps({"event": "connection.update", "instance": "acme-support-1", "data": {"state": "open"}}).encode()
    path, token = shared.route("evolution"), SECRETS["evolution"]
    assert client.post(path, body, {"Authorization": f"Bearer {token}"}).status == 202
    assert client.post(path, body, {"apikey": token}).status == 202
    assert client.post(path, body, {"apikey": token + "x"}).status == 401


def test_one_invalid_item_does_not_reject_the_others(shared):
    bad = {"type": "private", "contact_name": "Nobody", "timestamp": T0}
    answer = shared.post("bridge", sync([chat(10), bad, chat(11)], "s-one-bad"))
    assert answer.status == 202 and answer.json()["rejected"] == 1
    dead_letters = [r for r in shared.read("http.ingest.dlq") if b"Nobody" in r.value]
    assert len(dead_letters) == 1 and dead_letters[0].headers["x-dlq-reason"] == "rule"
    assert json.loads(dead_letters[0].value)["chats"] == [bad], "alone in its envelope"


# Rejected bodies

@pytest.mark.parametrize("body", (b"", b"{", b"not json", b"[1,2", b'{"a":1}x', b'"\xff\xfe"', b"null", b"[]", b"42"))
@pytest.mark.parametrize("dialect", ("bridge", "waha", "webjs-raw", "evolution"))
def test_400_for_a_body_that_is_not_json_of_the_right_shape(shared, dialect, body):
    # The bridge's own contract names the account in the body: without it, no secret can verify the signature.
    assert shared.post(dialect, body).status in ((400, 401) if dialect == "bridge" else (400,))


def test_400_says_where_and_what(shared):
    answer = shared.post("waha", {"event": "message", "session": "acme-support-1"})
    assert answer.status == 400
    assert answer.json()["error"]
    for detail in answer.json().get("details", []):
        assert set(detail) == {"path", "message"}


@pytest.mark.parametrize("body, path", (
    (bridge(4, contact_phone=None), "contact_phone"),
    (bridge(4, message_body="x" * 65537), "message_body"),
    (bridge(4, message_body=""), "message_body"),
    (bridge(4, chat_type="group", group_jid=None), "group_jid"),
    (bridge(4, timestamp="soon"), "timestamp"),
    (sync([chat(n) for n in range(51)]), "chats"),
), ids=lambda v: v if isinstance(v, str) else "")
def test_422_says_where_and_what(shared, body, path):
    answer = shared.post("bridge", body)
    assert answer.status == 422, answer
    assert path in [d["path"].split(".")[-1] for d in answer.json()["details"]]


def test_413_and_415_and_411(shared, client):
    big = json.dumps(bridge(5, message_body="x" * (3 * MIB))).encode()
    assert shared.post("bridge", big).status == 413
    body = json.dumps(bridge(5)).encode()
    refused = client.post("/api/whatsapp/webhook", body, signature("bridge", body), content_type="text/plain")
    assert refused.status == 415
    answer = raw(shared, b"POST /api/whatsapp/webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 b"X-WhatsApp-Signature: 00\r\n\r\n")
    assert b" 411 " in answer.splitlines()[0], answer


def test_a_sync_may_be_larger(shared):
    messages = [{"id": f"3EB0SYNC{i:08}", "body": "x" * 60000, "type": "text", "timestamp": T0 + i, "from_me": False}
                for i in range(50)]
    chats = [chat(20 + n) | {"messages": messages} for n in range(4)]
    answer = shared.post("bridge", sync(chats, "s-large"))
    assert answer.status == 202, answer
    parts = [r for r in shared.read("inbound.bulk") if b"s-large" in r.value]
    assert len(parts) > 4 and all(len(r.value) <= 900 * 1024 for r in parts)


def test_431_for_a_header_without_end(shared):
    lines = b"".join(b"X-Fill-%d: %s\r\n" % (i, b"y" * 1000) for i in range(200))
    answer = raw(shared, b"POST /api/whatsapp/webhook HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
    assert answer == b"" or b" 431 " in answer.splitlines()[0], answer[:200]


def test_404_and_405(client):
    assert client.request("GET", "/nowhere").status == 404
    assert client.post("/webhooks/waha/not-a-uuid", b"{}").status == 404
    answer = client.request("GET", "/api/whatsapp/webhook")
    assert answer.status == 405 and "POST" in answer.headers["allow"]


# Rejected accounts and signatures

def test_numbers_of_the_older_contract(shared, client):
    """The routes of the older contract accept the row ids of a workspace and an account, as JSON numbers or as digits."""
    token = "number-contract-token"
    shared.folder.joinpath("number-token").write_text(token)
    account = shared.add_account(shared.workspace, "k", session="numbered-1", provider="webjs", bridge="blazz",
                                 token_file=shared.folder / "number-token")
    row, workspace = shared.sql("SELECT id, workspace_id FROM whatsapp_accounts WHERE uuid = %s", account)[0].values()
    head = {"Authorization": f"Bearer {token}"}

    def post(n, path="/api/webhooks/whatsapp", **names):
        body = bridge(9000 + n) | names
        body.pop("session_id") if "session_id" not in names else None
        return client.post(path, body, head).status

    for n, names in enumerate(({"whatsapp_account_id": row, "workspace_id": workspace}, {"whatsapp_account_id": str(row)},
                               {"session_id": row, "workspace_id": str(workspace)}, {"session_id": account},
                               {"session_id": "numbered-1", "whatsapp_account_id": row})):
        assert post(n, **names) == 202, names
    batch = sync([chat(1)], "s-number", whatsapp_account_id=row, workspace_id=workspace)
    del batch["session_id"]
    assert client.post("/api/webhooks/chats/sync", batch, head).status == 202
    for n, names in enumerate(({"whatsapp_account_id": row, "workspace_id": workspace + 1}, {"whatsapp_account_id": row + 1000000},
                               {"session_id": "numbered-1", "whatsapp_account_id": row + 1})):
        assert post(50 + n, **names) == 401, names


def test_a_session_named_like_another_accounts_public_id_or_number_gets_none_of_its_events(shared, client):
    """Both accounts are candidates; the one whose secret verifies the signature gets the events."""
    victim = shared.add_account(shared.workspace, "victim-key", session="victim-1", provider="webjs", bridge="blazz")
    row = shared.sql("SELECT id FROM whatsapp_accounts WHERE uuid = %s", victim)[0]["id"]
    other = shared.add_workspace("other")
    shared.add_account(other, "thief-key", session=str(row), provider="webjs", bridge="blazz")
    for n, name in enumerate((victim, str(row), row)):
        body = json.dumps(bridge(9100 + n, session_id=name)).encode()
        assert client.post("/api/whatsapp/webhook", body, signature("bridge", body, "victim-key")).status == 202, name
    body = json.dumps(bridge(9110, session_id=str(row))).encode()
    assert client.post("/api/whatsapp/webhook", body, signature("bridge", body, "thief-key")).status == 202


def test_one_url_for_all_sessions_of_wwebjs(shared, client):
    shared.add_account(shared.workspace, "wwebjs-key", session="wwebjs-any", provider="webjs", bridge="wwebjs")
    body = {"sessionId": "wwebjs-any", "dataType": "ready", "data": {}}

    def post(secret, **changes):
        raw = json.dumps(body | changes).encode()
        return client.post("/webhooks/wwebjs", raw, signature("bridge", raw, secret)).status

    assert post("wwebjs-key") == 202 and post("wrong") == 401
    assert post("wwebjs-key", sessionId="nobody") == 401


def test_a_body_that_the_parser_and_the_scan_read_differently_is_rejected(shared, client):
    """The session's name twice, escaped, or nested: the body is accepted for the account that the parser finds, or for none."""
    key = SECRETS["bridge"]
    for text, want in (('{"session_id":"acme-support-1","session_id":"other"%s}', 202), ('{"session\\u005fid":"acme-support-1"%s}', 202),
                       ('{"session_id":"other","session_id":"acme-support-1"%s}', 401),
                       ('{"a":{"session_id":"acme-support-1"}%s}', 401), ('\ufeff{"session_id":"acme-support-1"%s}', 401),
                       ('{"session_id":"acme-support-1","a":%s', 400), ('{"session_id":"acme-support-1"]%s', 400)):
        rest = "," + json.dumps({k: v for k, v in bridge(9200).items() if k != "session_id"})[1:-1]
        body = (text % rest).encode()
        assert client.post("/api/whatsapp/webhook", body, signature("bridge", body, key)).status == want, text


def test_a_repeated_delivery_is_the_same_event(shared, client):
    """A body without a time gets its event id from the delivery's id and time, not from the time of arrival."""
    shared.add_account(shared.workspace, "delivery-key", session="delivery-1", provider="webjs", bridge="wwebjs")
    body = json.dumps({"sessionId": "delivery-1", "dataType": "ready", "data": {}}).encode()
    account = shared.sql("SELECT uuid FROM whatsapp_accounts WHERE session_id = 'delivery-1'")[0]["uuid"]

    def events():
        return [e for _, e in shared.inbound() if e.account_id == str(account)]

    for id_ in ("msg_a", "msg_a", "msg_b"):
        assert client.post("/webhooks/wwebjs", body, standard_webhook("delivery-key", body, id_)).status == 202
    first, again, other = events()
    assert first.event_id == again.event_id != other.event_id and first.source_time_ms == again.source_time_ms > 0


def test_every_unknown_account_gets_the_same_answer(shared, client):
    body = json.dumps(bridge(6)).encode()
    other = "00000000-0000-4000-8000-000000000000"
    answers = [
        client.post("/api/whatsapp/webhook", body),
        client.post("/api/whatsapp/webhook", body, signature("bridge", body, "wrong")),
        client.post("/api/whatsapp/webhook", body, {"X-WhatsApp-Signature": "zz"}),
        client.post("/api/whatsapp/webhook", body.replace(b"acme-support-1", b"nobody"), signature("bridge", body)),
        client.post(f"/webhooks/waha/{other}", body, signature("waha", body)),
        client.post(f"/webhooks/meta/{other}", body, signature("meta", body)),
        client.post(shared.route("meta"), body, signature("meta", body, "wrong")),
        client.post(shared.route("waha"), body, signature("waha", body, "wrong")),
        client.post(shared.route("webjs-raw"), body, {"x-api-key": "wrong"}),
    ]
    assert {a.status for a in answers} == {401}
    assert len({a.body for a in answers}) == 1, "the answer does not reveal what was wrong"


def test_a_signature_is_over_the_raw_bytes(shared, client):
    body = json.dumps(bridge(7)).encode()
    assert client.post("/api/whatsapp/webhook", body + b" ", signature("bridge", body)).status == 401


def test_an_accounts_key_is_valid_for_that_account_only(shared, client):
    """A WAHA account's body with the key of another account."""
    body = json.dumps({"event": "session.status", "session": "acme-support-1", "payload": {"status": "WORKING"}}).encode()
    assert client.post(shared.route("waha"), body, {"X-Webhook-Hmac": ""}).status == 401
    own = json.dumps(bridge(8, session_id="meta-1")).encode()
    assert client.post("/api/whatsapp/webhook", own, signature("bridge", own)).status == 401


def test_a_body_that_names_another_workspace_is_rejected(shared):
    answer = shared.post("bridge", bridge(9, workspace_id="00000000-0000-4000-8000-000000000009"))
    assert answer.status in (401, 422), answer
    assert shared.post("bridge", bridge(9, workspace_id=shared.workspace)).status == 202


@pytest.mark.parametrize("dialect, body", (
    ("waha", {"event": "session.status", "session": "acme-sales-1", "payload": {"status": "WORKING"}}),
    ("evolution", {"event": "connection.update", "instance": "acme-sales-1", "data": {"state": "open"}}),
    ("webjs-raw", {"sessionId": "acme-sales-1", "dataType": "ready", "data": {}}),
))
def test_a_body_of_another_session_is_rejected(shared, dialect, body):
    member = {"waha": "session", "evolution": "instance", "webjs-raw": "sessionId"}[dialect]
    assert shared.post(dialect, body).status == 401
    assert shared.post(dialect, body | {member: "acme-support-1"}).status == 202


# Bodies that become dead letters

def test_meta_with_a_valid_signature_is_never_asked_to_repeat(shared):
    for body in (b"not json", b"{}", json.dumps(meta({"messages": [meta_text(2)]})).replace(
            "106540352242922", "999999999999999").encode()):
        answer = shared.post("meta", body)
        assert answer.status == 200, (body, answer)
        assert any(r.value == body or b"999999999999999" in r.value for r in shared.read("http.ingest.dlq")), body


def test_a_body_that_becomes_one_dead_letter_is_not_published_in_part(shared):
    """The body has too many items: the valid one among them is not published, either."""
    answer = shared.post("meta", meta({"messages": [meta_text("WHOLE"), *[0] * 20000]}))
    assert answer.status == 200 and answer.json() == {"status": "queued", "events": 0, "rejected": 1}
    assert len([r for r in shared.read("http.ingest.dlq") if b"wamid.ANWHOLE" in r.value]) == 1
    assert not any(b"wamid.ANWHOLE" in r.value for r in shared.read("inbound"))


def test_a_body_with_too_many_invalid_items_is_one_dead_letter(shared):
    """The bridge gets 422; no item of the body is published."""
    good = {"remoteJid": "16505550177@s.whatsapp.net", "pushName": "Only1001"}
    answer = shared.post("evolution", {"event": "contacts.update", "sender": "s" * 100000, "data": [good, *[{}] * 1001]})
    assert answer.status == 422 and answer.json()["details"][0]["path"] == "", answer
    dead_letters = [r for r in shared.read("http.ingest.dlq") if b"Only1001" in r.value]
    assert [r.headers["x-dlq-reason"] for r in dead_letters] == ["too_large"]
    assert not any(b"Only1001" in r.value for r in shared.read("inbound"))


# What is logged

def test_no_text_and_no_number_reaches_a_log_or_a_metric(shared, client):
    """Of accepted bodies, of rejected ones, and of records that became dead letters later."""
    text, number = "Confidential4711", "16505554711"
    good = bridge(40, message_body=text, contact_name=text, contact_phone=number)
    bad_chat = {"type": "private", "contact_name": text, "last_message": text, "timestamp": T0}
    late = inbound_pb2.InboundEvent.FromString(b"")
    late.event_id, late.workspace_id, late.account_id = text, number, number
    late.message.body = text
    statuses = [shared.post("bridge", good).status,
                shared.post("bridge", sync([chat(40), bad_chat], "s-logged")).status,
                shared.post("bridge", good | {"timestamp": text}).status,
                shared.post("bridge", good | {"group_jid": number, "chat_type": text, "message_type": text}).status,
                shared.post("waha", {"event": text, "session": text, "payload": {"from": number, "body": text}}).status,
                shared.post("waha", f'{{"event": "message", "body": "{text}" "{number}"}}'.encode()).status,
                shared.post("meta", meta({"messages": [meta_text("LOGGED", text=text, **{"from": number})]})).status,
                client.post("/api/whatsapp/webhook", good, signature("bridge", json.dumps(good).encode(), "wrong")).status]
    shared.publish([late], key=f"{number}:{text}")
    shared.wait_processed()
    assert {200, 202, 401, 400, 422} == set(statuses), statuses
    for service in shared.services:
        shown = service.log() + service.get("/metrics")[1]
        assert "outcome" in shown or "route" in shown
        assert text not in shown and number not in shown, [line for line in shown.splitlines() if text in line or number in line]


# Rate limits

def test_429_for_a_source_that_fails_to_authenticate(make_blazz):
    stack = make_blazz().seed(("bridge",)).start_ingest(limits__failures_per_minute=5)
    client, body = stack.client(), json.dumps(bridge(1)).encode()
    answers = [client.post("/api/whatsapp/webhook", body, signature("bridge", body, "wrong")) for _ in range(12)]
    assert [a.status for a in answers[:5]] == [401] * 5
    assert answers[-1].status == 429 and int(answers[-1].headers["retry-after"]) >= 1
    assert stack.inbound() == []


def test_429_for_an_account_beyond_its_rate(make_blazz):
    stack = make_blazz().seed(("bridge", "waha")).start_ingest(limits__account_rate=1, limits__account_burst=4,
                                                               limits__sync_rate=1, limits__sync_burst=50)
    statuses = [stack.post("bridge", bridge(n)).status for n in range(8)]
    assert statuses[:3] == [202] * 3 and 429 in statuses
    other = {"event": "session.status", "session": "acme-support-1", "payload": {"status": "WORKING"}}
    assert stack.post("waha", other).status == 202, "another account is not limited"


def test_a_batch_costs_as_many_events_as_it_has(make_blazz):
    """A batch beyond the burst is accepted once; after it only that account is refused."""
    stack = make_blazz().seed(("bridge", "waha", "meta")).start_ingest(limits__account_rate=10, limits__account_burst=20)
    many = meta({"messages": [meta_text(n) for n in range(300)]})
    assert stack.post("meta", many).json()["events"] == 300
    answer = stack.post("meta", meta({"messages": [meta_text(1000)]}))
    assert answer.status == 429 and int(answer.headers["retry-after"]) >= 20
    assert stack.post("bridge", bridge(1)).status == 202, "another account is not limited"
    assert stack.post("bridge", bridge(2, message_body="x" * 60000, extra="y" * 2 * MIB)).status == 202
    assert stack.post("bridge", bridge(3)).status == 429, "bytes are charged, too"
    lines = [line for line in stack.in_.log().splitlines() if "account_rate" in line]
    assert 1 <= len(lines) <= 2


def test_rejections_are_logged_at_most_once_a_second(make_blazz):
    stack = make_blazz().seed(("bridge",)).start_ingest(limits__account_rate=1, limits__account_burst=1)
    began = time.monotonic()
    statuses = [stack.post("bridge", bridge(n)).status for n in range(60)]
    assert statuses.count(429) > 50
    lines = [line for line in stack.in_.log().splitlines() if "account_rate" in line]
    assert 1 <= len(lines) <= time.monotonic() - began + 2
    assert stack.in_.metrics()['blazz_ingest_refused_total{reason="account_rate"}'] == statuses.count(429)


def test_429_for_a_sync_beyond_ten_chats_a_second(make_blazz):
    stack = make_blazz().seed(("bridge",)).start_ingest(limits__sync_rate=1, limits__sync_burst=60)
    batch = [chat(n) for n in range(50)]
    assert stack.post("bridge", sync(batch, "s1")).status == 202
    answer = stack.post("bridge", sync(batch, "s2"))
    assert answer.status == 429 and int(answer.headers["retry-after"]) >= 1
    assert stack.post("bridge", bridge(1)).status == 202, "live events are still accepted"


# Outages

def test_503_while_kafka_is_down_and_nothing_is_lost(make_blazz, kafka):
    stack = make_blazz().seed(("bridge",)).start_ingest(request__deadline="1500ms")
    assert stack.post("bridge", bridge(1)).status == 202
    kafka.stop()
    try:
        answer = stack.post("bridge", bridge(2))
        assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
        stack.in_.wait_unready()
        assert stack.in_.get("/livez")[0] == 200
    finally:
        kafka.start()
    wait_for(lambda: stack.post("bridge", bridge(2)).status == 202, "ingest accepts it again", 60)
    keys = {e.message.key for _, e in stack.inbound()}
    assert keys == {"false:3EB0AN00000001", "false:3EB0AN00000002"}


def test_while_postgresql_is_down_cached_accounts_are_served_and_a_cache_miss_is_503(make_blazz, postgres):
    stack = make_blazz().seed(("bridge", "waha")).start_ingest()
    assert stack.post("bridge", bridge(1)).status == 202
    postgres.stop()
    try:
        assert stack.post("bridge", bridge(2)).status == 202
        body = json.dumps(bridge(3, session_id="nobody-knows")).encode()
        answer = stack.default_client().post("/api/whatsapp/webhook", body, signature("bridge", body))
        assert answer.status == 503 and "retry-after" in answer.headers
        other = "00000000-0000-4000-8000-000000000000"
        assert stack.default_client().post(f"/webhooks/waha/{other}", b"{}", {"X-Webhook-Hmac": "00"}).status == 503
    finally:
        postgres.start()


def test_unready_and_503_before_the_first_load(make_blazz, postgres):
    stack = make_blazz().seed(("bridge",))
    postgres.stop()
    try:
        ingest = stack.ingest().start(wait_ready=False)
        client = stack.client(ingest)
        body = json.dumps(bridge(1)).encode()
        assert client.post("/api/whatsapp/webhook", body, signature("bridge", body)).status == 503
        assert ingest.get("/readyz")[0] == 503
    finally:
        postgres.start()
    ingest.wait_ready(60)
    wait_for(lambda: client.post("/api/whatsapp/webhook", body, signature("bridge", body)).status == 202, "ingest accepts events")


def test_a_new_account_is_known_at_once_and_a_changed_secret_too(shared, client):
    account = shared.add_account(shared.workspace, "k1", session="fresh-1", provider="webjs", bridge="blazz")
    body = json.dumps(bridge(1, session_id="fresh-1")).encode()
    assert client.post("/api/whatsapp/webhook", body, signature("bridge", body, "k1")).status == 202, "a cache miss is looked up in PostgreSQL"
    shared.sql("UPDATE whatsapp_accounts SET deleted_at = now() WHERE uuid = %s", account)
    wait_for(lambda: client.post("/api/whatsapp/webhook", body, signature("bridge", body, "k1")).status == 401,
             "a deleted account is rejected", 10)


# Connections

def raw(stack, data, timeout_s=20):
    """Sends the bytes as they are. Returns the start of the answer, or b"" when the server closes the connection."""
    with socket.create_connection(("127.0.0.1", stack.in_.port("http.port_file")), timeout_s) as s:
        try:
            s.sendall(data)
            return s.recv(4096)
        except ConnectionError:
            return b""


def test_a_header_and_a_body_byte_by_byte_do_not_outlive_their_deadlines(make_blazz):
    stack = make_blazz().seed(("bridge",)).start_ingest(http__header_timeout="1s", http__body_timeout="1s")
    port = stack.in_.port("http.port_file")
    head = b"POST /api/whatsapp/webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for start, drip in ((b"", head * 5), (head + b"Content-Length: 100\r\n\r\n", b"x" * 100)):
        with socket.create_connection(("127.0.0.1", port), 20) as s:
            s.settimeout(0.2)
            s.sendall(start)
            began, closed = time.monotonic(), False
            for byte in drip:
                try:
                    s.sendall(bytes([byte]))
                    closed = s.recv(1) == b"" or closed
                except TimeoutError:
                    continue
                except ConnectionError:
                    closed = True
                if closed or time.monotonic() - began > 8:
                    break
            assert closed and time.monotonic() - began < 6


def test_sigterm_finishes_requests_in_flight(make_blazz):
    stack = make_blazz().seed(("bridge",)).start_ingest()
    statuses = []

    def send(first):
        client = Client(stack.in_.port("http.port_file"))
        for n in range(first, first + 200):
            try:
                body = json.dumps(bridge(n)).encode()
                statuses.append((n, client.post("/api/whatsapp/webhook", body, signature("bridge", body)).status))
            except OSError:
                return  # closed between two requests

    threads = [threading.Thread(target=send, args=(1000 * k,)) for k in range(1, 4)]
    for t in threads:
        t.start()
    wait_for(lambda: len(statuses) > 30, "requests are in flight")
    assert stack.in_.stop() < 15
    for t in threads:
        t.join()
    queued = {e.message.key for _, e in stack.inbound()}
    accepted = {f"false:3EB0AN{n:08}" for n, status in statuses if status == 202}
    assert accepted <= queued and {s for _, s in statuses} <= {202, 503}


def test_kill_9_loses_nothing_that_was_accepted(make_blazz):
    stack = make_blazz().seed(("bridge",)).start_ingest()
    accepted = []

    def send():
        client = Client(stack.in_.port("http.port_file"))
        for n in range(2000):
            try:
                body = json.dumps(bridge(n)).encode()
                if client.post("/api/whatsapp/webhook", body, signature("bridge", body)).status == 202:
                    accepted.append(n)
            except (OSError, http.client.HTTPException):
                return

    sender = threading.Thread(target=send)
    sender.start()
    wait_for(lambda: len(accepted) > 40, "requests are in flight")
    stack.in_.kill()
    sender.join()
    queued = {e.message.key for _, e in stack.inbound()}
    assert {f"false:3EB0AN{n:08}" for n in accepted} <= queued
