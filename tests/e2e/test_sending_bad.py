"""campaign-sender: bad requests and commands, what belongs to another workspace, and what must be in no log, metric or header."""
import json
import time
import uuid

from blazz.v1 import common_pb2 as common
from blazz.v1 import outbound_pb2 as outbound
from harness.client import SECRETS
from harness.provider_stub import TOKEN
from harness.sending import Tenant
from harness.waiting import wait_for

SENDING = {"unknown__after": "2s", "log__level": "debug"}
COMMAND = outbound.CampaignCommand


def without(message, field):
    message.ClearField(field)
    return message


def wait_letters(sending, topic, ids):
    """{name: its dead letter} of these records {name: id}."""
    letters = {}

    def found():
        read = {r.headers.get("ce_id"): r for r in sending.blazz.read(f"{topic}.campaign-sender.dlq")}
        letters.update({name: read[id] for name, id in ids.items() if id in read})
        return len(letters) == len(ids) and letters

    return wait_for(found, lambda: f"no dead letters of {set(ids) - set(letters)}\n{sending.logs()}")


def put(sending, tenant, topic, message, key=None):
    """Publishes the record with an id of its own in its headers. Returns the id."""
    id = str(uuid.uuid4())
    sending.publish(topic, key or f"{tenant.workspace}:{id}", message, headers=[("ce_id", id.encode())])
    return id


def requests(tenant):
    """name: (a record that is rejected, why)."""
    account, = tenant.accounts

    def m(**members):
        return tenant.message(account, **members)

    return {
        "not decodable": (b"\xff\xfe nonsense", "decode"),
        "empty": (b"", "rule"),
        "no request_id": (without(m(), "request_id"), "rule"),
        "no workspace": (without(m(), "workspace_id"), "rule"),
        "no recipient": (without(m(), "address"), "rule"),
        "an empty recipient": (m(to=common.Party(name="Budi")), "rule"),
        "no content": (without(m(), "body"), "rule"),
        "no type": (without(m(), "type"), "rule"),
        "two contents": (m(location=common.Location(latitude=1, longitude=1)), "rule"),
        "no media": (without(m(type=common.MESSAGE_TYPE_IMAGE), "body"), "rule"),
        "a reaction to nothing": (m(kind=outbound.SendMessage.KIND_REACTION, emoji="👍"), "rule"),
        "a type that is never sent": (m(type=common.MESSAGE_TYPE_POLL), "unsupported"),
        "an unknown type": (m(type=250), "unsupported"),
        "an unknown kind": (m(kind=9), "unsupported"),
        "a bad uuid": (m(request_id="not-a-uuid"), "rule"),
        "bad JSON": (m(type=common.MESSAGE_TYPE_CONTACTS, extra="{"), "rule"),
        "a text beyond its limit": (m(body="x" * 262145), "rule"),
        "no time": (without(m(), "requested_at_ms"), "rule"),
        "an unknown workspace": (m(workspace_id=str(uuid.uuid4())), "unknown_reference"),
        "an unknown account": (m(account_id=str(uuid.uuid4())), "unknown_reference"),
        "an unknown contact": (m(to=None, contact_id=str(uuid.uuid4())), "unknown_reference"),
    }


def test_bad_requests_become_dead_letters(sending):
    tenant = Tenant(sending, "meta")
    bad = requests(tenant)
    ids = {name: put(sending, tenant, "outbound", message) for name, (message, _) in bad.items()}
    good = tenant.send(tenant.accounts[0])
    got = {name: (letter.headers["x-dlq-reason"], letter.headers["x-dlq-retryable"])
           for name, letter in wait_letters(sending, "outbound", ids).items()}
    assert got == {name: (why, "true" if why in ("unknown_reference", "unsupported") else "false") for name, (_, why) in bad.items()}
    tenant.wait(good, "delivered")
    assert len(tenant.accounts[0].journal()) == 1
    assert tenant.sql("SELECT count(*) FROM sends s JOIN workspaces w ON w.id = s.workspace_id WHERE w.uuid = %s", tenant.workspace)[0]["count"] == 1


def test_what_belongs_to_another_workspace_is_refused(sending):
    ours, theirs = Tenant(sending, "meta"), Tenant(sending, "meta")
    theirs.wait_chat(theirs.send(theirs.accounts[0]), "delivered")
    contact = theirs.sql("SELECT c.uuid::text FROM contacts c JOIN workspaces w ON w.id = c.workspace_id WHERE w.uuid = %s",
                         theirs.workspace)[0]["uuid"]
    campaign = theirs.add_campaign(theirs.accounts[0], ["6281100000002"])
    ids = {"account": put(sending, ours, "outbound", ours.message(theirs.accounts[0])),
           "contact": put(sending, ours, "outbound", ours.message(ours.accounts[0], to=None, contact_id=contact))}
    command = COMMAND(request_id=str(uuid.uuid4()), workspace_id=ours.workspace, campaign_id=campaign, action=COMMAND.ACTION_START,
                      requested_at_ms=int(time.time() * 1000))
    commands = {"campaign": put(sending, ours, "campaign-command", command)}
    template = ours.send(ours.accounts[0], type=common.MESSAGE_TYPE_TEMPLATE, template=outbound.Template(name="hello", language="en"))
    for topic, wanted in (("outbound", ids), ("campaign-command", commands)):
        assert {letter.headers["x-dlq-reason"] for letter in wait_letters(sending, topic, wanted).values()} == {"unknown_reference"}
    assert ours.wait(template, "failed")["error_code"] == "template_unusable"
    assert theirs.campaign(campaign)["status"] == "draft"
    assert not ours.accounts[0].journal() and len(theirs.accounts[0].journal()) == 1


def test_what_an_account_cannot_send_fails_and_is_shown_as_failed(sending):
    tenant = Tenant(sending, "blazz", "meta")
    bridge, meta = tenant.accounts
    group = common.Group(jid="120363000000000001@g.us")
    template = {"type": common.MESSAGE_TYPE_TEMPLATE, "template": outbound.Template(name="missing", language="en")}
    tenant.add_template(meta, "paused", status="PAUSED")
    sent = {
        tenant.send(bridge, **template): "unsupported_content",
        tenant.send(bridge, type=common.MESSAGE_TYPE_CONTACTS, extra=json.dumps({"contacts": [{}]})): "unsupported_content",
        tenant.send(bridge, to=group): "unsupported_content",
        tenant.send(meta, to=group): "unsupported_content",
        tenant.send(meta, body="x" * 4097): "unsupported_content",
        tenant.send(meta, **template): "template_unusable",
        tenant.send(meta, type=common.MESSAGE_TYPE_TEMPLATE, template=outbound.Template(name="paused", language="en")): "template_unusable",
        tenant.send(meta, to=common.Party(lid="123456789")): "no_address",
        tenant.send(meta, requested_at_ms=int(time.time() * 1000) - 3600000): "deadline",
    }
    for request, code in sent.items():
        row = tenant.wait(request, "failed")
        assert (row["error_code"], row["attempt"], row["request"]) == (code, 0, None), tenant.shown(request)
        assert row["error_message"] or code == "deadline"
        tenant.wait_chat(request, "failed")
        tenant.check_created_once(request)
        created, = tenant.created(request)
        assert created.message.status == common.MESSAGE_STATUS_FAILED and created.message.client_message_id == request
    assert not bridge.journal() and not meta.journal()


def test_commands_that_cannot_be_obeyed(sending):
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    campaign = tenant.add_campaign(account, [])
    now = int(time.time() * 1000)
    bad = {
        "decode": b"\xff\xfe nonsense",
        "rule": COMMAND(request_id=str(uuid.uuid4()), workspace_id=tenant.workspace, campaign_id=campaign, requested_at_ms=now),
        "unknown_reference": COMMAND(request_id=str(uuid.uuid4()), workspace_id=tenant.workspace, campaign_id=str(uuid.uuid4()),
                                     action=COMMAND.ACTION_START, requested_at_ms=now),
    }
    ids = {why: put(sending, tenant, "campaign-command", command) for why, command in bad.items()}
    letters = wait_letters(sending, "campaign-command", ids)
    assert {why: letter.headers["x-dlq-reason"] for why, letter in letters.items()} == {why: why for why in bad}
    tenant.command(campaign, COMMAND.ACTION_PAUSE)
    wait_for(lambda: "campaign command without effect" in sending.service.log(), "a pause of a draft has no effect")
    assert tenant.campaign(campaign)["status"] == "draft"
    tenant.command(campaign, COMMAND.ACTION_START)
    row = tenant.wait_campaign(campaign, "failed")
    assert row["error_message"] and not account.journal()


def test_secrets_texts_and_numbers_are_in_no_log_metric_or_header(sending):
    text, number, name = "zebra crossing at dawn", "6289912345678", "Quagga Brown"
    tenant = Tenant(sending, "meta", "blazz", "waha", "evolution", "wwebjs")
    to = common.Party(phone=number, name=name)
    meta, bridge, waha = tenant.accounts[:3]
    sending.stub.rules(meta.rule(nth=2, code=190, details=text), bridge.rule(nth=2, error="blocked"),
                       waha.rule(nth=2, end="cut", webhooks={"statuses": []}))
    for account in tenant.accounts:
        tenant.wait(tenant.send(account, to, body=text), "sent", "delivered")
    ended = [tenant.send(account, to, body=text) for account in tenant.accounts]
    bad = {"too long": put(sending, tenant, "outbound", tenant.message(meta, to, body=text, reply_to=common.Target(key=number * 1000))),
           "no type": put(sending, tenant, "outbound", without(tenant.message(meta, to, body=text), "type")),
           "no account": put(sending, tenant, "outbound", tenant.message(account_id=str(uuid.uuid4()), to=to, body=text))}
    letters = wait_letters(sending, "outbound", bad)
    tenant.wait(ended[2], "failed")
    tenant.wait_row(ended[0], lambda r: r["error_code"], "the token is refused")
    tenant.wait_row(ended[1], lambda r: r["error_code"], "the bridge is blocked")
    private = [text, number, name, TOKEN, *(s for s in SECRETS.values())]
    headers = "\n".join(f"{k}: {v}" for letter in letters.values() for k, v in letter.headers.items())
    for where, shown in (("metrics", sending.service.get("/metrics")[1]), ("headers", headers),
                         *((s.label, s.log()) for s in sending.blazz.services)):
        assert shown and not [p for p in private if p in shown], where
