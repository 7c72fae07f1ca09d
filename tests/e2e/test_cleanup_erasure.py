"""Erasing contacts: blazzctl asks, cleanup searches, chat-sync and cleanup erase; afterwards nothing of the person is in PostgreSQL."""
import itertools
import re
import time

import pytest
from blazz.v1 import common_pb2 as common
from blazz.v1 import erasure_pb2, inbound_pb2
from harness.backup import Vault
from harness.cleanup import CLEANUP
from harness.events import T0, Source
from harness.waiting import wait_for

ANN, LID, OLD, BOB, GROUP = "12065550001", "901901901901", "12065550009", "12065550002", "1234567@g.us"
BSUID = "US.13491208655302741918"
UNORDERED = "unordered"  # deliveries outside of their conversation's order, which a restore does not lead back to it
MARKER, KEPT = "xylophone", "trombone"  # in what is of Ann, and in what is of Bob
JOBS = {"jobs__erasure__every": "100ms", "jobs__erasure__after": "1s"}
serials = itertools.count(1)
KEPT_ROWS = "SELECT x::text FROM {} AS x WHERE strpos(x::text, %s) > 0 ORDER BY 1"

# Every value of every table, as text and as bytes.
SEARCH = """SELECT t.name FROM (SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE') AS t
    WHERE (xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM %%I AS x WHERE strpos(x::text, %%L) > 0
        OR strpos(x::text, encode(convert_to(%%L, ''UTF8''), ''hex'')) > 0', t.name, %s, %s), false, true, '')))[1]::text::integer > 0"""


class Acme:
    """A workspace with two accounts, and a cleanup."""

    def __init__(self, blazz):
        self.blazz, self.sql, self.value = blazz, blazz.sql, blazz.value
        self.workspace = blazz.add_workspace("acme")
        self.first, self.second = (Source(self.workspace, blazz.add_account(self.workspace, "secret", session=f"s{n}", provider="webjs",
                                                                           bridge="blazz")) for n in (1, 2))
        # cleanup leaves accounts of an instance that it does not know alone
        self.sql("UPDATE whatsapp_accounts SET assigned_instance_url = 'http://elsewhere'")

    def start(self, failpoint=None, wait_ready=True, **settings):
        settings = CLEANUP | {k.replace("__", "."): v for k, v in (JOBS | settings).items()}
        return self.blazz.service("cleanup", settings, f"cleanup{next(serials)}", failpoint=failpoint).start(wait_ready=wait_ready)

    def publish(self, *events):
        self.blazz.publish(list(events))
        self.blazz.wait_processed()

    def from_ann(self, account, stanza, at=T0, **more):
        return account.message(stanza, ANN, f"{MARKER} {stanza}", at=at, lid=LID, name=f"Ann {MARKER}", **more)

    def group(self):
        """Ann is a member, writes, is quoted, votes, reacts and reads."""
        change = self.first.event("group_change", "made", at=T0 + 100)
        change.group_change.group.jid, change.group_change.action = GROUP, inbound_pb2.GroupChange.ACTION_CREATE
        for phone in (ANN, BOB):
            change.group_change.participants.add().party.phone = phone
        quote = self.first.message("Q", group=GROUP, sender=BOB, body="as you say", at=T0 + 102)
        quote.message.quoted.target.stanza, quote.message.quoted.sender.phone, quote.message.quoted.body = "G", ANN, MARKER
        poll = self.first.message("P", group=GROUP, sender=BOB, body="lunch?", at=T0 + 103, type=common.MESSAGE_TYPE_POLL)
        vote = self.first.event("poll_vote", "v", at=T0 + 104)
        vote.poll_vote.target.key, vote.poll_vote.voter.phone = "false:P", ANN
        vote.poll_vote.options.append("pizza")
        self.first.fill_chat(vote.poll_vote.chat, group=GROUP)
        reaction = self.first.event("reaction", "r", at=T0 + 105)
        reaction.reaction.target.key, reaction.reaction.emoji, reaction.reaction.sender.phone = "false:Q", "👍", ANN
        self.first.fill_chat(reaction.reaction.chat, group=GROUP)
        return [change, self.first.message("G", group=GROUP, sender=ANN, body=MARKER, at=T0 + 101), quote, poll, vote, reaction,
                self.first.message("O", None, "hi all", out=True, group=GROUP, at=T0 + 106),
                self.first.status("O", common.MESSAGE_STATUS_READ, group=GROUP, participant=ANN, at=T0 + 107)]

    def everything(self):
        parked = self.first.edit("missing", MARKER, phone=ANN)
        self.publish(self.first.message("L", None, f"{MARKER} before", lid=LID, at=T0), self.by_bsuid("U"))
        self.publish(self.second.message("N", OLD, MARKER, at=T0 + 1))
        self.publish(self.second.number_change(OLD, ANN, at=T0 + 2))
        self.publish(self.from_ann(self.first, "A", at=T0 + 3), self.from_ann(self.second, "B", at=T0 + 4), parked,
                     self.first.message("T", ANN, f"dear {MARKER}", out=True, at=T0 + 5), *self.group())
        self.sql("INSERT INTO contact_groups (workspace_id, name) SELECT id, 'all' FROM workspaces")
        self.sql("""INSERT INTO contact_group_members (workspace_id, group_id, address, name)
            SELECT workspace_id, id, %s, %s FROM contact_groups""", ANN, MARKER)
        self.publish(self.by_bsuid("V", phone=ANN), self.dispatch())
        self.sends()
        self.endpoint()

    def by_bsuid(self, stanza, **more):
        """A message of Ann's third contact, until it names her phone, too."""
        e = self.second.message(stanza, **({"phone": None} | more), body=f"{MARKER} {stanza}", at=T0 + 6)
        e.message.chat.contact.bsuid = BSUID
        return e

    def dispatch(self):
        """What became of a message to Ann is not known: it is parked."""
        e = self.first.event("dispatch", "d", at=T0 + 7)
        e.dispatch.outcome = inbound_pb2.Dispatch.OUTCOME_UNKNOWN
        m = e.dispatch.message
        self.first.fill_chat(m.chat, phone=ANN)
        m.client_message_id, m.direction, m.body = "c7", common.DIRECTION_OUTBOUND, MARKER
        return e

    def sends(self):
        """Messages to Ann and to Bob in every state, single ones and of a campaign, each with all that a row may have; one waits behind another."""
        self.sql("SELECT day_partitions_maintain('send_attempts', 1, 30)")
        campaign = self.value("""INSERT INTO campaigns (workspace_id, name, campaign_type) SELECT id, 'sale', 'instant' FROM workspaces
            RETURNING id""")
        for phone, text in ((ANN, MARKER), (BOB, KEPT)):
            for n, status in enumerate(("sent", "pending", "unknown", "failed", "pending", "failed")):
                of_campaign = n == 3
                send = self.value("""INSERT INTO sends (workspace_id, campaign_id, segment, request_id, address, contact_id, status, account_id, request,
                        error_message, provider_message_id, next_attempt_at)
                    SELECT a.workspace_id, %s, %s, CASE WHEN %s THEN NULL ELSE gen_random_uuid() END, %s,
                        (SELECT contact_id FROM contact_aliases WHERE value = %s AND %s), %s, a.id, %s, %s, %s,
                        CASE WHEN %s IN ('pending', 'unknown') THEN CASE %s WHEN 4 THEN 'infinity' ELSE now() + interval '1 h' END END
                    FROM whatsapp_accounts a ORDER BY a.id LIMIT 1 RETURNING id""", campaign if of_campaign else None, 0 if of_campaign else None,
                                  of_campaign, phone, phone, n < 4, status, text.encode(), f"{text} is not reachable", f"true_{text}@c.us_{n}", status, n)
                self.sql("""INSERT INTO send_attempts (workspace_id, send_id, account_id, generation, attempt, class, at, excerpt)
                    SELECT workspace_id, id, account_id, 0, 1, 'decided', now(), %s FROM sends WHERE id = %s""", text, send)

    def endpoint(self):
        """Deliveries wait for an endpoint or have failed: in Ann's conversation, of a conversation without order, of a contact, and other ones; and in
        conversations that are not there."""
        self.sql("""INSERT INTO webhook_endpoints (workspace_id, url, secrets) SELECT id, 'https://x', '' FROM workspaces""")
        conversation = self.value("SELECT min(uuid::text) FROM conversations WHERE group_id IS NULL AND merged_into IS NULL")
        merged = self.value("SELECT min(uuid::text) FROM contacts WHERE merged_into IS NOT NULL")
        for n, (kind, status, payload) in enumerate((
                ("message.created", "pending", f"{UNORDERED} {conversation} {MARKER}"), ("contact.updated", "pending", f"{self.contact()} {OLD} {MARKER}"),
                ("contact.created", "retrying", f"{self.contact()} {MARKER}"), ("contact.merged", "pending", f"{merged} {MARKER}"), ("message.created", "failed", f"{UNORDERED} {conversation} {MARKER}"),
                ("message.created", "failed", f"from {ANN}: {MARKER}"), ("message.created", "pending", f"{BOB} {KEPT}"),
                ("contact.updated", "pending", f"{BOB} {KEPT}"), ("contact.updated", "failed", f"{BOB} {KEPT}"))):
            self.sql("""INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, payload, source_partition, source_offset,
                    source_timestamp_ms, max_retries, next_retry_at, status, last_error)
                SELECT workspace_id, id, gen_random_uuid(), %s, 'u', %s, 0, %s, 1, 1, now() + interval '1 h', %s, %s FROM webhook_endpoints""",
                     kind, payload.encode(), 10 + n, status, payload)
        self.sql("""INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, payload, ordering_key, source_partition,
                source_offset, source_timestamp_ms, max_retries, next_retry_at, status)
            SELECT v.workspace_id, e.id, gen_random_uuid(), 'message.created', 'u', convert_to(v.uuid || %s, 'UTF8'), v.uuid, 0, 1, 1, 1,
                now() + interval '1 h', 'pending'
            FROM conversations v, webhook_endpoints e WHERE v.group_id IS NULL AND v.merged_into IS NULL""", f" {self.contact()} {MARKER}")
        for phone, text in ((ANN, MARKER), (BOB, KEPT)):
            self.sql("""INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, payload, ordering_key, source_partition,
                    source_offset, source_timestamp_ms, max_retries, next_retry_at, status)
                SELECT e.workspace_id, e.id, gen_random_uuid(), 'message.created', 'u', convert_to(v.uuid || %s, 'UTF8'), v.uuid, 0, 2, 1, 1,
                    now() + interval '1 h', 'pending' FROM webhook_endpoints e, gen_random_uuid() AS v (uuid)""", f" {phone} {text}")

    def contact(self):
        return str(self.value("""SELECT c.uuid FROM contact_aliases a JOIN contacts c ON (c.workspace_id, c.id) = (a.workspace_id, a.contact_id)
            WHERE a.value = %s""", ANN))

    def erase(self, contact, *options):
        return self.blazz.ctl("contacts", "erase", contact, *options)

    def state(self):
        return self.blazz.ctl("contacts", "erasures")

    def wait_done(self):
        wait_for(lambda: all(e["completed"] for e in self.state()), lambda: f"erased: {self.state()}\n{self.logs()}", 60)

    def logs(self):
        return "\n".join(s.log_tail(15) for s in self.blazz.services)

    def ledger(self):
        """{contact: its latest record}."""
        records = [erasure_pb2.ErasureRecord.FromString(r.value) for r in self.blazz.read("erasure")]
        return {r.contact_id: r for r in records}

    def in_group(self, phone, name, at):
        """A member that writes, reacts and reads."""
        reaction = self.first.event("reaction", f"r {name}", at=at)
        reaction.reaction.target.key, reaction.reaction.emoji, reaction.reaction.sender.phone = "false:Q", "👍", phone
        self.first.fill_chat(reaction.reaction.chat, group=GROUP)
        return [self.first.message(f"G {name}", group=GROUP, sender=phone, body=name, at=at), reaction,
                self.first.status("O", common.MESSAGE_STATUS_READ, group=GROUP, participant=phone, at=at)]

    def found(self, text):
        return sorted(r["name"] for r in self.sql(SEARCH, text, text))


@pytest.fixture
def acme(blazz):
    blazz.start_chat_sync(cache__ttl="200ms")
    return Acme(blazz)


def wait_gone(acme, *texts):
    """The outbox keeps what was published until the next transaction."""
    for text in texts:
        wait_for(lambda: acme.found(text) == [], lambda: f"{text} is in {acme.found(text)}\n{acme.logs()}", 20)


def test_nothing_of_an_erased_contact_is_left(acme):
    acme.everything()
    contact = acme.contact()
    places = {"sends", "send_attempts", "webhook_retry_queue"}
    assert {"chats", "contacts", "parked_updates", "contact_group_members"} | places <= {re.sub("_p?[0-9]+$", "", t) for t in acme.found(MARKER)}
    assert acme.value("SELECT count(*) FROM contacts WHERE merged_into IS NOT NULL") == 2
    assert acme.value("SELECT count(*) FROM parked_updates") == 2
    kept = [acme.sql(KEPT_ROWS.format(table), KEPT) for table in places]
    assert all(kept)
    acme.start()
    shown = {row["name"]: row["value"] for row in acme.erase(contact)}
    assert shown["contact"] == contact and shown["kept_until"]
    acme.wait_done()
    wait_gone(acme, MARKER, ANN, LID, OLD, BSUID)
    assert acme.value("SELECT count(*) FROM webhook_retry_queue WHERE dropped AND status <> 'failed'") == 7
    assert acme.value("SELECT count(*) FROM webhook_retry_queue WHERE status = 'failed'") == 1
    assert acme.value("SELECT count(*) FROM sends WHERE address = 'erased:' || id") == 6
    assert acme.value("SELECT count(*) FROM sends WHERE address LIKE 'erased:%%' AND next_attempt_at = 'infinity'") == 0, "nothing would release it"
    assert [acme.sql(KEPT_ROWS.format(table), KEPT) for table in places] == kept
    assert acme.value("SELECT count(*) FROM conversations WHERE group_id IS NULL") == 0
    assert acme.value("SELECT count(*) FROM chats") == 3  # of the group: Q, P, O
    assert acme.value("SELECT aliases FROM erasures") is None
    acme.blazz.check_invariants()
    erased = [e for _, e in acme.blazz.chat_events() if e.WhichOneof("event") == "contact_erased"]
    assert contact in {e.contact_erased.contact for e in erased}
    assert sum(bool(e.conversation_id) for e in erased) >= 2  # of each account


def test_a_person_who_writes_again_is_another_contact_that_stays(acme):
    acme.everything()
    contact = acme.contact()
    acme.start()
    acme.erase(contact)
    wait_for(lambda: acme.value("SELECT count(*) FROM contacts WHERE erased_at IS NOT NULL"), lambda: f"erased\n{acme.logs()}", 30)
    acme.publish(acme.from_ann(acme.first, "D", at=T0 + 500))  # into the old conversation, or a new one
    wait_for(lambda: acme.value("SELECT until FROM erasures"), lambda: f"{acme.state()}\n{acme.logs()}", 30)
    acme.publish(acme.from_ann(acme.first, "E", at=T0 + 600),
                 acme.first.message("F", group=GROUP, sender=ANN, body=MARKER, at=T0 + 601))
    acme.wait_done()
    acme.publish(acme.from_ann(acme.first, "H", at=T0 + 700))
    assert acme.contact() != contact
    keys = {r["message_key"] for r in acme.sql("SELECT message_key FROM chats")}
    assert {"false:E", "false:F", "false:H"} <= keys and not {"false:A", "false:B", "false:G"} & keys
    assert acme.value("SELECT count(*) FROM contacts WHERE erased_at IS NULL AND full_name LIKE %s", f"%{MARKER}%") == 1
    acme.blazz.check_invariants()


class Dave:
    """He has Ann's former number. Each thing of his is beside one of hers, under that number, of before."""

    ROWS = {"chats", "sends", "contact_group_members", "parked_updates", "webhook_retry_queue"}

    def __init__(self, acme, ann):
        self.acme, self.ann = acme, ann

    def quote(self, stanza, body, at):
        e = self.acme.first.message(stanza, group=GROUP, sender=BOB, body="as you say", at=at)
        e.message.quoted.target.stanza, e.message.quoted.sender.phone, e.message.quoted.body = "G", OLD, body
        return e

    def vote(self):
        e = self.acme.first.event("poll_vote", "w", at=T0 + 204)
        e.poll_vote.target.key, e.poll_vote.voter.phone = "false:P", OLD
        e.poll_vote.options.append("pizza")
        self.acme.first.fill_chat(e.poll_vote.chat, group=GROUP)
        return e

    def joins(self):
        e = self.acme.first.event("group_change", "joined", at=T0 + 200)
        e.group_change.group.jid, e.group_change.action = GROUP, inbound_pb2.GroupChange.ACTION_ADD
        e.group_change.participants.add().party.phone = OLD
        return e

    def rows(self, text, at):
        """Beside what chat-sync stores."""
        sql = self.acme.sql
        sql("""INSERT INTO sends (workspace_id, request_id, address, status, account_id, request, provider_message_id, created_at)
            SELECT workspace_id, gen_random_uuid(), %s, 'sent', id, %s, %s, to_timestamp(%s) FROM whatsapp_accounts ORDER BY id LIMIT 1""",
            OLD, text.encode(), f"true_{text}", at)
        sql("INSERT INTO contact_groups (workspace_id, name) SELECT id, %s FROM workspaces", f"of {at}")
        sql("""INSERT INTO contact_group_members (workspace_id, group_id, address, name, created_at)
            SELECT workspace_id, id, %s, %s, to_timestamp(%s) FROM contact_groups WHERE name = %s""", OLD, text, at, f"of {at}")
        sql("""INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value, record_headers, topic, partition,
                record_offset, record_timestamp_ms, expires_at)
            SELECT workspace_id, id, 'message_edit', %s, gen_random_uuid(), %s, '', 't', 0, 1, %s, now() + interval '1 d'
            FROM whatsapp_accounts ORDER BY id LIMIT 1""", f"false:{text}", f"{OLD} {text}".encode(), int(at * 1000))
        sql("""INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, payload, source_partition, source_offset,
                source_timestamp_ms, max_retries, next_retry_at, status)
            SELECT workspace_id, id, gen_random_uuid(), 'message.created', 'u', %s, 0, 1, %s, 1, now(), 'failed' FROM webhook_endpoints""",
            f"from {OLD}: {text}".encode(), int(at * 1000))

    def kept(self):
        sql = self.acme.sql
        rows = {table: sql(f"""SELECT x::text FROM {table} AS x WHERE strpos(x::text, %s) > 0
            OR strpos(x::text, encode(convert_to(%s, 'UTF8'), 'hex')) > 0 ORDER BY 1""", KEPT, KEPT) for table in self.ROWS}
        return rows | {
            "reactions": sql("SELECT * FROM chat_reactions WHERE sender <> %s", self.ann),
            "receipts": sql("SELECT * FROM chat_receipts WHERE participant <> %s", self.ann),
            "votes": sql("SELECT voter FROM chats, jsonb_object_keys(metadata -> 'votes') AS voter WHERE voter <> %s", self.ann),
            "members": sql("""SELECT p FROM whatsapp_groups, jsonb_array_elements(participant_log) AS p WHERE p::text LIKE %s""", f"%{OLD}%"),
            "undeliverable": sql("SELECT * FROM undeliverable")}


@pytest.mark.parametrize("writes", (False, True))
def test_the_next_holder_of_a_former_number_loses_nothing(acme, writes):
    """Who writes is a contact, and named by its uuid; who does not is named by the number."""
    acme.sql("INSERT INTO webhook_endpoints (workspace_id, url, secrets) SELECT id, 'https://x', '' FROM workspaces")
    acme.publish(acme.first.message("N", OLD, MARKER, at=T0))
    acme.publish(acme.first.number_change(OLD, ANN, at=T0 + 2))
    dave = Dave(acme, acme.contact())
    acme.publish(*acme.group(), dave.quote("Q1", MARKER, T0 + 1))
    dave.rows(MARKER, T0 + 1)
    acme.publish(dave.joins(), *acme.in_group(OLD, KEPT, T0 + 201)[not writes:2], dave.quote("Q2", KEPT, T0 + 203), dave.vote(),
                 acme.first.message("O2", None, "hi all", out=True, group=GROUP, at=T0 + 205),
                 acme.first.status("O2", common.MESSAGE_STATUS_READ, group=GROUP, participant=OLD, at=T0 + 206))
    dave.rows(KEPT, time.time())
    acme.sql("INSERT INTO undeliverable (workspace_id, address, code, since) SELECT id, %s, '131026', now() FROM workspaces", OLD)
    kept = dave.kept()
    assert {name: len(rows) for name, rows in kept.items()} == dict.fromkeys(kept, 1) | {"chats": 1 + writes}
    assert kept["votes"][0]["voter"] == f"+{OLD}" or writes
    acme.start()
    acme.erase(dave.ann)
    acme.wait_done()
    wait_gone(acme, MARKER, ANN)
    assert dave.kept() == kept
    acme.blazz.check_invariants()


def test_a_contact_is_erased_twice_with_the_same_result(acme):
    acme.everything()
    contact = acme.contact()
    acme.start()
    acme.erase(contact)
    refused = acme.blazz.ctl_run("contacts", "erase", contact)
    assert refused.returncode == 1
    acme.wait_done()
    rows = acme.sql("SELECT id, message_key, metadata FROM chats ORDER BY id")
    acme.erase(contact)
    acme.wait_done()
    assert acme.sql("SELECT id, message_key, metadata FROM chats ORDER BY id") == rows
    assert acme.state()[0]["erased"] == 0
    assert acme.blazz.ctl_run("contacts", "erase", "00000000-0000-4000-8000-00000000dead").returncode == 1


def test_an_objection_outlives_the_erasure_unless_it_is_forgotten(acme):
    stop = acme.first.event("opt_out", "stop", at=T0 + 10)
    stop.opt_out.party.phone, stop.opt_out.category, stop.opt_out.stop = ANN, "marketing_messages", True
    acme.publish(acme.from_ann(acme.first, "A"), stop)
    contact = acme.contact()
    acme.start()
    acme.erase(contact)
    acme.wait_done()
    wait_gone(acme, MARKER, LID)
    assert acme.found(ANN) == ["contact_aliases"]
    assert acme.contact() != contact
    acme.publish(acme.from_ann(acme.first, "B", at=T0 + 20))
    assert acme.value("""SELECT count(*) FROM contact_opt_outs o JOIN contacts c ON c.id = o.contact_id JOIN conversations v ON v.contact_id = c.id
        WHERE o.stopped AND c.phone = %s""", f"+{ANN}") == 1
    acme.erase(acme.contact(), "--forget-opt-outs")
    acme.wait_done()
    assert acme.value("SELECT count(*) FROM contact_opt_outs") == 0


def test_an_erasure_survives_the_death_of_its_leader_in_every_stage(acme):
    """Each leader is killed at its first step in a stage, the next one in the stage after that."""
    lease = {"lease__ttl": "1s", "lease__renew": "200ms", "lease__session_ttl": "30s"}
    acme.everything()
    acme.erase(acme.contact())
    for stage in ("start", "identity", "wait", "bulk", "rest", "verify"):
        leader = acme.start(failpoint=f"erasure_{stage}:kill@1", wait_ready=False, **lease)
        wait_for(lambda: leader.process.poll() is not None, lambda: f"killed in {stage}: {acme.state()}\n{acme.logs()}", 40)
        if stage == "bulk":
            assert acme.value("SELECT count(*) FROM contact_group_members") == 0, "no campaign finds the person any more"
    acme.start(**lease)
    acme.wait_done()
    wait_gone(acme, MARKER, ANN, LID, OLD)
    acme.blazz.check_invariants()


def test_a_run_on_request_advances_what_is_due_and_a_dry_run_only_counts_it(acme):
    acme.everything()
    cleanup = acme.start(jobs__erasure__enabled=False)
    acme.erase(acme.contact())
    def run(*options):
        return acme.blazz.ctl("cleanup", "run", "erasure", *options)[0]

    assert run("--dry-run") == {"found": 1, "acted": 0}
    explain = acme.blazz.ctl("cleanup", "explain", acme.state()[0]["contact"])
    assert [(e["job"], e["stage"], e["completed"]) for e in explain] == [("erasure", "start", None)] and explain[0]["requested"]
    run()
    assert acme.state()[0]["stage"] == "identity"
    open_by_stage = {k: v for k, v in cleanup.metrics().items() if k.startswith("blazz_cleanup_erasures{")}
    assert open_by_stage.pop('blazz_cleanup_erasures{stage="start"}') == 1  # when the run began
    assert set(open_by_stage.values()) == {0}


# The ledger

def test_the_ledger_has_public_ids_and_times_only(acme):
    acme.everything()
    contact = acme.contact()
    acme.erase(contact)
    leader = acme.start(failpoint="erasure_wait:kill@1")
    wait_for(lambda: leader.process.poll() is not None, lambda: f"killed: {acme.state()}\n{acme.logs()}", 40)
    begun = acme.ledger()[contact]
    assert begun.requested_at_ms and not begun.until_ms and not begun.completed_at_ms
    acme.start()
    acme.wait_done()
    wait_for(lambda: acme.ledger()[contact].completed_at_ms, lambda: f"completed: {acme.ledger()}", 20)
    record, = acme.ledger().values()
    assert record.erasure_id == acme.state()[0]["erasure"] == begun.erasure_id and record.workspace_id == str(acme.workspace)
    assert record.requested_at_ms == begun.requested_at_ms <= record.until_ms <= record.completed_at_ms
    for r in acme.blazz.read("erasure"):
        assert r.key.decode() == f"{acme.workspace}:{contact}"
        assert not any(text.encode() in r.value for text in (MARKER, ANN, LID, OLD))


def test_no_erasure_begins_before_the_ledger_was_read(acme):
    """It may lack one, as long as the topic is not there."""
    acme.everything()
    acme.blazz.kafka.admin.delete_topics([acme.blazz.topic("erasure")])[acme.blazz.topic("erasure")].result()
    acme.erase(acme.contact())
    leader = acme.start()
    wait_for(lambda: "the ledger of erasures is not read yet" in leader.log(), lambda: acme.logs(), 30)
    wait_for(lambda: acme.value("SELECT paused FROM cleanup_jobs WHERE name = 'erasure'") == "ledger", lambda: acme.logs(), 30)
    assert acme.value("SELECT stage FROM erasures") == "start"
    acme.blazz.ctl("topics", "create", "--partitions", "3", "--replication", "1")
    acme.wait_done()


def test_a_restore_from_an_older_backup_erases_again(acme, tmp_path):
    """A person that the backup has, one that came after it, and what the first one's next contact did since."""
    carl, later, blazz = "12065550003", "zither", acme.blazz
    vault = Vault(blazz, tmp_path)
    acme.everything()
    ann = acme.contact()
    name = vault.create()
    acme.publish(acme.first.message("C", carl, "marimba", at=time.time(), name="Carl marimba"), *acme.in_group(carl, "marimba", time.time()))
    contact = str(acme.value("""SELECT c.uuid FROM contact_aliases a JOIN contacts c ON (c.workspace_id, c.id) = (a.workspace_id, a.contact_id)
        WHERE a.value = %s""", carl))
    leader = acme.start()
    acme.erase(ann)
    acme.erase(contact)
    acme.wait_done()
    wait_for(lambda: all(r.completed_at_ms for r in acme.ledger().values()), lambda: f"{acme.ledger()}", 20)
    acme.publish(acme.first.message("H", ANN, later, at=time.time(), name=f"Ann {later}"), *acme.in_group(ANN, later, time.time()))
    state = ("SELECT message_key FROM chats ORDER BY 1", "SELECT sender FROM chat_reactions ORDER BY 1",
             "SELECT participant FROM chat_receipts ORDER BY 1")
    before = [acme.sql(query) for query in state]
    assert {"false:H", f"false:G {later}"} <= {r["message_key"] for r in before[0]}
    for service in (leader, blazz.sync):
        service.stop()
    vault.disconnect()
    blazz.postgres.drop_database(blazz.database)

    vault.do("restore", name)

    acme.sql("DELETE FROM webhook_retry_queue WHERE position(%s IN payload) > 0 AND ordering_key IS NULL", UNORDERED.encode())
    assert {"chats", "contacts", "contact_group_members"} <= set(acme.found(MARKER)) and acme.state() == []
    blazz.sync.start()
    acme.start()
    blazz.wait_processed()
    wait_for(lambda: len(acme.state()) == 2, lambda: f"both are known again: {acme.state()}\n{acme.logs()}", 30)
    assert acme.found(MARKER), "cleanup does nothing yet"
    wait_for(lambda: vault.run("accept", "--without", "campaign-sender")[0] == 0, "the restore is accepted", 60)
    acme.wait_done()
    wait_gone(acme, MARKER, OLD, "marimba", carl)
    assert [acme.sql(query) for query in state] == before
    assert acme.value("SELECT count(*) FROM sends WHERE address = 'erased:' || id") == 6
    assert acme.value("SELECT count(*) FROM contacts WHERE erased_at IS NULL AND full_name LIKE %s", f"%{later}%") == 1
    blazz.check_invariants()


def account_on_another_partition(acme):
    """Than the first account."""
    blazz = acme.blazz

    def partition_of(source):
        acme.publish(source.message(f"hello {source.account}", BOB, "hello", at=T0))
        return next(r.partition for r in blazz.read("inbound") if f"hello {source.account}".encode() in r.value)

    first = partition_of(acme.first)
    for n in itertools.count(3):
        other = Source(acme.workspace, blazz.add_account(acme.workspace, "secret", session=f"s{n}", provider="webjs", bridge="blazz"))
        partition = partition_of(other)
        if partition != first:
            return other, {"first": first, "other": partition}


def consume_apart(blazz, held):
    """All partitions but one, then that one."""
    row = "consumer = 'chat-sync' AND topic = %s AND partition = %s"
    at = blazz.topic("inbound"), held
    offset = blazz.value(f"SELECT next_offset FROM consumer_progress WHERE {row}", *at)
    end = max(r.offset for r in blazz.read("inbound") if r.partition == held) + 1
    assert offset < end
    for next_offset in (end, offset):
        blazz.sql(f"UPDATE consumer_progress SET next_offset = %s WHERE {row}", next_offset, *at)
        blazz.sync.start()
        blazz.wait_processed()
        blazz.sync.stop()


@pytest.mark.parametrize("held", ("first", "other"))
def test_a_restore_erases_whichever_partition_is_ahead(acme, tmp_path, held):
    """The identity stages go through the first account: a partition may have them before or after the messages of another one. Ann is in the
    backup, and writes again; the contact of Carl is newer, and made by another event when the first account's partition is ahead. Dave has had
    Ann's former number since before."""
    carl, later, blazz = "12065550003", "zither", acme.blazz
    other, partitions = account_on_another_partition(acme)
    vault = Vault(blazz, tmp_path)
    acme.publish(acme.first.message("O", OLD, MARKER, at=T0), acme.first.number_change(OLD, ANN, at=T0 + 1), acme.from_ann(acme.first, "A", at=T0 + 2))
    acme.publish(acme.first.message("W", OLD, "trombone", at=T0 + 3, name="Dave"))
    name = vault.create()
    acme.publish(other.message("C", carl, "marimba 1", at=time.time(), name="Carl marimba"))
    acme.publish(acme.from_ann(other, "B", at=time.time()), acme.from_ann(acme.first, "D", at=time.time()),
                 acme.first.message("E", carl, "marimba 2", at=time.time(), name="Carl marimba"))
    leader = acme.start()
    for phone in (ANN, carl):
        acme.erase(str(acme.value("""SELECT c.uuid FROM contact_aliases a JOIN contacts c ON (c.workspace_id, c.id) = (a.workspace_id, a.contact_id)
            WHERE a.value = %s""", phone)))
    acme.wait_done()
    wait_for(lambda: all(r.completed_at_ms for r in acme.ledger().values()), lambda: f"{acme.ledger()}", 20)
    acme.publish(other.message("H", ANN, later, at=time.time(), name=f"Ann {later}"))
    keys = "SELECT message_key FROM chats WHERE message_key NOT LIKE '%%hello%%' ORDER BY 1"
    assert [r["message_key"] for r in acme.sql(keys)] == ["false:H", "false:W"]
    for service in (leader, blazz.sync):
        service.stop()
    vault.disconnect()
    blazz.postgres.drop_database(blazz.database)
    vault.do("restore", name)

    consume_apart(blazz, partitions[held])

    assert [r["message_key"] for r in acme.sql(keys)] == ["false:H", "false:W"], "messages are erased again with the events"
    blazz.sync.start()
    acme.start()
    wait_for(lambda: len(acme.state()) == 2, lambda: f"both are known again: {acme.state()}\n{acme.logs()}", 30)
    wait_for(lambda: vault.run("accept", "--without", "campaign-sender")[0] == 0, "the restore is accepted", 60)
    acme.wait_done()
    wait_gone(acme, MARKER, "marimba", carl)
    assert [r["message_key"] for r in acme.sql(keys)] == ["false:H", "false:W"]
    assert sorted(r["full_name"] for r in acme.sql("SELECT full_name FROM contacts WHERE full_name IS NOT NULL")) == [f"Ann {later}", "Dave"]
    blazz.check_invariants()


def test_an_erasure_whose_contact_never_comes_back_ends(acme):
    """Kafka no longer has the events that made it: nothing of it is in the database."""
    missing = "00000000-0000-4000-8000-00000000beef"
    record = erasure_pb2.ErasureRecord(erasure_id="00000000-0000-4000-8000-0000000000e1", workspace_id=str(acme.workspace), contact_id=missing,
                                       requested_at_ms=int(time.time() * 1000))
    acme.publish(acme.from_ann(acme.first, "A"))
    producer = acme.blazz.producer()
    producer.produce(acme.blazz.topic("erasure"), record.SerializeToString(), f"{acme.workspace}:{missing}")
    assert producer.flush(20) == 0
    acme.start()
    wait_for(acme.state, lambda: f"it is added\n{acme.logs()}", 30)
    acme.wait_done()
    assert [(e["contact"], e["erased"]) for e in acme.state()] == [(missing, 0)]
    assert acme.value("SELECT count(*) FROM chats") == 1
