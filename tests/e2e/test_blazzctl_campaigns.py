"""blazzctl messages, audiences, campaigns, templates and lanes: what is written to PostgreSQL and published to Kafka."""
import csv
import io
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from blazz.v1 import inbound_pb2, outbound_pb2
from harness.blazz import Blazz


@pytest.fixture(scope="module")
def stack(postgres, kafka, tmp_path_factory):
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("campaigns"), partitions=1)
    stack.seed(("meta", "waha"))
    yield stack
    assert not stack.close()


def records(stack, name, kind):
    return [(r, kind.FromString(r.value)) for r in stack.kafka.read(f"{stack.prefix}.{name}.v1")]


def sent(stack, *options):
    """Sends a message and returns its record and content."""
    (row,) = stack.ctl("messages", "send", "--workspace", stack.workspace, *options)
    ((record, message),) = [(r, m) for r, m in records(stack, "outbound", outbound_pb2.SendMessage) if m.request_id == row["request"]]
    return record, message


def test_a_text_is_published_with_its_key_and_headers(stack):
    account = stack.accounts["waha"]
    record, m = sent(stack, "--account", account, "--to", "+62 812-3456-789", "--text", "Hello", "--allow-other-number",
                     "--reply-to", "false:3EB0", "--deadline", "+2h")
    assert record.key.decode() == f"{stack.workspace}:{account}"
    assert record.headers["ce_type"] == "blazz.outbound.message" and record.headers["ce_id"] == m.request_id
    assert (m.workspace_id, m.account_id, m.address.phone, m.body) == (stack.workspace, account, "+628123456789", "Hello")
    assert m.allow_other_number and m.reply_to.key == "false:3EB0" and m.deadline_ms - m.requested_at_ms == 2 * 3600 * 1000


def test_an_account_is_named_by_its_session_and_one_is_optional(stack):
    _, m = sent(stack, "--account", "waha-1", "--to", "0812-3456-789", "--country", "ID", "--text", "x")
    assert (m.account_id, m.address.phone) == (stack.accounts["waha"], "+628123456789")
    record, m = sent(stack, "--to", "0812-3456-789", "--country", "ID", "--text", "x")
    assert m.account_id == "" and record.key.decode() == f"{stack.workspace}:{m.request_id}"


@pytest.mark.parametrize("to, field", (
    ("lid:12345678", lambda m: m.address.lid == "12345678"), ("bsuid:US.134", lambda m: m.address.bsuid == "US.134"),
    ("1203@g.us", lambda m: m.group.jid == "1203@g.us"), ("group:abc", lambda m: m.group.jid == "abc"),
    ("someone@newsletter", lambda m: m.address.jid == "someone@newsletter"),
    ("0b8e7f6a-5555-4555-8555-000000000005", lambda m: m.contact_id == "0b8e7f6a-5555-4555-8555-000000000005"),
))
def test_recipients_are_addresses_groups_and_contacts(stack, to, field):
    _, m = sent(stack, "--to", to, "--text", "x")
    assert field(m), m


def test_templates_media_reactions_and_read_markers_are_published(stack):
    components = [{"type": "body", "parameters": [{"type": "text", "text": "Budi"}]}]
    _, m = sent(stack, "--to", "628123456789", "--template", "promo", "--language", "id", "--components", json.dumps(components))
    assert (m.template.name, m.template.language, json.loads(m.template.components)) == ("promo", "id", components)
    _, m = sent(stack, "--to", "628123456789", "--media", "https://example.com/a.png", "--type", "image", "--caption", "A")
    assert (m.media.url, m.media.caption) == ("https://example.com/a.png", "A")
    record, m = sent(stack, "--to", "628123456789", "--reaction", "👍", "--target", "false:3EB0")
    assert (m.kind, m.emoji, m.reply_to.key) == (outbound_pb2.SendMessage.KIND_REACTION, "👍", "false:3EB0")
    assert record.headers["ce_type"] == "blazz.outbound.reaction"
    record, m = sent(stack, "--to", "628123456789", "--read", "false:3EB0")
    assert m.kind == outbound_pb2.SendMessage.KIND_READ and record.headers["ce_type"] == "blazz.outbound.read"


@pytest.mark.parametrize("options, words, status", (
    ((), "one of --text", 2), (("--text", "x"), "--to is missing", 2), (("--text", "x", "--template", "y", "--to", "1"), "one of --text", 2),
    (("--template", "y", "--to", "628123456789"), "--language", 2), (("--media", "u", "--to", "628123456789"), "--type", 2),
    (("--media", "u", "--type", "text", "--to", "628123456789"), "--type text", 2), (("--to", "12", "--text", "x"), "phone number", 1),
    (("--to", "628123456789", "--text", "x", "--account", "nobody"), "no such account", 1),
    (("--to", "628123456789", "--text", "x", "--deadline", "soon"), "--deadline", 2),
    (("--to", "628123456789", "--template", "y", "--language", "id", "--components", "{}"), "--components", 1),
    (("--to", "628123456789", "--media", "", "--type", "image"), "media", 1),
))
def test_what_cannot_be_sent_is_not_published(stack, options, words, status):
    before = len(records(stack, "outbound", outbound_pb2.SendMessage))
    done = stack.ctl_run("messages", "send", "--workspace", stack.workspace, *options)
    assert done.returncode == status and words in done.stderr, done.stderr
    assert len(records(stack, "outbound", outbound_pb2.SendMessage)) == before


def test_a_wait_without_a_campaign_sender_ends_at_its_timeout(stack):
    done = stack.ctl_run("messages", "send", "--workspace", stack.workspace, "--to", "628123456789", "--text", "x", "--wait", "--timeout", "1s")
    assert done.returncode == 1 and "has not read the request yet" in done.stderr


def test_a_message_is_shown_with_its_failed_attempts(stack):
    request = str(uuid.uuid4())
    (row,) = stack.sql("""INSERT INTO sends (workspace_id, request_id, address, account_id, sent_by, status, error_code, error_message, attempt)
        SELECT workspace_id, %s, '628123456789', id, id, 'failed', '131026', 'undeliverable', 2 FROM whatsapp_accounts WHERE uuid = %s
        RETURNING workspace_id, id, account_id""", request, stack.accounts["meta"])
    stack.sql("SELECT day_partitions_maintain('send_attempts', 1, 30)")
    stack.sql("""INSERT INTO send_attempts (workspace_id, send_id, account_id, generation, attempt, class, status, code, at, total_us, excerpt)
        VALUES (%s, %s, %s, 0, 1, 'decided', 400, '131000', now(), 1500, '{"error":{}}')""", row["workspace_id"], row["id"], row["account_id"])
    shown = stack.ctl("messages", "show", request)
    facts = {f["name"]: f["value"] for f in shown["message"]}
    assert (facts["status"], facts["error_code"], facts["session_id"], facts["attempts"]) == ("failed", "131026", "meta-1", 2)
    (attempt,) = shown["attempts"]
    assert (attempt["class"], attempt["status"], attempt["code"], attempt["total_us"]) == ("decided", 400, "131000", 1500)
    done = stack.ctl_run("messages", "show", str(uuid.uuid4()))
    assert done.returncode == 1 and "no such message" in done.stderr
    assert stack.ctl_run("messages", "show", "x").returncode == 2


# Audiences


def audience(stack, name=None):
    (row,) = stack.ctl("audiences", "add", name or uuid.uuid4().hex, "--workspace", stack.workspace)
    return row["audience"]


def imported(stack, group, text, *options):
    done = stack.ctl_run("--json", "audiences", "import", group, "-", "--workspace", stack.workspace, *options, stdin=text)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0], done.stderr


def members(stack, group, *options):
    return stack.ctl("audiences", "members", group, "--workspace", stack.workspace, *options)


def test_members_are_imported_with_their_variables(stack):
    group = audience(stack, "Customers")
    text = ('\ufeffphone,name,city,code\r\n0812-3456-789,"Sari, ""the one""",Bandung,\r\n\r\n'
            '+62 812 3456 780,Budi,"Jalan A\nBandung",A1\r\n12,Short,x,y\r\n08123456789,Sari,Jakarta,Z9\r\n'
            '0812345678,too,few\r\n')
    totals, stderr = imported(stack, "Customers", text, "--country", "ID")
    assert totals == {"lines": 5, "added": 2, "replaced": 1, "rejected": 2}
    assert "line 6: not a phone number" in stderr and "line 8: not as many fields as columns" in stderr
    one, two = members(stack, group)
    assert (one["address"], one["phone"], one["name"], json.loads(one["variables"])) == (
        "628123456780", "+628123456780", "Budi", {"city": "Jalan A\nBandung", "code": "A1"})
    assert (two["phone"], two["name"], json.loads(two["variables"])) == ("+628123456789", "Sari", {"city": "Jakarta", "code": "Z9"})
    (listed,) = [g for g in stack.ctl("audiences", "list", "--workspace", stack.workspace) if g["audience"] == group]
    assert (listed["name"], listed["members"]) == ("Customers", 2)
    assert members(stack, group, "--after", "628123456780") == [two] and members(stack, group, "--limit", "1") == [one]


def test_a_file_of_several_chunks_changes_nothing_when_it_is_imported_again(stack, tmp_path):
    group, file, report = audience(stack), tmp_path / "a.csv", tmp_path / "report.csv"
    file.write_text("name,phone\n" + "".join(f"n{i},+6281{100000 + i}\n" for i in range(2500)) + "bad,x\n" * 30)
    query = "SELECT count(*), sum(hashtext(m::text)) FROM contact_group_members m JOIN contact_groups g USING (workspace_id) WHERE g.id = m.group_id AND g.uuid = %s"
    results = []
    for _ in range(2):
        done = stack.ctl_run("--json", "audiences", "import", group, file, "--workspace", stack.workspace, "--report", report)
        assert done.returncode == 0, done.stderr
        results.append((json.loads(done.stdout)[0], stack.sql(query, group)))
    assert results[0][0] == {"lines": 2530, "added": 2500, "replaced": 0, "rejected": 30}
    assert results[1][0] == {"lines": 2530, "added": 0, "replaced": 2500, "rejected": 30} and results[0][1] == results[1][1]
    assert report.read_text().splitlines()[:2] == ["line,reason", "2502,not a phone number"] and len(report.read_text().splitlines()) == 31
    assert done.stderr.count("line ") == 20 and "in the report" in done.stderr


def test_a_dry_run_imports_nothing(stack):
    group = audience(stack)
    totals, _ = imported(stack, group, "phone\n+628123456789\n", "--dry-run")
    assert (totals["lines"], totals["added"]) == (1, 0) and members(stack, group) == []


@pytest.mark.parametrize("text, words", (
    ("", "is empty"), ("name\nx\n", "none of them is phone"), ("phone,a b\n", "name of a variable"), ("phone,Phone\n", "two columns"),
    ("phone,a,a\n", "two columns"), ('"phone\n', "not closed"),
))
def test_a_heading_that_cannot_be_used_is_refused(stack, text, words):
    done = stack.ctl_run("audiences", "import", audience(stack), "-", "--workspace", stack.workspace, stdin=text)
    assert done.returncode == 1 and words in done.stderr, done.stderr


def test_audiences_of_other_workspaces_are_unknown(stack):
    done = stack.ctl_run("audiences", "members", audience(stack), "--workspace", stack.add_workspace("other"))
    assert done.returncode == 1 and "no such audience" in done.stderr


# Campaigns


def campaign(stack, *options, group=None, text="Hi {{contact.first_name|there}}"):
    words = ["--text", text] if text else []
    (row,) = stack.ctl("campaigns", "add", "--workspace", stack.workspace, "--name", "Spring", "--group", group or audience(stack), *words, *options)
    return row["campaign"]


def campaign_row(stack, uuid):
    return stack.sql("SELECT * FROM campaigns WHERE uuid = %s", uuid)[0]


def test_a_campaign_is_added_with_the_given_definition(stack):
    one, two = audience(stack, "one"), audience(stack)
    uuid = campaign(stack, "--group", "one", "--exclude", two, "--last-inbound-within", "30", "--not-contacted-for", "7", "--account", "waha-1",
                    "--on-unknown", "fail", "--schedule", "2030-01-31T12:00:00Z", "--time-zone", "Asia/Jakarta", "--window", "09:00-17:30",
                    "--days", "1-3,6", group=two)
    row = campaign_row(stack, uuid)
    assert (row["name"], row["campaign_type"], row["message_content"], row["status"]) == (
        "Spring", "instant", "Hi {{contact.first_name|there}}", "draft")
    assert row["audience"] == {"groups": [two, one], "exclude": [two], "last_inbound_within_days": 30, "not_contacted_for_days": 7}
    assert row["send_window"] == {"from": "09:00", "to": "17:30", "days": [1, 2, 3, 6]} and row["time_zone"] == "Asia/Jakarta"
    assert (row["preferred_provider"], row["on_unknown"], row["scheduled_at"].isoformat()) == ("webjs", "fail", "2030-01-31T12:00:00+00:00")
    assert row["account_id"] == stack.account_row(stack.accounts["waha"])["id"]


def test_an_instant_campaign_has_a_header_a_footer_and_buttons(stack):
    buttons = [{"type": "reply", "reply": {"id": "1", "title": "Yes"}}]
    row = campaign_row(stack, campaign(stack, "--header-type", "image", "--media", '{"link": "https://example.com/a.png"}', "--footer", "Bye",
                                       "--buttons", json.dumps(buttons), "--spread", "--provider", "webjs", "--allow-other-provider"))
    assert (row["message_content"], row["body_text"], row["header_type"], row["header_media"], row["footer_text"], row["buttons_data"]) == (
        None, "Hi {{contact.first_name|there}}", "image", {"link": "https://example.com/a.png"}, "Bye", buttons)
    assert row["spread"] and row["allow_other_provider"] and row["account_id"] is None


def test_a_template_is_found_by_name_and_language(stack):
    (template,) = stack.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, status, category)
        SELECT workspace_id, id, 't1', 'spring', 'id', 'APPROVED', 'MARKETING' FROM whatsapp_accounts WHERE uuid = %s RETURNING id""", stack.accounts["meta"])
    parameters = [{"type": "body", "parameters": [{"type": "text", "text": "{{var.code}}"}]}]
    row = campaign_row(stack, campaign(stack, "--template", "spring", "--language", "id", "--parameters", json.dumps(parameters), text=None))
    assert (row["campaign_type"], row["template_id"], row["template_parameters"]) == ("template", template["id"], parameters)
    done = stack.ctl_run("campaigns", "add", "--workspace", stack.workspace, "--name", "x", "--all", "--template", "spring", "--language", "en")
    assert done.returncode == 1 and "templates sync" in done.stderr


@pytest.mark.parametrize("options, words, status", (
    (("--text", "x"), "--name", 2), (("--name", "x", "--text", "x"), "--group or --all", 2), (("--name", "x", "--all"), "--template or --text", 2),
    (("--name", "x", "--all", "--text", "x", "--provider", "sms"), "--provider", 2), (("--name", "x", "--all", "--text", "x", "--days", "1"), "--window", 2),
    (("--name", "x", "--all", "--text", "x", "--window", "9"), "--window", 2), (("--name", "x", "--all", "--text", "x", "--window", "9:00-17:00"), "window", 1),
    (("--name", "x", "--all", "--text", "x", "--window", "09:00-17:00", "--days", "5-1"), "--days", 2),
    (("--name", "x", "--all", "--text", "x", "--time-zone", "Nowhere"), "time zone", 1), (("--name", "x", "--group", "none", "--text", "x"), "audience", 1),
))
def test_a_definition_that_breaks_a_rule_is_not_saved(stack, options, words, status):
    before = stack.value("SELECT count(*) FROM campaigns")
    done = stack.ctl_run("campaigns", "add", "--workspace", stack.workspace, *options)
    assert done.returncode == status and words in done.stderr, done.stderr
    assert stack.value("SELECT count(*) FROM campaigns") == before


def test_commands_are_published_with_their_key_and_headers(stack):
    uuid, user = campaign(stack), "0b8e7f6a-5555-4555-8555-0000000000aa"
    for verb in ("start", "pause", "resume", "retry-failed", "cancel"):
        (row,) = stack.ctl("campaigns", verb, uuid, "--user", user, "--reason", "because")
        assert row == {"campaign": uuid, "command": verb.replace("-", "_")}
    commands = [(r, c) for r, c in records(stack, "campaign-command", outbound_pb2.CampaignCommand) if c.campaign_id == uuid]
    assert [r.headers["ce_type"] for r, _ in commands] == ["blazz.campaign_command." + v for v in ("start", "pause", "resume", "retry_failed", "cancel")]
    assert [c.action for _, c in commands] == [1, 2, 3, 5, 4]
    for record, command in commands:
        assert record.key.decode() == f"{stack.workspace}:{uuid}" and record.headers["ce_id"] == command.request_id
        assert (command.workspace_id, command.user_id, command.reason) == (stack.workspace, user, "because") and command.requested_at_ms > 0


def test_pause_all_pauses_what_runs_or_is_scheduled(stack):
    other = stack.add_workspace("elsewhere")
    running, scheduled, draft = campaign(stack), campaign(stack), campaign(stack)
    (foreign,) = stack.ctl("campaigns", "add", "--workspace", other, "--name", "x", "--all", "--text", "x")
    for uuid, status in ((running, "running"), (scheduled, "scheduled"), (foreign["campaign"], "running")):
        stack.sql("UPDATE campaigns SET status = %s WHERE uuid = %s", status, uuid)
    assert {r["campaign"] for r in stack.ctl("campaigns", "pause", "--all", "--workspace", stack.workspace)} == {running, scheduled}
    assert {r["campaign"] for r in stack.ctl("campaigns", "pause", "--all")} == {running, scheduled, foreign["campaign"]}
    paused = [c.campaign_id for _, c in records(stack, "campaign-command", outbound_pb2.CampaignCommand) if c.action == 2]
    assert paused.count(running) == 2 and paused.count(foreign["campaign"]) == 1 and draft not in paused
    stack.sql("UPDATE campaigns SET status = 'cancelled' WHERE status IN ('running', 'scheduled')")
    assert stack.ctl_run("campaigns", "pause").returncode == 2 and stack.ctl_run("campaigns", "pause", draft, "--all").returncode == 2


@pytest.fixture
def running(stack):
    """A prepared campaign of six recipients of the waha account: sent, delivered, failed, skipped, unknown, pending."""
    uuid = campaign(stack, "--window", "00:00-24:00")
    (c,) = stack.sql("UPDATE campaigns SET status = 'running', prepared_at = now(), started_at = now() WHERE uuid = %s RETURNING workspace_id, id", uuid)
    account = stack.account_row(stack.accounts["waha"])["id"]
    w, i = c["workspace_id"], c["id"]
    stack.sql("INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition) VALUES (%s, %s, 0, %s, 0)", w, i, account)
    rows = stack.sql("""INSERT INTO sends (workspace_id, campaign_id, segment, address, status, error_code, error_message, sent_by, attempt, sent_at)
        SELECT %s, %s, 0, '62812000' || n, s, e, t, %s, 1, now() FROM (VALUES (1, 'sent', NULL, NULL), (2, 'delivered', NULL, NULL),
        (3, 'failed', '131026', '=1+1'), (4, 'skipped', 'opted_out', NULL), (5, 'unknown', 'timeout', 'a "b"'), (6, 'pending', NULL, NULL)) AS v (n, s, e, t)
        RETURNING id""", w, i, account)
    stack.sql("UPDATE campaigns SET first_send_id = %s, last_send_id = %s WHERE workspace_id = %s AND id = %s",
              rows[0]["id"], rows[-1]["id"], w, i)
    stack.sql("""INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, recipients, sent, delivered, failed, skipped, unknown)
        VALUES (%s, %s, 'driver', 0, 6, 3, 0, 0, 1, 1), (%s, %s, 'status', 0, 0, -1, 1, 1, 0, 0)""", w, i, w, i)
    stack.sql("INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING", w, account)
    stack.sql("UPDATE send_lanes SET held_at = NULL, held_until = NULL, held_code = NULL")
    stack.sql("UPDATE whatsapp_accounts SET status = 'connected', status_at = now() WHERE id = %s", account)
    yield uuid
    stack.sql("UPDATE campaigns SET status = 'cancelled' WHERE uuid = %s", uuid)


def shown(stack, uuid):
    shown = stack.ctl("campaigns", "show", uuid)
    return {f["name"]: f["value"] for f in shown["campaign"]}, shown


def test_a_campaign_is_shown_with_counters_and_reasons(stack, running):
    facts, whole = shown(stack, running)
    assert (facts["status"], facts["name"], facts["campaign"]) == ("running", "Spring", running)
    assert whole["counters"] == [{"recipients": 6, "sent": 2, "delivered": 1, "read": 0, "failed": 1, "skipped": 1, "unknown": 1}]
    assert {(r["status"], r["code"], r["recipients"]) for r in whole["reasons"]} == {
        ("sent", None, 1), ("delivered", None, 1), ("failed", "131026", 1), ("skipped", "opted_out", 1), ("unknown", "timeout", 1), ("pending", None, 1)}
    (account,) = whole["accounts"]
    assert (account["session_id"], account["connected"], account["done"]) == ("waha-1", True, False)
    assert whole["waits_for"] == []
    assert running in [c["campaign"] for c in stack.ctl("campaigns", "list", "--workspace", stack.workspace, "--status", "running")]
    assert running not in [c["campaign"] for c in stack.ctl("campaigns", "list", "--status", "paused,draft")]


@pytest.mark.parametrize("change, what, details", (
    ("UPDATE send_lanes SET held_at = clock_timestamp(), held_until = 'infinity', held_code = '131031'", "account_held", "131031"),
    ("UPDATE whatsapp_accounts SET status = 'disconnected' WHERE session_id = 'waha-1'", "account_not_connected", None),
    ("UPDATE campaigns SET send_window = NULL; UPDATE workspaces SET settings = jsonb_build_object('sending', jsonb_build_object('window',"
     " jsonb_build_object('from', '08:00', 'to', '20:00', 'days', jsonb_build_array(extract(isodow FROM now() + interval '3 days')::int))))", "window", None),
    ("UPDATE campaigns SET prepared_at = NULL", "preparation", None),
    ("UPDATE campaigns SET status = 'paused', pause_code = 'user'", "resume", "user"),
    ("UPDATE send_lanes SET next_at = now() + interval '1 hour'", "gap", None),
    ("UPDATE whatsapp_accounts SET business_id = 'b1', notices = '{\"business_capability_update\": {\"extra\":"
     " {\"max_daily_conversations_per_business\": \"TIER_1K\"}}}'; INSERT INTO portfolio_hours (workspace_id, business_id, hour, slot, sends)"
     " SELECT id, 'b1', date_trunc('hour', now()), 0, 1000 FROM workspaces", "portfolio", "1000 of 1000 messages in 24 hours"),
    ("UPDATE send_lanes SET paused_until = now() + interval '1 hour'", "rate_limit", None),
))
def test_what_a_campaign_waits_for_is_shown(stack, running, change, what, details):
    stack.sql("ALTER TABLE campaigns DISABLE TRIGGER check_change")
    stack.sql(change)
    try:
        (wait,) = shown(stack, running)[1]["waits_for"]
        assert (wait["waits_for"], wait["details"]) == (what, details)
    finally:
        stack.sql("UPDATE send_lanes SET next_at = NULL, paused_until = NULL, held_at = NULL, held_until = NULL, held_code = NULL; UPDATE workspaces SET settings = '{}';"
                  " UPDATE whatsapp_accounts SET business_id = NULL, notices = '{}'")
        stack.sql("ALTER TABLE campaigns ENABLE TRIGGER check_change")


def test_a_campaign_is_followed_until_it_has_ended(stack, running):
    stack.sql("UPDATE campaigns SET status = 'completed', completed_at = now() WHERE uuid = %s", running)
    done = stack.ctl_run("campaigns", "show", running, "--follow")
    assert done.returncode == 0 and "completed" in done.stdout


def test_recipients_are_exported_as_csv(stack, running):
    rows = list(csv.DictReader(io.StringIO(stack.ctl_run("campaigns", "export", running).stdout)))
    assert [(r["address"], r["status"], r["reason"]) for r in rows] == [
        ("628120001", "sent", ""), ("628120002", "delivered", ""), ("628120003", "failed", "131026"), ("628120004", "skipped", "opted_out"),
        ("628120005", "unknown", "timeout"), ("628120006", "pending", "")]
    assert (rows[2]["message"], rows[4]["message"]) == ("'=1+1", 'a "b"'), "no cell is a formula"
    assert all(r["client_message_id"].startswith(running + ".") and r["session_id"] == "waha-1" for r in rows)
    some = list(csv.DictReader(io.StringIO(stack.ctl_run("campaigns", "export", running, "--status", "failed,unknown").stdout)))
    assert [r["address"] for r in some] == ["628120003", "628120005"]
    stack.sql("UPDATE campaigns SET status = 'cancelled' WHERE uuid = %s", running)
    last = list(csv.DictReader(io.StringIO(stack.ctl_run("campaigns", "export", running).stdout)))[-1]
    assert (last["status"], last["reason"]) == ("skipped", "cancelled")
    message = stack.ctl("messages", "show", last["client_message_id"])
    assert {f["name"]: f["value"] for f in message["message"]}["status"] == "skipped"


# Checking


def checked(stack, uuid):
    done = stack.ctl_run("--json", "campaigns", "check", uuid)
    assert done.stdout, done.stderr
    shown = json.loads(done.stdout)
    facts = {f["name"]: f["value"] for f in shown["plan"]}
    return done.returncode, facts, {r["reason"]: r["recipients"] for r in shown["skipped"]}, [r["reason"] for r in shown["reasons"]]


@pytest.fixture
def connected(stack):
    stack.sql("UPDATE send_lanes SET held_at = NULL, held_until = NULL, held_code = NULL")
    stack.sql("UPDATE whatsapp_accounts SET status = 'connected', status_at = now(), metadata = '{}' WHERE session_id = 'waha-1'")
    before = stack.sql("SELECT id, secrets FROM whatsapp_accounts WHERE session_id IN ('meta-1', 'waha-1')")
    for account in ("meta-1", "waha-1"):
        stack.ctl("accounts", "set", account, "--access-token-file", token_file(stack))
    yield
    for row in before:
        stack.sql("UPDATE whatsapp_accounts SET secrets = %s WHERE id = %s", row["secrets"], row["id"])


def token_file(stack):
    path = stack.folder / "access-token"
    path.write_text("example-access-token")
    return path


def test_a_check_counts_who_would_be_skipped(stack, connected):
    group, but = audience(stack), audience(stack)
    imported(stack, group, "phone,name,code\n" + "".join(f"+62813000{i},n{i},{'' if i == 103 else i}\n" for i in range(100, 106)))
    imported(stack, but, "phone\n+62813000104\n")
    w = stack.value("SELECT id FROM workspaces WHERE uuid = %s", stack.workspace)
    (contact,) = stack.sql("INSERT INTO contacts (workspace_id, source_type, phone, match_key) VALUES (%s, 'webjs', '+62813000100', '62813000100') RETURNING id", w)
    stack.sql("INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) VALUES (%s, %s, 'phone', '62813000100')", w, contact["id"])
    stack.sql("INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (%s, %s, 'all', now())", w, contact["id"])
    stack.sql("INSERT INTO undeliverable (workspace_id, address, code, since) VALUES (%s, '62813000101', '131026', now())", w)
    uuid = campaign(stack, "--provider", "webjs", "--exclude", but, group=group, text="{Hi|Hello} {{contact.first_name|there}}, {{var.code}}")
    status, facts, skipped, reasons = checked(stack, uuid)
    assert (status, skipped, reasons) == (0, {"opted_out": 1, "unreachable": 1, "missing_variable": 1}, [])
    assert (facts["accounts"], facts["provider"], facts["recipients"], facts["to_send"]) == ("waha-1", "webjs", 5, 2)
    stack.ctl("accounts", "set", "waha-1", "--per-hour", "1")
    assert checked(stack, uuid)[1]["seconds_at_least"] == 7201
    assert campaign_row(stack, uuid)["status"] == "draft"


def test_a_check_lists_every_reason(stack, connected):
    status, _, _, reasons = checked(stack, campaign(stack, "--provider", "webjs", "--footer", "{{contact.age}}", text="{{var.a b}}"))
    assert status == 1 and len(reasons) == 3, reasons
    assert "the audience is empty" in reasons and any(r.startswith("body: ") for r in reasons) and any(r.startswith("footer: ") for r in reasons)
    stack.sql("UPDATE whatsapp_accounts SET status = 'disconnected' WHERE session_id = 'waha-1'")
    assert checked(stack, campaign(stack, "--provider", "webjs"))[3] == ["the workspace has no account that can be used"]
    reasons = checked(stack, campaign(stack, "--account", "waha-1"))[3]
    assert "account waha-1: it is not connected" in reasons
    stack.sql("UPDATE whatsapp_accounts SET desired_at = now() WHERE session_id = 'meta-1'")
    facts = checked(stack, campaign(stack, "--provider", "webjs", "--allow-other-provider"))[1]
    assert (facts["accounts"], facts["provider"]) == ("meta-1", "meta")


def test_a_check_compares_parameters_with_the_template(stack, connected):
    components = [{"type": "BODY", "text": "Hi {{1}}, {{2}}"}]
    (template,) = stack.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, status, category, components)
        SELECT workspace_id, id, 't2', 'checked', 'id', 'APPROVED', 'UTILITY', %s FROM whatsapp_accounts WHERE uuid = %s RETURNING id""",
        json.dumps(components), stack.accounts["meta"])
    group = audience(stack)
    imported(stack, group, "phone,code\n+62813000107,A\n+62813000108,\n")

    def define(*texts):
        parameters = [{"type": "body", "parameters": [{"type": "text", "text": t} for t in texts]}]
        return campaign(stack, "--template", "checked", "--language", "id", "--parameters", json.dumps(parameters), text=None, group=group)

    status, facts, skipped, reasons = checked(stack, define("{{contact.full_name|you}}", "{{var.code}}"))
    assert (status, reasons, skipped, facts["to_send"]) == (0, [], {"missing_variable": 1}, 1)
    status, _, _, reasons = checked(stack, define("x"))
    assert (status, reasons) == (1, ["body: 1 parameter is given, the template has 2"])
    stack.sql("UPDATE templates SET status = 'PAUSED' WHERE id = %s", template["id"])
    (reason,) = checked(stack, define("x", "y"))[3]
    assert reason.startswith("account meta-1: ") and "PAUSED" in reason


def test_a_check_finds_the_accounts_and_templates_that_campaign_sender_finds(stack, connected):
    """Templates are of a WABA, whichever of its accounts they were reported for; without a secret nothing is sent."""
    for session, number, options in (("meta-2", "7001", ("--access-token-file", token_file(stack))), ("meta-3", "7002", ())):
        stack.ctl("accounts", "add", "--workspace", stack.workspace, "--session", session, "--provider", "meta", "--app", stack.app,
                  "--phone-number-id", number, "--waba", "7000", *options)
    stack.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, status, category, components)
        SELECT workspace_id, id, 't3', 'shared', 'id', 'APPROVED', 'UTILITY', '[{"type": "BODY", "text": "Hi"}]'
        FROM whatsapp_accounts WHERE session_id = 'meta-3'""")
    group = audience(stack)
    imported(stack, group, "phone\n+62813000109\n")

    def define(account):
        return campaign(stack, "--account", account, "--template", "shared", "--language", "id", text=None, group=group)

    assert checked(stack, define("meta-2"))[3] == []
    assert checked(stack, define("meta-3"))[3] == ["account meta-3: it has no secret to send with"]
    stack.sql("UPDATE whatsapp_accounts SET deleted_at = now() WHERE session_id IN ('meta-2', 'meta-3')")


# Templates


class Graph:
    """Meta's list of templates: pages of two, asked for with the right token."""

    def __init__(self, templates, token="EAAG-token"):
        self.requests = requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                url, status = urlsplit(self.path), 200
                query = {k: v[0] for k, v in parse_qs(url.query).items()}
                requests.append((url.path, query))
                at = int(query.get("after", "c/0").removeprefix("c/"))
                answer = {"data": templates[at:at + 2], "paging": {"cursors": {"before": "x", "after": f"c/{at + 2}"}}}
                if at + 2 < len(templates):
                    answer["paging"]["next"] = "http://192.0.2.1/elsewhere"
                if self.headers["Authorization"] != f"Bearer {token}":
                    status, answer = 401, {"error": {"code": 190, "message": "Invalid OAuth access token"}}
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def config(self):
        return {"meta.base_url": f"http://127.0.0.1:{self.server.server_port}", "meta.version": "v25.0"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def sync(stack, graph, *options):
    done = stack.ctl_run("--json", "templates", "sync", "--workspace", stack.workspace, *options, config=stack.ctl_config | graph.config)
    return done, json.loads(done.stdout) if done.stdout else None


def test_templates_are_read_page_by_page_and_published(stack, tmp_path):
    body = [{"type": "BODY", "text": "Hi {{1}}, \u00fc", "example": {"body_text": [["A"]]}}]
    templates = [{"id": str(i), "name": f"t{i}", "language": "id", "status": "APPROVED", "category": "UTILITY", "components": body,
                  "quality_score": {"score": "GREEN"}, "rejected_reason": "NONE"} for i in range(4)] + [{"components": "?"}]
    graph = Graph(templates)
    try:
        done, rows = sync(stack, graph)
        assert done.returncode == 0 and rows[0]["error"] == "no access token" and graph.requests == []
        token = tmp_path / "token"
        token.write_text("EAAG-token")
        stack.ctl("accounts", "set", "meta-1", "--access-token-file", token)
        done, (row,) = sync(stack, graph)
        assert done.returncode == 0 and (row["session_id"], row["templates"], row["error"]) == ("meta-1", 4, None), done.stderr
        assert "is left out" in done.stderr and "EAAG" not in done.stdout + done.stderr
        assert [r[0] for r in graph.requests] == ["/v25.0/102290129340398/message_templates"] * 3
        assert [r[1].get("after") for r in graph.requests] == [None, "c/2", "c/4"] and graph.requests[0][1]["limit"] == "200"
    finally:
        graph.close()
    events = [(r, e) for r, e in records(stack, "inbound", inbound_pb2.InboundEvent) if e.WhichOneof("event") == "template_status"]
    assert [e.template_status.name for _, e in events] == ["t0", "t1", "t2", "t3"]
    record, event = events[0]
    assert record.key.decode() == f"{stack.workspace}:{stack.accounts['meta']}" and record.headers["ce_type"] == "blazz.inbound.template_status"
    t = event.template_status
    assert (t.provider_template_id, t.language, t.status, t.category, t.quality, t.reason) == ("0", "id", "APPROVED", "UTILITY", "GREEN", "")
    assert json.loads(t.components) == body and event.event_id == record.headers["ce_id"]


def test_a_rejected_token_is_said_and_nothing_is_published(stack, tmp_path):
    token, before = tmp_path / "token", len(records(stack, "inbound", inbound_pb2.InboundEvent))
    token.write_text("EAAG-old")
    stack.ctl("accounts", "set", "meta-1", "--access-token-file", token)
    graph = Graph([])
    try:
        done, (row,) = sync(stack, graph, "--account", "meta-1")
    finally:
        graph.close()
    assert done.returncode == 1 and "error 190" in row["error"] and "EAAG" not in done.stdout + done.stderr
    assert len(records(stack, "inbound", inbound_pb2.InboundEvent)) == before
    done, _ = sync(stack, graph, "--account", "waha-1")
    assert done.returncode == 1 and "only accounts of Meta" in done.stderr


def test_templates_are_listed(stack):
    stack.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, status, category, components)
        SELECT workspace_id, id, 't9', 'listed', 'en', 'PAUSED', 'MARKETING', '[]' FROM whatsapp_accounts WHERE uuid = %s""", stack.accounts["meta"])
    (row,) = [t for t in stack.ctl("templates", "list", "--workspace", stack.workspace) if t["name"] == "listed"]
    assert (row["language"], row["status"], row["category"], row["session_id"], row["components"]) == ("en", "PAUSED", "MARKETING", "meta-1", True)
    assert stack.ctl("templates", "list", "--workspace", stack.workspace, "--account", "waha-1") == []


# Accounts as senders


def test_limits_of_an_account_are_set_and_removed(stack):
    stack.sql("UPDATE whatsapp_accounts SET metadata = '{\"x\": 1}' WHERE session_id = 'waha-1'")
    stack.ctl("accounts", "set", "waha-1", "--per-minute", "30", "--per-hour", "500", "--warmed", "yes")
    row = stack.account_row(stack.accounts["waha"])
    assert row["metadata"] == {"x": 1, "sending": {"per_minute": 30, "per_hour": 500, "warmed": True}}
    stack.ctl("accounts", "set", "waha-1", "--per-minute", "", "--per-second", "2", "--warmed", "")
    assert stack.account_row(stack.accounts["waha"])["metadata"] == {"x": 1, "sending": {"per_second": 2, "per_hour": 500}}
    stack.ctl("accounts", "set", "waha-1", "--per-hour", "", "--per-second", "")
    assert stack.account_row(stack.accounts["waha"])["metadata"] == {"x": 1}
    for option, value in (("--per-second", "1001"), ("--per-hour", "0"), ("--per-minute", "x"), ("--warmed", "maybe")):
        assert stack.ctl_run("accounts", "set", "waha-1", option, value).returncode == 2


def test_a_held_account_is_listed_and_released(stack):
    stack.sql("""INSERT INTO send_lanes (workspace_id, account_id, partition, attempts, failures)
        SELECT workspace_id, id, 0, 7, 2 FROM whatsapp_accounts WHERE session_id = 'meta-1' ON CONFLICT DO NOTHING""")
    stack.sql("""UPDATE send_lanes SET held_at = clock_timestamp(), held_until = 'infinity', held_code = '131031' WHERE account_id =
        (SELECT id FROM whatsapp_accounts WHERE session_id = 'meta-1')""")
    (row,) = stack.ctl("lanes", "list", "--held")
    assert (row["session_id"], row["held_code"], row["held_until"], row["attempts"], row["failures"]) == ("meta-1", "131031", "infinity", 7, 2)
    assert stack.ctl_run("lanes", "release", "meta-1").returncode == 0
    assert stack.ctl("lanes", "list", "--held") == []
    assert {r["session_id"] for r in stack.ctl("lanes", "list", "--workspace", stack.workspace)} == {"meta-1", "waha-1"}
    assert stack.ctl_run("lanes", "release", "nobody").returncode == 1
