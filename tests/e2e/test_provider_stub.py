"""tools/provider-stub: each route, rule and post, driven as what sends through a provider would."""
import http.client
import json
import select
import subprocess
import time
from collections import Counter

import pytest
from blazz.v1 import common_pb2 as common
from harness.client import standard_webhook
from harness.provider_stub import KEY, TOKEN, ProviderStub, bearer, blazz_lookup, blazz_send, blazz_text, meta_send, meta_text
from harness.service import BIN
from harness.waiting import wait_for

ACCOUNT, WABA, SESSION = "106540352242922", "102290129340398", "acme-support-1"
PHONE = "6281100000001"
SESSIONS = [{"provider": "meta", "name": ACCOUNT, "key": TOKEN, "waba": WABA, "phone": "15550783881"},
            *({"provider": provider, "name": SESSION, "key": KEY, "phone": "6281234567890"}
              for provider in ("blazz", "waha", "evolution", "wwebjs"))]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    stub = ProviderStub(tmp_path_factory.mktemp("stub")).start()
    stub.sessions(*SESSIONS)
    yield stub
    wrong = stub.close()
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def stub(running):
    """The file's stub, without rules; its journal is that of the test from `stub.mark` on."""
    running.rules()
    running.mark = running.stats()["journal"]
    return running


@pytest.fixture
def make_stub(make_provider_stub):
    def make(**settings):
        stub = make_provider_stub(**settings)
        stub.sessions(*SESSIONS)
        return stub

    return make


def lines(stub, **filters):
    """The journal's lines of this test."""
    return stub.journal(after=stub.mark, **filters)


def begin(stub, message):
    """A connection on which a message to Meta has been sent, and not been answered yet."""
    connection = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=30)
    connection.request("POST", f"/v25.0/{ACCOUNT}/messages", json.dumps(message), bearer())
    return connection


def is_answered(connection):
    return bool(select.select([connection.sock], [], [], 0)[0])


def error_of(answer):
    return answer.json()["error"]


# Meta

def test_meta_accepts_a_message_and_journals_it(stub):
    answer = meta_send(stub, meta_text("+6281100000002", "hello", "c1.7"))
    assert answer.status == 200
    body = answer.json()
    assert body["contacts"] == [{"input": "+6281100000002", "wa_id": "6281100000002"}]
    assert body["messages"][0]["id"].startswith("wamid.") and body["messages"][0]["message_status"] == "accepted"
    line, = lines(stub)
    assert line["accepted"] and line["id"] == body["messages"][0]["id"] and line["client_message_id"] == "c1.7"
    assert (line["provider"], line["account"], line["recipient"], line["act"], line["type"], line["status"]) == (
        "meta", ACCOUNT, "6281100000002", "send", "text", 200)


META_MESSAGES = [
    ("template", {"type": "template", "template": {"name": "promo_v1", "language": {"code": "id"}}}, "send"),
    ("image by id", {"type": "image", "image": {"id": "1013859600285441"}}, "send"),
    ("location", {"type": "location", "location": {"latitude": 1, "longitude": 2}}, "send"),
    ("reaction", {"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": "👍"}}, "reaction"),
    ("to a BSUID", {"to": None, "recipient": "US.13491208655302741918"}, "send"),
    ("without a type", {"type": None}, "send"),
]


@pytest.mark.parametrize("name, members, act", META_MESSAGES, ids=[m[0] for m in META_MESSAGES])
def test_meta_accepts_each_type(stub, name, members, act):
    message = {k: v for k, v in (meta_text() | members).items() if v is not None}
    answer = meta_send(stub, message)
    assert answer.status == 200 and answer.json()["messages"][0]["id"]
    assert [(j["accepted"], j["act"]) for j in lines(stub)] == [(True, act)]


def test_meta_marks_a_message_as_read(stub):
    answer = meta_send(stub, {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"})
    assert answer.status == 200 and answer.json() == {"success": True}
    assert [j["act"] for j in lines(stub)] == ["read"]


@pytest.mark.parametrize("missing", ["messaging_product", "to", "text"])
def test_meta_refuses_a_message_without(stub, missing):
    message = meta_text()
    del message[missing]
    answer = meta_send(stub, message)
    assert answer.status == 400 and error_of(answer)["code"] == 100
    assert [(j["accepted"], j["reason"]) for j in lines(stub)] == [(False, "invalid")]


def test_meta_refuses_long_texts_callback_data_and_what_is_not_json(stub):
    for bad in (meta_text(body="x" * 20000), meta_text(body=""), meta_text(id="x" * 510), b"{", b"", b"[]"):
        answer = meta_send(stub, bad)
        assert (answer.status, error_of(answer)["code"]) == (400, 100), bad


def test_meta_checks_the_token_and_the_number(stub):
    wrong = meta_send(stub, meta_text(), token="other")
    assert wrong.status == 401 and error_of(wrong)["code"] == 190
    none = stub.kept_client.post(f"/v25.0/{ACCOUNT}/messages", meta_text())
    assert none.status == 401
    unknown = meta_send(stub, meta_text(), account="999")
    assert unknown.status == 400 and (error_of(unknown)["code"], error_of(unknown)["error_subcode"]) == (100, 33)
    assert [j["reason"] for j in lines(stub)] == ["unauthenticated", "unauthenticated", "unknown_session"]


def test_meta_answers_media_by_id(stub):
    media = stub.kept_client.request("GET", "/v25.0/1013859600285441", headers=bearer())
    assert media.status == 200 and media.json()["id"] == "1013859600285441" and media.json()["url"].startswith("https://")
    assert error_of(stub.kept_client.request("GET", "/v25.0/nonsense", headers=bearer()))["code"] == 100
    assert stub.kept_client.request("GET", "/v25.0/1013859600285441", headers=bearer("other")).status == 401


def test_meta_pages_through_message_templates(stub):
    names = [f"promo_{n}" for n in range(7)]
    stub.templates(WABA, *({"name": n, "language": "id", "status": "APPROVED", "components": [{"type": "BODY", "text": "Hi {{1}}"}]}
                           for n in names))
    path, found, pages = f"/v25.0/{WABA}/message_templates?fields=name,language&limit=3", [], 0
    while path:
        page = stub.kept_client.request("GET", path, headers=bearer()).json()
        found += [t["name"] for t in page["data"]]
        assert page["data"][0]["components"][0]["text"] == "Hi {{1}}"
        path = page["paging"].get("next", "").removeprefix(stub.url())
        pages += 1
    assert found == names and pages == 3
    assert stub.kept_client.request("GET", f"/v25.0/{WABA}/message_templates", headers=bearer("other")).status == 401
    assert stub.kept_client.request("GET", "/v25.0/1/message_templates", headers=bearer()).status == 401


def test_an_unknown_route_is_not_found(stub):
    assert stub.kept_client.post("/v25.0/1/2/3", {}).status == 404
    assert stub.kept_client.request("GET", "/_nothing").status == 404


# Our own bridge contract

def test_a_repeat_is_answered_with_the_first_id(stub):
    first = blazz_send(stub, blazz_text(id="b1#2"))
    again = blazz_send(stub, blazz_text(id="b1#2", text="other"))
    assert first.status == again.status == 200 and first.json() == again.json()
    assert [(j["accepted"], j.get("reason")) for j in lines(stub)] == [(True, None), (False, "repeated")]
    assert blazz_lookup(stub, "b1#2").json() == {"state": "sent", "id": first.json()["id"]}
    assert blazz_lookup(stub, "never").status == 404


def test_a_bridge_message_needs_a_valid_signature(stub):
    body = json.dumps(blazz_text(id="signed")).encode()

    def post(headers):
        return stub.kept_client.post("/api/messages/send", body, headers).status

    assert post({}) == 401
    assert post(standard_webhook("wrong", body)) == 401
    assert post(standard_webhook(KEY, body + b" ")) == 401
    assert post(standard_webhook(KEY, body, at=time.time() - 301)) == 401
    assert blazz_lookup(stub, "signed", secret="wrong").status == 401
    assert post(standard_webhook(KEY, body)) == 200
    assert blazz_lookup(stub, "signed", session="unknown").status == 404


BLAZZ_MESSAGES = [
    {"type": "image", "text": None, "media": {"url": "https://example.com/a.jpg", "mime": "image/jpeg", "caption": "a"}},
    {"type": "location", "text": None, "location": {"latitude": 1, "longitude": 2}},
    {"type": "reaction", "text": None, "reaction": {"emoji": "👍"}, "quoted_id": "false_1@c.us_3A"},
    {"type": "read", "text": None, "quoted_id": "false_1@c.us_3A"},
]


@pytest.mark.parametrize("members", BLAZZ_MESSAGES, ids=[m["type"] for m in BLAZZ_MESSAGES])
def test_a_bridge_accepts_each_type(stub, members):
    message = {k: v for k, v in (blazz_text(id=f"type-{members['type']}") | members).items() if v is not None}
    assert blazz_send(stub, message).status == 200
    assert lines(stub)[0]["type"] == members["type"]
    for missing in set(members) & {"media", "location", "quoted_id"} | {"to", "client_message_id"}:
        answer = blazz_send(stub, {k: v for k, v in message.items() if k != missing})
        assert answer.status == 400 and error_of(answer)["code"] == "invalid", missing


def test_a_bridge_message_is_pending_until_its_answer(stub):
    stub.rules({"end": "cut", "delay_ms": 2000, "times": 1})
    body = json.dumps(blazz_text(id="p1")).encode()
    slow = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=30)
    slow.request("POST", "/api/messages/send", body, standard_webhook(KEY, body))
    wait_for(lambda: stub.accepted(client_message_id="p1"), "the message is in the journal")
    assert blazz_send(stub, blazz_text(id="p1")).status == 409
    assert blazz_lookup(stub, "p1").json() == {"state": "pending"}
    with pytest.raises((http.client.HTTPException, OSError)):
        slow.getresponse()
    assert blazz_lookup(stub, "p1").json()["state"] == "sent"
    assert blazz_send(stub, blazz_text(id="p1")).status == 200
    assert len(lines(stub, accepted="true")) == 1


def test_a_failed_bridge_message_says_why_and_may_be_sent_again(stub):
    before = stub.stats()["duplicates"]
    stub.rules({"end": "cut", "error": "media_failed", "times": 1})
    with pytest.raises((http.client.HTTPException, OSError)):
        blazz_send(stub, blazz_text(id="f1"))
    assert blazz_lookup(stub, "f1").json() == {"state": "failed", "error": {"code": "media_failed"}}
    assert blazz_send(stub, blazz_text(id="f1")).status == 200
    assert blazz_lookup(stub, "f1").json()["state"] == "sent"
    assert stub.stats()["duplicates"] == before


def test_ids_are_forgotten_after_their_time_and_beyond_their_number(make_stub):
    few = make_stub(ids__keep=2)
    for n in range(3):
        blazz_send(few, blazz_text(id=f"k{n}"))
    assert [blazz_lookup(few, f"k{n}").status for n in range(3)] == [404, 200, 200]
    brief = make_stub(ids__ttl="300ms")
    blazz_send(brief, blazz_text(id="k"))
    wait_for(lambda: blazz_lookup(brief, "k").status == 404, "the id is forgotten")


# The other bridges

FILE = {"file": {"mimetype": "image/jpeg", "url": "https://example.com/a.jpg"}, "caption": "look"}
CHAT = {"session": SESSION, "chatId": f"{PHONE}@c.us"}
NUMBER = {"number": PHONE}
MEDIA = {"media": "https://example.com/a.jpg", "mediatype": "image", "caption": "look"}
JID = {"remoteJid": f"{PHONE}@s.whatsapp.net", "fromMe": False, "id": "3A"}
BRIDGE_CALLS = [
    ("waha", "POST", "/api/sendText", CHAT | {"text": "hello"}, "send", "text"),
    ("waha", "POST", "/api/sendImage", CHAT | FILE, "send", "image"),
    ("waha", "POST", "/api/sendVideo", CHAT | FILE, "send", "video"),
    ("waha", "POST", "/api/sendVoice", CHAT | FILE, "send", "voice"),
    ("waha", "POST", "/api/sendFile", CHAT | FILE, "send", "document"),
    ("waha", "POST", "/api/sendLocation", CHAT | {"latitude": 1, "longitude": 2, "title": ""}, "send", "location"),
    ("waha", "PUT", "/api/reaction", {"session": SESSION, "messageId": f"false_{PHONE}@c.us_3A", "reaction": "👍"}, "reaction", "reaction"),
    ("waha", "POST", "/api/sendSeen", CHAT, "read", "read"),
    ("evolution", "POST", f"/message/sendText/{SESSION}", NUMBER | {"text": "hello"}, "send", "text"),
    ("evolution", "POST", f"/message/sendMedia/{SESSION}", NUMBER | MEDIA, "send", "image"),
    ("evolution", "POST", f"/message/sendWhatsAppAudio/{SESSION}", NUMBER | {"audio": "https://example.com/a.ogg"}, "send", "voice"),
    ("evolution", "POST", f"/message/sendSticker/{SESSION}", NUMBER | {"sticker": "https://example.com/a.webp"}, "send", "sticker"),
    ("evolution", "POST", f"/message/sendLocation/{SESSION}", NUMBER | {"latitude": 1, "longitude": 2, "name": "", "address": ""},
     "send", "location"),
    ("evolution", "POST", f"/message/sendReaction/{SESSION}", {"key": JID, "reaction": "👍"}, "reaction", "reaction"),
    ("evolution", "POST", f"/chat/markMessageAsRead/{SESSION}", {"readMessages": [JID]}, "read", "read"),
    ("wwebjs", "POST", f"/client/sendMessage/{SESSION}", {"chatId": f"{PHONE}@c.us", "contentType": "string", "content": "hello"}, "send", "text"),
    ("wwebjs", "POST", f"/client/sendMessage/{SESSION}",
     {"chatId": f"{PHONE}@c.us", "contentType": "MessageMediaFromURL", "content": "https://example.com/a.jpg",
      "options": {"caption": "look"}}, "send", "image"),
    ("wwebjs", "POST", f"/client/sendMessage/{SESSION}",
     {"chatId": f"{PHONE}@c.us", "contentType": "Location", "content": {"latitude": 1, "longitude": 2}}, "send", "location"),
    ("wwebjs", "POST", f"/message/react/{SESSION}", {"chatId": f"{PHONE}@c.us", "messageId": "3A", "reaction": "👍"}, "reaction", "reaction"),
    ("wwebjs", "POST", f"/client/sendSeen/{SESSION}", {"chatId": f"{PHONE}@c.us"}, "read", "read"),
]
TEXTS = {provider: (method, path, body) for provider, method, path, body, _, type_ in reversed(BRIDGE_CALLS) if type_ == "text"}
KEY_HEADERS = {"waha": "X-Api-Key", "evolution": "apikey", "wwebjs": "x-api-key"}


def call(stub, provider, method, path, body, key=KEY):
    return stub.kept_client.request(method, path, json.dumps(body).encode(),
                                    {"Content-Type": "application/json", KEY_HEADERS[provider]: key})


def bridge_id(provider, body):
    if provider == "waha":
        return body.get("id", "").rpartition("_")[2]
    return body["key"].get("id") if provider == "evolution" else body["message"]["id"]["id"]


@pytest.mark.parametrize("provider, method, path, body, act, type_", BRIDGE_CALLS, ids=[f"{c[0]}{c[2]}-{c[5]}" for c in BRIDGE_CALLS])
def test_each_route_of_the_other_bridges(stub, provider, method, path, body, act, type_):
    answer = call(stub, provider, method, path, body)
    assert answer.status in (200, 201), answer
    line, = lines(stub)
    assert (line["provider"], line["account"], line["act"], line["type"], line["accepted"]) == (provider, SESSION, act, type_, True)
    if act == "send":
        assert bridge_id(provider, answer.json()) == line["id"] and line["recipient"] == PHONE


@pytest.mark.parametrize("provider, status", [("waha", 401), ("evolution", 401), ("wwebjs", 403)])
def test_the_other_bridges_check_their_key_and_session(stub, provider, status):
    method, path, body = TEXTS[provider]
    assert call(stub, provider, method, path, body, "wrong").status == status
    unknown = body | {"session": "unknown"} if provider == "waha" else body
    assert call(stub, provider, method, path.replace(SESSION, "unknown"), unknown).status == 404
    assert call(stub, provider, method, path, {"session": SESSION}).status == 400
    assert [j["reason"] for j in lines(stub)] == ["unauthenticated", "unknown_session", "invalid"]


BRIDGE_ERRORS = [
    ("blazz", "not_on_whatsapp", 400, lambda b: b["error"]["code"] == "not_on_whatsapp"),
    ("blazz", "session_not_connected", 422, lambda b: b["error"]["code"] == "session_not_connected"),
    ("blazz", "blocked", 403, lambda b: b["error"]["code"] == "blocked"),
    ("blazz", "rate_limited", 429, lambda b: b["error"]["code"] == "rate_limited"),
    ("blazz", "invalid", 400, lambda b: b["error"]["code"] == "invalid"),
    ("blazz", "media_failed", 400, lambda b: b["error"]["code"] == "media_failed"),
    ("waha", "session_not_connected", 422, lambda b: b["session"] == SESSION and b["expected"] == "WORKING"),
    ("waha", "blocked", 463, lambda b: b["statusCode"] == 463),
    ("waha", "rate_limited", 429, lambda b: True),
    ("evolution", "not_on_whatsapp", 400, lambda b: b["response"]["message"] == [{"exists": False}]),
    ("evolution", "session_not_connected", 422, lambda b: b["session"]),
    ("wwebjs", "not_on_whatsapp", 200, lambda b: b["success"] is False),
    ("wwebjs", "session_not_connected", 404, lambda b: b["error"] == "session_not_connected"),
]


@pytest.mark.parametrize("provider, word, status, right", BRIDGE_ERRORS, ids=[f"{e[0]}-{e[1]}" for e in BRIDGE_ERRORS])
def test_errors_of_bridges(stub, provider, word, status, right):
    stub.rules({"provider": provider, "error": word, "retry_after": 7})
    answer = blazz_send(stub, blazz_text(id=f"e-{word}")) if provider == "blazz" else call(stub, provider, *TEXTS[provider])
    assert answer.status == status and right(answer.json()) and answer.headers["retry-after"] == "7"
    assert [(j["accepted"], j["reason"]) for j in lines(stub)] == [(False, word)]


# Rules: which requests

def refused(stub, n, **message):
    """The numbers, from 1, of those of n messages that a rule refused."""
    return [i for i in range(1, n + 1) if meta_send(stub, meta_text(**message)).status != 200]


@pytest.mark.parametrize("rule, numbers", [
    ({}, [1, 2, 3, 4, 5, 6]), ({"nth": 3}, [3]), ({"every": 2}, [2, 4, 6]), ({"times": 2}, [1, 2]), ({"every": 2, "times": 2}, [2, 4]),
    ({"share": 0}, []), ({"provider": "meta"}, [1, 2, 3, 4, 5, 6]), ({"provider": "waha"}, []), ({"account": ACCOUNT, "nth": 1}, [1]),
    ({"account": "other"}, []), ({"recipient": PHONE, "nth": 2}, [2]), ({"recipient": "1"}, []), ({"act": "send", "nth": 6}, [6]),
    ({"act": "read"}, [])], ids=str)
def test_which_requests_a_rule_is_about(stub, rule, numbers):
    stub.rules({"code": 131026} | rule)
    assert refused(stub, 6) == numbers


def test_a_share_is_about_that_many_and_the_same_with_each_seed(make_stub):
    found = []
    for seed in (7, 7, 8):
        stub = make_stub(rules__seed=seed)
        stub.rules({"code": 131026, "share": 0.3})
        found.append(refused(stub, 100))
    assert found[0] == found[1] != found[2]
    assert 15 <= len(found[0]) <= 45


def test_the_first_rule_that_applies_decides(stub):
    stub.rules({"name": "first", "code": 131026, "nth": 2}, {"name": "all", "code": 131047})
    assert [error_of(meta_send(stub, meta_text()))["code"] for _ in range(3)] == [131047, 131026, 131047]
    assert stub.counts() == {"first": 1, "all": 2}
    assert [j["rule"] for j in lines(stub)] == ["all", "first", "all"]


@pytest.mark.parametrize("of, recipients", [("account", [PHONE, "6281100000009"]), ("pair", [PHONE])])
def test_limits_are_counted(stub, of, recipients):
    code = 130429 if of == "account" else 131056
    stub.rules({"limit": {"of": of, "uses": 1, "window_ms": 3600000, "burst": 4}, "code": code})
    answers = [meta_send(stub, meta_text(recipients[n % len(recipients)])) for n in range(6)]
    assert [a.status for a in answers] == [200] * 4 + [400] * 2 and error_of(answers[-1])["code"] == code
    assert meta_send(stub, meta_text("6281100000008")).status == (400 if of == "account" else 200)


def test_a_limit_admits_again_after_its_interval(stub):
    stub.rules({"limit": {"of": "account", "uses": 10, "window_ms": 1000}, "code": 130429})
    assert [meta_send(stub, meta_text()).status for _ in range(2)] == [200, 400]
    wait_for(lambda: meta_send(stub, meta_text()).status == 200, "the account may send again", every_s=0.02)


BAD_RULES = [{}, {"name": "nothing"}, {"code": "x"}, {"codes": 1}, {"end": "explode"}, {"provider": "sms", "code": 1}, {"nth": -1, "code": 1},
             {"share": 2, "code": 1}, {"status": 99}, {"body": "x"}, {"limit": {"of": "pair"}, "code": 1}, {"webhooks": {"statuses": ["seen"]}},
             {"webhooks": {"state": 1}}, {"webhooks": {"repeat": 0}}, {"accept": 1}, 7]


@pytest.mark.parametrize("rule", BAD_RULES, ids=str)
def test_a_rule_that_cannot_be_meant_is_rejected(stub, rule):
    stub.rules({"name": "kept", "code": 131026})
    answer = stub.kept_client.post("/_rules", [{"code": 1}, rule])
    assert answer.status == 400 and answer.json()["error"].startswith("rule 2: "), answer
    assert stub.counts() == {"kept": 0}


# Rules: answers

def test_graph_errors(stub):
    stub.rules({"nth": 1, "code": 131026, "title": "Message undeliverable", "details": "Not on WhatsApp"},
               {"code": 190, "subcode": 463}, )
    first, second = meta_send(stub, meta_text()), meta_send(stub, meta_text())
    assert first.status == 400 and error_of(first)["code"] == 131026 and error_of(first)["message"] == "(#131026) Message undeliverable"
    assert error_of(first)["error_data"]["details"] == "Not on WhatsApp"
    assert second.status == 401 and error_of(second)["error_subcode"] == 463
    stub.rules({"code": 131000, "status": 500})
    assert meta_send(stub, meta_text()).status == 500
    assert [j["reason"] for j in lines(stub)] == ["131026", "190", "131000"]


def test_answers_without_a_graph_error(stub):
    stub.rules({"nth": 1, "status": 502}, {"nth": 1, "status": 403, "body": "no"}, {"nth": 1, "status": 404, "body": {"message": "x"}},
               {"status": 200, "body": "<p>ok</p>"})
    answers = [meta_send(stub, meta_text()) for _ in range(4)]
    assert [a.status for a in answers] == [502, 403, 404, 200]
    assert [a.headers["content-type"] for a in answers] == ["text/html", "text/html", "application/json", "text/html"]
    assert answers[1].body == b"no" and answers[2].json() == {"message": "x"}
    assert [j["accepted"] for j in lines(stub)] == [False, False, False, True]


def ending(stub, **rule):
    """What a client sees of a message that this rule is about."""
    stub.rules(rule)
    client = stub.client()
    try:
        meta_send(stub, meta_text(id=f"end-{stub.mark}"), client=client)
        return "answer"
    except http.client.RemoteDisconnected:
        return "closed"
    except ConnectionResetError:
        return "reset"
    finally:
        client.close()


@pytest.mark.parametrize("rule, seen, accepted", [
    ({"end": "reset"}, "reset", False), ({"end": "reset", "accept": True}, "reset", True), ({"end": "cut"}, "closed", True),
    ({"end": "cut", "accept": False}, "closed", False), ({"end": "hang", "delay_ms": 300}, "closed", False),
    ({"end": "hang", "delay_ms": 300, "accept": True}, "closed", True), ({"status": 504, "accept": True}, "answer", True),
    ({"accept": False}, "answer", False)], ids=str)
def test_ends(stub, rule, seen, accepted):
    assert ending(stub, **rule) == seen
    assert [j["accepted"] for j in lines(stub)] == [accepted]


def test_a_slow_answer_comes_and_delays_no_other(stub):
    stub.rules({"nth": 1, "delay_ms": 2000})
    began = time.monotonic()
    slow = begin(stub, meta_text(id="slow"))
    wait_for(lambda: lines(stub), "the slow message is in the journal")
    assert meta_send(stub, meta_text(id="fast")).status == 200
    assert not is_answered(slow)
    assert slow.getresponse().status == 200 and time.monotonic() - began >= 2
    slow.close()


def test_success_without_an_id_or_with_another_status(stub):
    stub.rules({"nth": 1, "no_id": True}, {"nth": 1, "message_status": "held_for_quality_assessment"})
    first, second = (meta_send(stub, meta_text()).json()["messages"][0] for _ in range(2))
    assert "id" not in first and second["message_status"] == "held_for_quality_assessment" and second["id"]
    assert [j["accepted"] for j in lines(stub)] == [True, True]
    for provider in TEXTS:
        stub.rules({"no_id": True})
        body = call(stub, provider, *TEXTS[provider]).json()
        assert not (bridge_id(provider, body) if provider != "wwebjs" else body.get("message"))


def test_the_number_in_the_answer_may_differ_from_the_one_dialled(make_stub, receive):
    stub, receiver = make_stub(), receive()
    stub.sessions(SESSIONS[0] | {"webhook_url": receiver.url(), "webhook_secret": "s"})
    stub.rules({"wa_id": "5491112345678", "webhooks": {"statuses": ["sent"]}})
    body = meta_send(stub, meta_text("541112345678")).json()
    assert body["contacts"] == [{"input": "541112345678", "wa_id": "5491112345678"}]
    assert stub.journal()[0]["recipient"] == "541112345678"
    wait_for(lambda: receiver.deliveries, "the status is posted")
    status = receiver.deliveries[0].event["entry"][0]["changes"][0]["value"]["statuses"][0]
    assert status["recipient_id"] == "5491112345678"


def test_rules_about_what_sends_nothing(stub):
    stub.rules({"act": "lookup", "status": 503}, {"act": "media", "code": 131052}, {"act": "templates", "code": 4})
    assert meta_send(stub, meta_text()).status == 200
    assert blazz_lookup(stub, "x").status == 503
    assert error_of(stub.kept_client.request("GET", "/v25.0/1013859600285441", headers=bearer()))["code"] == 131052
    assert error_of(stub.kept_client.request("GET", f"/v25.0/{WABA}/message_templates", headers=bearer()))["code"] == 4


# Journal, sessions, the process

def test_a_message_is_in_the_file_before_its_end_is_seen(make_stub):
    stub = make_stub()
    stub.rules({"end": "cut"})
    for n in range(20):
        with pytest.raises(OSError):
            meta_send(stub, meta_text(id=f"cut{n}"))
        assert json.loads(stub.journal_file.read_text().splitlines()[-1])["client_message_id"] == f"cut{n}"
    stub.kill()
    assert len(stub.journal_file.read_text().splitlines()) == 20


def test_the_content_hash_is_that_of_the_content(stub):
    for message in (meta_text(id="h1"), meta_text(id="h2"), meta_text(id="h3", body="other")):
        meta_send(stub, message)
    first, second, third = (j["content_sha256"] for j in lines(stub))
    assert first == second != third and lines(stub)[0]["request"]["text"] == {"body": "hello"}


def test_the_journal_is_filtered_and_its_memory_bounded(make_stub):
    stub = make_stub(journal__keep=10)
    for n in range(12):
        meta_send(stub, meta_text(f"62811{n % 2}", id=f"j{n}"))
    meta_send(stub, {})
    assert [j["seq"] for j in stub.journal()] == list(range(4, 14))
    assert [j["seq"] for j in stub.journal(after=11)] == [12, 13]
    assert [j["seq"] for j in stub.journal(recipient="628111", limit=2)] == [4, 6]
    assert [j["seq"] for j in stub.journal(accepted="false")] == [13]
    assert len(stub.journal(provider="meta", account=ACCOUNT, act="send")) == 10 and not stub.journal(provider="waha")
    assert len(stub.journal_file.read_text().splitlines()) == 13


def test_stats_count_messages_that_were_sent_twice(make_stub):
    stub = make_stub()
    for _ in range(3):
        meta_send(stub, meta_text(id="twice"))
    stats = stub.stats()
    assert (stats["accepted"], stats["duplicates"], stats["refused"]) == (3, 2, 0)


def test_a_pattern_stands_for_all_other_sessions(make_stub):
    stub = make_stub()
    stub.sessions({"provider": "meta", "name": "*", "key": "pattern"})
    assert meta_send(stub, meta_text(), "777", "pattern").status == 200
    assert meta_send(stub, meta_text(), "777", "other").status == 401
    assert meta_send(stub, meta_text(), ACCOUNT, "pattern").status == 401
    assert {"provider": "meta", "name": "777", "phone": "15550000000"} in stub.get("/_sessions").json()
    assert KEY not in stub.get("/_sessions").body.decode()


@pytest.mark.parametrize("session", [{"provider": "sms", "name": "a", "key": "b"}, {"provider": "meta", "key": "b"},
                                     {"provider": "meta", "name": "a"}, 3], ids=str)
def test_a_session_without_kind_name_or_key_is_rejected(stub, session):
    assert stub.kept_client.post("/_sessions", session).status == 400


def test_files_of_sessions_and_rules_are_read_at_start(tmp_path):
    (tmp_path / "sessions").write_text(json.dumps(SESSIONS))
    (tmp_path / "rules").write_text(json.dumps([{"code": 131026}]))
    stub = ProviderStub(tmp_path, sessions__file=str(tmp_path / "sessions"), rules__file=str(tmp_path / "rules")).start()
    assert error_of(meta_send(stub, meta_text()))["code"] == 131026
    assert stub.close() == []
    (tmp_path / "rules").write_text(json.dumps([{"code": "x"}]))
    bad = subprocess.run([BIN / "provider-stub", "-c", stub.folder / "conf"], capture_output=True, text=True, timeout=30)
    assert bad.returncode == 78 and "rule 1: code" in bad.stderr


def test_ids_differ_after_a_restart(make_stub):
    stub = make_stub()
    first = meta_send(stub, meta_text()).json()["messages"][0]["id"]
    assert stub.stop() == 0
    stub.start()
    stub.sessions(*SESSIONS)
    assert meta_send(stub, meta_text()).json()["messages"][0]["id"] != first


def test_a_restart_after_a_kill_sends_no_message_twice(make_stub):
    stub = make_stub()
    first = blazz_send(stub, blazz_text(id="k1"))
    refused_id = blazz_send(stub, blazz_text(id="k2", to=""))
    stub.kill()
    with open(stub.journal_file, "a") as f:
        f.write('{"seq": 3, "acce')  # as if it had been killed within a line
    stub.start()
    stub.sessions(*SESSIONS)
    assert blazz_send(stub, blazz_text(id="k1")).json() == first.json()
    assert refused_id.status == 400 and blazz_lookup(stub, "k2").status == 404
    lines = stub.journal_file.read_text().splitlines()
    assert json.loads(lines[-1])["seq"] == 3 and json.loads(lines[-1])["reason"] == "repeated" and len(lines) == 4


def test_it_ends_without_an_answer_when_the_journal_cannot_be_written(make_stub):
    stub = make_stub()
    assert stub.stop() == 0
    stub.journal_file = "/dev/full"
    stub.start()
    stub.sessions(*SESSIONS)
    with pytest.raises(OSError):
        meta_send(stub, meta_text())
    assert stub.process.wait(20) == 1 and "journal" in stub.log()


def test_sigterm_ends_it_while_answers_and_posts_wait(make_stub, receive):
    stub = make_stub()
    stub.sessions(SESSIONS[0] | {"webhook_url": receive(lambda d: 503).url(), "webhook_secret": "s"})
    stub.rules({"end": "hang", "accept": True})
    connection = begin(stub, meta_text())
    wait_for(lambda: stub.stats()["webhooks"]["retried"], "a post is retried")
    assert stub.stop() == 0
    connection.close()


# Posts to ingest

def test_a_post_is_retried_until_it_is_accepted(make_stub, receive):
    receiver = receive(lambda d: 503 if len(receiver.deliveries) < 3 else 200)
    stub = make_stub()
    stub.sessions(SESSIONS[1] | {"webhook_url": receiver.url(), "webhook_secret": "whsec_c2VjcmV0"})
    stub.rules({"webhooks": {"echo": True}})
    blazz_send(stub, blazz_text())
    wait_for(lambda: stub.stats()["webhooks"]["posted"] == 1, "the post is accepted")
    assert [d.status for d in receiver.deliveries][-1] == 200 and stub.stats()["webhooks"]["retried"] >= 2
    assert len({d.id for d in receiver.deliveries}) == 1


def test_posts_beyond_the_queue_are_dropped(make_stub, receive):
    stub = make_stub(webhooks__queue=3)
    stub.sessions(SESSIONS[0] | {"webhook_url": receive().url(), "webhook_secret": "s"})
    stub.rules({"webhooks": {"statuses": ["sent"], "delay_ms": 60000}})
    for n in range(5):
        meta_send(stub, meta_text(id=f"q{n}"))
    stats = stub.stats()["webhooks"]
    assert (stats["waiting"], stats["dropped"]) == (3, 2)


@pytest.fixture(scope="module")
def linked(shared, running):
    """The file's stub posts to a real ingest."""
    running.link(shared, *SESSIONS)
    yield shared
    running.sessions(*SESSIONS)


def stanza_key(provider, line):
    return line["id"] if provider == "meta" else f"true:{line['id']}"


def send_text(stub, provider, id, to="6281200000777"):
    if provider == "meta":
        return meta_send(stub, meta_text(to, f"text of {id}", id))
    if provider == "blazz":
        return blazz_send(stub, blazz_text(f"{to}@c.us", f"text of {id}", id))
    method, path, body = TEXTS[provider]
    text = {"waha": {"chatId": f"{to}@c.us", "text": f"text of {id}"}, "evolution": {"number": to, "text": f"text of {id}"},
            "wwebjs": {"chatId": f"{to}@c.us", "content": f"text of {id}"}}
    return call(stub, provider, method, path, body | text[provider])


def wait_posts(stub, n, before):
    def done():
        stats = stub.stats()["webhooks"]
        return stats["posted"] - before["posted"] >= n and stats["waiting"] == 0

    wait_for(done, lambda: f"{n} posts are accepted: {stub.stats()}\n{stub.log()}")
    after = stub.stats()["webhooks"]
    assert (after["posted"] - before["posted"], after["retried"], after["failed"]) == (n, before["retried"], before["failed"]), stub.log()


def status_events(stack, key):
    return [e for _, e in stack.inbound() if e.WhichOneof("event") == "message_status" and e.message_status.target.key == key]


@pytest.mark.parametrize("provider", ["meta", "blazz", "waha", "evolution", "wwebjs"])
def test_ingest_accepts_statuses_and_echoes(linked, stub, provider):
    stub.rules({"webhooks": {"echo": True, "statuses": ["sent", "delivered", "read", "failed"], "failed_code": 131049}})
    before = stub.stats()["webhooks"]
    assert send_text(stub, provider, f"i-{provider}").status in (200, 201)
    wait_posts(stub, 4 if provider == "meta" else 5, before)
    line, = lines(stub)
    key = stanza_key(provider, line)
    found = status_events(linked, key)
    assert Counter(e.message_status.status for e in found) == Counter(
        [common.MESSAGE_STATUS_SENT, common.MESSAGE_STATUS_DELIVERED, common.MESSAGE_STATUS_READ, common.MESSAGE_STATUS_FAILED])
    assert {e.message_status.chat.contact.phone for e in found} == {"6281200000777"}
    if provider == "meta":
        assert {e.message_status.client_message_id for e in found} == {"i-meta"}
        assert [e.message_status.error.code for e in found if e.message_status.error.code] == ["131049"]
        return
    echo, = [e.message for _, e in linked.inbound() if e.WhichOneof("event") == "message" and e.message.key == key]
    assert (echo.body, echo.direction, echo.type) == (f"text of i-{provider}", common.DIRECTION_OUTBOUND, common.MESSAGE_TYPE_TEXT)
    assert echo.chat.contact.phone == "6281200000777"


CONTENT_CALLS = [c for c in BRIDGE_CALLS if c[4] == "send" and c[5] != "text"]


def echo_of(linked, stub, provider):
    key = stanza_key(provider, lines(stub)[0])
    echo, = [e.message for _, e in linked.inbound() if e.WhichOneof("event") == "message" and e.message.key == key]
    return echo


@pytest.mark.parametrize("provider, method, path, body, act, type_", CONTENT_CALLS, ids=[f"{c[0]}-{c[5]}" for c in CONTENT_CALLS])
def test_an_echo_has_the_type_and_content_of_its_message(linked, stub, provider, method, path, body, act, type_):
    stub.rules({"webhooks": {"echo": True}})
    before = stub.stats()["webhooks"]
    call(stub, provider, method, path, body)
    wait_posts(stub, 1, before)
    echo = echo_of(linked, stub, provider)
    assert common.MessageType.Name(echo.type) == f"MESSAGE_TYPE_{type_.upper()}"
    if type_ == "location":
        assert (echo.location.latitude, echo.location.longitude) == (1, 2)
    else:
        assert echo.media.caption == ("look" if "look" in json.dumps(body) else "")


@pytest.mark.parametrize("members", BLAZZ_MESSAGES[:2], ids=[m["type"] for m in BLAZZ_MESSAGES[:2]])
def test_an_echo_of_our_own_bridge_has_its_content(linked, stub, members):
    stub.rules({"webhooks": {"echo": True}})
    before = stub.stats()["webhooks"]
    blazz_send(stub, {k: v for k, v in (blazz_text(id=f"echo-{members['type']}") | members).items() if v is not None})
    wait_posts(stub, 1, before)
    echo = echo_of(linked, stub, "blazz")
    assert common.MessageType.Name(echo.type) == f"MESSAGE_TYPE_{members['type'].upper()}"
    assert echo.media.caption == "a" if "media" in members else echo.location.longitude == 2


def test_statuses_are_repeated_reversed_and_left_out(linked, stub):
    before = stub.stats()["webhooks"]
    stub.rules({"webhooks": {"statuses": ["sent", "read"], "repeat": 3, "reversed": True, "step_ms": 300}})
    send_text(stub, "meta", "r1")
    wait_posts(stub, 6, before)
    found = status_events(linked, stanza_key("meta", lines(stub)[0]))
    assert [e.message_status.status for e in found] == [common.MESSAGE_STATUS_READ] * 3 + [common.MESSAGE_STATUS_SENT] * 3
    assert len({e.event_id for e in found}) == 2 and found[0].source_time_ms >= found[-1].source_time_ms
    stub.rules({"webhooks": {}})
    before = stub.stats()["webhooks"]
    send_text(stub, "meta", "r2")
    assert stub.stats()["webhooks"] == before


def test_a_status_can_arrive_before_the_answer(linked, stub):
    stub.rules({"delay_ms": 60000, "webhooks": {"statuses": ["sent"]}})
    connection = begin(stub, meta_text(id="early"))
    key = stanza_key("meta", wait_for(lambda: lines(stub), "the message is accepted")[0])
    wait_for(lambda: status_events(linked, key), "its status has arrived")
    assert not is_answered(connection)
    connection.close()


def test_a_status_of_a_group_names_the_participant(linked, stub):
    stub.rules({"webhooks": {"statuses": ["delivered"]}})
    before = stub.stats()["webhooks"]
    meta_send(stub, meta_text("Y2FwaV9ncm91cDoxOTU1NTA1", recipient_type="group", id="g1"))
    wait_posts(stub, 1, before)
    status = status_events(linked, stanza_key("meta", lines(stub)[0]))[0].message_status
    assert status.chat.group.jid == "Y2FwaV9ncm91cDoxOTU1NTA1" and status.participant.phone == "6281200000001"
