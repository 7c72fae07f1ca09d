"""What cleanup does for accounts beside their sessions."""
import pytest
from harness.cleanup import Account, Cleanup, Instance, serials
from harness.provider_stub import TOKEN, ProviderStub
from harness.sending import sealed
from harness.waiting import wait_for


@pytest.fixture
def stub(tmp_path):
    stub = ProviderStub(tmp_path).start()
    yield stub
    stub.close()


@pytest.fixture
def cleanup(blazz, stub):
    blazz.start()
    return Cleanup(blazz, stub)


def codes(account):
    return account.cleanup.sql("""SELECT q.code, q.kind, q.expires_at - now() AS left FROM account_qr q JOIN whatsapp_accounts a ON a.id = q.account_id
        WHERE a.uuid = %s""", account.uuid)


def test_the_code_of_a_waha_session_is_fetched_until_it_is_scanned(cleanup):
    cleanup.start(qr__interval="200ms")
    instance = Instance(cleanup, "waha", stub={"starts_as": "qr"})
    account = Account(cleanup, "waha")
    account.wait_observed("qr")
    wait_for(lambda: codes(account), lambda: f"a code is stored\n{cleanup.logs()}")
    [stored] = codes(account)
    assert stored["kind"] == "qr" and 30 < stored["left"].total_seconds() <= 60
    shown = cleanup.blazz.ctl("accounts", "qr", account.uuid, "--once")[0]
    assert shown["kind"] == "qr" and shown["code"] and shown["code"].encode() not in bytes(stored["code"])
    assert shown["code"] not in cleanup.service.log_path.read_text()
    instance.set(account.session, "connected")
    account.wait_reached()
    fetched = instance.calls(act="fetch_qr")
    assert len(fetched) >= 1
    after = instance.calls()[-1]["seq"]
    wait_for(lambda: len(instance.calls(act="list", after=after)) > 1, "two more lists")
    assert not instance.calls(act="fetch_qr", after=after)


def test_codes_of_bridges_that_post_them_are_not_fetched(cleanup):
    cleanup.start(qr__interval="200ms")
    instance = Instance(cleanup, "blazz", stub={"starts_as": "qr"})
    account = Account(cleanup, "blazz")
    account.wait_observed("qr")
    after = instance.calls()[-1]["seq"]
    wait_for(lambda: len(instance.calls(act="list", after=after)) > 1, "two more lists")
    assert not instance.calls(act="fetch_qr") and not codes(account)


def test_the_health_falls_with_what_goes_wrong_and_each_count_counts_once(cleanup):
    cleanup.start(health__interval="200ms")
    Instance(cleanup, "waha")
    account, other = Account(cleanup, "waha"), Account(cleanup, "waha")
    account.wait_reached()
    cleanup.sql("UPDATE whatsapp_accounts SET disconnect_count = 2 WHERE uuid = %s", account.uuid)
    wait_for(lambda: account.row()["health_score"] == 70, lambda: account.row())
    cleanup.sql("UPDATE account_control SET health_at = health_at - interval '6 hours'")
    wait_for(lambda: account.row()["health_score"] == 85, lambda: account.row())
    cleanup.sql("""INSERT INTO send_lanes (workspace_id, account_id, partition, attempts, failures) SELECT workspace_id, id, 0, 10, 5
        FROM whatsapp_accounts WHERE uuid = %s""", account.uuid)
    wait_for(lambda: account.row()["health_score"] == 65, lambda: account.row())
    assert other.row()["health_score"] == 100


def mark(account):
    account.cleanup.sql("""UPDATE whatsapp_accounts SET status = 'connected', sync = '{"resync": true}' WHERE uuid = %s""", account.uuid)


def test_the_history_is_asked_for_again_but_not_more_often_than_every_six_hours(cleanup):
    cleanup.start(resync__interval="200ms")
    instance = Instance(cleanup, "blazz")
    account = Account(cleanup, "blazz")
    account.wait_reached()
    cleanup.stub.rules({"act": "sync", "nth": 1, "status": 500})
    mark(account)
    wait_for(lambda: len(instance.calls(act="sync")) == 1, "it is asked for")
    account.wait(lambda c: c["synced_at"] and c["synced_at"] < c["observed_at"], "a request that failed is not counted for six hours")
    cleanup.sql("UPDATE account_control SET synced_at = synced_at - interval '10 minutes'")
    wait_for(lambda: len(instance.calls(act="sync")) == 2, "it is asked for again")
    account.wait(lambda c: c["synced_at"] > c["observed_at"], "and that counts")
    cleanup.sql("UPDATE account_control SET synced_at = synced_at - interval '5 hours'")
    after = instance.calls()[-1]["seq"]
    wait_for(lambda: len(instance.calls(act="list", after=after)) > 1, "two more lists")
    assert len(instance.calls(act="sync")) == 2


def test_of_bridges_without_history_a_notice_says_so_once(cleanup):
    cleanup.start(resync__interval="200ms")
    instance = Instance(cleanup, "waha")
    account = Account(cleanup, "waha")
    account.wait_reached()
    mark(account)
    notice = wait_for(lambda: account.row()["notices"].get("resync_unsupported"), lambda: account.row())
    assert notice["severity"] == "info"
    after = instance.calls()[-1]["seq"]
    wait_for(lambda: len(instance.calls(act="list", after=after)) > 1, "two more lists")
    assert account.row()["notices"]["resync_unsupported"] == notice and not instance.calls(act="sync")


def meta(cleanup):
    """An account of Meta, whose number the stub has."""
    number = f"10654035{next(serials):07}"
    cleanup.stub.sessions({"provider": "meta", "name": number, "key": TOKEN})
    account = Account(cleanup, "waha", provider_type="meta", bridge_kind=None, provider_ref=None, phone_number_id=number)
    cleanup.sql("UPDATE whatsapp_accounts SET secrets = %s WHERE uuid = %s", sealed(account.uuid, {"access_token": TOKEN}), account.uuid)
    return account


def answer(account, status=200, **body):
    account.cleanup.stub.rules({"provider": "meta", "act": "media", "status": status, "body": body})


def test_an_account_of_meta_is_as_the_graph_api_says(cleanup):
    cleanup.start(meta__base_url=cleanup.stub.url(), meta__interval="300ms")
    account = meta(cleanup)
    number = account.row()["phone_number_id"]

    def becomes(status, reason=None):
        wait_for(lambda: account.row()["status"] == status, lambda: f"{status}: {account.row()}\n{cleanup.logs()}")
        assert reason is None or account.row()["disconnect_reason"] == reason

    answer(account, display_phone_number="+62 812-0000", quality_rating="GREEN", id=number)
    becomes("connected")
    assert account.row()["reported_phone"] == "628120000"
    answer(account, 401, error={"code": 190, "message": "expired"})
    becomes("disconnected", "error")
    answer(account, 400, error={"code": 133010, "message": "not registered"})
    becomes("failed")
    answer(account, 400, error={"code": 4, "message": "limit"})
    wait_for(lambda: cleanup.stub.get("/_rules").json()[0]["applied"] > 1, "two looks")
    assert account.row()["status"] == "failed"
    answer(account, display_phone_number="+62 812-0000", id=number)
    becomes("connected")
    assert TOKEN not in cleanup.service.log_path.read_text()


def test_another_phone_than_the_accounts_is_noticed(cleanup):
    cleanup.start()
    Instance(cleanup, "waha")
    same, other = Account(cleanup, "waha", phone_number="+62 812-3456"), Account(cleanup, "waha", phone_number="+62 812-3457")
    for account in (same, other):
        account.wait_reached()
        cleanup.sql("UPDATE whatsapp_accounts SET reported_phone = '628123456' WHERE uuid = %s", account.uuid)
    notice = wait_for(lambda: other.row()["notices"].get("phone_differs"), lambda: other.row())
    assert notice["severity"] == "warning"
    assert "phone_differs" not in same.row()["notices"]


def test_the_account_that_becomes_the_primary_one_gets_a_notice(cleanup):
    cleanup.start()
    Instance(cleanup, "waha")
    first, second = Account(cleanup, "waha", is_primary=True), Account(cleanup, "waha")
    for account in (first, second):
        account.wait_reached()
    first.desire("deleted")
    notice = wait_for(lambda: second.row()["notices"].get("primary_changed"), lambda: second.row())
    assert notice["severity"] == "info" and second.row()["is_primary"]
    assert "primary_changed" not in first.row()["notices"]
