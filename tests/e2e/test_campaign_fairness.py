"""No account and no workspace delays the messages of others: beside a hundred times their traffic, hanging and held accounts, slow bridges."""
import json
import time

from harness.campaigns import Campaigner, phones
from harness.sending import NOTHING_POSTED
from harness.waiting import wait_for

QUIET, EACH, EVERY_MS = 8, 20, 300
NOISE_MS = 400  # of sanitized programs on a busy machine


def p99(latencies):
    return sorted(latencies)[int(len(latencies) * 0.99)]


def latencies(tenants, producer, beside=lambda turn: None):
    """Sends EACH messages from every tenant, one every EVERY_MS, and calls beside() in each turn. Returns from record to POST, in ms: the
    producer has sent to the topic before, as librdkafka may keep a new one's first records for a second."""
    sending, requested = tenants[0].sending, {}
    for turn in range(EACH):
        end = time.monotonic() + EVERY_MS / 1000
        for n, tenant in enumerate(tenants):
            m = tenant.message(tenant.accounts[0], to=f"62818{n:02}{turn:05}")
            requested[m.request_id] = m.requested_at_ms
            producer.produce(sending.blazz.topic("outbound"), m.SerializeToString(), f"{tenant.workspace}:{m.account_id}")
        producer.poll(0)
        beside(turn)
        wait_for(lambda end=end: time.monotonic() > end, "the turn ends", every_s=0.005)
    producer.flush(30)

    def accepted():
        found = {line["client_message_id"]: line["at_ms"] for t in tenants for line in t.accounts[0].accepted()}
        return all(r in found for r in requested) and [found[r] - at for r, at in requested.items()]

    return wait_for(accepted, lambda: f"every quiet message is sent\n{sending.logs()}", 60)


def test_others_are_not_delayed_by_a_crowd_hanging_held_and_slow_accounts(sending):
    quiet = [Campaigner(sending, "meta") for _ in range(QUIET)]
    producer, sent = sending.blazz.producer(), 0
    latencies(quiet, producer)  # their lanes and connections are there then, and the producer's
    alone = p99(latencies(quiet, producer))

    crowd, trouble = Campaigner(sending), Campaigner(sending, "meta", "meta", "blazz")
    loud = crowd.add("meta", metadata=json.dumps({"sending": {"per_second": 1000}}))
    hanging, held, slow = trouble.accounts
    sending.stub.rules(hanging.rule(end="hang", delay_ms=20000), held.rule(code=190), slow.rule(delay_ms=8000), loud.rule(**NOTHING_POSTED))

    def beside(turn):
        nonlocal sent
        for i in range(100):  # of each workspace's single message of this turn
            m = crowd.message(loud, to=f"62819{turn:03}{i:04}")
            producer.produce(sending.blazz.topic("outbound"), m.SerializeToString(), f"{crowd.workspace}:{m.account_id}")
            sent += 1
        for account in trouble.accounts:
            for i in range(5):
                m = trouble.message(account, to=f"62820{turn:03}{i:04}")
                producer.produce(sending.blazz.topic("outbound"), m.SerializeToString(), f"{trouble.workspace}:{m.account_id}")
        producer.poll(0)

    busy = p99(latencies(quiet, producer, beside))
    print(f"p99 alone {alone:.0f} ms, beside them {busy:.0f} ms")
    assert busy <= max(3 * alone, NOISE_MS), (alone, busy)
    assert held.lane()["held_code"] == "190"
    producer.flush(30)
    wait_for(lambda: len(loud.accepted()) == sent, lambda: f"{sent} of the crowd are sent, {len(loud.accepted())} are", 60)


def test_single_messages_overtake_a_campaign_of_their_account(sending):
    tenant = Campaigner(sending)
    meta = tenant.add("meta", metadata=json.dumps({"sending": {"per_second": 20}}))
    bridge = tenant.add("blazz", metadata=json.dumps({"sending": {"warmed": True}}))
    campaigns = [tenant.campaign(tenant.group(phones(600, prefix="628185")), account=meta).start(),
                 tenant.campaign(tenant.group(phones(50, prefix="628186")), text="Hi", account=bridge,
                                 send_window={"from": "00:00", "to": "24:00"}).start()]
    campaigns[0].wait_accepted(40)
    campaigns[1].wait_accepted(1)
    for account in (meta, bridge):
        for i in range(5):
            request = tenant.send(account, to=f"628187{i:06}")
            (line,) = wait_for(lambda account=account, r=request: account.accepted(client_message_id=r), "the message is sent", 10)
            row = tenant.wait(request, "sent", "delivered")
            assert line["at_ms"] - row["created_at"].timestamp() * 1000 < 2500, account.provider
    assert len(campaigns[0].accepted()) < 590 and campaigns[0].status() == "running"
