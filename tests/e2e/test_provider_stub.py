"""tools/provider-stub: each route, rule and post, driven as what sends through a provider would."""
import pytest
from harness.provider_stub import KEY, TOKEN, ProviderStub, blazz_lookup, blazz_send, blazz_text, meta_send, meta_text

ACCOUNT, WABA = "106540352242922", "102290129340398"
SESSIONS = [{"kind": "meta", "name": ACCOUNT, "key": TOKEN, "waba": WABA, "phone": "15550783881"},
            *({"kind": kind, "name": "acme-support-1", "key": KEY, "phone": "6281234567890"}
              for kind in ("blazz", "waha", "evolution", "wwebjs"))]


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
    """The file's stub, without rules."""
    running.rules()
    return running


# Meta

def test_meta_accepts_a_message_and_journals_it(stub):
    answer = meta_send(stub, meta_text("6281100000002", "hello", "c1.7"))
    assert answer.status == 200
    body = answer.json()
    assert body["contacts"] == [{"input": "6281100000002", "wa_id": "6281100000002"}]
    assert body["messages"][0]["id"].startswith("wamid.") and body["messages"][0]["message_status"] == "accepted"
    line, = stub.journal(client_message_id="c1.7")
    assert line["accepted"] and line["id"] == body["messages"][0]["id"]
    assert (line["kind"], line["account"], line["recipient"], line["act"], line["type"]) == (
        "meta", ACCOUNT, "6281100000002", "send", "text")


# Our own bridge contract

def test_a_bridge_message_is_answered_with_the_first_id_when_it_is_repeated(stub):
    first = blazz_send(stub, blazz_text(id="b1#2"))
    again = blazz_send(stub, blazz_text(id="b1#2"))
    assert first.status == again.status == 200 and first.json() == again.json()
    assert [(j["accepted"], j.get("reason")) for j in stub.journal(client_message_id="b1#2")] == [(True, None), (False, "repeated")]
    assert blazz_lookup(stub, "b1#2").json() == {"state": "sent", "id": first.json()["id"]}
    assert blazz_lookup(stub, "never").status == 404
