"""Kafka, PostgreSQL and its disk fail while 500 requests are in flight: nothing is lost or sent twice, and the service still ends when asked."""
import itertools
import json
import os
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest
from harness.blazz import Blazz
from harness.campaigns import Campaigner, phones
from harness.provider_stub import ProviderStub
from harness.sending import Sending
from harness.servers import Postgres, running
from harness.waiting import wait_for

SENDING = {"unknown__after": "3s", "outbox__max_outstanding": 4}
SLOW = {"delay_ms": 5000}  # long enough for 450 to be in flight together on a slow machine, too
prefixes = itertools.count(628190)
N = 1500
DISK = "size=600m"


def begin(sending):
    """A campaign of N through two accounts, and single messages, with as many in flight as a replica may have."""
    tenant = Campaigner(sending, "meta", "meta")
    tenant.limits(per_second=1000)
    sending.stub.rules(SLOW)
    campaign = tenant.campaign(tenant.group(phones(N, prefix=str(next(prefixes)))), spread=True)
    name = tenant.blazz.value("SELECT name FROM templates WHERE id = %s", campaign.row()["template_id"])
    tenant.template("Hello", account=tenant.accounts[1], name=name)
    campaign.start()
    campaign.singles = tenant.publish(*[tenant.message(tenant.accounts[0], to=f"62821{i:07}") for i in range(20)])
    wait_for(lambda: sending.service.metrics().get("blazz_send_in_flight", 0) >= 450, "500 are in flight", 60, every_s=0.02)
    return campaign


@pytest.fixture
def under_way(sending):
    yield begin(sending)
    if not sending.service.running():
        sending.service.start()


def check_end(campaign, unknown=0):
    """All were sent once, except at most this many whose answer was lost."""
    tenant = campaign.tenant
    tenant.stub.rules()
    campaign.wait("completed", deadline_s=120)
    found = campaign.check_balance()
    assert found["recipients"] == N and found["sent"] >= N - unknown and found["failed"] == 0, campaign.shown()
    assert len(campaign.check_once()) >= found["sent"]
    for request in campaign.singles:
        row = tenant.wait(request, "sent", "delivered", "failed", deadline_s=60)
        assert row["status"] != "failed" or (unknown and row["error_code"] == "unknown_outcome"), row
        assert len(tenant.accounts[0].accepted(client_message_id=request)) <= 1


def still(campaign):
    """Nothing is begun any more, though there is more to send. Without Kafka what is owed to it grows to outbox.max_outstanding first."""
    last = [-1, 0.0]

    def unchanged():
        now, accepted = time.monotonic(), len(campaign.accepted())
        if accepted != last[0]:
            last[:] = [accepted, now]
        return now - last[1] > SLOW["delay_ms"] / 1000 + 1

    wait_for(unchanged, lambda: f"requests end: {last[0]} were accepted\n{campaign.tenant.sending.logs()}", 30)
    assert last[0] < N, "there is nothing left to send"


def pass_s(seconds):
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end, f"{seconds} s pass", seconds + 5)


def answers(service):
    """The admin port answers, whatever the state."""
    return service.get("/livez")[0] in (200, 503) and service.get("/metrics")[0] == 200


@pytest.mark.parametrize("faults", [("postgres",), ("kafka",), ("postgres", "kafka")], ids="+".join)
def test_a_failure_while_hundreds_are_in_flight_loses_and_repeats_nothing(sending, under_way, faults):
    servers = [getattr(sending.blazz, f) for f in faults]
    for server in servers:
        server.kill()
    try:
        still(under_way)
        assert sending.service.running() and answers(sending.service)
    finally:
        for server in servers:
            server.start()
    check_end(under_way)


class SmallDisk:
    """PostgreSQL on a disk of its own, with a stack and a stub."""

    def __init__(self, kafka, folder):
        self.folder = Path(tempfile.mkdtemp(prefix="blazz-", dir="/tmp"))  # PostgreSQL runs as another user
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", self.folder]).returncode != 0:
            pytest.skip("needs root, to mount a small disk")
        try:
            self.start(kafka, folder)
        except BaseException:
            self.unmount()
            raise

    def start(self, kafka, folder):
        self.postgres = Postgres(self.folder)
        for setting in ("max_wal_size = '96MB'", "min_wal_size = '32MB'"):
            self.postgres.run("postgres", f"ALTER SYSTEM SET {setting}")
        self.postgres.stop()
        self.postgres.start()
        self.stub = ProviderStub(folder).start()
        self.blazz = Blazz(self.postgres, kafka, folder)
        self.sending = Sending(self.blazz, self.stub).start(**SENDING)

    def fill(self):
        with open(self.folder / "ballast", "wb", buffering=0) as f, suppress(OSError):
            while f.write(bytes(1 << 20)) > 0:
                pass

    def reports(self):
        return Path(self.folder, "log").read_text(errors="replace").count("No space left on device")

    def free(self):
        """A server that could not write WAL has ended, and is started again."""
        (self.folder / "ballast").unlink(missing_ok=True)

        def accepts():
            if not self.postgres.pids() or not running(self.postgres.pids()[0]):
                self.postgres.start()
            with suppress(psycopg2.OperationalError):
                self.postgres.run("postgres", "SELECT 1")
                return True

        wait_for(accepts, "PostgreSQL accepts connections", 30)

    def close(self):
        wrong = [*self.stub.close(), *self.blazz.close()]
        self.postgres.stop()
        self.unmount()
        assert not wrong, wrong

    def unmount(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)
        self.folder.rmdir()


@pytest.fixture
def small_disk(kafka, tmp_path):
    disk = SmallDisk(kafka, tmp_path)
    yield disk
    disk.close()


def test_a_full_disk_while_hundreds_are_in_flight_loses_and_repeats_nothing(small_disk):
    campaign = begin(small_disk.sending)
    small_disk.fill()
    try:
        still(campaign)
        assert small_disk.reports() > 0, "PostgreSQL has noticed"
        assert small_disk.sending.service.running() and answers(small_disk.sending.service)
    finally:
        small_disk.free()
    check_end(campaign)


@pytest.mark.parametrize("faults", [("postgres",), ("kafka",), ("postgres", "kafka")], ids="+".join)
def test_sigterm_is_answered_within_thirty_seconds_during_a_failure(sending, under_way, faults):
    servers = [getattr(sending.blazz, f) for f in faults]
    for server in servers:
        server.pause()
    try:
        pass_s(1)
        assert answers(sending.service)
        sending.service.process.terminate()
        assert sending.service.wait_end(30) in (0, 1)
    finally:
        for server in servers:
            server.resume()
    sending.service.start()
    check_end(under_way, unknown=520)


def test_nothing_is_sent_after_a_restore_until_it_is_accepted(sending):
    tenant = Campaigner(sending, "meta")
    account = tenant.accounts[0]
    before = tenant.send(account)
    tenant.wait(before, "sent", "delivered")
    restore = tenant.blazz.value("INSERT INTO restores DEFAULT VALUES RETURNING id")
    sending.service.kill()  # a restore comes with new processes
    sending.service.start()
    campaign = tenant.campaign(tenant.group(phones(50, prefix="628199"))).start()
    request = tenant.send(account, to="6282200000001")
    late = tenant.send(account, to="6282200000002", deadline_ms=int(time.time() * 1000) + 1500)
    wait_for(lambda: tenant.row(request) and tenant.row(late) and campaign.row()["prepared_at"], campaign.shown)
    pass_s(3)
    assert [m["client_message_id"] for m in account.accepted()] == [before]
    tenant.sql("UPDATE restores SET accepted_at = now() WHERE id = %s", restore)
    tenant.wait(request, "sent", "delivered")
    assert tenant.wait(late, "failed")["error_code"] == "deadline"
    campaign.wait("completed")
    assert len(campaign.check_once()) == 50
    assert len(account.accepted(client_message_id=request)) == 1 and not account.accepted(client_message_id=late)
