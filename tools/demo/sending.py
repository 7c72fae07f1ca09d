#!/usr/bin/python3
"""Sends single messages and a campaign through the provider stub, as an operator would: tools/demo/sending.py BIN DIR

Leaves the ids of what was sent in DIR/sending.json, which recipients.py reads. Every wait has a deadline.
"""
import csv
import json
import sys
import time
import uuid

from shared import DIR, ctl, query, secret, senders, stub, wait_for

WORKSPACE, APP = sys.argv[3], sys.argv[4]
RECIPIENTS = 300
PAUSED_AFTER = 60  # recipients
STOPPED = ("6281220000003", "6281220000007", "6281220000011")  # write STOP before the campaign
UNREACHABLE = ("6281220000020", "6281220000040", "6281220000060")  # not on WhatsApp, says Meta at once
UNDELIVERED = ("6281220000080", "6281220000100")  # accepted, and then a status says failed
CUT_OFF = "6281330000002"  # accepted, but the answer is cut off
TEMPLATE = {"id": "900001", "name": "october_news", "language": "en", "status": "APPROVED", "category": "MARKETING",
            "components": [{"type": "BODY", "text": "Hello {{1}}, our new shop in {{2}} is open!"}]}
PARAMETERS = [{"type": "body", "parameters": [{"type": "text", "text": "{{contact.full_name|there}}"},
                                              {"type": "text", "text": "{{var.city}}"}]}]
RULES = [
    *({"name": "unreachable", "provider": "meta", "recipient": r, "code": 131026} for r in UNREACHABLE),
    *({"name": "undelivered", "provider": "meta", "recipient": r, "webhooks": {"statuses": ["sent", "failed"], "failed_code": 131049}}
      for r in UNDELIVERED),
    {"name": "cut off", "provider": "meta", "recipient": CUT_OFF, "times": 1, "end": "cut"},
    {"name": "read", "act": "send", "share": 0.4, "webhooks": {"statuses": ["sent", "delivered", "read"], "step_ms": 100, "echo": True}},
]


def stub_prepare(ingest):
    """Its sessions are the accounts that send; what it posts about them reaches ingest as from Meta and a bridge."""
    meta = {"provider": "meta", "waba": "102290129340399", "key": secret("access-token"), "webhook_url": f"{ingest}/webhooks/meta/{APP}",
            "webhook_secret": secret("meta")}
    stub("/_sessions", [
        meta | {"name": "106540352243001", "phone": "15550783901"}, meta | {"name": "106540352243002", "phone": "15550783902"},
        {"provider": "blazz", "name": "acme-outlet", "phone": "6281299990001", "key": secret("outlet"),
         "webhook_url": f"{ingest}/webhooks/wwebjs/{senders()['outlet']}", "webhook_secret": secret("outlet")}])
    stub("/_templates", {"waba": meta["waba"], "templates": [TEMPLATE]})
    stub("/_rules", RULES)


def recipients_write(path):
    """A list as people keep them: other notations of numbers, lines without a city, bad numbers, a number twice."""
    lines = [("phone", "name", "city")]
    for i in range(RECIPIENTS):
        number = f"62812200{i:05}"
        shown = f"0{number[2:5]}-{number[5:9]}-{number[9:]}" if i % 3 == 0 else f"+{number}"
        lines.append((shown, f"Name {i}" if i % 10 else "", "" if i in (15, 45) else ("Jakarta", "Bandung", "Surabaya")[i % 3]))
    lines[50:50] = [("call me", "Budi", "Jakarta"), ("0", "Sari", "Bandung"), ("", "Adi", "Jakarta")]
    lines.append(("+6281220000001", "Name 1", "Jakarta"))
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows(lines)


def stops_write(folder):
    """Texts by which contacts opt out; blazzctl posts them as Meta would."""
    folder.mkdir()
    for i, number in enumerate(STOPPED):
        value = {"messaging_product": "whatsapp", "metadata": {"display_phone_number": "15550783901", "phone_number_id": "106540352243001"},
                 "contacts": [{"profile": {"name": f"Stopped {i}"}, "wa_id": number}],
                 "messages": [{"from": number, "id": f"wamid.demo.stop.{i}", "timestamp": str(int(time.time())), "type": "text",
                               "text": {"body": "Stop"}}]}
        body = {"object": "whatsapp_business_account", "entry": [{"id": "102290129340399", "changes": [{"value": value, "field": "messages"}]}]}
        (folder / f"stop_{i}.json").write_text(json.dumps(body))


def outlet_connect(ingest):
    """A bridge's account sends once its session is connected; Meta's have none."""
    body = DIR / "ready.json"
    body.write_text(json.dumps({"dataType": "ready", "data": None, "sessionId": "acme-outlet"}))
    ctl("send", "--url", ingest, "--dialect", "webjs-raw", "--account", senders()["outlet"], "--secret-file", DIR / "secrets/outlet", body)
    wait_for("the bridge's session is connected", lambda: query("SELECT status FROM whatsapp_accounts WHERE uuid = %s::uuid",
                                                                 [senders()["outlet"]]) == [("connected",)])


def opt_outs_await(ingest):
    stops_write(DIR / "stops")
    ctl("send", "--url", ingest, "--dialect", "meta", "--app", APP, "--secret-file", DIR / "secrets/meta", DIR / "stops")
    wait_for("the opt-outs are stored", lambda: query("SELECT count(*) FROM contact_opt_outs WHERE stopped AND account_id = (SELECT id"
             " FROM whatsapp_accounts WHERE uuid = %s::uuid)", [senders()["promo-1"]]) == [(len(STOPPED),)])


def template_sync():
    ctl("templates", "sync", "--workspace", WORKSPACE, "--account", senders()["promo-1"])
    wait_for("the template is stored", lambda: query("SELECT count(*) FROM templates WHERE name = %s AND status = 'APPROVED'"
             " AND components IS NOT NULL", [TEMPLATE["name"]])[0][0] > 0)


def audience_import():
    ctl("audiences", "add", "--workspace", WORKSPACE, "customers")
    recipients_write(DIR / "customers.csv")
    totals = ctl("audiences", "import", "--workspace", WORKSPACE, "--country", "ID", "--report", DIR / "rejected.csv", "customers",
                 DIR / "customers.csv")[0]
    rejected = [f"line {line}: {why}" for line, why in csv.reader((DIR / "rejected.csv").read_text().splitlines()[1:])]
    print(f"demo: imported {totals['added']} numbers; rejected {'; '.join(rejected)}", flush=True)


def messages_send():
    """{request: what it is}"""
    sent = {}
    for account, to, text in (("promo-1", "+6281330000001", "Your order 4711 has been shipped"),
                              ("outlet", "+6281330000003", "We are open until 8 pm"),
                              ("promo-2", f"+{CUT_OFF}", "Your table is booked for 7 pm")):
        request = str(uuid.uuid4())
        ctl("messages", "send", "--workspace", WORKSPACE, "--account", senders()[account], "--to", to, "--text", text, "--request-id", request)
        sent[request] = account
    return sent


def campaign(id_):
    (status, recipients, ended), = query("""SELECT status, recipients, messages_sent + messages_failed + messages_skipped + messages_unknown
        FROM campaigns WHERE uuid = %s::uuid""", [id_])
    return status, recipients, ended


def campaign_run():
    """(its id, recipients that had ended when it was paused)"""
    id_ = ctl("campaigns", "add", "--workspace", WORKSPACE, "--name", "October news", "--template", TEMPLATE["name"], "--language", "en",
              "--parameters", json.dumps(PARAMETERS), "--group", "customers", "--spread")[0]["campaign"]
    ctl("campaigns", "start", id_)
    wait_for("the campaign has begun", lambda: sent_of(id_) >= PAUSED_AFTER)
    ctl("campaigns", "pause", id_, "--reason", "the demo pauses it")
    wait_for("the campaign is paused", lambda: campaign(id_)[0] == "paused")
    wait_for("nothing is in flight", lambda: query("SELECT count(*) FROM send_lanes WHERE in_flight <> '{}'") == [(0,)])
    paused_at = sent_of(id_)
    ctl("campaigns", "resume", id_)
    wait_for("the campaign is completed", lambda: campaign(id_)[0] == "completed")
    return id_, paused_at


def sent_of(id_):
    """Recipients that were sent to, from the rows themselves: the counters follow within a second."""
    return query("SELECT count(*) FROM sends s JOIN campaigns c ON c.workspace_id = s.workspace_id AND c.id = s.campaign_id"
                 " WHERE c.uuid = %s::uuid AND s.status <> 'pending' AND s.status <> 'skipped'", [id_])[0][0]


def settled():
    return query("SELECT count(*) FROM sends WHERE status = 'unknown' OR status = 'pending'") == [(0,)] and \
        stub("/_stats")["webhooks"]["waiting"] == 0


def main():
    ingest = f"http://127.0.0.1:{(DIR / 'ingest.http').read_text().strip()}"
    stub_prepare(ingest)
    outlet_connect(ingest)
    opt_outs_await(ingest)
    template_sync()
    audience_import()
    messages = messages_send()
    id_, paused_at = campaign_run()
    wait_for("statuses have come back", settled)
    (DIR / "sending.json").write_text(json.dumps({"campaign": id_, "paused_at": paused_at, "messages": messages}))


if __name__ == "__main__":
    main()
