"""With the settings that cleanup has by default, a status is right 90 seconds after the change that no webhook has reported."""
import time

import pytest
from harness.cleanup import Account, Cleanup, Instance
from harness.provider_stub import ProviderStub
from harness.waiting import wait_for

KINDS = ("blazz", "waha", "evolution", "wwebjs")
HEALED_S = 90


@pytest.fixture
def stub(tmp_path):
    stub = ProviderStub(tmp_path).start()
    yield stub
    stub.close()


def shows_code(cleanup, kind, instance):
    """An account whose session shows a QR code, as is known."""
    account = Account(cleanup, kind, instance, status="qr_scanning")
    instance.set(account.session, "qr")
    cleanup.sql("UPDATE whatsapp_accounts SET status_since = now(), status_at = now() WHERE uuid = %s", account.uuid)
    return account


def wait_list(instance, account, after):
    """Until the list is answered that has the session: the next one is as far away as can be."""
    account.wait(lambda c: c["observed"] in ("qr", "starting"), "it is listed", 60)
    assert time.time() * 1000 - instance.calls(act="list", after=after)[-1]["at_ms"] < 10000


def test_a_lost_webhook_is_made_good_within_90_seconds(blazz, stub):
    blazz.start_chat_sync()
    cleanup = Cleanup(blazz, stub).start()
    instances = {kind: Instance(cleanup, kind) for kind in KINDS}
    wait_for(lambda: len(instances["blazz"].calls(act="probe")) >= 3, "it has a lease, without which it would end its sessions")
    cleanup.service.stop()
    service = cleanup.replica("default")
    del service.settings["list.interval"], service.settings["probe.interval"]
    accounts = {kind: shows_code(cleanup, kind, instance) for kind, instance in instances.items()}
    seen = max(c["seq"] for i in instances.values() for c in i.calls())
    service.start()
    for kind, account in accounts.items():
        wait_list(instances[kind], account, seen)
        assert account.row()["status"] == "qr_scanning"
    changed = time.monotonic()
    for kind, account in accounts.items():
        instances[kind].set(account.session, "connected")
    took = {}

    def healed():
        for kind, account in accounts.items():
            if kind not in took and account.row()["status"] == "connected":
                took[kind] = time.monotonic() - changed
        return len(took) == len(KINDS)

    wait_for(healed, lambda: f"{took}\n{[a.control() for a in accounts.values()]}\n{cleanup.logs()}", HEALED_S + 30, 0.5)
    assert max(took.values()) <= HEALED_S, took
    assert min(took.values()) > 30, "what differs for less than 30 s is not published"
