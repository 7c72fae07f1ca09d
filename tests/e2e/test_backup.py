"""tools/blazz-backup on real servers: what it writes, that a restore loses nothing that was acknowledged, and what it refuses."""
import os
import re
import signal
import stat
import subprocess
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import psycopg2
import pytest
from harness.backup import Vault
from harness.blazz import KEYRING
from harness.campaigns import PAUSE, RESUME, Campaigner, phones
from harness.cleanup import Account as Session
from harness.cleanup import Cleanup, Instance
from harness.events import Source
from harness.sending import Sending, Tenant
from harness.servers import ROOT
from harness.waiting import wait_for

OTHER_KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="


@pytest.fixture
def vault(blazz, tmp_path):
    """Of a stack with tenants; no service runs."""
    blazz.seed(dialects=("waha", "bridge"), sync={"window_days": 0})
    return Vault(blazz, tmp_path)


ANN, MARKER = 7, "xylophone"  # one of the phones below, and what its messages say


def load(blazz, serials, account="bridge"):
    """A message each; the phones repeat, so that conversations grow."""
    source = Source(blazz.workspace, blazz.accounts[account])
    blazz.publish([source.message(f"stanza-{n}", phone=f"1650555{n % 40:04}", body=f"{MARKER if n % 40 == ANN else 'body'} {n}", at=time.time())
                   for n in serials])


def load_old(blazz, n, account="bridge"):
    """Messages that are older than the workspace keeps them."""
    source = Source(blazz.workspace, blazz.accounts[account])
    blazz.publish([source.message(f"old-{i}", "16505559999", f"old {i}", out=True, at=time.time() - 40 * 86400) for i in range(n)])
    blazz.wait_processed()
    blazz.sql("""UPDATE workspaces SET settings = settings || '{"retention": {"messages_days": 30}}'""")


@pytest.fixture
def filled(vault):
    """With messages, consumed up to a point; chat-sync has ended."""
    load(vault.blazz, range(120))
    vault.blazz.start_chat_sync()
    vault.blazz.wait_processed()
    vault.blazz.sync.stop()
    return vault


def stanzas(blazz):
    return sorted(r["message_key"] for r in blazz.sql("SELECT message_key FROM chats"))


def dump_of(blazz):
    """Every table as text."""
    return subprocess.run(["pg_dump", "--data-only", blazz.conninfo("postgres")], check=True, capture_output=True, text=True).stdout


def retention_run(blazz):
    done, = blazz.ctl("cleanup", "run", "retention")
    return done["acted"]


def wait_erased(blazz):
    wait_for(lambda: blazz.ctl("contacts", "erasures") and all(e["completed"] for e in blazz.ctl("contacts", "erasures")), "the contact is erased", 90)


def check_all(blazz, n):
    """Everything that was acknowledged is there, once, and counters equal a recount."""
    assert stanzas(blazz) == sorted(f"false:stanza-{i}" for i in range(n))
    blazz.check_invariants()
    assert blazz.value("SELECT sum(unread_messages) FROM conversations") == n


# The drill

def test_the_drill(make_blazz, make_provider_stub, tmp_path):
    """Load, a backup, more load, an erasure and a retention run, the database is lost, restored; all services run again."""
    blazz, stub = make_blazz(), make_provider_stub()
    blazz.seed(dialects=("waha", "bridge"), sync={"window_days": 0})
    sending = Sending(blazz, stub).start()
    tenant, cleanup = Tenant(sending, "meta"), Cleanup(blazz, stub).start(
        lease__session_ttl="2s", jobs__erasure__every="100ms", jobs__erasure__after="1s")
    instance = Instance(cleanup, "blazz")
    instance.wait("up")
    session = Session(cleanup, "blazz", instance)
    session.wait_reached()
    epoch = session.control()["assignment_epoch"]
    vault = Vault(blazz, tmp_path)
    load(blazz, range(200))
    load_old(blazz, 30)
    sent = [tenant.send(tenant.accounts[0], to=f"62811000{i:05}") for i in range(5)]
    for request in sent:
        tenant.wait(request, "sent", "delivered", "read")

    name = vault.create()

    load(blazz, range(200, 500))
    sent += [tenant.send(tenant.accounts[0], to=f"62812000{i:05}") for i in range(5)]
    for request in sent:
        tenant.wait(request, "sent", "delivered", "read")
        tenant.wait_chat(request, "sent", "delivered", "read")
    blazz.wait_processed()
    erased = f"1650555{ANN:04}"
    blazz.ctl("contacts", "erase", blazz.value("SELECT uuid::text FROM contacts WHERE phone = %s", f"+{erased}"))
    wait_erased(blazz)
    assert retention_run(blazz) == 30
    kept = sorted(f"false:stanza-{i}" for i in range(500) if i % 40 != ANN)
    before = {r["message_key"]: r["id"] for r in blazz.sql("SELECT message_key, id FROM chats")}
    conversations = {r["uuid"] for r in blazz.sql("SELECT uuid FROM conversations")}
    for service in (cleanup.service, sending.service, blazz.sync, blazz.in_):
        service.stop()
    vault.disconnect()
    blazz.postgres.drop_database(blazz.database)
    posted, last = len(stub.journal(limit=10000)), instance.calls()[-1]["seq"]
    instance.set(session.session, "stopped")

    out = vault.do("restore", name)

    assert vault.databases() == [blazz.database], "there was none before"
    assert "accept" in out
    assert MARKER in dump_of(blazz) and erased in dump_of(blazz), "the backup is older than the erasure"
    assert blazz.value("SELECT count(*) FROM chats WHERE message_key LIKE 'false:%%'") < 500
    assert blazz.value("SELECT count(*) FROM restores WHERE accepted_at IS NULL AND backup = %s", name) == 1
    assert session.control()["assignment_epoch"] == epoch + 1000000
    assert blazz.value("SELECT count(*) FROM leases WHERE until > now()") == 0
    reason = vault.refusal("accept")
    assert "chat-sync is at" in reason and "of " in reason

    for service in (blazz.in_, blazz.sync, sending.service, cleanup.service):
        service.start()
    late = tenant.send(tenant.accounts[0], to="6281300000001")
    blazz.wait_processed()
    tenant.wait_row(late, lambda r: r["status"] == "pending", "the request waits")
    session.wait(lambda c: c["observed"] == "stopped", "cleanup looks")
    assert [k for k in stanzas(blazz) if k.startswith("false:stanza")] == kept
    blazz.check_invariants()
    after = {r["message_key"]: r["id"] for r in blazz.sql("SELECT message_key, id FROM chats")}
    assert {k for k in after if not k.startswith("true:old")} == before.keys(), "nothing is missing, and nothing is twice"
    renewed = [k for k in before if after[k] != before[k]]
    assert min(after[k] for k in renewed) > max(before.values()), "ids that tenants know are not given again"
    # One more when the partition of the erasure's first stage is ahead of the person's messages: without messages, and gone with the rest of it.
    assert conversations <= {r["uuid"] for r in blazz.sql("SELECT uuid FROM conversations")}, "public ids stay"
    assert conversations >= {r["uuid"] for r in blazz.sql("""SELECT v.uuid FROM conversations v WHERE EXISTS (SELECT FROM chats c
        WHERE (c.workspace_id, c.conversation_id) = (v.workspace_id, v.id))""")}
    for request in sent:
        tenant.wait(request, "sent", "delivered", "read")
    assert len(stub.journal(limit=10000)) == posted, "nothing was sent"
    acts = {c["act"] for c in instance.calls(after=last)}
    assert "probe" in acts and acts <= {"probe", "list", "look"}, f"no session is started, but leases and looks go on: {acts}"

    wait_for(lambda: vault.run("accept")[0] == 0, "the restore is accepted", 60)
    tenant.wait(late, "sent", "delivered", "read")
    session.wait_reached()
    assert len(stub.accepted(limit=10000)) == len(sent) + 1, "each was sent once"
    assert vault.do("accept") == "every restore is accepted\n"
    wait_erased(blazz)
    assert retention_run(blazz) == 30, "the backup is older than the run, too"
    load(blazz, [ANN + 1])  # the outbox keeps what was published until the next transaction; this one is known
    blazz.wait_processed()
    wait_for(lambda: not any(text in dump_of(blazz) for text in (MARKER, erased)), "nothing of the person is left", 30)
    assert [k for k in stanzas(blazz) if k.startswith("false:stanza")] == kept and not any("old-" in k for k in stanzas(blazz))
    blazz.check_invariants()


def test_campaigns_that_went_on_after_the_backup_reach_no_recipient_twice(make_blazz, make_provider_stub, tmp_path):
    """One had begun, one was a draft, so that its recipients are written anew, and one was paused after the backup."""
    blazz, stub = make_blazz(), make_provider_stub()
    blazz.seed(dialects=("waha", "bridge"), sync={"window_days": 0})
    sending = Sending(blazz, stub).start()
    tenant, other = Campaigner(sending, "meta"), Campaigner(sending, "meta")
    for one in (tenant, other):
        one.limits(per_second=5)
    everyone = [phones(200, prefix=f"62815{n}") for n in range(3)]
    begun, stopped = (one.campaign(one.group(p)) for one, p in zip((tenant, other), everyone))
    draft = tenant.campaign(tenant.group(everyone[2]))
    for campaign in (begun, stopped):
        campaign.start().wait_accepted(20)
    vault = Vault(blazz, tmp_path)

    name = vault.create()

    tenant.limits(per_second=1000)
    stopped.command(PAUSE).wait("paused")
    draft.start().wait("completed")
    begun.wait("completed")
    for campaign in (begun, stopped, draft):
        campaign.wait_counts(delivered=len(campaign.accepted()))
    blazz.wait_processed()
    before = {campaign: campaign.check_once() for campaign in (begun, stopped, draft)}
    for service in (sending.service, blazz.sync, blazz.in_):
        service.stop()
    vault.disconnect()
    blazz.postgres.drop_database(blazz.database)
    vault.do("restore", name)
    assert draft.status() == "draft" and begun.status() == stopped.status() == "running"
    for one in (tenant, other):
        one.limits(per_second=1000)
    blazz.in_.start()
    blazz.sync.start()
    # campaign-sender may find all evidence before it has the recipients that are written anew. What the backup has in its outbox waits for it.
    wait_for(lambda: blazz.all_consumed() and blazz.value("SELECT count(*) FROM outbox WHERE producer = 'chat-sync'") == 0,
             lambda: f"chat-sync has processed every record: {blazz.unconsumed()}", 120)
    sending.replica("restored", campaign__chunk=1).start()
    wait_for(lambda: vault.run("accept")[0] == 0, lambda: f"the restore is accepted: {vault.run('accept')}", 60)
    for campaign in (begun, draft):
        campaign.wait("completed")
        assert campaign.check_once() == before[campaign], campaign.shown()
        campaign.wait_counts(delivered=200)
        campaign.check_balance()
    assert stopped.status() == "paused" and stopped.check_once() == before[stopped]
    stopped.command(RESUME).wait("completed")
    assert stopped.check_once() == set(everyone[1])


# What a backup is

def test_a_backup_is_complete_encrypted_and_for_its_owner_only(filled):
    blazz = filled.blazz
    code, out, err = filled.run("create")
    assert code == 0 and err == "", err
    name, = filled.names()
    assert sorted(p.name for p in filled.folder.glob("blazz_*")) == [f"{name}{e}" for e in (".dump.age", ".json", ".sha256")]
    for file in filled.folder.glob("*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(filled.folder.stat().st_mode) == 0o700
    dump = filled.file(name, ".dump.age").read_bytes()
    assert dump.startswith(b"age-encryption.org/") and b"PGDMP" not in dump
    subprocess.run(["sha256sum", "--check", "--quiet", f"{name}.sha256"], cwd=filled.folder, check=True)

    m = filled.manifest(name)
    assert m["counts"]["public.chats"] == 120 and m["counts"]["public.whatsapp_accounts"] == 2
    assert m["counts"].keys() >= {f"public.{t['relname']}" for t in blazz.sql(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")}
    assert m["schema_version"] == blazz.value("SELECT version FROM schema_version")
    keys = blazz.ctl("secrets", "keys")
    assert m["key_ids"] == [{"id": "k1", "sha256": keys[0]["sha256"]}] and len(keys[0]["sha256"]) == 64
    assert {(p["topic"], p["partition"]): p["next_offset"] for p in m["next_offsets"]} == {
        (r["topic"], r["partition"]): r["next_offset"] for r in blazz.sql("SELECT * FROM consumer_progress")}
    marks = {(w["topic"], w["partition"]): (w["low"], w["high"]) for w in m["watermarks"]}
    assert all(marks[blazz.topic("inbound"), p] == mark for p, mark in blazz.kafka.watermarks(blazz.topic("inbound")).items())
    assert m["cluster_id"] == blazz.value("SELECT DISTINCT cluster_id FROM consumer_progress")
    text = filled.file(name, ".json").read_text() + out
    assert KEYRING[3:] not in text and "body 7" not in text and "1650555" not in text


def test_the_rows_are_of_one_moment_while_chat_sync_writes(vault):
    """A table that chat-sync does not use is locked, so that the backup, which has its snapshot, has to wait."""
    blazz = vault.blazz
    blazz.start_chat_sync()
    load(blazz, range(200))
    blazz.wait_processed()
    with psycopg2.connect(blazz.conninfo("postgres")) as lock, lock.cursor() as cursor:
        cursor.execute("LOCK TABLE account_control IN ACCESS EXCLUSIVE MODE")
        run = vault.start("create")
        wait_for(lambda: blazz.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'blazz_backup' AND wait_event_type = 'Lock'") == 2,
                 "pg_dump and the counting wait")
        load(blazz, range(200, 500))
        blazz.wait_processed()
    lock.close()
    text = run.communicate(timeout=60)[0]
    assert run.returncode == 0, text
    name, = vault.names()
    assert vault.manifest(name)["counts"]["public.chats"] == 200
    blazz.sync.stop()
    assert "a recount finds no difference" in vault.do("verify", "--restore", name)
    assert vault.databases() == [blazz.database]
    vault.do("restore", name)
    assert blazz.value("SELECT count(*) FROM chats") == 200
    blazz.sync.start()
    blazz.wait_processed()
    check_all(blazz, 500)


def test_list_says_what_can_be_restored(filled):
    blazz = filled.blazz
    good, altered, cut = filled.create(), filled.create(), filled.create()
    with open(filled.file(altered, ".dump.age"), "r+b") as f:
        f.seek(200)
        f.write(b"x")
    os.truncate(filled.file(cut, ".dump.age"), 1000)
    filled.file("blazz_backup_20260101_000000", ".dump.age").write_bytes(b"x")
    assert filled.do("list", "--newer-than", "1h") == cut + "\n"
    wait_for(lambda: filled.run("list", "--newer-than", "1s")[0] == 1, "it is older")
    lines = {line.split()[0]: line for line in filled.do("list").splitlines()[1:]}
    assert " ok " in lines[good] and "until 20" in lines[good]
    assert "altered or cut short" in lines[altered] and "altered or cut short" in lines[cut]
    assert "incomplete" in lines["blazz_backup_20260101_000000"]
    load(blazz, range(120, 180))
    blazz.kafka.delete_records(blazz.topic("inbound"), {p: high for p, (_, high) in blazz.kafka.watermarks(blazz.topic("inbound")).items()})
    assert "no: 60 records are lost" in filled.do("list")
    assert "not checked" in filled_without_kafka(filled)


def filled_without_kafka(vault):
    kafka = vault.config.pop("kafka.bootstrap.servers")
    try:
        code, out, err = vault.run("list")
        assert code == 0 and "Kafka is not reached" in err
        return out
    finally:
        vault.config["kafka.bootstrap.servers"] = kafka


def test_old_backups_are_deleted_but_never_the_last_good_one(filled):
    def age(name, days):
        old = f"blazz_backup_202601{days:02}_000000"
        for end in (".dump.age", ".json", ".sha256"):
            filled.file(name, end).rename(filled.file(old, end))
        sums = filled.file(old, ".sha256")
        sums.write_text(sums.read_text().replace(name, old))
        return old

    first, second = age(filled.create(KEEP_DAYS=9999), 1), age(filled.create(KEEP_DAYS=9999), 2)
    filled.do("prune")
    assert filled.names() == [second], f"{first} is older"
    bad = age(filled.create(KEEP_DAYS=9999), 3)
    filled.file(bad, ".dump.age").write_bytes(b"cut")
    filled.do("prune")
    assert filled.names() == [second], "the newer one is not good"
    new = filled.create()
    assert filled.names() == [new] and not filled.file(second, ".dump.age").exists()


def test_a_copy_elsewhere_is_part_of_it(filled, tmp_path):
    copy = tmp_path / "copy"
    copy.write_text(f"#!/bin/sh\ncp \"$@\" {tmp_path}\n")
    copy.chmod(0o755)
    metrics = tmp_path / "backup.prom"
    name = filled.create(OFFSITE=copy, METRICS_FILE=metrics)
    assert (tmp_path / f"{name}.dump.age").read_bytes() == filled.file(name, ".dump.age").read_bytes()
    subprocess.run(["sha256sum", "--check", "--quiet", f"{name}.sha256"], cwd=tmp_path, check=True)
    assert f"blazz_backup_last_success_timestamp_seconds {int(time.time()) // 1000}" in metrics.read_text()
    copy.write_text("#!/bin/sh\nexit 1\n")
    wait_for(lambda: filled.seconds() != name, "another second")
    code, _, err = filled.run("create", OFFSITE=copy)
    assert code == 1 and "on this machine only" in err


def test_nothing_half_is_left_when_a_backup_fails(filled):
    filled.recipients.write_text("not a key\n")
    code, _, err = filled.run("create")
    assert code == 1 and "age failed" in err
    assert [p.name for p in filled.folder.iterdir()] == [".lock"]
    subprocess.run(["age-keygen", "-y", filled.identity], check=True, stdout=open(filled.recipients, "w"), stderr=subprocess.DEVNULL)
    filled.create()
    assert not list(filled.folder.glob(".*.part"))


def test_a_killed_backup_is_none(filled):
    """Killed while it dumps, with the table locked so that it does not end."""
    blazz = filled.blazz
    with psycopg2.connect(blazz.conninfo("postgres")) as lock, lock.cursor() as cursor:
        cursor.execute("LOCK TABLE chats IN ACCESS EXCLUSIVE MODE")
        run = filled.start("create")
        wait_for(lambda: list(filled.folder.glob(".*.part")), "it has begun")
        run.kill()
        run.wait()
    lock.close()
    assert filled.names() == []
    name = filled.create()
    assert [p.name for p in filled.folder.glob(".*.part")] == [] and filled.do("verify", name)


def test_a_retention_shorter_than_the_interval_is_warned_of(filled):
    blazz = filled.blazz
    code, _, err = filled.run("create")
    assert code == 0 and "warning" not in err
    run = filled.start("create", "--every", "6d")
    assert run.stdout.readline() == "the next backup is due in 144.0 h\n"
    run.terminate()
    assert run.wait(20) == 0
    wait_for(lambda: filled.seconds() not in filled.names(), "another second")
    for name in filled.names():
        for end in (".sha256", ".json", ".dump.age"):
            filled.file(name, end).unlink()
    run = filled.start("create", "--every", "6d")
    wait_for(filled.names, "a backup", 60)
    run.terminate()
    text = run.communicate(timeout=20)[0]
    assert f"{blazz.topic('inbound')} keeps records for 168 h" in text and run.returncode == 0, text


def test_before_a_migration_only_if_there_is_one(filled, tmp_path):
    plan = ROOT / "db/sqitch.plan"
    assert "nothing to migrate" in filled.do("create", "--before-migrate", plan) and filled.names() == []
    longer = tmp_path / "sqitch.plan"
    longer.write_text(plan.read_text() + "next 2026-12-01T00:00:00Z Blazz <blazz@example.com> # One more\n")
    filled.do("create", "--before-migrate", longer)
    assert len(filled.names()) == 1
    missing = filled.blazz.conninfo("postgres").replace(f"dbname={filled.blazz.database}", "dbname=not_there")
    assert "nothing to migrate" in filled.do("create", "--before-migrate", longer, ADMIN_CONNINFO=missing)


def test_the_keys_of_every_sealed_column_are_in_the_manifest():
    """The columns stand in C and here."""
    listed = re.findall(r'\{ "(\w+)", "(\w+)", SEALED_', (ROOT / "libs/store/sealed_columns.c").read_text())
    program = module_from_spec(spec_from_loader("blazz_backup", SourceFileLoader("blazz_backup", str(ROOT / "tools/blazz-backup"))))
    program.__loader__.exec_module(program)
    assert len(listed) >= 5 and set(listed) - {("account_qr", "code")} <= set(program.SEALED)


# What is refused, each with its reason, and nothing is changed

def test_a_backup_that_is_not_whole_is_refused(filled):
    name = filled.create()
    assert "checksums are right" in filled.do("verify")
    dump, sums = filled.file(name, ".dump.age"), filled.file(name, ".sha256")
    whole, text = dump.read_bytes(), sums.read_text()
    for what, content in (("altered", whole[:500] + b"x" + whole[501:]), ("cut short", whole[:-1]), ("cut short", b"")):
        dump.write_bytes(content)
        for command in (("verify", name), ("restore", name), ("verify", "--restore", name)):
            assert what in filled.refusal(*command)
    dump.unlink()
    assert "is missing" in filled.refusal("restore", name)
    dump.write_bytes(whole)
    filled.file(name, ".json").write_text(filled.file(name, ".json").read_text().replace("120", "121"))
    assert "altered" in filled.refusal("restore", name)
    sums.unlink()
    assert "no complete backup" in filled.refusal("restore", name)
    sums.write_text(text)
    assert "no backup's name" in filled.refusal("restore", "../x")


def test_rows_that_differ_from_the_manifest_are_refused(filled):
    name = filled.create()
    counts = filled.manifest(name)["counts"]
    filled.manifest_change(name, counts=counts | {"public.chats": 121})
    for command in (("verify", "--restore", name), ("restore", name)):
        assert "public.chats has 120 rows, not 121" in filled.refusal(*command)


def test_a_counter_that_differs_from_a_recount_is_refused(filled):
    filled.blazz.sql("UPDATE conversations SET unread_messages = unread_messages + 1 WHERE id = (SELECT min(id) FROM conversations)")
    name = filled.create()
    assert "1 counters of unread messages differ" in filled.refusal("verify", "--restore", name)


def test_open_sessions_are_refused(filled):
    blazz = filled.blazz
    name = filled.create()
    other = psycopg2.connect(blazz.conninfo("blazz_chat_sync"))
    assert "1 of blazz_chat_sync" in filled.refusal("restore", name)
    other.close()
    wait_for(lambda: not blazz.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'blazz_chat_sync'"), "it is closed")
    filled.do("restore", name)


def test_a_session_that_begins_during_the_restore_is_refused(filled):
    """The former database stays as it is."""
    blazz = filled.blazz
    name = filled.create()
    run = filled.start("restore", name)
    wait_for(lambda: f"{blazz.database}_restore" in filled.databases(), "the scratch database")
    other = psycopg2.connect(blazz.conninfo("blazz_chat_sync"))
    text = run.communicate(timeout=60)[0]
    other.close()
    assert run.returncode == 1 and "refused: sessions are open" in text, text
    assert filled.databases() == [blazz.database] and blazz.value("SELECT count(*) FROM restores") == 0


def test_a_key_that_is_missing_or_another_one_is_refused(filled):
    name = filled.create()
    filled.config["secrets.keyring"] = f"k2:{OTHER_KEY}"
    assert "key k1 is missing" in filled.refusal("restore", name)
    filled.config["secrets.keyring"] = f"k1:{OTHER_KEY}"
    assert "key k1 of the keyring is another one" in filled.refusal("restore", name)
    filled.config["secrets.keyring"] = f"k2:{OTHER_KEY}"
    assert "sealed with key k1" in filled.refusal("create")
    filled.config["secrets.keyring"] = f"k2:{OTHER_KEY}\n{KEYRING}"
    filled.do("restore", name)
    done = filled.blazz.ctl_run("secrets", "rotate", config=filled.config)
    assert done.returncode == 0, done.stderr
    done = filled.blazz.ctl_run("secrets", "retire", "k1", "--backups", filled.folder, config=filled.config)
    assert done.returncode == 1 and "1 of 1 backups need k1" in done.stderr, done.stderr


def test_a_secret_that_does_not_open_is_refused(filled):
    filled.blazz.sql("UPDATE whatsapp_accounts SET secrets = set_byte(secrets, 20, (get_byte(secrets, 20) + 1) % 256) WHERE session_id = 'waha-1'")
    name = filled.create()
    for command in (("verify", "--restore", name), ("restore", name)):
        code, _, err = filled.run(*command)
        assert code == 1 and "1 sealed values cannot be opened" in err
    assert filled.databases() == [filled.blazz.database]


def test_another_identity_or_missing_roles_are_refused(filled):
    name = filled.create()
    other = filled.home / "other"
    subprocess.run(["age-keygen", "-o", other], check=True, capture_output=True)
    code, _, err = filled.run("restore", name, IDENTITY_FILE=other)
    assert code == 1 and "age failed" in err and filled.databases() == [filled.blazz.database]
    filled.manifest_change(name, roles=["blazz_ingest", "blazz_not_there"])
    assert "no role blazz_not_there" in filled.refusal("restore", name)


def test_records_that_kafka_has_lost_are_refused_unless_accepted(filled):
    blazz = filled.blazz
    name = filled.create()
    done = blazz.progress()
    load(blazz, range(120, 180))
    high = {p: mark[1] for p, mark in blazz.kafka.watermarks(blazz.topic("inbound")).items()}
    gone = max(p for p in high if done[p] is not None and high[p] > done[p] + 3)
    blazz.kafka.delete_records(blazz.topic("inbound"), {gone: done[gone] + 3})
    lost = f"lost: 3 records of partition {gone} of {blazz.topic('inbound')}, offsets {done[gone]} to {done[gone] + 2}, not consumed by chat-sync"
    text = filled.refusal("restore", name)
    assert lost in text and "--accept-gap" in text
    assert lost in filled.do("restore", "--accept-gap", name)
    blazz.start_chat_sync()
    blazz.wait_processed()
    assert blazz.value("SELECT count(*) FROM chats") == 177
    blazz.check_invariants()
    wait_for(lambda: filled.run("accept", "--without", "campaign-sender")[0] == 0, "accepted")


def test_another_cluster_is_refused_unless_it_is_new(filled):
    """The backup is made to be of another one: what the services would say of it."""
    blazz = filled.blazz
    endpoint = blazz.value("""INSERT INTO webhook_endpoints (workspace_id, url, secrets) SELECT id, 'https://example.com/', '' FROM workspaces
        RETURNING id""")
    blazz.sql("""INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, source_partition, source_offset,
        source_timestamp_ms, max_retries, next_retry_at, status, payload) SELECT id, %s, gen_random_uuid(), 't', 'u', 0, 1, 1, 3, now(), 'pending', p
        FROM workspaces, (VALUES (NULL), ('x'::bytea)) AS v (p)""", endpoint)
    blazz.sql("""INSERT INTO webhook_positions (workspace_id, endpoint_id, topic, partition, next_offset)
        SELECT id, %s, 't', 0, 5 FROM workspaces""", endpoint)
    blazz.sql("""INSERT INTO erasures (workspace_id, contact, requested_by, behind) SELECT workspace_id, uuid, 'ann', '[["t", 0, 1000]]'
        FROM contacts LIMIT 1""")
    blazz.sql("UPDATE consumer_progress SET cluster_id = 'former'")
    name = filled.create()
    filled.manifest_change(name, cluster_id="former")
    assert "the backup is of cluster former" in filled.refusal("restore", name)
    assert "another cluster" in filled.do("list")
    filled.do("restore", "--new-cluster", name)
    assert blazz.sql("SELECT DISTINCT next_offset, cluster_id <> 'former' AS new FROM consumer_progress") == [{"next_offset": None, "new": True}]
    assert blazz.value("SELECT count(*) FROM webhook_positions") == 0
    assert blazz.value("SELECT behind FROM erasures") == []  # offsets that the new cluster never has
    assert [r["dropped"] for r in blazz.sql("SELECT dropped FROM webhook_retry_queue ORDER BY payload NULLS FIRST")] == [True, False]
    blazz.start_chat_sync()
    blazz.wait_processed()
    check_all(blazz, 120)


def test_topics_that_were_made_anew_are_refused(filled):
    blazz = filled.blazz
    name = filled.create()
    assert "the backup is of this cluster" in filled.refusal("restore", "--new-cluster", name)
    offsets = filled.manifest(name)["next_offsets"]
    for p in offsets:
        p["next_offset"] = p["next_offset"] and p["next_offset"] + 1000
    filled.manifest_change(name, next_offsets=offsets)
    assert "Kafka has less than was consumed" in filled.refusal("restore", name)
    assert "topics were made anew" in filled.do("list")
    marks = filled.manifest(name)["watermarks"]
    filled.manifest_change(name, watermarks=[m for m in marks if m["partition"] == 0])
    assert "has 3 partitions, at the backup it had 1" in filled.refusal("restore", name)
    assert blazz.value("SELECT count(*) FROM chats") == 120


def test_accept_waits_for_what_was_sent_since(filled):
    """campaign-sender has not run since the restore: it could send again what it has sent."""
    blazz = filled.blazz
    name = filled.create()
    filled.do("restore", name)
    blazz.sync.start()
    blazz.wait_processed()
    assert "campaign-sender is at its start" in filled.refusal("accept")
    assert blazz.value("SELECT count(*) FROM restores WHERE accepted_at IS NULL") == 1
    filled.do("accept", "--without", "campaign-sender")
    assert blazz.value("SELECT count(*) FROM restores WHERE accepted_at IS NULL") == 0


# A restore that is killed

def block(blazz, database):
    """A transaction that keeps the database from being renamed."""
    connection = psycopg2.connect(blazz.postgres.conninfo("postgres", "postgres"))
    connection.cursor().execute(f"COMMENT ON DATABASE {database} IS 'in use'")
    return connection


def renaming(blazz):
    connection = psycopg2.connect(blazz.postgres.conninfo("postgres", "postgres"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'ALTER DATABASE%%' AND wait_event_type = 'Lock'")
        found = cursor.fetchone()[0]
    connection.close()
    return found


@pytest.mark.parametrize("which", ["the former", "the restored"])
def test_killed_while_it_renames_nothing_has_changed(filled, which):
    blazz = filled.blazz
    name = filled.create()
    blazz.sql("UPDATE workspaces SET name = 'since'")
    run = filled.start("restore", name)
    wait_for(lambda: f"{blazz.database}_restore" in filled.databases(), "the scratch database")
    lock = block(blazz, blazz.database if which == "the former" else f"{blazz.database}_restore")
    wait_for(lambda: renaming(blazz), "it renames", 60)
    run.send_signal(signal.SIGKILL)
    run.wait()
    lock.close()
    wait_for(lambda: not renaming(blazz), "its session has ended")
    assert filled.former() == [] and blazz.value("SELECT name FROM workspaces") == "since"
    filled.do("restore", name)
    former, = filled.former()
    assert filled.databases() == [blazz.database, former] and blazz.value("SELECT name FROM workspaces") == "acme"
    blazz.sync.start()
    blazz.wait_processed()
    check_all(blazz, 120)


def test_killed_half_way_nothing_has_changed(filled):
    blazz = filled.blazz
    name = filled.create()
    run = filled.start("restore", name)
    wait_for(lambda: f"{blazz.database}_restore" in filled.databases(), "the scratch database")
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert filled.former() == [] and blazz.value("SELECT count(*) FROM chats") == 120
    filled.do("restore", name)
    assert len(filled.former()) == 1 and f"{blazz.database}_restore" not in filled.databases()


def test_killed_after_it_renamed_it_can_be_run_again(filled):
    blazz = filled.blazz
    name = filled.create()
    run = filled.start("restore", name)
    wait_for(filled.former, "it has renamed", 60, every_s=0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert blazz.value("SELECT count(*) FROM restores") == 1
    wait_for(lambda: time.strftime("%Y%m%d_%H%M%S", time.gmtime()) not in filled.former()[0], "another second")
    filled.do("restore", name)
    assert len(filled.former()) == 2 and f"{blazz.database}_restore" not in filled.databases()
    blazz.sync.start()
    blazz.wait_processed()
    check_all(blazz, 120)
