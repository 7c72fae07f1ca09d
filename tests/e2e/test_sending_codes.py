"""campaign-sender: errors of the provider, as answers and as failed statuses: what becomes of the message, its account and another account."""
import pytest
from blazz.v1 import outbound_pb2 as outbound
from harness.sending import RECIPIENT, Tenant
from harness.waiting import wait_for

SENDING = {"unknown__after": "2s"}
SILENT = {"webhooks": {"statuses": [], "echo": False}}
HOUR = 3600
FOREVER = float("inf")


def lane(account):
    """What the account waits for; empty, when it has no lane yet."""
    rows = account.tenant.sql("""SELECT held_code, held_until = 'infinity' AS held_for_ever,
        extract(epoch FROM least(held_until, '3000-01-01') - now())::float AS held_s, extract(epoch FROM paused_until - now())::float AS paused_s
        FROM send_lanes l JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (l.workspace_id, l.account_id) WHERE a.uuid = %s""", account.uuid)
    return rows[0] if rows else {}


def make_tenants(sending, names):
    """A limit of an app makes all its accounts wait, whatever their workspace."""
    return {name: Tenant(sending, "meta", "meta", app=sending.blazz.add_app() if name == "limit of the app" else None) for name in names}


def check_lane(account, code, held_s=None, paused_s=None):
    def reached():
        now = lane(account)
        if not now or held_s is FOREVER and not now["held_for_ever"] or now["held_code"] != (held_s and code):
            return False
        if held_s not in (None, FOREVER) and not held_s - 30 < now["held_s"] <= held_s:
            return False
        return paused_s is None or now["paused_s"] and paused_s - 30 < now["paused_s"] <= paused_s

    wait_for(reached, lambda: f"{code}: held {held_s}, paused {paused_s}: {lane(account)}")


# A Graph error that comes once or always: how the message ends, after how many attempts, and whether another account sends it.
class Row:
    def __init__(self, code, status, attempt=0, other=False, held_s=None, paused_s=None, times=None, http=None):
        self.code, self.status, self.attempt, self.other = code, status, attempt, other
        self.held_s, self.paused_s = held_s, paused_s
        self.rule = {"code": code} | ({"times": times} if times else {}) | ({"status": http} if http else {})


ANSWERS = {
    "rate": Row(130429, "sent", 2, times=1),
    "pair rate": Row(131056, "sent", 2, times=1),
    "limit of the app": Row(4, "pending", paused_s=60),
    "limit of the WABA": Row(80007, "sent", 1, other=True, paused_s=60),
    "recipient": Row(131026, "failed", 1),
    "ecosystem": Row(131049, "failed", 1),
    "opted out": Row(131050, "failed", 1),
    "needs a template": Row(131047, "failed", 1),
    "parameters": Row(132012, "failed", 1),
    "media": Row(131053, "failed", 1),
    "template": Row(132001, "failed", 0),
    "token": Row(190, "sent", 1, other=True, held_s=FOREVER),
    "permission": Row(10, "sent", 1, other=True, held_s=FOREVER),
    "not registered": Row(133010, "sent", 1, other=True, held_s=FOREVER),
    "policy": Row(368, "pending", held_s=FOREVER),
    "spam": Row(131048, "sent", 1, other=True, held_s=24 * HOUR),
    "payment": Row(131042, "sent", 1, other=True, held_s=6 * HOUR),
    "transient": Row(131000, "sent", 2, times=1),
    "unlisted 4xx": Row(998877, "failed", 3),
    "unlisted 5xx": Row(998877, "failed", 1, http=500),
}


def test_errors_of_meta_as_answers(sending):
    """Each code in a workspace with two accounts, of one app but of two portfolios, and a request that allows the other one."""
    tenants = make_tenants(sending, ANSWERS)
    sending.stub.rules(*(t.accounts[0].rule(**ANSWERS[name].rule, **SILENT) for name, t in tenants.items()), SILENT)
    limited = tenants["limit of the app"]
    limited.wait(limited.send(limited.accounts[1], "6281100000009"), "sent")  # so that this account has a lane
    sent = {name: t.send(t.accounts[0], allow_other_number=True) for name, t in tenants.items()}
    for name, tenant in tenants.items():
        want, (account, other) = ANSWERS[name], tenant.accounts
        tenant.wait_row(sent[name], lambda r: tenant.attempts(sent[name]), f"{name}: an attempt is recorded")
        row = tenant.wait(sent[name], want.status, deadline_s=30)
        assert (row["attempt"], row["status"]) == (want.attempt, want.status), (name, tenant.shown(sent[name]))
        if want.status == "sent":
            assert row["sent_by_uuid"] == (other if want.other else account).uuid, name
        if want.status == "failed":
            assert row["error_code"] == ("unknown_outcome" if name == "unlisted 5xx" else str(want.code)), name
            tenant.wait_chat(sent[name], "failed")
        check_lane(account, str(want.code), want.held_s, want.paused_s)
        assert bool(other.journal(recipient=RECIPIENT)) == want.other, name
        first = tenant.attempts(sent[name])[0]
        assert (first["class"], first["code"]) == ("unknown" if name == "unlisted 5xx" else "decided", str(want.code)), name
    check_lane(limited.accounts[1], "4", paused_s=60)
    assert "998877" in tenants["unlisted 4xx"].row(sent["unlisted 4xx"])["error_message"]
    assert [r["code"] for r in tenants["recipient"].sql("SELECT * FROM undeliverable WHERE address = %s", RECIPIENT)] == ["131026"]
    check_opted_out(tenants["opted out"])
    check_reconnected(tenants["token"], "disconnected")


def check_opted_out(tenant):
    wait_for(lambda: tenant.sql("""SELECT * FROM contact_opt_outs o JOIN workspaces w ON w.id = o.workspace_id WHERE w.uuid = %s""",
                                tenant.workspace), "the contact has opted out")


def check_reconnected(tenant, status):
    wait_for(lambda: tenant.accounts[0].row()["status"] == status, lambda: f"{status}: {tenant.accounts[0].row()['status']}")


@pytest.mark.parametrize("code", [190, 368])
def test_a_held_account_sends_again_once_it_is_released(sending, code):
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    sending.stub.rules(account.rule(code=code, times=1), SILENT)
    first = tenant.send(account)
    check_lane(account, str(code), FOREVER)
    second = tenant.send(account, "6281100000002")
    wait_for(lambda: tenant.row(second), "the second is accepted")
    assert tenant.row(first)["status"] == tenant.row(second)["status"] == "pending" and len(account.journal()) == 1
    if code == 190:
        check_reconnected(tenant, "disconnected")
    account.release()
    for request in (first, second):
        assert tenant.wait(request, "sent", "delivered")["attempt"] == 1
    if code == 190:
        check_reconnected(tenant, "connected")


# A failed status of a message that Meta had accepted: the message fails and is never sent again; the account as above.
STATUSES = {"rate": (130429, None, None), "limit of the app": (4, None, 60), "recipient": (131026, None, None), "opted out": (131050, None, None),
            "template": (132001, None, None), "token": (190, FOREVER, None), "policy": (368, FOREVER, None), "spam": (131048, 24 * HOUR, None),
            "payment": (131042, 6 * HOUR, None), "transient": (131000, None, None), "unlisted": (998877, None, None)}


def test_errors_of_meta_as_failed_statuses(sending):
    tenants = make_tenants(sending, STATUSES)
    sending.stub.rules(SILENT)
    sent = {name: t.send(t.accounts[0], allow_other_number=True) for name, t in tenants.items()}
    for name, tenant in tenants.items():
        tenant.wait(sent[name], "sent")
        tenant.accounts[0].post_status(tenant.accounts[0].journal()[0], "failed", code=STATUSES[name][0])
    for name, tenant in tenants.items():
        (code, held_s, paused_s), (account, other) = STATUSES[name], tenant.accounts
        row = tenant.wait(sent[name], "failed")
        assert (row["error_code"], row["next_attempt_at"], row["attempt"]) == (str(code), None, 1), name
        tenant.wait_chat(sent[name], "failed")
        check_lane(account, str(code), held_s, paused_s)
        assert (len(account.journal()), len(other.journal()), len(tenant.chat(sent[name]))) == (1, 0, 1), name
    assert [r["code"] for r in tenants["recipient"].sql("SELECT * FROM undeliverable WHERE address = %s AND workspace_id = %s", RECIPIENT,
                                                        tenants["recipient"].row(sent["recipient"])["workspace_id"])] == ["131026"]
    check_opted_out(tenants["opted out"])
    check_reconnected(tenants["token"], "disconnected")


@pytest.mark.parametrize("as_status", [False, True], ids=["answer", "status"])
def test_an_unusable_template_pauses_its_campaign_at_the_first_hit(sending, as_status):
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    account.change(metadata='{"sending": {"per_second": 2}}')
    sending.stub.rules(SILENT if as_status else account.rule(code=132001, **SILENT))
    campaign = tenant.add_campaign(account, [f"62817{n:08}" for n in range(8)])
    tenant.command(campaign, outbound.CampaignCommand.ACTION_START)
    if as_status:
        wait_for(account.accepted, "it has begun")
        account.post_status(account.journal()[0], "failed", code=132001)
    row = tenant.wait_campaign(campaign, "paused")
    assert row["pause_code"] == "132001" and row["pause_reason"]
    statuses = [r["status"] for r in tenant.recipients(campaign)]
    assert statuses.count("failed") == as_status and statuses.count("pending") >= 3
    assert len(account.journal()) < 8


# An error of our bridge contract: how the message ends, its code, the code of the account's hold and for how long.
BRIDGE = {
    "not_on_whatsapp": ("failed", 1, None, None),
    "invalid": ("failed", 1, None, None),
    "media_failed": ("failed", 1, None, None),
    "session_not_connected": ("sent", 1, None, None),
    "rate_limited": ("sent", 2, None, None),
    "blocked": ("sent", 1, "blocked", 6 * HOUR),
}


def test_errors_of_a_bridge(sending):
    tenants = {word: Tenant(sending, "blazz", "meta") for word in BRIDGE}
    sending.stub.rules(*(t.accounts[0].rule(error=word, **({"times": 1, "retry_after": 1} if word == "rate_limited" else {}))
                         for word, t in tenants.items()), SILENT)
    sent = {word: t.send(t.accounts[0], allow_other_number=True) for word, t in tenants.items()}
    for word, tenant in tenants.items():
        status, attempt, code, held_s = BRIDGE[word]
        row = tenant.wait(sent[word], status)
        assert row["attempt"] == attempt, (word, tenant.shown(sent[word]))
        assert row["sent_by_uuid"] == tenant.accounts[word in ("session_not_connected", "blocked")].uuid, word
        if status == "failed":
            assert row["error_code"] in (word, "undeliverable"), word
        check_lane(tenant.accounts[0], code, held_s)
