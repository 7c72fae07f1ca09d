"""Kafka and PostgreSQL fail while hundreds of requests are in flight: nothing is lost or sent twice, and the service still ends when asked."""
import itertools
import json
import time

import pytest
from harness.campaigns import Campaigner, phones
from harness.waiting import wait_for

SENDING = {"unknown__after": "3s", "outbox__max_outstanding": 4}
SLOW = {"delay_ms": 2500}
prefixes = itertools.count(628190)
N = 600


@pytest.fixture
def under_way(sending):
    """A campaign of N, and single messages, with hundreds in flight."""
    tenant = Campaigner(sending)
    account = tenant.add("meta", metadata=json.dumps({"sending": {"per_second": 1000}}))
    sending.stub.rules(SLOW)
    campaign = tenant.campaign(tenant.group(phones(N, prefix=str(next(prefixes)))))
    campaign.start()
    campaign.singles = tenant.publish(*[tenant.message(account, to=f"62821{i:07}") for i in range(20)])
    wait_for(lambda: sending.service.metrics().get("blazz_send_in_flight", 0) >= 200, "hundreds are in flight")
    yield campaign
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
        pass_s(5)
        assert sending.service.running() and answers(sending.service)
        accepted = len(under_way.accepted())
        pass_s(2)
        assert "postgres" not in faults or len(under_way.accepted()) == accepted, "without PostgreSQL nothing is begun"
    finally:
        for server in servers:
            server.start()
    check_end(under_way)


@pytest.mark.parametrize("faults", [("postgres",), ("postgres", "kafka")], ids="+".join)
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
