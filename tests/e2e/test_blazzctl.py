"""blazzctl as operators and scripts use it."""
import json
import pty
import os
import subprocess

import pytest
from harness import fixtures
from harness.client import SECRETS, signature
from harness.events import T0, Source
from harness.service import BIN, config_text
from harness.waiting import wait_for


@pytest.fixture(autouse=True)
def logs(shared_logs):
    """Shown when a test fails."""


@pytest.mark.parametrize("arguments, code", (
    (("--help",), 0), (("--version",), 0), (("dlq", "replay", "--help"), 0), ((), 2), (("nothing",), 2), (("topics",), 2),
    (("topics", "list", "--colour"), 2), (("topics", "list", "extra"), 2), (("workspaces", "add"), 2),
    (("accounts", "add"), 2), (("accounts", "add", "--workspace"), 2), (("dlq", "show", "--limit", "many"), 2),
    (("dlq", "list", "--since", "yesterday"), 2), (("dlq", "purge"), 2), (("dlq", "list", "--workspace", "acme"), 2),
    (("--json", "events", "--follow"), 2), (("progress", "reset", "--consumer", "x"), 2), (("send", "x.json"), 2),
))
def test_exit_codes_of_usage(shared, arguments, code):
    done = shared.ctl_run(*arguments)
    assert done.returncode == code, done.stderr
    assert bool(done.stderr) == (code != 0 and arguments != ())


def test_exit_code_78_for_a_wrong_configuration_and_1_for_a_failure(shared):
    assert shared.ctl_run("topics", "list", config={}).returncode == 78
    assert shared.ctl_run("topics", "list", config={"no.such.key": 1}).returncode == 78
    assert shared.ctl_run("topics", "list", config=shared.ctl_config | {"topics.prefix": "a b"}).returncode == 78
    assert shared.ctl_run("workspaces", "list", config={"postgres.conninfo": "host=127.0.0.1 port=1"}).returncode == 1
    broken = shared.ctl_config | {"secrets.keyring": "k1:short"}
    assert shared.ctl_run("apps", "add", config=broken).returncode == 78


def test_the_configuration_may_come_from_the_environment(shared, tmp_path):
    env = {"PATH": os.environ["PATH"], "BLAZZ_TOPICS_PREFIX": shared.prefix,
           "BLAZZ_KAFKA_BOOTSTRAP_SERVERS": shared.kafka.address}
    done = subprocess.run([BIN / "blazzctl", "--json", "topics", "list"], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    assert shared.topic("inbound") in [t["topic"] for t in json.loads(done.stdout)]


def test_topics_are_created_once_and_their_partitions_never_changed(shared):
    again = shared.ctl("topics", "create", "--partitions", "1", "--replication", "1")
    assert again["created"] == 0 and again["topics"] >= 13
    other = shared.ctl_run("topics", "create", "--partitions", "7")
    assert other.returncode == 1 and "partitions" in other.stderr


def test_output_is_a_table_by_default(shared):
    lines = shared.ctl_run("topics", "list").stdout.splitlines()
    assert lines[0].split() == ["TOPIC", "PARTITIONS", "REPLICATION", "RECORDS"]
    assert any(line.startswith(shared.topic("inbound")) for line in lines[1:])


def test_workspaces_apps_and_accounts_are_added_and_listed(shared):
    workspace = shared.add_workspace("Ünïcode & co", default_region="ID")
    listed = {w["workspace"]: w for w in shared.ctl("workspaces", "list")}
    assert listed[workspace]["name"] == "Ünïcode & co"
    assert json.loads(listed[workspace]["settings"]) == {"default_region": "ID"}
    app = shared.ctl("apps", "add", "--name", "Another", "--workspace", workspace)[0]
    assert len(app["secret"]) == len(app["verify_token"]) == 43, "generated, and shown once"
    assert app["app"] in [a["app"] for a in shared.ctl("apps", "list")]
    account = shared.ctl("accounts", "add", "--workspace", "Ünïcode & co", "--session", "made-1", "--provider", "webjs",
                         "--bridge", "waha", "--primary")[0]
    assert len(account["secret"]) == 43
    (row,) = shared.ctl("accounts", "list", "--workspace", workspace)
    assert row["account"] == account["account"] and row["primary"] is True and row["bridge"] == "waha"
    second = shared.add_account(workspace, "x", session="made-2", provider="webjs", bridge="waha", primary=True)
    primary = {a["account"]: a["primary"] for a in shared.ctl("accounts", "list", "--workspace", workspace)}
    assert primary == {account["account"]: False, second: True}, "at most one primary"


@pytest.mark.parametrize("options, words", (
    (("--session", "acme-support-1", "--provider", "webjs", "--bridge", "blazz"), "session"),
    (("--session", "n1", "--provider", "meta", "--app", "APP", "--phone-number-id", "106540352242922"), "phone"),
    (("--session", "n2", "--provider", "meta", "--app", "00000000-0000-4000-8000-000000000000", "--phone-number-id", "1"), "app"),
    (("--session", "n3", "--provider", "webjs", "--bridge", "blazz", "--workspace", "nobody"), "workspace"),
))
def test_a_rejected_addition_names_its_reason(shared, options, words):
    options = [shared.app if o == "APP" else o for o in options]
    more = [] if "--workspace" in options else ["--workspace", shared.workspace]
    done = shared.ctl_run("accounts", "add", *more, *options)
    assert done.returncode == 1 and words in done.stderr.lower(), done.stderr


def test_secrets_are_sealed_and_never_shown(shared):
    for row in shared.sql("SELECT secrets FROM whatsapp_accounts WHERE secrets IS NOT NULL "
                          "UNION ALL SELECT secrets FROM provider_apps"):
        for secret in SECRETS.values():
            assert secret.encode() not in bytes(row["secrets"])
    shown = shared.ctl_run("accounts", "list").stdout + shared.ctl_run("apps", "list").stdout
    assert not any(s in shown for s in SECRETS.values())


def bridge_post(stack, session, secret, n):
    body = json.dumps({"session_id": session, "id": f"3EB0{session}{n:04}", "chat_type": "private", "contact_phone": "16505551234",
                       "from_me": False, "message_body": "x", "message_type": "text", "timestamp": T0 + n, "has_media": False}).encode()
    return stack.client().post("/api/whatsapp/webhook", body, signature("bridge", body, secret)).status


def answers(stack, session, secrets):
    """The statuses of posts signed with each secret; each post is a message of its own."""
    return [bridge_post(stack, session, secret, n) for n, secret in enumerate(secrets)]


def becomes(stack, session, secrets, wanted):
    wait_for(lambda: answers(stack, session, secrets) == wanted, f"{wanted}")


def test_a_signing_key_is_rotated_without_a_gap(shared, tmp_path):
    account = shared.add_account(shared.workspace, "first-key", session="rotated-1", provider="webjs", bridge="blazz")
    becomes(shared, "rotated-1", ["first-key"], [202])
    made = shared.ctl("accounts", "set", account, "--make-secret")[0]["secret"]
    assert len(made) == 43, "generated, and shown once"
    becomes(shared, "rotated-1", ["first-key", made], [202, 202])
    (row,) = [a for a in shared.ctl("accounts", "list") if a["account"] == account]
    assert row["secrets"] == 2 and made not in json.dumps(row)
    assert shared.ctl("accounts", "set", "rotated-1", "--keep-secrets", "1")[0]["secret"] is None
    becomes(shared, "rotated-1", ["first-key", made], [401, 202])
    old = tmp_path / "old"
    old.write_text(made + "\n")
    refused = shared.ctl_run("accounts", "set", account, "--remove-secret-file", old)
    assert refused.returncode == 1 and "--force" in refused.stderr
    assert shared.ctl_run("accounts", "set", account, "--remove-secret-file", "-", stdin="never-there\n").returncode == 1
    becomes(shared, "rotated-1", [made], [202])
    shared.ctl("accounts", "set", account, "--remove-secret-file", old, "--force")
    becomes(shared, "rotated-1", [made], [401])


def test_an_apps_secret_is_rotated_without_a_gap(shared):
    app = shared.ctl("apps", "add", "--name", "Rotated", "--secret-file", "-", stdin="first-secret")[0]["app"]

    def status(secret):
        body = b'{"object":"whatsapp_business_account","entry":[]}'
        return shared.client().post(f"/webhooks/meta/{app}", body, signature("meta", body, secret)).status

    wait_for(lambda: status("first-secret") == 200, "ingest has loaded the app")
    made = shared.ctl("apps", "set", app, "--make-secret", "--name", "Renamed")[0]["secret"]
    wait_for(lambda: (status("first-secret"), status(made)) == (200, 200), "both secrets are accepted")
    (row,) = [a for a in shared.ctl("apps", "list") if a["app"] == app]
    assert row["secrets"] == 2 and row["name"] == "Renamed"
    shared.ctl("apps", "set", app, "--keep-secrets", "1")
    wait_for(lambda: (status("first-secret"), status(made)) == (401, 200), "the first secret is rejected")
    assert shared.ctl_run("apps", "set", app, "--remove-secret-file", "-", stdin=made).returncode == 1, "the last secret cannot be removed"


def test_names_of_an_account_are_changed_and_a_name_in_use_is_reported(shared):
    account = shared.add_account(shared.workspace, "x", session="named-1", provider="webjs", bridge="waha", ref="named")
    shared.ctl("accounts", "set", account, "--session", "named-2", "--phone", "+6281", "--ref", "")
    (row,) = [a for a in shared.ctl("accounts", "list") if a["account"] == account]
    assert (row["session_id"], row["phone"]) == ("named-2", "+6281")
    for options, words in ((("--session", "acme-support-1"), "session id is taken"), (("--ref", "acme-support-1"), "ref is taken"),
                           (("--session", str(account)), "UUID"), (("--require-timestamp", "maybe"), "yes or no")):
        refused = shared.ctl_run("accounts", "set", "named-2", *options)
        assert refused.returncode in (1, 2) and words in refused.stderr, refused.stderr
    assert shared.ctl_run("accounts", "set", "nobody", "--phone", "+62").returncode == 1
    other = shared.add_workspace("Other of the WABA")
    waba = shared.ctl_run("accounts", "add", "--workspace", other, "--session", "waba-2", "--provider", "meta", "--app", shared.app,
                          "--phone-number-id", "1", "--waba", "102290129340398")
    assert waba.returncode == 1 and "WABA is taken" in waba.stderr


def test_only_an_account_that_signs_can_require_timestamps(shared):
    shared.add_account(shared.workspace, "x", session="stamped-1", provider="webjs", bridge="blazz")
    shared.ctl("accounts", "set", "stamped-1", "--require-timestamp", "yes", "--add-token-file", "-", stdin="t")
    refused = shared.ctl_run("accounts", "set", "stamped-1", "--remove-secret-file", "-", stdin="x")
    assert refused.returncode == 1 and "signing key" in refused.stderr
    shared.ctl("accounts", "set", "stamped-1", "--require-timestamp", "no")
    shared.ctl("accounts", "set", "stamped-1", "--remove-secret-file", "-", stdin="x")


def test_terminal_control_characters_are_escaped(shared):
    name = "\x1b[31m\u009b31m\u202etxt"
    shared.ctl("apps", "add", "--name", name)
    assert "?[31m?31m?txt" in shared.ctl_run("apps", "list").stdout
    shown = shared.ctl_run("--json", "apps", "list").stdout
    assert not any(c in shown for c in "\x1b\u009b\u202e") and name in [a["name"] for a in json.loads(shown)]
    assert not any(c in shared.ctl_run("apps", "set", name).stderr for c in "\x1b\u009b\u202e")


# send

def url(stack):
    return f"http://127.0.0.1:{stack.in_.port('http.port_file')}"


def send(stack, dialect, *paths, **more):
    target = {"meta": ("--app", stack.app), "bridge": ("--workspace", stack.workspace)}.get(
        dialect, ("--account", stack.accounts.get(dialect)))
    return stack.ctl_run("--json", "send", "--url", url(stack), *target, "--secret-file", "-", *paths, stdin=SECRETS[dialect],
                         **more)


@pytest.mark.parametrize("dialect", fixtures.DIALECTS)
def test_send_posts_a_folder_as_its_dialect_signs(shared, dialect):
    done = send(shared, dialect, fixtures.FOLDER / dialect)
    rows = {r["file"].rsplit("/", 1)[1]: r for r in json.loads(done.stdout)}
    refused = [f for f in fixtures.load() if f.dialect == dialect and f.status() not in (None, 200)]
    assert done.returncode == (1 if refused else 0), done.stderr
    for f in fixtures.load():
        if f.dialect == dialect:
            assert rows[f.path.name]["status"] == (f.status() or (200 if dialect == "meta" else 202)), rows[f.path.name]


def test_send_posts_one_file_and_the_wrong_secret_is_rejected(shared):
    file = fixtures.FOLDER / "waha/message_text.json"
    assert send(shared, "waha", file).returncode == 0
    wrong = shared.ctl_run("send", "--url", url(shared), "--account", shared.accounts["waha"], "--secret-file", "-", file,
                           stdin="wrong")
    assert wrong.returncode == 1 and "401" in wrong.stdout and "0 accepted, 1 refused" in wrong.stdout
    nobody = shared.ctl_run("send", "--url", "http://127.0.0.1:1", "--account", shared.accounts["waha"], "--secret-file", "-", file,
                            stdin="x")
    assert nobody.returncode == 1
    assert shared.ctl_run("send", "--url", url(shared), "--account", shared.accounts["waha"], "--secret-file", "-", "/nowhere",
                          stdin="x").returncode == 1


def test_a_progress_bar_on_a_terminal_only(shared, tmp_path):
    secret, config = tmp_path / "secret", tmp_path / "conf"
    secret.write_text(SECRETS["waha"])
    config.write_text(config_text(shared.ctl_config))
    command = [BIN / "blazzctl", "-c", config, "send", "--url", url(shared), "--account", shared.accounts["waha"],
               "--secret-file", secret, fixtures.FOLDER / "waha/message_text.json"]
    assert "[" not in subprocess.run(command, capture_output=True, text=True, timeout=60).stderr
    ours, theirs = pty.openpty()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 4096)
    os.close(ours)
    assert done.returncode == 0 and b"0/1" in shown and b"####" in shown


# dlq

@pytest.fixture
def dead(blazz):
    """A stack with three dead letters of chat-sync."""
    blazz.seed(("bridge", "waha")).start()
    source = Source(blazz.workspace, blazz.accounts["bridge"])
    unknown = Source(blazz.workspace, "11111111-2222-4333-8444-555555555555")
    blazz.publish([source.message("3EB0D1", body="a\0b"), unknown.message("3EB0D2"), unknown.message("3EB0D3", at=T0 + 1)])
    blazz.wait_processed()
    blazz.unknown = unknown
    return blazz


# events

def message(stack, stanza, at=T0):
    stack.publish([stack.source.message(stanza, at=at)])
    stack.wait_processed()


@pytest.fixture
def talking(blazz):
    blazz.seed(("bridge",))
    blazz.start_chat_sync()
    blazz.source = Source(blazz.workspace, blazz.accounts["bridge"])
    message(blazz, "3EB0A")
    return blazz


def test_events_are_shown_since_a_time(talking):
    message(talking, "3EB0B", T0 + 1)
    assert [[kind for kind in e["event"] if kind.endswith("_created")] for e in talking.ctl("events")] == [
        ["contact_created"], ["message_created"], ["message_created"]]
    first, second = talking.ctl("events", "--type", "message.created")
    assert talking.ctl("events", "--since", second["time"]) == [second]
    assert first in talking.ctl("events", "--since", "1h") and talking.ctl("events", "--since", "2100-01-01T00:00:00Z") == []
    assert talking.ctl("events", "--workspace", "00000000-0000-4000-8000-000000000000") == []


def test_events_are_followed_as_they_arrive(talking):
    command = [BIN / "blazzctl", "-c", talking.folder / "blazzctl.conf", "events", "--type", "message", "--follow", "--limit", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        try:
            assert "false:3EB0A" in following.stdout.readline()
            message(talking, "3EB0B", T0 + 1)
            assert "false:3EB0B" in following.stdout.readline()
            assert following.wait(30) == 0, "it ends at --limit"
        finally:
            following.kill()


def test_dlq_list_counts_by_topic_reason_and_workspace(dead):
    rows = {r["reason"]: r for r in dead.ctl("dlq", "list")}
    assert rows["decode"]["records"] == 1 and rows["unknown_reference"]["records"] == 2
    for row in rows.values():
        assert row["topic"] == dead.topic("inbound.chat-sync.dlq") and row["workspace"] == dead.workspace
        assert row["consumer"] == "chat-sync" and row["oldest"] <= row["newest"]
    assert dead.ctl("dlq", "list", "--workspace", "00000000-0000-4000-8000-000000000000") == []
    assert dead.ctl("dlq", "list", "--until", "1h") == [] and len(dead.ctl("dlq", "list", "--since", "1h")) == 2
    account = dead.ctl("dlq", "list", "--account", dead.unknown.account)
    assert [r["records"] for r in account] == [2]


def test_dlq_show_decodes_events(dead):
    dead_letters = dead.ctl("dlq", "show")
    assert len(dead_letters) == 3
    shown = next(x for x in dead_letters if x["event"]["message"]["key"] == "false:3EB0D2")
    assert shown["reason"] == "unknown_reference" and shown["event"]["account_id"] == dead.unknown.account
    assert shown["event"]["message"]["direction"] == "DIRECTION_INBOUND"
    assert shown["event"]["message"]["chat"]["contact"]["phone"] == "16505551234"
    assert {"name": "x-dlq-reason", "value": "unknown_reference"} in shown["headers"]
    lines = dead.ctl_run("dlq", "show", "--limit", "2").stdout.splitlines()
    assert len(lines) == 2 and all(json.loads(line)["consumer"] == "chat-sync" for line in lines)
    (one,) = dead.ctl("dlq", "show", "--topic", dead.topic("inbound.chat-sync.dlq"), "--partition", shown["partition"], "--from",
                      shown["offset"], "--to", shown["offset"])
    assert one == shown


def test_dlq_replay_is_a_dry_run_first_and_takes_filters(dead):
    before = len(dead.read("inbound"))
    assert dead.ctl("dlq", "replay") == {"found": 3, "replayed": 0, "replay_id": None}
    assert "--yes" in dead.ctl_run("dlq", "replay").stdout
    assert len(dead.read("inbound")) == before
    done = dead.ctl("dlq", "replay", "--reason", "decode", "--rate", "1000", "--yes")
    assert done["found"] == done["replayed"] == 1
    assert len(dead.read("inbound")) == before + 1
    nothing = dead.ctl("dlq", "replay", "--reason", "expired", "--yes")
    assert nothing["found"] == 0


def test_dlq_replay_is_rate_limited(dead):
    import time
    began = time.monotonic()
    dead.ctl("dlq", "replay", "--reason", "unknown_reference", "--rate", "1", "--yes")
    assert time.monotonic() - began >= 1, "two records, at one per second"


def test_dlq_replay_posts_bodies_that_ingest_rejected(dead):
    bad = {"type": "private", "contact_name": "Nobody", "timestamp": T0}
    good = {"type": "private", "contact_phone": "16505550001", "timestamp": T0, "last_message": "x"}
    body = {"session_id": "acme-support-1", "sync_id": "s1", "index": 0, "total": 1, "last": True, "chats": [good, bad]}
    assert dead.post("bridge", body).json()["rejected"] == 1
    topic = dead.topic("http.ingest.dlq")
    (dead_letter,) = dead.ctl("dlq", "show", "--topic", topic)
    assert dead_letter["body"]["chats"] == [bad]
    without = dead.ctl_run("dlq", "replay", "--topic", topic, "--yes")
    assert without.returncode == 2 and "--url" in without.stderr
    again = dead.ctl_run("dlq", "replay", "--topic", topic, "--url", url(dead), "--secret-file", "-", "--yes",
                         stdin=SECRETS["bridge"])
    assert again.returncode == 1 and "422" in again.stderr, "the parser ran again, and rejects it again"


def test_dlq_purge_deletes_up_to_offsets_and_asks_for_yes(dead):
    topic = dead.topic("inbound.chat-sync.dlq")
    assert dead.ctl("dlq", "purge", "--topic", topic) == {"records": 3, "done": False}
    assert len(dead.dead_letters()) == 3
    partition = dead.dead_letters()[0].partition
    mine = [r.offset for r in dead.dead_letters() if r.partition == partition]
    first = dead.ctl("dlq", "purge", "--topic", topic, "--partition", partition, "--to", mine[0], "--yes")
    assert first == {"records": 1, "done": True}
    wait_for(lambda: len(dead.dead_letters()) == 2, "one dead letter is deleted")
    assert dead.ctl("dlq", "purge", "--topic", topic, "--yes")["records"] == 2
    wait_for(lambda: dead.dead_letters() == [], "all dead letters are deleted")
    assert dead.ctl("dlq", "list") == []
    assert dead.ctl_run("dlq", "purge", "--topic", dead.topic("inbound"), "--yes").returncode == 2, "a topic that is no dead-letter topic is rejected"


# sync, progress

def test_sync_status_and_progress(dead):
    chats = [{"type": "private", "contact_phone": f"1650555{n:04}", "timestamp": T0 + n, "last_message": "x"} for n in range(3)]
    import time
    for c in chats:
        c["timestamp"] = int(time.time()) - 60
    body = {"session_id": "acme-support-1", "sync_id": "s9", "index": 0, "total": 1, "last": True, "chats": chats}
    assert dead.post("bridge", body).status == 202
    dead.wait_processed()
    (row,) = [r for r in dead.ctl("sync", "status") if r["account"] == dead.accounts["bridge"]]
    assert row["status"] == "completed" and row["synced"] == 3
    assert row["resync"] is False and row["resync_reason"] is None
    dead.sql("UPDATE whatsapp_accounts SET sync = sync || '{\"resync\": true, \"resync_reason\": \"gap\"}' WHERE uuid = %s",
             dead.accounts["bridge"])
    (row,) = [r for r in dead.ctl("sync", "status") if r["account"] == dead.accounts["bridge"]]
    assert row["resync"] is True and row["resync_reason"] == "gap"
    rows = dead.ctl("progress", "show", "--consumer", "chat-sync")
    assert sum(r["lag"] or 0 for r in rows) == 0 and sum(r["dead_lettered"] for r in rows) == 3
    assert dead.ctl("progress", "show", "--consumer", "nobody") == []


def test_progress_reset_reads_again_and_changes_nothing(dead):
    before = dead.counts()
    topic = dead.topic("inbound")
    dry = dead.ctl("progress", "reset", "--consumer", "chat-sync", "--topic", topic, "--partition", "all", "--to", "beginning")
    assert dry["done"] is False and dead.all_consumed()
    dead.sync.stop()
    done = dead.ctl("progress", "reset", "--consumer", "chat-sync", "--topic", topic, "--partition", "all", "--to", "beginning",
                    "--yes")
    assert done["done"] is True and not dead.all_consumed()
    dead.sync.start()
    dead.wait_processed()
    assert dead.counts() == before
    missing = dead.ctl_run("progress", "reset", "--consumer", "nobody", "--topic", topic, "--partition", "0", "--to", "0", "--yes")
    assert missing.returncode == 1
