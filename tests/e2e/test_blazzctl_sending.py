"""blazzctl messages and campaigns beside a running campaign-sender: what it asks for happens, and what it shows is so."""
import csv
import io
import json

import pytest
from harness.waiting import wait_for
from test_sending import Sending


@pytest.fixture
def sending(blazz, make_provider_stub):
    return Sending(blazz, make_provider_stub()).start()


def facts(rows):
    return {f["name"]: f["value"] for f in rows}


@pytest.mark.parametrize("account", ["meta", "bridge"])
def test_a_message_is_sent_and_its_outcome_is_printed(sending, account):
    shown = sending.blazz.ctl("messages", "send", "--workspace", sending.workspace, "--account", sending.accounts[account], "--to",
                              "6281100000001", "--text", "hello", "--wait", "--timeout", "20s")
    message = facts(shown["message"])
    assert (message["status"], message["address"], message["connected"]) == ("sent", "6281100000001", True)
    assert message["provider_message_id"] and shown["attempts"] == []
    assert facts(sending.blazz.ctl("messages", "show", message["client_message_id"])["message"])["status"] in ("sent", "delivered", "read")


def test_a_message_that_is_rejected_fails_with_its_code(sending):
    done = sending.blazz.ctl_run("--json", "messages", "send", "--workspace", sending.workspace, "--account", sending.accounts["meta"], "--to",
                                 "6281100000001", "--text", "late", "--deadline", "2026-01-01T00:00:00Z", "--wait", "--timeout", "20s")
    assert done.returncode == 1 and "was not sent: deadline" in done.stderr, done.stderr
    assert facts(json.loads(done.stdout)["message"])["status"] == "failed"


def test_a_campaign_is_imported_checked_started_and_followed(sending):
    ctl, workspace = sending.blazz.ctl, sending.workspace
    ctl("audiences", "add", "Customers", "--workspace", workspace)
    text = "phone,name,code\n" + "".join(f"+6281100000{i},n{i},{'' if i == 107 else i}\n" for i in range(100, 110))
    ctl("audiences", "import", "Customers", "-", "--workspace", workspace, stdin=text)
    template = [{"type": "BODY", "text": "Hi {{1}}"}]
    sending.blazz.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, category, status, components)
        SELECT workspace_id, id, 't', 'spring', 'en', 'MARKETING', 'APPROVED', %s FROM whatsapp_accounts WHERE uuid = %s""",
                      json.dumps(template), sending.accounts["meta"])
    (campaign,) = ctl("campaigns", "add", "--workspace", workspace, "--name", "Spring", "--group", "Customers", "--account", sending.accounts["meta"],
                      "--template", "spring", "--language", "en", "--parameters",
                      '[{"type": "body", "parameters": [{"type": "text", "text": "{{var.code}}"}]}]')
    checked = ctl("campaigns", "check", campaign["campaign"])
    assert checked["reasons"] == [] and checked["skipped"] == [{"reason": "missing_variable", "recipients": 1}]
    ctl("campaigns", "start", campaign["campaign"])
    shown = ctl("campaigns", "show", campaign["campaign"], "--follow")
    assert facts(shown["campaign"])["status"] == "completed" and shown["waits_for"] == []
    (counters,) = shown["counters"]
    assert (counters["recipients"], counters["sent"], counters["skipped"], counters["failed"]) == (10, 9, 1, 0), shown
    rows = list(csv.DictReader(io.StringIO(sending.blazz.ctl_run("campaigns", "export", campaign["campaign"]).stdout)))
    assert [r["reason"] for r in rows if r["status"] == "skipped"] == ["missing_variable"] and len(rows) == 10


def test_a_campaign_that_cannot_be_sent_has_the_reasons_that_the_check_gave(sending):
    ctl, workspace = sending.blazz.ctl, sending.workspace
    ctl("audiences", "add", "Nobody", "--workspace", workspace)
    (campaign,) = ctl("campaigns", "add", "--workspace", workspace, "--name", "x", "--group", "Nobody", "--account", sending.accounts["bridge"],
                      "--text", "{{var.a b}}")
    done = sending.blazz.ctl_run("--json", "campaigns", "check", campaign["campaign"])
    reasons = [r["reason"] for r in json.loads(done.stdout)["reasons"]]
    assert done.returncode == 1 and len(reasons) == 2 and reasons[1] == "the audience is empty"
    ctl("campaigns", "start", campaign["campaign"])
    shown = ctl("campaigns", "show", campaign["campaign"], "--follow")
    campaign = facts(shown["campaign"])
    assert campaign["status"] == "failed" and reasons[0] in campaign["error_message"], (campaign, reasons)


def test_pause_all_stops_what_runs(sending):
    ctl, workspace = sending.blazz.ctl, sending.workspace
    ctl("audiences", "add", "Many", "--workspace", workspace)
    ctl("audiences", "import", "Many", "-", "--workspace", workspace, stdin="phone\n" + "".join(f"+62811{i}\n" for i in range(1000000, 1000050)))
    (campaign,) = ctl("campaigns", "add", "--workspace", workspace, "--name", "Slow", "--group", "Many", "--account", sending.accounts["bridge"],
                      "--text", "hi", "--window", "00:00-24:00")
    ctl("campaigns", "start", campaign["campaign"])
    sending.wait_campaign("running")
    assert ctl("campaigns", "pause", "--all", "--reason", "wrong price") == [{"campaign": campaign["campaign"], "command": "pause"}]
    wait_for(lambda: sending.campaign()["status"] == "paused", "the campaign is paused")
    shown = ctl("campaigns", "show", campaign["campaign"])
    assert [w["waits_for"] for w in shown["waits_for"]] == ["resume"] and facts(shown["campaign"])["pause_reason"] == "wrong price"
    ctl("campaigns", "cancel", campaign["campaign"])
    wait_for(lambda: sending.campaign()["status"] == "cancelled", "the campaign is cancelled")
