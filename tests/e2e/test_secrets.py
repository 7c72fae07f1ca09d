"""Sealed secrets: what status says of them, rotating the keyring while all services work, and when a key may be retired."""
import base64
import itertools
import json
import os
import signal
import subprocess
import threading
import time
import uuid

import psycopg2
import pytest
from harness import sealing
from harness.blazz import KEYRING
from harness.cleanup import Account as Managed
from harness.cleanup import Cleanup, Instance
from harness.client import signature
from harness.hooks import SECRET, Chat, add_webhook, dispatcher, wait_events
from harness.provider_stub import TOKEN
from harness.receiver import verified
from harness.sending import Sending, Tenant
from harness.service import config_text
from harness.waiting import wait_for

K1 = KEYRING
K2 = "k2:" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
BOTH, TURNED = f"{K1}\n{K2}", f"{K2}\n{K1}"
SEALED = {"provider_apps": "secrets", "whatsapp_accounts": "secrets", "webhook_endpoints": "secrets", "instances": "secrets", "erasures": "aliases"}
WORDS = {"provider_apps": "app", "whatsapp_accounts": "account", "webhook_endpoints": "endpoint", "instances": "instance", "erasures": "erasure"}
MARKER = "sealed-marker-7261"


def seal(what, row, text, key=K1):
    return sealing.seal(what, row, text, key)


def opened(what, row, sealed, keyring=TURNED):
    return sealing.opened(what, row, sealed, keyring)


class Secrets:
    """A stack whose five tables have sealed values of a keyring, and whose blazzctl has a keyring of its own."""

    def __init__(self, blazz):
        self.blazz, self.sql, self.value = blazz, blazz.sql, blazz.value
        self.workspace = blazz.add_workspace()
        self.workspace_id = blazz.value("SELECT id FROM workspaces WHERE uuid = %s", self.workspace)

    def fill(self, accounts=3):
        """One app, endpoint, instance and erasure, and accounts, of which the first is deleted."""
        for _ in range(accounts):
            self.add_account()
        self.sql("UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = (SELECT min(id) FROM whatsapp_accounts)")
        row = str(uuid.uuid4())
        self.sql("INSERT INTO provider_apps (uuid, kind, secrets) VALUES (%s, 'meta', %s)", row, seal("app", row, MARKER))
        row = str(uuid.uuid4())
        self.sql("INSERT INTO webhook_endpoints (workspace_id, uuid, url, secrets) VALUES (%s, %s, 'http://h', %s)", self.workspace_id, row,
                 seal("endpoint", row, MARKER))
        row = str(uuid.uuid4())
        self.sql("INSERT INTO instances (uuid, kind, url, secrets) VALUES (%s, 'waha', 'http://w', %s)", row, seal("instance", row, MARKER))
        row = str(uuid.uuid4())
        self.sql("""INSERT INTO erasures (workspace_id, uuid, contact, requested_by, aliases, stage, completed_at)
            VALUES (%s, %s, gen_random_uuid(), 'e2e', %s, 'done', now())""", self.workspace_id, row, seal("erasure", row, MARKER))
        return self

    def add_account(self, key=K1, text=json.dumps({"signing_keys": [MARKER]})):
        row = str(uuid.uuid4())
        self.sql("""INSERT INTO whatsapp_accounts (workspace_id, uuid, session_id, provider_type, bridge_kind, desired_state, secrets)
            VALUES (%s, %s, %s, 'webjs', 'waha', 'disconnected', %s)""", self.workspace_id, row, f"s-{row[:8]}-", seal("account", row, text, key))
        return row

    def add_qr(self, account, expires="1 hour", key=K1):
        self.sql("""INSERT INTO account_qr (workspace_id, account_id, code, expires_at)
            SELECT workspace_id, id, %s, now() + %s::interval FROM whatsapp_accounts WHERE uuid = %s""",
                 seal("qr", account, MARKER, key), expires, account)

    def run(self, *arguments, keyring=BOTH, failpoint=None, wait=True):
        """The process of `blazzctl --json secrets …`; its output never has a secret or a key."""
        file = self.blazz.folder / "secrets.conf"
        file.write_text(config_text(self.blazz.ctl_config | {"secrets.keyring": keyring}))
        env = {k: v for k, v in os.environ.items() if not k.startswith("BLAZZ_")} | ({"FAILPOINT": failpoint} if failpoint else {})
        process = subprocess.Popen([self.blazz.programs / "blazzctl", "-c", file, "--json", "secrets", *map(str, arguments)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        return self.finish(process) if wait else process

    @staticmethod
    def finish(process, deadline_s=60):
        process.output, process.errors = process.communicate(timeout=deadline_s)
        for secret in (MARKER, *(line.partition(":")[2] for line in BOTH.split("\n"))):
            assert secret not in process.output + process.errors
        return process

    def answer(self, *arguments, code=0, **more):
        done = self.run(*arguments, **more)
        assert done.returncode == code, (done.returncode, done.errors)
        return json.loads(done.output)

    def counts(self, keyring=BOTH, code=0):
        """{(table, key): (values, not opened)}, as status says."""
        return {(v["table"], v["key"]): (v["values"], v["not_opened"])
                for v in self.answer("status", keyring=keyring, code=code)["values"]}

    def rows(self):
        """Every row with a sealed value, whole."""
        return {t: [r["row"] for r in self.sql(f"SELECT to_jsonb(t)::text AS row FROM {t} t ORDER BY 1")] for t in (*SEALED, "account_qr")}

    def contents(self):
        """{(table, uuid): (key id, text)}"""
        return {(t, r["uuid"]): opened(WORDS[t], r["uuid"], r["secrets"]) for t in SEALED
                for r in self.sql(f"SELECT uuid::text, {SEALED[t]} AS secrets FROM {t} WHERE {SEALED[t]} IS NOT NULL")}


@pytest.fixture
def secrets(blazz):
    return Secrets(blazz)


# Status

def test_status_counts_values_by_table_and_key(secrets):
    secrets.fill()
    account = secrets.add_account(key=K2)
    secrets.add_qr(account)
    assert secrets.counts() == {("provider_apps", "k1"): (1, 0), ("whatsapp_accounts", "k1"): (3, 0), ("whatsapp_accounts", "k2"): (1, 0),
                                ("webhook_endpoints", "k1"): (1, 0), ("instances", "k1"): (1, 0), ("erasures", "k1"): (1, 0),
                                ("account_qr", "k1"): (1, 0)}
    answer = secrets.answer("status")
    assert {v["key"]: v["seals"] for v in answer["values"]} == {"k1": True, "k2": False} and answer["not_opened"] == []
    secrets.sql("UPDATE account_qr SET expires_at = now()")
    assert ("account_qr", "k1") not in secrets.counts(), "an expired code is not worth a key"


def test_status_lists_values_that_do_not_open_and_why(secrets):
    secrets.fill(accounts=0)
    altered, moved, other, unknown, plain = (secrets.add_account() for _ in range(5))

    def put(account, value):
        secrets.sql("UPDATE whatsapp_accounts SET secrets = %s WHERE uuid = %s", value, account)

    value = bytearray(seal("account", altered, MARKER))
    value[-20] ^= 1
    put(altered, bytes(value))
    put(moved, seal("account", other, MARKER))
    put(other, seal("endpoint", other, MARKER))  # of another table
    put(unknown, seal("account", unknown, MARKER, key="k3:" + K2.partition(":")[2]))
    put(plain, MARKER.encode())
    done = secrets.run("status")
    assert done.returncode == 1 and "5 sealed values cannot be opened" in done.errors
    reasons = {v["row"]: (v["table"], v["key"], v["reason"]) for v in json.loads(done.output)["not_opened"]}
    assert reasons == {altered: ("whatsapp_accounts", "k1", "bad_seal"), moved: ("whatsapp_accounts", "k1", "bad_seal"),
                       other: ("whatsapp_accounts", "k1", "bad_seal"), unknown: ("whatsapp_accounts", "k3", "unknown_key"),
                       plain: ("whatsapp_accounts", None, "not_sealed")}
    before = secrets.rows()["whatsapp_accounts"]
    assert secrets.run("rotate", keyring=TURNED).returncode == 1
    assert secrets.rows()["whatsapp_accounts"] == before, "what cannot be opened stays as it is"
    assert {k for (t, _), (k, _) in secrets_of_others(secrets).items()} == {"k2"}, "and does not keep the others from being rotated"


def secrets_of_others(secrets):
    return {(t, r["uuid"]): opened(WORDS[t], r["uuid"], r["secrets"]) for t in SEALED if t != "whatsapp_accounts"
            for r in secrets.sql(f"SELECT uuid::text, {SEALED[t]} AS secrets FROM {t}")}


def test_a_key_that_was_replaced_under_its_id_is_noticed(secrets):
    secrets.fill()
    wrong = "k1:" + K2.partition(":")[2]
    assert set(secrets.counts(keyring=wrong, code=1).values()) == {(1, 1), (3, 3)}


# Rotation

def test_a_rotation_does_what_its_dry_run_said_once(secrets):
    secrets.fill(accounts=130)
    account = secrets.add_account(key=K2)
    secrets.add_qr(account)
    before, contents = secrets.rows(), secrets.contents()
    said = secrets.answer("rotate", "--dry-run", keyring=TURNED)
    assert secrets.rows() == before, "a dry run changes nothing"
    assert {(v["table"], v["values"]) for v in said["sealed_again"]} == {("provider_apps", 1), ("whatsapp_accounts", 130),
                                                                         ("webhook_endpoints", 1), ("instances", 1), ("erasures", 1)}
    assert secrets.answer("rotate", keyring=TURNED) == said
    after = secrets.contents()
    assert {k: text for k, (_, text) in after.items()} == {k: text for k, (_, text) in contents.items()}
    assert {key for key, _ in after.values()} == {"k2"}
    assert after[("whatsapp_accounts", account)] == contents[("whatsapp_accounts", account)]
    assert secrets.rows()["account_qr"] == before["account_qr"], "codes expire instead"
    rows = secrets.rows()
    for command in (("rotate",), ("rotate", "--dry-run")):
        assert secrets.answer(*command, keyring=TURNED) == {"sealed_again": [], "not_opened": []}
    assert secrets.rows() == rows, "a second run changes nothing"


def test_a_rotation_changes_nothing_else_in_a_row(secrets):
    secrets.fill()
    others = {t: secrets.sql(f"SELECT to_jsonb(t) - '{SEALED[t]}' AS row FROM {t} t ORDER BY uuid") for t in SEALED}
    secrets.answer("rotate", keyring=TURNED)
    assert {t: secrets.sql(f"SELECT to_jsonb(t) - '{SEALED[t]}' AS row FROM {t} t ORDER BY uuid") for t in SEALED} == others


def test_a_rotation_writes_at_most_500_rows_a_second(secrets):
    secrets.fill(accounts=450)
    began = time.monotonic()
    secrets.answer("rotate", keyring=TURNED)
    assert time.monotonic() - began >= 0.8, "the fifth step begins after 400 rows"


@pytest.mark.parametrize("failpoint, done", (("secrets_rotate_before_commit:kill@2", 101), ("secrets_rotate_after_commit:kill@2", 101),
                                             ("secrets_rotate_before_commit:kill@3", 201), ("secrets_rotate_after_commit:kill@3", 201)))
def test_a_rotation_that_was_killed_is_finished_by_the_next(secrets, failpoint, done):
    """Its first step is that of the app."""
    secrets.fill(accounts=250)
    if "before" in failpoint:
        done -= 100
    contents = secrets.contents()
    killed = secrets.run("rotate", keyring=TURNED, failpoint=failpoint)
    assert killed.returncode == -signal.SIGKILL and killed.output == ""
    keys = [key for key, _ in secrets.contents().values()]
    assert keys.count("k2") == done and keys.count("k1") == 254 - done
    said = secrets.answer("rotate", "--dry-run", keyring=TURNED)["sealed_again"]
    assert sum(v["values"] for v in said) == 254 - done
    assert secrets.answer("rotate", keyring=TURNED)["sealed_again"] == said
    after = secrets.contents()
    assert {key for key, _ in after.values()} == {"k2"}
    assert {k: text for k, (_, text) in after.items()} == {k: text for k, (_, text) in contents.items()}


def stopped(process):
    with open(f"/proc/{process.pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("key, expected", ((K2, "k2"), (K1, "k2")))
def test_a_change_between_reading_and_writing_wins(secrets, key, expected):
    """Also one that another program has sealed with the former key: then it is this one that is sealed again."""
    secrets.fill()
    account = secrets.add_account()
    gone = secrets.add_account()
    process = secrets.run("rotate", keyring=TURNED, failpoint="secrets_rotate_read:stop@2", wait=False)
    wait_for(lambda: stopped(process), "the rotation has read the accounts")
    secrets.sql("UPDATE whatsapp_accounts SET secrets = %s WHERE uuid = %s", seal("account", account, "changed meanwhile", key), account)
    secrets.sql("UPDATE whatsapp_accounts SET secrets = NULL WHERE uuid = %s", gone)
    process.send_signal(signal.SIGCONT)
    done = secrets.finish(process)
    assert done.returncode == 0, done.errors
    contents = secrets.contents()
    assert contents[("whatsapp_accounts", account)] == (expected, "changed meanwhile")
    assert ("whatsapp_accounts", gone) not in contents
    assert {k for k, _ in contents.values()} == {"k2"}


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'blazzctl' AND wait_event_type = 'Lock'"


def test_a_rotation_waits_for_rows_that_others_have_locked(secrets):
    secrets.fill()
    other = psycopg2.connect(secrets.blazz.conninfo("postgres"))
    with other.cursor() as cursor:
        cursor.execute("UPDATE whatsapp_accounts SET status_at = now()")
    process = secrets.run("rotate", keyring=TURNED, wait=False)
    wait_for(lambda: [k for k, _ in secrets.contents().values()].count("k2") == 1, "the app is sealed again")
    for _ in range(2):  # it waits for the lock, gives way, and tries again
        wait_for(lambda: secrets.value(WAITING) == 1, "the rotation waits for the row")
        wait_for(lambda: secrets.value(WAITING) == 0, "the rotation gives way")
    assert process.poll() is None
    other.commit()
    other.close()
    done = secrets.finish(process)
    assert done.returncode == 0, done.errors
    assert {k for k, _ in secrets.contents().values()} == {"k2"}


def test_a_value_that_would_not_fit_any_more_is_left_and_listed(secrets):
    """The largest one that its column takes, and a key with a longer id."""
    secrets.fill()
    account = secrets.add_account(text="x" * (65536 - len(seal("account", uuid.uuid4(), ""))))
    before = secrets.contents()
    longer = f"a-longer-id:{K2.partition(':')[2]}\n{K1}"
    done = secrets.run("rotate", keyring=longer)
    assert done.returncode == 1
    assert [(v["row"], v["reason"]) for v in json.loads(done.output)["not_opened"]] == [(account, "too_large")]
    assert opened("account", account, secrets.value("SELECT secrets FROM whatsapp_accounts WHERE uuid = %s", account)) == \
        before[("whatsapp_accounts", account)]
    assert secrets.counts(keyring=longer)[("whatsapp_accounts", "a-longer-id")] == (3, 0)


def test_a_rotation_needs_a_valid_keyring(secrets):
    secrets.fill()
    assert secrets.run("rotate", keyring="k2:short").returncode == 78
    alone = secrets.run("rotate", keyring=K2)
    assert alone.returncode == 1 and "7 sealed values cannot be opened" in alone.errors
    assert {k for k, _ in secrets.contents().values()} == {"k1"}


# Retiring

def test_a_key_is_retired_only_when_nothing_needs_it(secrets, tmp_path):
    secrets.fill()
    folder = tmp_path / "backups"
    folder.mkdir()

    def refused(*arguments, keyring=TURNED, code=1):
        done = secrets.run("retire", *arguments, keyring=keyring)
        assert done.returncode == code and done.output == "", (done.output, done.errors)
        return done.errors

    def backup(day, *keys):
        (folder / f"blazz_backup_202601{day}_120000.dump.age").write_bytes(b"age")
        (folder / f"blazz_backup_202601{day}_120000.json").write_text(json.dumps({"key_ids": [{"id": k, "sha256": "0"} for k in keys]}))

    assert "--no-backups" in refused("k1", code=2)
    assert "--no-backups" in refused("k1", "--backups", folder, "--no-backups", code=2)
    assert "no key k9" in refused("k9", "--no-backups")
    assert "seals" in refused("k2", "--no-backups")
    assert "7261" not in refused(f"k1:{MARKER}", "--no-backups", code=2), "a line of the keyring is not quoted"
    assert "7 values are sealed with k1, the first of them in provider_apps" in refused("k1", "--no-backups")
    secrets.answer("rotate", keyring=TURNED)
    account = secrets.add_account(key=K2)
    secrets.add_qr(account)
    assert "account_qr" in refused("k1", "--no-backups"), "a program still seals with it"
    secrets.sql("UPDATE account_qr SET expires_at = now()")
    assert "has no backup" in refused("k1", "--backups", folder)
    backup("01", "k1")
    backup("02", "k1", "k2")
    backup("03", "k2")
    assert "2 of 3 backups need k1, the first is blazz_backup_20260101_120000.json" in refused("k1", "--backups", folder)
    for day in ("01", "02"):
        for file in folder.glob(f"*{day}_*"):
            file.unlink()
    (folder / "blazz_backup_20260104_120000.json").write_text("{")
    assert "20260104_120000.json" in refused("k1", "--backups", folder)
    (folder / "blazz_backup_20260104_120000.json").unlink()
    (row,) = secrets.answer("retire", "k1", "--backups", folder, keyring=TURNED)
    assert row["key"] == "k1" and row["backups"] == 1 and "campaign-sender" in row["remove_from"]
    assert secrets.answer("retire", "k1", "--no-backups", keyring=TURNED)[0]["backups"] == 0


def test_a_value_that_cannot_be_opened_keeps_its_key(secrets):
    account = secrets.add_account()
    secrets.sql("UPDATE whatsapp_accounts SET secrets = secrets || 'x' WHERE uuid = %s", account)
    assert secrets.run("rotate", keyring=TURNED).returncode == 1
    assert "1 values are sealed with k1" in secrets.run("retire", "k1", "--no-backups", keyring=TURNED).errors


def test_a_value_is_opened_once_its_key_is_added(blazz, receive):
    """Each endpoint was read without its key; nothing but the keyring changes."""
    secrets, receiver = Secrets(blazz), receive()
    chat = Chat(blazz, secrets.workspace)
    add_webhook(blazz, secrets.workspace, receiver.url())
    service = dispatcher(blazz, secrets__keyring=K2).start()
    wait_for(lambda: "endpoint's secrets cannot be opened" in service.log(), "the endpoint is read")
    keyring_put(BOTH, service)
    wait_events(receiver, chat.burst(3), why=service.log_tail)
    assert verified(next(iter(receiver.accepted().values()))[0], SECRET)


# The procedure of docs/operations.md#secrets

def keyring_put(keyring, *services):
    """Writes each service's new keyring and sends SIGHUP, until all have read it."""
    for service in services:
        service.settings["secrets.keyring"] = keyring
        (service.folder / "conf").write_text(config_text(service.settings))
        seen = service.log().count("configuration reloaded")
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: service.log().count("configuration reloaded") > seen, lambda: service.log_tail())


class Traffic(threading.Thread):
    """Posts what bridges and Meta sign, and requests messages to send, until it is stopped."""

    def __init__(self, blazz, send):
        super().__init__(daemon=True)
        self.blazz, self.send = blazz, send
        self.client, self.running = blazz.client(), True
        self.posted, self.sent, self.failures = [], [], []

    def post(self, dialect, route, body, accepted):
        body = json.dumps(body).encode()
        answer = self.client.post(route, body, signature(dialect, body))
        if answer.status != accepted:
            self.failures.append((dialect, answer))

    def round(self, n):
        text, at = f"round {n}", int(time.time())
        self.post("bridge", "/api/whatsapp/webhook", {
            "session_id": "acme-support-1", "id": f"3EB0{n:010}", "chat_type": "private", "contact_phone": "16505551234",
            "contact_name": "Alice", "from_me": False, "message_body": text, "message_type": "text", "timestamp": at, "has_media": False}, 202)
        self.post("meta", f"/webhooks/meta/{self.blazz.app}", {"object": "whatsapp_business_account", "entry": [{
            "id": "102290129340398", "changes": [{"field": "messages", "value": {
                "messaging_product": "whatsapp", "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
                "messages": [{"from": "16505551234", "id": f"wamid.{n}", "timestamp": str(at), "type": "text",
                              "text": {"body": f"{text} of Meta"}}]}}]}]}, 200)
        self.posted += [text, f"{text} of Meta"]
        self.sent += self.send(text)

    def run(self):
        n = 0
        try:
            while self.running:
                self.round(n)
                n += 1
                time.sleep(0.2)  # the pace of the load
        except Exception as e:  # a lost connection is a failure of the service
            self.failures.append(repr(e))

    def stop(self):
        self.running = False
        self.join(30)
        assert not self.failures, self.failures


class Installation:
    """All services, each with values of the keyring that it opens all the time, and 250 further accounts."""

    def __init__(self, blazz, stub, receiver):
        self.blazz, self.receiver = blazz, receiver
        self.judged, self.delivered, self.recipients = 0, set(), itertools.count()
        self.secrets = Secrets(blazz)
        for _ in range(250):
            self.secrets.add_account()
        self.sending = Sending(blazz, stub).start()
        blazz.seed(("bridge", "meta"))
        add_webhook(blazz, blazz.workspace, receiver.url())
        self.dispatcher = dispatcher(blazz).start()
        self.cleanup = Cleanup(blazz, stub).start(meta__base_url=stub.url())
        self.instance = Instance(self.cleanup, "blazz")
        self.managed = Managed(self.cleanup, "blazz")
        self.managed.wait_reached()
        self.tenant = Tenant(self.sending, "blazz", "meta", "waha")
        self.use_key_of_instance(self.tenant.accounts[-1])
        for account in self.tenant.accounts:
            account.change(metadata=json.dumps({"sending": {"per_second": 100, "per_hour": 100000}}))
        self.traffic = Traffic(blazz, self.send)
        self.traffic.start()

    def services(self):
        return [self.blazz.in_, self.sending.service, self.dispatcher, self.cleanup.service]

    def use_key_of_instance(self, account):
        """The account has no key of its own. cleanup cannot reach the instance, and so leaves both alone."""
        row = str(uuid.uuid4())
        index = self.blazz.sql("INSERT INTO instances (uuid, kind, url, secrets) VALUES (%s, 'waha', %s, %s) RETURNING index", row,
                               self.sending.stub.url(), seal("instance", row, json.dumps({"access_token": TOKEN})))[0]["index"]
        account.change(assigned_instance_index=index, secrets=seal("account", account.uuid, "{}"))

    def send(self, text):
        return [self.tenant.send(account, to=f"62811{next(self.recipients):08}", body=text) for account in self.tenant.accounts]

    def changes(self):
        """Calls that change a session."""
        return [c["act"] for c in self.instance.calls() if c["act"] in ("create", "update", "start", "stop", "restart", "logout", "delete")]

    def check(self):
        """What was requested until now was done: delivered with a valid signature, sent, and called."""
        posted, sent = list(self.traffic.posted), list(self.traffic.sent)
        account = self.managed
        account.desire("disconnected")
        account.wait_reached()
        account.desire("connected")
        account.wait_reached()

        def delivered():
            assert not self.traffic.failures, self.traffic.failures
            while self.judged < len(self.receiver.deliveries):
                delivery = self.receiver.deliveries[self.judged]
                assert verified(delivery, SECRET)
                self.delivered.add(delivery.event["data"].get("chat", {}).get("message"))
                self.judged += 1
            return set(posted) <= self.delivered

        def unsent():
            done = {r["id"] for r in self.blazz.sql("SELECT request_id::text AS id FROM sends WHERE status IN ('sent', 'delivered', 'read')")}
            return [s for s in sent if s not in done]

        wait_for(delivered, lambda: f"all {len(posted)} messages are delivered, have {len(self.delivered)}\n{self.dispatcher.log_tail()}")
        wait_for(lambda: not unsent(), lambda: f"not sent: {[self.tenant.row(s) for s in unsent()[:3]]}\n{self.sending.logs()}")
        assert not self.traffic.failures, self.traffic.failures


def test_the_keyring_is_rotated_while_everything_works(blazz, make_provider_stub, receive):
    all_ = Installation(blazz, make_provider_stub(), receive())
    secrets = all_.secrets
    all_.check()
    keyring_put(BOTH, *all_.services())
    all_.check()
    keyring_put(TURNED, *all_.services())
    assert secrets.run("rotate", keyring=TURNED, failpoint="secrets_rotate_before_commit:kill@3").returncode == -signal.SIGKILL
    keys = {key for _, key in secrets.counts(keyring=TURNED)}
    assert keys == {"k1", "k2"}, "half of it is done"
    all_.check()
    assert secrets.run("retire", "k1", "--no-backups", keyring=TURNED).returncode == 1
    changes = all_.changes()
    secrets.answer("rotate", keyring=TURNED)
    # A QR code that was sealed before the turn is needed until it expires.
    retired = wait_for(lambda: (done := secrets.run("retire", "k1", "--no-backups", keyring=TURNED)).returncode == 0 and done,
                       "nothing needs the former key", 90)
    assert json.loads(retired.output)[0]["key"] == "k1"
    assert all_.changes() == changes, "no session was touched"
    all_.check()
    keyring_put(K2, *all_.services())
    all_.check()
    all_.traffic.stop()
    for service in all_.services():  # nothing lives on in a cache
        service.stop()
        service.start()
    again = all_.traffic = Traffic(blazz, all_.send)
    again.start()
    wait_for(lambda: len(again.posted) >= 20, "some rounds")
    all_.check()
    again.stop()
    assert secrets.counts(keyring=K2) and {key for _, key in secrets.counts(keyring=K2)} == {"k2"}
    for service in all_.services():
        text = service.log()
        assert "cannot be opened" not in text, service.log_tail()
        for line in BOTH.split("\n"):
            assert line.partition(":")[2] not in text
