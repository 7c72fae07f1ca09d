"""After a restore nothing is sent, and no session is started, stopped or moved, until the restore is accepted."""
import time

import pytest
from blazz.v1.outbound_pb2 import CampaignCommand
from harness.backup import Vault
from harness.cleanup import Account, Cleanup, Instance
from harness.sending import Sending, Tenant
from harness.waiting import wait_for

LOOKS = {"probe", "health", "list", "look"}
SHORT = {"list__interval": "500ms", "lease__session_ttl": "2s", "lease__ttl": "2s", "lease__renew": "300ms"}
PROBES = 20  # of an instance, 200 ms apart: longer than a dead one's sessions are fenced


def acts(instance, after):
    return {c["act"] for c in instance.calls(after=after)}


def last(instance):
    return instance.calls()[-1]["seq"]


def place(account):
    return account.row()["assigned_instance_index"]


class Fleet:
    """Sessions of which one waits to be started, one to be stopped, one to be moved, and one for another instance as its own has died."""

    def __init__(self, cleanup):
        self.home, self.away, self.dead = self.instances = [Instance(cleanup, "blazz", storage_group="files", capacity=n) for n in (30, 20, 10)]
        for instance in self.instances:
            instance.wait("up")
        self.started, self.stopped, self.moved = (Account(cleanup, "blazz", self.home) for _ in range(3))
        self.failed_over = Account(cleanup, "blazz", self.dead)
        self.accounts = self.started, self.stopped, self.moved, self.failed_over
        for account in self.accounts:
            account.wait_reached()

    def ask(self):
        """While cleanup does not run."""
        self.home.set(self.started.session, "stopped")
        self.stopped.desire("disconnected")
        self.moved.cleanup.sql("UPDATE whatsapp_accounts SET move_to = %s, move_at = clock_timestamp() WHERE uuid = %s", self.away.index, self.moved.uuid)
        self.dead.put(dead=True)

    def wait_unleased(self):
        """Until every session has stopped for want of a lease: from then on only cleanup changes what they are."""
        wait_for(lambda: not any(i.state()["leased"] for i in self.instances), "no instance has a lease")

    def states(self):
        return {i.index: i.sessions() for i in self.instances}

    def places(self):
        return [(place(a), a.control()["assignment_epoch"]) for a in self.accounts]


@pytest.fixture
def vault(blazz, tmp_path):
    blazz.seed(dialects=("waha",))
    return Vault(blazz, tmp_path)


def test_no_session_is_started_stopped_or_moved_until_the_restore_is_accepted(vault, make_provider_stub):
    blazz = vault.blazz
    blazz.start()
    cleanup = Cleanup(blazz, make_provider_stub()).start(**SHORT)
    fleet = Fleet(cleanup)
    blazz.wait_processed()
    cleanup.service.stop()
    blazz.sync.stop()
    blazz.in_.stop()
    fleet.ask()
    name = vault.create()
    vault.do("restore", name)
    fleet.wait_unleased()
    states, places = fleet.states(), fleet.places()
    marks = [last(i) for i in fleet.instances]

    blazz.in_.start()
    blazz.sync.start()
    cleanup.service.start()
    fleet.dead.wait("down")
    for instance, mark in zip(fleet.instances, marks):
        wait_for(lambda: sum(c["act"] in ("probe", "health") for c in instance.calls(after=mark)) >= PROBES, lambda: f"{instance.calls(after=mark)}", 60)
    fleet.started.wait_observed("stopped")
    assert all(acts(i, mark) <= LOOKS for i, mark in zip(fleet.instances, marks)), [acts(i, mark) for i, mark in zip(fleet.instances, marks)]
    assert fleet.states() == states and fleet.places() == places

    blazz.wait_processed()
    wait_for(lambda: vault.run("accept", "--without", "campaign-sender")[0] == 0, "the restore is accepted", 60)
    for account in fleet.accounts:
        account.wait_reached(60)
    wait_for(lambda: place(fleet.moved) == fleet.away.index and place(fleet.failed_over) != fleet.dead.index, lambda: f"{fleet.places()}\n{cleanup.logs()}", 60)
    for account in fleet.accounts:
        account.wait_reached(60)
    assert fleet.home.sessions().get(fleet.started.session) == "connected"
    assert fleet.home.sessions().get(fleet.stopped.session, "stopped") == "stopped"
    assert fleet.away.sessions()[fleet.moved.session] == "connected"


def test_no_campaign_and_no_message_continues_until_the_restore_is_accepted(make_blazz, make_provider_stub, tmp_path):
    """A campaign that had begun, a message that had been accepted by the topic only, one that is requested later, and one that was sent after the
    backup, and has passed its deadline since."""
    blazz, stub = make_blazz(), make_provider_stub()
    blazz.seed(dialects=("waha",))
    sending = Sending(blazz, stub).start()
    tenant = Tenant(sending, "meta")
    account = tenant.accounts[0]
    account.change(metadata='{"sending": {"per_second": 2}}')
    people = [f"62811{n:08}" for n in range(30)]
    campaign = tenant.add_campaign(account, people)
    tenant.command(campaign, CampaignCommand.ACTION_START)
    wait_for(lambda: sum(r["status"] != "pending" for r in tenant.recipients(campaign)) >= 3, lambda: f"it has begun: {tenant.campaign(campaign)}\n{sending.logs()}")
    vault = Vault(blazz, tmp_path)
    name = vault.create()
    deadline_ms = int(time.time() * 1000) + 3000
    brief = tenant.send(account, to="6281200000003", deadline_ms=deadline_ms)
    tenant.wait(brief, "sent", "delivered", "read")
    tenant.wait_chat(brief, "sent", "delivered", "read")
    blazz.wait_processed()
    for service in (sending.service, blazz.sync, blazz.in_):
        service.stop()
    waiting = tenant.send(account, to="6281200000001")
    before = len(stub.journal(limit=10000))
    vault.do("restore", name)
    wait_for(lambda: time.time() * 1000 > deadline_ms, "the deadline has passed")

    for service in (blazz.in_, blazz.sync, sending.service):
        service.start()
    later = tenant.send(account, to="6281200000002")
    for request in (waiting, later):
        tenant.wait_row(request, lambda r: r["status"] == "pending", "the request waits")
    blazz.wait_processed()
    assert len(stub.journal(limit=10000)) == before and tenant.campaign(campaign)["status"] == "running"

    wait_for(lambda: vault.run("accept")[0] == 0, "the restore is accepted", 60)
    for request in (waiting, later, brief):
        tenant.wait(request, "sent", "delivered", "read")
    tenant.wait_campaign(campaign, "completed", deadline_s=60)
    assert sorted(p["recipient"] for p in stub.accepted(limit=10000)) == sorted({*people, *(f"628120000000{n}" for n in (1, 2, 3))}), "each was sent once"
