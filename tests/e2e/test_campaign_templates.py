"""Content of campaigns: what recipients get of templates and variables, and what is refused at START."""
import json

import pytest
from harness.campaigns import Campaigner, phones, text_parameters
from harness.waiting import wait_for

PHONE, OTHER = phones(2, prefix="628140")


@pytest.fixture
def tenant(sending):
    tenant = Campaigner(sending, "meta")
    tenant.limits(per_second=1000)
    return tenant


def sent(campaign, n=1):
    """The `template` of each request, by recipient."""
    campaign.start().wait("completed")
    lines = campaign.accepted()
    assert len(lines) == n and len(campaign.check_once()) == n
    return {line["recipient"]: line["request"]["template"] for line in lines}


HEADER = {"type": "HEADER", "format": "IMAGE"}
BUTTONS = {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Open", "url": "https://example.com/{{1}}"},
                                          {"type": "COPY_CODE", "text": "Copy", "example": ["X"]}]}


def test_a_template_has_header_media_positions_and_buttons(tenant):
    parameters = [{"type": "header", "parameters": [{"type": "image", "image": {"id": "1013859600285441"}}]},
                  text_parameters("{{contact.first_name|there}}", "{{var.code}}"),
                  {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "{{var.code}}"}]},
                  {"type": "button", "sub_type": "copy_code", "index": "1", "parameters": [{"type": "coupon_code", "coupon_code": "C{{var.code}}"}]}]
    template = tenant.template(HEADER, {"type": "BODY", "text": "Hi {{1}}, {{2}}"}, BUTTONS, name="promo_v1", language="id")
    tenant.contact(PHONE, first_name="Budi", last_name="Santoso")
    campaign = tenant.campaign(tenant.group([{"address": PHONE, "variables": {"code": "A1"}}]), template=template, parameters=parameters)
    got = sent(campaign)[PHONE]
    assert (got["name"], got["language"]) == ("promo_v1", {"code": "id"})
    assert got["components"] == [
        {"type": "header", "parameters": [{"type": "image", "image": {"id": "1013859600285441"}}]},
        {"type": "body", "parameters": [{"type": "text", "text": "Budi"}, {"type": "text", "text": "A1"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "A1"}]},
        {"type": "button", "sub_type": "copy_code", "index": "1", "parameters": [{"type": "coupon_code", "coupon_code": "CA1"}]}]
    line = campaign.accepted()[0]
    row = campaign.rows()[0]
    assert line["client_message_id"] == f"{campaign.uuid}.{row['id']}" and row["provider_message_id"] == line["id"]
    shown = wait_for(lambda: tenant.chat(line["client_message_id"]), "the message is in the inbox")
    assert [m["metadata"]["body"] for m in shown] == ["Hi Budi, A1"]


def test_the_parameters_of_a_named_template_have_names(tenant):
    template = tenant.template("Hi {{first_name}}, {{day}}")
    campaign = tenant.campaign(tenant.group([{"address": PHONE, "name": "Ani Putri"}]), template=template,
                               parameters=[text_parameters(day="{{campaign.name}}", first_name="{{contact.full_name}}")])
    (component,) = sent(campaign)[PHONE]["components"]
    assert {p["parameter_name"]: p["text"] for p in component["parameters"]} == {"first_name": "Ani Putri", "day": "Spring"}


@pytest.mark.parametrize("name, want", [
    ("{{var.code}}", "{{var.code}}"), ("{{1}} {a|b} \\", "{{1}} {a|b} \\"), ("Budi\r\n\tSantoso     Jr", "Budi Santoso Jr"),
    ("x" * 1025, "x" * 1024), ("a\u202eb\u2066c\u200bd\u0007", "abcd"), ("\u200b \n", "there"), ('"},{"', '"},{"'), ("👨‍👩‍👧", "👨‍👩‍👧"),
    ("*bold* _x_ `y`", "*bold* _x_ `y`")])
def test_what_a_contact_is_called_is_data(tenant, name, want):
    tenant.contact(PHONE, first_name=name)
    campaign = tenant.campaign(tenant.group([{"address": PHONE, "variables": {"code": "secret"}}]), template=tenant.template("Hi {{1}}"),
                               parameters=[text_parameters("{{contact.first_name|there}}")])
    (component,) = sent(campaign)[PHONE]["components"]
    assert component["parameters"] == [{"type": "text", "text": want}]


def test_an_empty_name_without_a_fallback_is_skipped(tenant):
    tenant.contact(PHONE, first_name="\u200e")
    campaign = tenant.campaign(tenant.group([PHONE, {"address": OTHER, "name": "Ani"}]), template=tenant.template("Hi {{1}}"),
                               parameters=[text_parameters("{{contact.full_name}}")])
    assert list(sent(campaign)) == [OTHER]
    assert campaign.reasons()["skipped missing_variable"] == 1


def test_a_bridge_gets_the_authors_text_with_data_that_formats_nothing(tenant):
    bridge = tenant.add("blazz")
    tenant.contact(PHONE, first_name="*Budi* {{var.x}}")
    campaign = tenant.campaign(tenant.group([PHONE]), text="*Hi* {{contact.first_name}}, {good day|good day}", account=bridge,
                               send_window={"from": "00:00", "to": "24:00"}).start()
    campaign.wait("completed")
    text = campaign.accepted()[0]["request"]["text"]
    assert text.replace("\u200b", "") == "*Hi* *Budi* {{var.x}}, good day" and "*\u200bBudi*\u200b" in text


ONE = [text_parameters("x")]


@pytest.mark.parametrize("change, parameters, words", [
    ({"status": "PAUSED"}, ONE, "its status is PAUSED, not APPROVED"),
    ({"status": "PENDING"}, ONE, "its status is PENDING, not APPROVED"),
    ({}, None, "0 parameters are given, the template has 1"),
    ({}, [text_parameters("a", "b")], "2 parameters are given, the template has 1"),
    ({}, [text_parameters(name="a")], "parameter 1 has a parameter_name"),
    ({}, [text_parameters("{{contact.nickname}}")], "contact.nickname"),
    ({}, [text_parameters("{{var.code}}")], "missing_variable (var.code) 1"),
    ({"components": json.dumps([{"type": "BODY", "text": "Hi"}, HEADER])}, None, "needs one parameter of type image"),
    ({"components": json.dumps([{"type": "BODY", "text": "Hi"}, BUTTONS])}, None, "needs a parameter"),
    ({"components": None}, ONE, "component"),
])
def test_a_template_that_cannot_be_sent_fails_at_start_with_the_reason(tenant, change, parameters, words):
    template = tenant.template("Hi {{1}}", **change)
    campaign = tenant.campaign(tenant.group([PHONE]), template=template, parameters=parameters).start()
    wait_for(lambda: campaign.status() == "failed", campaign.shown)
    assert words in campaign.row()["error_message"]
    assert not campaign.rows() and not campaign.accepted()
    (event,) = wait_for(campaign.events, "campaign.failed is published")
    assert (event.kind, event.code) == ("failed", "not_valid") and words in event.reason


def test_every_reason_is_listed_and_a_corrected_campaign_starts(tenant):
    template = tenant.template("Hi {{1}}", status="REJECTED")
    campaign = tenant.campaign({"groups": [], "last_inbound_within_days": 0, "tags": ["x"]}, template=template, parameters=[]).start()
    wait_for(lambda: campaign.status() == "failed", campaign.shown)
    message = campaign.row()["error_message"]
    assert all(w in message for w in ("REJECTED", "last_inbound_within_days", 'unknown member "tags"')), message
    tenant.sql("UPDATE templates SET status = 'APPROVED' WHERE id = %s", template)
    tenant.sql("UPDATE campaigns SET audience = %s, template_parameters = %s WHERE id = %s", json.dumps({"groups": [tenant.group([PHONE])]}),
               json.dumps(ONE), campaign.key[1])
    campaign.start()
    wait_for(lambda: campaign.status() == "completed", campaign.shown)
    assert campaign.check_once() == {PHONE}


def test_an_account_or_template_of_another_workspace_is_refused(tenant):
    other = Campaigner(tenant.sending, "meta")
    group = other.group([PHONE])
    campaign = tenant.campaign(group).start()
    wait_for(lambda: campaign.status() == "failed", campaign.shown)
    assert f"group {group} does not exist" in campaign.row()["error_message"]
    mine = tenant.campaign(tenant.group([PHONE]))
    mine.tenant = other  # its commands name the other workspace
    mine.start()
    wait_for(lambda: [h for h in other.sending.blazz.read("campaign-command.campaign-sender.dlq")], "the command is a dead letter")
    assert mine.status() == "draft"
