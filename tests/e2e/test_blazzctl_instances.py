"""blazzctl instances and accounts: what operators want of sessions, and what they see of them. No cleanup runs."""
import base64
import json
import subprocess
import uuid

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness.blazz import KEYRING
from harness.service import BIN
from harness.waiting import wait_for

KEY = "instance-key"


@pytest.fixture(autouse=True)
def logs(shared_logs):
    """Shown when a test fails."""


def url():
    return f"http://bridge-{uuid.uuid4().hex[:8]}:3000"


def add(stack, kind="waha", **options):
    """The row that `instances add` prints."""
    words = [w for k, v in ({"url": url()} | options).items() for w in ("--" + k.replace("_", "-"), v)]
    return stack.ctl("instances", "add", "--kind", kind, "--key-file", "-", *words, stdin=KEY)[0]


def listed(stack, index):
    return next((i for i in stack.ctl("instances", "list") if i["index"] == index), None)


def row(stack, index):
    return stack.sql("SELECT * FROM instances WHERE index = %s", index)[0]


def opened(instance):
    """The secrets of an instance's row; libs/crypto/sealed_row.h."""
    sealed, key = bytes(instance["secrets"]), base64.b64decode(KEYRING.partition(":")[2])
    head = sealed[:2 + sealed[1]]
    text = AESGCM(key).decrypt(sealed[len(head):len(head) + 12], sealed[len(head) + 12:], head + f"instance:{instance['uuid']}".encode())
    return json.loads(text)


def facts(rows):
    return {f["name"]: f["value"] for f in rows}


def account(stack, bridge="waha", **options):
    return stack.add_account(stack.workspace, session=f"s-{uuid.uuid4().hex[:8]}", provider="webjs", bridge=bridge, **options)


def assign(stack, name, index):
    """As cleanup does."""
    stack.sql("UPDATE whatsapp_accounts SET assigned_instance_index = i.index, assigned_instance_url = i.url FROM instances i"
              " WHERE i.index = %s AND whatsapp_accounts.uuid = %s", index, name)


def fails(stack, *arguments, stdin=None, status=1):
    done = stack.ctl_run(*arguments, stdin=stdin)
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    return done.stderr


@pytest.mark.parametrize("kind", ("waha", "evolution", "wwebjs"))
def test_an_instance_has_the_key_that_it_was_given(shared, kind):
    made = add(shared, kind, capacity=7, storage_group="nfs")
    assert made["key"] is None, "it was not generated"
    assert opened(row(shared, made["index"])) == {"access_token": KEY}
    seen = listed(shared, made["index"])
    assert (seen["kind"], seen["capacity"], seen["storage_group"], seen["desired"], seen["state"], seen["key"]) == \
        (kind, 7, "nfs", "active", "unknown", True)
    assert KEY not in json.dumps(shared.ctl("instances", "show", made["index"]))


def test_the_key_of_our_own_bridge_is_generated_and_shown_once(shared):
    made = shared.ctl("instances", "add", "--kind", "blazz", "--url", url())[0]
    assert len(made["key"]) == 43
    assert opened(row(shared, made["index"])) == {"signing_keys": [made["key"]]}
    assert made["key"] not in json.dumps([shared.ctl("instances", "list"), shared.ctl("instances", "show", made["index"])])


def test_who_registers_wwebjs_is_warned_of_sessions_that_start_by_themselves(shared):
    for kind, warned in (("wwebjs", True), ("waha", False)):
        done = shared.ctl_run("instances", "add", "--kind", kind, "--url", url(), "--key-file", "-", stdin=KEY)
        assert done.returncode == 0 and ("AUTO_START_SESSIONS=false" in done.stderr) == warned, done.stderr


@pytest.mark.parametrize("arguments, stdin, status, words", (
    (("--kind", "other", "--url", "http://x"), KEY, 2, "--kind"),
    (("--kind", "waha"), KEY, 2, "--url"),
    (("--kind", "waha", "--url", "http://x", "--capacity", "-1"), KEY, 2, "--capacity"),
    (("--kind", "waha", "--url", "ftp://x"), KEY, 1, "URL"),
    (("--kind", "waha", "--url", "http://user:secret@x"), KEY, 1, "URL"),
    (("--kind", "waha", "--url", "http://x"), "two\nkeys", 2, "one key"),
    (("--kind", "waha", "--url", "http://x"), "k\x01y", 1, "key"),
))
def test_an_instance_that_could_not_be_called_is_not_registered(shared, arguments, stdin, status, words):
    before = shared.value("SELECT count(*) FROM instances")
    told = fails(shared, "instances", "add", *arguments, "--key-file", "-", stdin=stdin, status=status)
    assert words in told and "secret" not in told and "two" not in told, told
    assert shared.value("SELECT count(*) FROM instances") == before


def test_foreign_bridges_need_a_key(shared):
    assert "--key-file" in fails(shared, "instances", "add", "--kind", "waha", "--url", url(), status=2)


def test_a_url_is_registered_once(shared):
    first = add(shared)
    assert "registered" in fails(shared, "instances", "add", "--kind", "waha", "--url", first["url"], "--key-file", "-", stdin=KEY)


def test_capacity_url_and_key_are_changed_apart(shared):
    index = add(shared)["index"]
    before, elsewhere = row(shared, index), url()
    for words, stdin, changed in ((("--capacity", 5), None, {"capacity": 5}), (("--url", elsewhere), None, {"url": elsewhere})):
        assert shared.ctl_run("instances", "set", index, *words, stdin=stdin).returncode == 0
        before |= changed
        assert row(shared, index) == before
    assert shared.ctl_run("instances", "set", index, "--key-file", "-", stdin="other-key").returncode == 0
    assert opened(row(shared, index)) == {"access_token": "other-key"}
    assert "URL" in fails(shared, "instances", "set", index, "--url", "nowhere")
    assert "no instance" in fails(shared, "instances", "set", 99999, "--capacity", 1)
    assert "index" in fails(shared, "instances", "set", "x", "--capacity", 1, status=2)


def test_an_instance_is_drained_fenced_and_activated(shared):
    index = add(shared)["index"]

    def wish(verb):
        assert shared.ctl_run("instances", verb, index).returncode == 0
        return listed(shared, index)["desired"]

    assert [wish(v) for v in ("drain", "undrain", "drain", "fenced")] == ["draining", "active", "draining", "off"]
    for verb in ("drain", "undrain"):
        assert "instances activate" in fails(shared, "instances", verb, index)
    assert wish("activate") == "active"


def test_an_instance_is_removed_once_it_can_run_no_session(shared):
    index, held = add(shared)["index"], account(shared)
    assign(shared, held, index)
    assert "1 accounts" in fails(shared, "instances", "remove", index)
    other = add(shared)["index"]
    assign(shared, held, other)
    shared.sql("UPDATE instances SET probed_at = now(), state = 'up' WHERE index = %s", index)
    assert "fenced" in fails(shared, "instances", "remove", index)
    shared.ctl_run("instances", "fenced", index)
    assert shared.ctl_run("instances", "remove", index).returncode == 0
    assert listed(shared, index) is None and "no instance" in fails(shared, "instances", "show", index)
    assert add(shared, url=row(shared, index)["url"])["index"] > index, "its URL is free, its index is not"


def test_the_bridges_that_accounts_have_are_adopted_once(shared):
    where = url()
    mine, other = (account(shared, instance=where) for _ in range(2))
    done = shared.ctl_run("--json", "instances", "adopt")
    assert where in [i["url"] for i in json.loads(done.stdout)] and "--key-file" in done.stderr
    assert shared.ctl("instances", "adopt") == []
    seen = next(i for i in shared.ctl("instances", "list") if i["url"] == where)
    assert (seen["kind"], seen["key"], seen["accounts"]) == ("waha", False, 0), "cleanup assigns its accounts"
    assert shared.account_row(mine)["assigned_instance_index"] is shared.account_row(other)["assigned_instance_index"] is None


def test_an_account_moves_only_where_its_session_can_run(shared):
    here, beside, apart = (add(shared, storage_group=g)["index"] for g in ("a", "a", "b"))
    name = account(shared)
    assign(shared, name, here)
    assert "--relink" in fails(shared, "instances", "move", name, apart)
    assert "on instance" in fails(shared, "instances", "move", name, here)
    assert "kind" in fails(shared, "instances", "move", name, add(shared, "wwebjs")["index"], "--relink")
    assert shared.ctl_run("instances", "move", name, beside).returncode == 0
    moved = shared.account_row(name)
    assert moved["move_to"] == beside and moved["relink_at"] is None and moved["assigned_instance_index"] == here
    assert shared.ctl_run("instances", "move", name, apart, "--relink").returncode == 0
    moved = shared.account_row(name)
    assert moved["move_to"] == apart and moved["relink_at"] == moved["move_at"]


def test_instances_that_share_files_become_equally_full(shared):
    group = f"g-{uuid.uuid4().hex[:8]}"
    full, spare, down, apart = (add(shared, storage_group=g)["index"] for g in (group, group, group, "other"))
    shared.sql("UPDATE instances SET state = 'up' WHERE index = ANY(%s)", [full, spare, apart])
    names = [account(shared) for _ in range(4)]
    for name in names:
        assign(shared, name, full)
    shared.sql("UPDATE whatsapp_accounts SET status = 'connected', last_activity_at = now() WHERE uuid = ANY(%s::uuid[])", names[:3])
    shared.sql("UPDATE whatsapp_accounts SET last_activity_at = now() - interval '1 day' WHERE uuid = %s", names[1])
    moves = [{"account": name, "from": full, "to": spare} for name in (names[1], names[3])]

    def run(*options):
        return [m for m in shared.ctl("instances", "rebalance", *options) if m["account"] in names]

    assert run("--dry-run") == moves and run("--kind", "wwebjs") == []
    assert {shared.account_row(n)["move_to"] for n in names} == {None}, "a dry run writes nothing"
    assert run("--kind", "waha") == moves
    asked = [shared.account_row(n) for n in names]
    assert [a["move_to"] for a in asked] == [None, spare, None, spare] and asked[1]["move_at"] and not asked[1]["relink_at"]
    assert run() == [], "what is asked for counts"
    for name in (names[1], names[3]):
        assign(shared, name, spare)
    assert run() == []
    for kind, words in (("other", "--kind"), ("evolution", "hand a session over")):
        assert words in fails(shared, "instances", "rebalance", "--kind", kind, status=2)


def test_an_instance_is_asked_for_by_its_index(shared):
    index, other = add(shared)["index"], add(shared, "wwebjs")["index"]
    asked = shared.account_row(account(shared, instance=index))
    assert asked["move_to"] == index and asked["move_at"] and not asked["assigned_instance_url"] and asked["assigned_instance_index"] is None
    words = ("accounts", "add", "--workspace", shared.workspace, "--session", f"s-{uuid.uuid4().hex[:8]}", "--provider", "webjs",
             "--bridge", "waha", "--instance")
    assert "kind wwebjs" in fails(shared, *words, other)
    assert "no instance" in fails(shared, *words, 99999)
    assert "index" in fails(shared, *words, 10 ** 20, status=2)
    shared.ctl_run("instances", "remove", index)
    assert "no instance" in fails(shared, *words, index)
    assert shared.value("SELECT count(*) FROM whatsapp_accounts WHERE session_id = %s", words[5]) == 0


def test_the_number_of_a_deleted_account_is_not_added_again_by_mistake(shared):
    workspace, phone = shared.add_workspace("Again"), "+6281234567890"
    former = shared.add_account(workspace, session=f"s-{uuid.uuid4().hex[:8]}", provider="webjs", bridge="waha", phone=phone)
    shared.sql("UPDATE whatsapp_accounts SET deleted_at = now() WHERE uuid = %s", former)
    words = ("accounts", "add", "--workspace", workspace, "--session", f"s-{uuid.uuid4().hex[:8]}", "--provider", "webjs", "--bridge",
             "waha", "--phone", phone)
    assert f"accounts connect {shared.account_row(former)['session_id']} brings it back" in fails(shared, *words)
    assert shared.ctl_run(*words, "--new").returncode == 0


def test_wishes_are_stored_and_shown(shared):
    name = account(shared)
    shared.sql("INSERT INTO account_control (workspace_id, account_id, observed, reason, action, outcome, error)"
               " SELECT workspace_id, id, 'stopped', 'retry', 'start', 'busy', 'later' FROM whatsapp_accounts WHERE uuid = %s", name)
    for verb in ("restart", "relink", "disconnect"):
        assert shared.ctl_run("accounts", verb, name).returncode == 0
    shown = shared.ctl("accounts", "show", name)
    assert facts(shown["account"])["unmanaged"] is False
    desired = facts(shown["desired"])
    assert desired["desired"] == "disconnected" and desired["restart_at"] and desired["relink_at"] and not desired["move_to"]
    assert facts(shown["reported"])["status"] == "disconnected"
    observed = facts(shown["observed"])
    assert (observed["observed"], observed["why"], observed["last_call"], observed["outcome"], observed["error"]) == \
        ("stopped", "retry", "start", "busy", "later")


def test_a_deleted_account_is_wished_back(shared):
    name = account(shared)
    assert shared.ctl_run("accounts", "delete", name).returncode == 0
    assert shared.account_row(name)["desired_state"] == "deleted"
    shared.sql("UPDATE whatsapp_accounts SET deleted_at = now() WHERE uuid = %s", name)
    assert "accounts connect" in fails(shared, "accounts", "restart", name)
    assert facts(shared.ctl("accounts", "show", name)["desired"])["deleted_at"]
    assert shared.ctl_run("accounts", "connect", name).returncode == 0
    back = shared.account_row(name)
    assert back["desired_state"] == "connected" and back["desired_at"] > back["deleted_at"] and back["deleted_at"], "cleanup brings it back"
    assert "no such account" in fails(shared, "accounts", "connect", "nobody")


def test_an_operator_is_warned_where_a_wish_does_more_or_less_than_it_says(shared):
    assert "logged out" in shared.ctl_run("accounts", "disconnect", account(shared, "evolution")).stderr
    assert shared.ctl_run("accounts", "disconnect", account(shared)).stderr == ""
    unmanaged = account(shared, instance=url())
    assert "not a registered instance" in shared.ctl_run("accounts", "disconnect", unmanaged).stderr
    assert "instances adopt" in fails(shared, "accounts", "restart", unmanaged)
    assert "instances adopt" in fails(shared, "instances", "move", unmanaged, add(shared)["index"])


def test_a_workspace_gets_the_primary_account_that_was_chosen(shared):
    workspace = shared.add_workspace("Primary")
    first, second = (shared.add_account(workspace, session=f"p-{uuid.uuid4().hex[:8]}", provider="webjs", bridge="waha") for _ in range(2))
    assert shared.ctl_run("accounts", "set-primary", second).returncode == 0
    assert {a["account"]: a["primary"] for a in shared.ctl("accounts", "list", "--workspace", workspace)} == {first: False, second: True}


def test_accounts_are_listed_by_status_instance_and_loss(shared):
    index, (lost, fine, old) = add(shared)["index"], (account(shared) for _ in range(3))
    assign(shared, lost, index)
    assign(shared, fine, index)
    for name, status, ago in ((lost, "failed", "1 h"), (fine, "connected", "1 h"), (old, "disconnected", "3 days")):
        shared.sql("UPDATE whatsapp_accounts SET status = %s, disconnected_at = now() - %s::interval WHERE uuid = %s", status, ago, name)

    def names(*options):
        return {a["account"] for a in shared.ctl("accounts", "list", *options)} & {lost, fine, old}

    assert names() == {lost, fine, old}
    assert names("--instance", index) == {lost, fine}
    assert names("--status", "failed") == {lost} and names("--status", "connected", "--instance", index) == {fine}
    assert names("--disconnected-since", "2h") == {lost} and names("--disconnected-since", "7d") == {lost, old}
    assert {a["instance"] for a in shared.ctl("accounts", "list", "--instance", index)} == {index}


def post_code(stack, code, pairing=None):
    """What a bridge posts while an account logs in."""
    body = {"event": "qrcode.updated", "instance": "acme-support-1", "date_time": "2026-01-01T00:00:00.000Z",
            "data": {"qrcode": {"code": code, "pairingCode": pairing}}}
    assert stack.post("evolution", body).status == 202


def stored(stack):
    return stack.value("SELECT max(q.updated_at) FROM account_qr q JOIN whatsapp_accounts a ON a.id = q.account_id WHERE a.uuid = %s",
                       stack.accounts["evolution"])


def show_code(stack, code, pairing=None):
    """The code once ingest has stored it."""
    before = stored(stack)
    post_code(stack, code, pairing)
    wait_for(lambda: stored(stack) != before, "the code is stored")
    return stack.ctl("accounts", "qr", stack.accounts["evolution"], "--once")[0]


def test_the_code_that_a_bridge_posted_is_shown(shared):
    assert "no code" in fails(shared, "accounts", "qr", account(shared), "--once")
    shown = show_code(shared, "2@first,code")
    assert (shown["kind"], shown["code"]) == ("qr", "2@first,code") and shown["expires"]
    drawn = shared.ctl_run("accounts", "qr", shared.accounts["evolution"], "--once").stdout.splitlines()
    assert len({len(line) for line in drawn}) == 1 and 2 * len(drawn) - len(drawn[0]) in (0, 1), "square"
    assert set("".join(drawn)) <= set(" ▀▄█") and drawn[0] == "█" * len(drawn[0]), "a light margin"
    assert "first" not in "".join(drawn)


def test_a_pairing_code_is_shown_as_text(shared):
    shown = show_code(shared, None, "WZYE-H1YY")
    assert (shown["kind"], shown["code"]) == ("pairing", "WZYE-H1YY")
    assert shared.ctl_run("accounts", "qr", shared.accounts["evolution"], "--once").stdout == "Pairing code: WZYE-H1YY\n"


def test_each_new_code_is_shown_until_the_account_is_connected(shared):
    name = shared.accounts["evolution"]
    show_code(shared, None, "AAAA-1111")  # also writes blazzctl's configuration
    shown = subprocess.Popen([BIN / "blazzctl", "-c", shared.folder / "blazzctl.conf", "accounts", "qr", name], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    try:
        assert shown.stdout.readline() == "Pairing code: AAAA-1111\n"
        post_code(shared, None, "BBBB-2222")
        assert shown.stdout.readline() == "Pairing code: BBBB-2222\n"
        shared.wait_processed()
        shared.sql("UPDATE whatsapp_accounts SET status = 'connected' WHERE uuid = %s", name)
        out, err = shown.communicate(timeout=30)
    finally:
        shown.kill()
    assert (shown.returncode, out) == (0, "") and err == "The account is connected.\n"


def test_only_sessions_have_codes(shared):
    assert "no session" in fails(shared, "accounts", "qr", shared.accounts["meta"], "--once")
    assert "--once" in fails(shared, "--json", "accounts", "qr", account(shared), status=2)


@pytest.mark.parametrize("kind, keyless", (("waha", False), ("blazz", True)))
def test_a_campaign_is_sent_with_the_key_of_the_accounts_instance(shared, kind, keyless):
    """Not through a bridge of our own contract, where messages are signed with the account's own key."""
    workspace, index = shared.add_workspace("Keys"), add(shared, kind)["index"]
    name = shared.add_account(workspace, session=f"s-{uuid.uuid4().hex[:8]}", provider="webjs", bridge=kind)
    shared.sql("UPDATE whatsapp_accounts SET status = 'connected', status_at = now(), secrets = NULL WHERE uuid = %s", name)
    shared.ctl("audiences", "add", "All", "--workspace", workspace)
    campaign = shared.ctl("campaigns", "add", "--workspace", workspace, "--name", "x", "--group", "All", "--account", name, "--text", "Hi")[0]["campaign"]

    def reasons():
        return [r["reason"] for r in json.loads(shared.ctl_run("--json", "campaigns", "check", campaign).stdout)["reasons"] if "secret" in r["reason"]]

    assert len(reasons()) == 1, "it has no key, and no instance"
    assign(shared, name, index)
    assert len(reasons()) == keyless
