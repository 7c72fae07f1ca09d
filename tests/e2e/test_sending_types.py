"""campaign-sender: each kind of message through each provider. It is sent once, the inbox shows it once, and its statuses come back."""
import json

import pytest
from blazz.v1 import common_pb2 as common
from blazz.v1 import outbound_pb2 as outbound
from harness.sending import PROVIDERS, RECIPIENT, Tenant
from harness.waiting import wait_for

READ_BACK = {"webhooks": {"statuses": ["sent", "delivered", "read"], "step_ms": 50, "echo": True}}
URL = "https://example.com/file"
CONTACTS = json.dumps({"contacts": [{"name": {"formatted_name": "Budi"}, "phones": [{"phone": "+6281100000009"}]}]})
INTERACTIVE = json.dumps({"interactive": {"type": "button", "body": {"text": "Sure?"}, "action": {"buttons": [
    {"type": "reply", "reply": {"id": "y", "title": "Yes"}}]}}})


def media(mime, name=None):
    return common.Media(url=URL, mime=mime, caption="" if name is None else "look", file_name=name or "")


# Name: members of the request, and the providers that can carry it.
TYPES = {
    "text": ({"type": common.MESSAGE_TYPE_TEXT, "body": "hello"}, PROVIDERS),
    "image": ({"type": common.MESSAGE_TYPE_IMAGE, "media": media("image/jpeg", "a.jpg")}, PROVIDERS),
    "video": ({"type": common.MESSAGE_TYPE_VIDEO, "media": media("video/mp4", "a.mp4")}, PROVIDERS),
    "audio": ({"type": common.MESSAGE_TYPE_AUDIO, "media": media("audio/mpeg")}, PROVIDERS),
    "voice": ({"type": common.MESSAGE_TYPE_VOICE, "media": media("audio/ogg; codecs=opus")}, PROVIDERS),
    "document": ({"type": common.MESSAGE_TYPE_DOCUMENT, "media": media("application/pdf", "a.pdf")}, PROVIDERS),
    "sticker": ({"type": common.MESSAGE_TYPE_STICKER, "media": media("image/webp")}, ("meta", "blazz", "evolution", "wwebjs")),
    "location": ({"type": common.MESSAGE_TYPE_LOCATION, "location": common.Location(latitude=-6.2, longitude=106.8, name="Monas")}, PROVIDERS),
    "contacts": ({"type": common.MESSAGE_TYPE_CONTACTS, "extra": CONTACTS}, ("meta",)),
    "interactive": ({"type": common.MESSAGE_TYPE_INTERACTIVE, "extra": INTERACTIVE}, ("meta",)),
    "template": ({"type": common.MESSAGE_TYPE_TEMPLATE, "template": outbound.Template(name="hello", language="en", components=json.dumps(
        [{"type": "body", "parameters": [{"type": "text", "text": "Budi"}]}]))}, ("meta",)),
}


@pytest.fixture
def tenant(sending, request):
    """A workspace with an account of this provider that is not limited; statuses come back up to read."""
    tenant = Tenant(sending, request.param)
    tenant.account, = tenant.accounts
    tenant.account.change(metadata='{"sending": {"per_minute": 60000}}')
    sending.stub.rules(tenant.account.rule(**READ_BACK))
    tenant.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, category, status, components)
        SELECT workspace_id, id, 'hello', 'hello', 'en', 'UTILITY', 'APPROVED', %s FROM whatsapp_accounts WHERE uuid = %s""",
               json.dumps([{"type": "BODY", "text": "Hello {{1}}"}]), tenant.account.uuid)
    return tenant


@pytest.mark.parametrize("tenant", PROVIDERS, indirect=True)
def test_each_type_is_sent_shown_once_and_read(tenant):
    account = tenant.account
    sent = {name: tenant.send(account, f"62811{n:08}", **members) for n, (name, (members, _)) in enumerate(TYPES.items())}
    for name, request in sent.items():
        if account.provider not in TYPES[name][1]:
            row = tenant.wait(request, "failed")
            assert row["error_code"] == "unsupported_content" and row["request"] is None, name
            message = tenant.wait_chat(request, "failed")
            assert message["message_key"] == f"c:{request}", name
            continue
        row = tenant.wait(request, "read")
        assert row["provider_message_id"] and row["delivered_at"] and row["sent_by_uuid"] == account.uuid, name
        assert row["next_attempt_at"] is None and row["attempt"] == 1 and not row["duplicate_suspected"], name
        tenant.wait_chat(request, "read")
    possible = [name for name in sent if account.provider in TYPES[name][1]]
    assert len(account.accepted(act="send")) == len(account.journal()) == len(possible)
    for request in sent.values():
        tenant.check_created_once(request)
    assert len(tenant.blazz.messages(account.uuid)) == len(tenant.events("message_created")) == len(sent)
    if account.provider == "meta":  # it posts no echoes, which do not have our id
        assert all(tenant.created(r)[0].message.client_message_id == r for r in sent.values())
    ids = {tenant.chat(sent[name])[0]["id"] for name in possible}
    wait_for(lambda: ids <= {e.message_id for e in tenant.events("message_status") if e.status == common.MESSAGE_STATUS_READ},
             "every message is published as read")
    assert tenant.sql("SELECT * FROM parked_updates") == []


@pytest.mark.parametrize("tenant", PROVIDERS, indirect=True)
def test_a_reply_a_reaction_and_a_read_mark_name_their_message(tenant):
    account = tenant.account
    first = tenant.wait(tenant.send(account), "read")
    key = tenant.wait_chat(str(first["request_id"]), "read")["message_key"]
    target = common.Target(key=key)
    reply = tenant.send(account, body="and again", reply_to=target)
    reaction = tenant.send(account, kind=outbound.SendMessage.KIND_REACTION, emoji="👍", reply_to=target)
    read = tenant.send(account, kind=outbound.SendMessage.KIND_READ, reply_to=target)
    tenant.wait(reply, "read")
    for request in (reaction, read):
        assert tenant.wait(request, "sent", "delivered", "read")["attempt"] == 1
    assert [j["act"] for j in account.accepted()] == ["send", "send", "reaction", "read"]
    stanza = key.rpartition(":")[2]
    bodies = [json.dumps(j["request"]) for j in account.accepted()]
    assert all(stanza in body for body in bodies[1:3]) and (stanza in bodies[3] or "chatId" in bodies[3])
    wait_for(lambda: [e.emoji for e in tenant.events("message_reaction")] == ["👍"],
             lambda: f"the reaction is shown: {tenant.events('message_reaction')}")
    assert len(tenant.chat(reply)) == 1 and not tenant.chat(reaction) and not tenant.chat(read)
    assert {m["message_key"] for m in tenant.blazz.messages(account.uuid)} == {key, tenant.chat(reply)[0]["message_key"]}


@pytest.mark.parametrize("tenant", ["blazz", "waha", "evolution", "wwebjs"], indirect=True)
def test_a_status_that_comes_before_the_answer_counts(tenant):
    """A bridge posts the echo and its acknowledgements while it has not answered yet: they do not have our id."""
    tenant.stub.rules(tenant.account.rule(delay_ms=800, webhooks={"statuses": ["sent", "delivered"], "echo": True, "step_ms": 20}))
    request = tenant.send(tenant.account)
    assert tenant.wait(request, "delivered")["resolved_by"] is None
    tenant.check_created_once(request)
