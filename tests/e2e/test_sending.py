"""campaign-sender: single messages and campaigns through providers that tools/provider-stub plays."""
import base64
import json
import os
import time
import uuid

import pytest
from blazz.v1 import common_pb2 as common
from blazz.v1 import outbound_pb2 as outbound
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness.blazz import KEYRING
from harness.client import SECRETS
from harness.provider_stub import TOKEN
from harness.waiting import wait_for

PHONE_NUMBER_ID = "106540352242922"
SENDER = {"flush.interval": "20ms", "backoff.min": "50ms", "backoff.max": "500ms", "providers.allow_http": True,
          "providers.allowed_networks": ["127.0.0.0/8"], "secrets.keyring": KEYRING,
          "kafka.session.timeout.ms": 2000, "kafka.heartbeat.interval.ms": 400}


def sealed(account, text):
    """As libs/crypto/sealed_row.h."""
    name, _, key = KEYRING.partition(":")
    head, nonce = bytes([1, len(name)]) + name.encode(), os.urandom(12)
    return head + nonce + AESGCM(base64.b64decode(key)).encrypt(nonce, text.encode(), head + f"account:{account}".encode())


class Sending:
    """A stack with two accounts, of Meta and of a bridge, behind one stub."""

    def __init__(self, blazz, stub):
        self.blazz, self.stub = blazz, stub
        blazz.seed(("meta", "bridge"))
        self.workspace, self.accounts = blazz.workspace, blazz.accounts
        self.connect("meta", sealed(self.accounts["meta"], f'{{"access_token": "{TOKEN}"}}'))
        self.connect("bridge")
        stub.sessions({"provider": "meta", "name": PHONE_NUMBER_ID, "key": TOKEN},
                      {"provider": "blazz", "name": "acme-support-1", "key": SECRETS["bridge"]})

    def connect(self, name, secrets=None):
        self.blazz.sql("""UPDATE whatsapp_accounts SET desired_state = 'connected', status = 'connected', status_since = now(), status_at = now(),
            assigned_instance_url = %s, secrets = coalesce(%s, secrets) WHERE uuid = %s""", self.stub.url(), secrets, self.accounts[name])

    def start(self, failpoint=None, label=None, **settings):
        base = SENDER | {"meta.base_url": self.stub.url()} | {k.replace("__", "."): v for k, v in settings.items()}
        self.service = self.blazz.service("campaign-sender", base, label, failpoint=failpoint).start()
        return self

    def publish(self, topic, key, message):
        producer, failures = self.blazz.producer(), []
        producer.produce(f"{self.blazz.prefix}.{topic}.v1", message.SerializeToString(), key,
                         on_delivery=lambda e, m: e and failures.append(e))
        assert producer.flush(30) == 0 and not failures, failures

    def send(self, account, phone="6281100000001", body="hello", **members):
        request = outbound.SendMessage(request_id=str(uuid.uuid4()), workspace_id=self.workspace, account_id=self.accounts[account],
                                       address=common.Party(phone=phone), type=common.MESSAGE_TYPE_TEXT, body=body,
                                       requested_at_ms=int(time.time() * 1000), **members)
        self.publish("outbound", f"{self.workspace}:{request.account_id}", request)
        return request.request_id

    def row(self, request):
        rows = self.blazz.sql("SELECT * FROM sends WHERE request_id = %s", request)
        return rows[0] if rows else None

    def wait_status(self, request, status, deadline_s=20.0):
        def reached():
            row = self.row(request)
            return row and row["status"] == status and row

        return wait_for(reached, lambda: f"{request} is {status}: {self.row(request)}\n{self.service.log_tail()}", deadline_s)

    def add_group(self, members):
        group = self.blazz.sql("""INSERT INTO contact_groups (workspace_id, name) SELECT id, 'group' FROM workspaces WHERE uuid = %s
            RETURNING workspace_id, id, uuid::text""", self.workspace)[0]
        for phone, name in members:
            self.blazz.sql("INSERT INTO contact_group_members (workspace_id, group_id, address, phone, name) VALUES (%s, %s, %s, %s, %s)",
                           group["workspace_id"], group["id"], phone, phone, name)
        return group

    def add_campaign(self, account, group, text=None, template=None, parameters=None):
        return self.blazz.sql("""INSERT INTO campaigns (workspace_id, name, campaign_type, account_id, preferred_provider, contact_group_id,
            message_content, template_id, template_parameters) SELECT a.workspace_id, 'c', %s, a.id, a.provider_type, %s, %s, %s, %s
            FROM whatsapp_accounts a WHERE a.uuid = %s RETURNING id, uuid::text""", "template" if template else "instant", group["id"], text,
            template, parameters, self.accounts[account])[0]

    def add_template(self, name, body):
        return self.blazz.value("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, category, status,
            components) SELECT workspace_id, id, %s, %s, 'en', 'MARKETING', 'APPROVED', %s FROM whatsapp_accounts WHERE uuid = %s
            RETURNING id""", name, name, json.dumps([{"type": "BODY", "text": body}]), self.accounts["meta"])

    def campaign(self):
        return self.blazz.sql("SELECT * FROM campaigns")[0]

    def wait_campaign(self, status, deadline_s=60.0):
        def reached():
            row = self.campaign()
            assert row["status"] == status or row["status"] not in ("failed", "paused"), f"{row}\n{self.service.log_tail()}"
            return row["status"] == status and row

        return wait_for(reached, lambda: f"the campaign is {status}: {self.campaign()}\n{self.service.log_tail()}", deadline_s)

    def command(self, campaign, action):
        self.publish("campaign-command", f"{self.workspace}:{campaign}", outbound.CampaignCommand(
            request_id=str(uuid.uuid4()), workspace_id=self.workspace, campaign_id=campaign, action=action,
            requested_at_ms=int(time.time() * 1000)))


@pytest.fixture
def sending(blazz, make_provider_stub):
    return Sending(blazz, make_provider_stub())


@pytest.mark.parametrize("account", ["meta", "bridge"])
def test_a_single_message_is_sent_once(sending, account):
    sending.start()
    request = sending.send(account)
    row = sending.wait_status(request, "sent")
    assert [m["client_message_id"] for m in sending.stub.accepted()] == [request]
    assert row["provider_message_id"] and row["next_attempt_at"] is None


def test_a_campaign_reaches_every_recipient_once(sending):
    members = [(f"62811{i:07}", f"Name {i}") for i in range(300)]
    template = sending.add_template("hello", "Hello {{1}}")
    campaign = sending.add_campaign("meta", sending.add_group(members), template=template,
                                    parameters=json.dumps([{"type": "body", "parameters": [
                                        {"type": "text", "text": "{{contact.first_name|there}}"}]}]))
    sending.start()
    sending.command(campaign["uuid"], outbound.CampaignCommand.ACTION_START)
    done = sending.wait_campaign("completed")
    assert (done["recipients"], done["messages_sent"], done["messages_unknown"]) == (300, 300, 0)
    assert sorted(m["recipient"] for m in sending.stub.accepted()) == sorted(p for p, _ in members)


def test_an_answer_that_was_cut_off_leaves_the_message_unknown_until_policy_fails_it(sending):
    sending.stub.rules({"end": "cut"})
    sending.start(unknown__after="2s")
    request = sending.send("meta")
    sending.wait_status(request, "unknown")
    row = sending.wait_status(request, "failed")
    assert (row["error_code"], row["resolved_by"]) == ("unknown_outcome", "policy")
    assert len(sending.stub.accepted()) == 1


def test_a_bridge_is_asked_about_a_message_whose_answer_was_cut_off(sending):
    sending.stub.rules({"act": "send", "end": "cut"})
    sending.start()
    request = sending.send("bridge")
    row = sending.wait_status(request, "sent")
    assert row["resolved_by"] == "lookup" and row["provider_message_id"]
    assert len(sending.stub.accepted()) == 1


def test_a_bridge_that_never_got_a_message_gets_it_once(sending):
    sending.stub.rules({"act": "send", "end": "reset", "nth": 1})
    sending.start()
    request = sending.send("bridge")
    sending.wait_status(request, "sent", 30)
    assert [m["client_message_id"] for m in sending.stub.accepted()] == [request]


@pytest.mark.parametrize("point", ["flush_begin", "flush_locked", "flush_commit", "flush_committed", "send_begin", "send_done"])
def test_a_kill_never_sends_a_message_twice(sending, point):
    """Those that were not begun are sent after it; those in flight are unknown, and no status resolves them here."""
    sending.start(failpoint=f"{point}:kill@3")
    requests = [sending.send("meta", phone=f"62811000{i:04}") for i in range(6)]
    wait_for(lambda: not sending.service.running(), f"the service dies at {point}")
    sending.service.killed = True
    sending.start(label="second", unknown__after="2s")

    def ended():
        return all((sending.row(r) or {}).get("status") in ("sent", "failed") for r in requests)

    wait_for(ended, lambda: f"{[sending.row(r) for r in requests]}\n{sending.service.log_tail()}", 40)
    accepted = [m["client_message_id"] for m in sending.stub.accepted()]
    assert len(accepted) == len(set(accepted)), accepted
    failed = [r for r in requests if sending.row(r)["status"] == "failed"]
    assert all(sending.row(r)["error_code"] == "unknown_outcome" for r in failed)
    assert set(requests) - set(failed) <= set(accepted)


def test_messages_to_one_address_are_sent_in_order(sending):
    sending.start()
    requests = [sending.send("bridge", body=f"m{i}") for i in range(4)]
    for request in requests:
        sending.wait_status(request, "sent")
    assert [m["client_message_id"] for m in sending.stub.accepted()] == requests


def test_a_message_past_its_deadline_is_not_sent(sending):
    sending.start()
    request = sending.send("bridge", deadline_ms=int(time.time() * 1000) - 1000)
    sending.wait_status(request, "failed")
    assert not sending.stub.accepted()


def test_requests_in_flight_end_before_the_service_does(sending):
    sending.stub.rules({"delay_ms": 1500})
    sending.start()
    request = sending.send("meta")
    wait_for(lambda: sending.service.metrics().get("blazz_send_in_flight") == 1, "the request is in flight")
    sending.service.stop()
    assert sending.row(request)["status"] == "sent"


def test_a_paused_campaign_sends_nothing_until_it_is_resumed(sending):
    members = [(f"62811{i:07}", f"Name {i}") for i in range(200)]
    template = sending.add_template("hello", "Hello")
    campaign = sending.add_campaign("meta", sending.add_group(members), template=template)
    sending.blazz.sql("""UPDATE whatsapp_accounts SET metadata = '{"sending": {"per_second": 20}}'""")
    sending.start()
    sending.command(campaign["uuid"], outbound.CampaignCommand.ACTION_START)
    wait_for(lambda: len(sending.stub.accepted()) > 10, "it has begun")
    sending.command(campaign["uuid"], outbound.CampaignCommand.ACTION_PAUSE)
    wait_for(lambda: sending.campaign()["status"] == "paused", "it is paused")
    time.sleep(1)
    before = len(sending.stub.accepted())
    time.sleep(2)
    assert len(sending.stub.accepted()) == before < 200
    sending.blazz.sql("""UPDATE whatsapp_accounts SET metadata = '{}'""")
    sending.command(campaign["uuid"], outbound.CampaignCommand.ACTION_RESUME)
    wait_for(lambda: sending.campaign()["status"] != "paused", "it is resumed")
    sending.wait_campaign("completed")
    assert sorted(m["recipient"] for m in sending.stub.accepted()) == sorted(p for p, _ in members)


def test_a_message_moves_to_another_account_when_its_own_is_held(sending):
    """A token that has expired holds the account; a request that allows it goes to the bridge at once."""
    sending.stub.rules({"provider": "meta", "code": 190})
    sending.start()
    request = sending.send("meta", allow_other_number=True)
    sending.wait_status(request, "sent")
    assert [(m["provider"], m["client_message_id"]) for m in sending.stub.accepted()] == [("blazz", request)]
    assert sending.blazz.value("SELECT held_code FROM send_lanes WHERE held_at IS NOT NULL") == "190"
    wait_for(lambda: [e.WhichOneof("event") for _, e in sending.blazz.inbound()].count("session_state") == 1,
             "the account is reported as disconnected")


def test_a_database_that_comes_back_gets_what_was_answered_meanwhile(sending):
    sending.stub.rules({"delay_ms": 1500})
    sending.start()
    request = sending.send("meta")
    wait_for(lambda: sending.service.metrics().get("blazz_send_in_flight") == 1, "the request is in flight")
    sending.blazz.sql("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'blazz_campaign_sender'""")
    sending.wait_status(request, "sent")
    assert len(sending.stub.accepted()) == 1


def test_a_replica_that_was_stopped_posts_nothing_late(sending):
    """It is continued after another replica has taken over: requests that it had not begun are not made."""
    sending.start(failpoint="flush_committed:stop@3", dispatch__max_delay="1s")
    first, requests = sending.service, [sending.send("meta", phone=f"62811000{i:04}") for i in range(6)]
    wait_for(first.stopped, "the first replica is stopped")
    sending.start(label="second", unknown__after="3s")

    def ended():
        return all((sending.row(r) or {}).get("status") in ("sent", "failed") for r in requests)

    wait_for(ended, lambda: f"{[sending.row(r) for r in requests]}\n{sending.service.log_tail()}", 40)
    before = len(sending.stub.journal())
    first.resume()
    wait_for(lambda: "acquired by another" in first.log() or "fenced" in first.log() or first.ready(), lambda: first.log_tail())
    request = sending.send("meta", phone="6281100009999")
    sending.wait_status(request, "sent")
    accepted = [m["client_message_id"] for m in sending.stub.accepted()]
    assert len(accepted) == len(set(accepted)), accepted
    assert len(sending.stub.journal()) == before + 1


def test_nothing_is_sent_from_a_restored_database_until_it_is_accepted(sending):
    sending.blazz.sql("INSERT INTO restores DEFAULT VALUES")
    sending.start()
    request = sending.send("meta")
    wait_for(lambda: sending.row(request), "the request is stored")
    time.sleep(2)
    assert not sending.stub.journal()
    sending.blazz.sql("UPDATE restores SET accepted_at = now()")
    sending.wait_status(request, "sent")


def test_a_campaign_survives_replicas_that_come_and_go(sending):
    members = [(f"62811{i:07}", f"Name {i}") for i in range(400)]
    template = sending.add_template("hello", "Hello")
    campaign = sending.add_campaign("meta", sending.add_group(members), template=template)
    sending.blazz.sql("""UPDATE whatsapp_accounts SET metadata = '{"sending": {"per_second": 40}}'""")
    sending.start()
    first = sending.service
    sending.command(campaign["uuid"], outbound.CampaignCommand.ACTION_START)
    wait_for(lambda: len(sending.stub.accepted()) > 50, "it has begun")
    sending.start(label="second")
    wait_for(lambda: len(sending.stub.accepted()) > 120, "it goes on")
    first.stop()
    done = sending.wait_campaign("completed")
    assert (done["messages_sent"], done["messages_unknown"]) == (400, 0)
    assert sorted(m["recipient"] for m in sending.stub.accepted()) == sorted(p for p, _ in members)


def test_an_account_that_stays_unusable_has_its_messages_failed_or_moved_and_its_campaign_paused(sending):
    """It is waited for 30 s."""
    members = [(f"62811{i:07}", f"Name {i}") for i in range(200)]
    campaign = sending.add_campaign("meta", sending.add_group(members), template=sending.add_template("hello", "Hello"))
    sending.blazz.sql("""UPDATE whatsapp_accounts SET metadata = '{"sending": {"per_second": 20}}'""")
    sending.start()
    sending.command(campaign["uuid"], outbound.CampaignCommand.ACTION_START)
    wait_for(lambda: len(sending.stub.accepted()) > 10, "it has begun")
    sending.blazz.sql("UPDATE whatsapp_accounts SET desired_state = 'disconnected' WHERE uuid = %s", sending.accounts["meta"])
    named, moves = sending.send("meta"), sending.send("meta", phone="6281100000002", allow_other_number=True)
    assert sending.wait_status(named, "failed", 60)["error_code"] == "session_not_active"
    sending.wait_status(moves, "sent")
    wait_for(lambda: sending.campaign()["status"] == "paused", lambda: f"it is paused: {sending.campaign()}\n{sending.service.log_tail()}", 60)
    assert sending.campaign()["pause_code"] == "no_active_account"
    assert [m["client_message_id"] for m in sending.stub.accepted() if m["provider"] == "blazz"] == [moves]
    assert len(sending.stub.accepted()) < 200
