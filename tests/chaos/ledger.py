#!/usr/bin/python3
"""The ledger: checks the invariants against the state after a cycle, without knowledge of the services' internals.

    tests/chaos/ledger.py SNAPSHOT...

checks snapshots again that run.py has saved: it saves the one of a cycle that failed. Each invariant has a function that yields its
violations as text. A snapshot is taken when the faults have ended and the load is processed.
"""
import hashlib
import json
import re
import sys
from collections import Counter, defaultdict

from bridged import BRIDGING_INVARIANTS, Bridged
from case import Case, identity_of_item, ms, text_of, word
from delivered import Webhooks, deliveries_differ, pending_differ
from dialects import AT_INGEST, stanza
from kept import KEEPING_INVARIANTS, Kept
from model import RANK
from recounted import counters_equal_a_recount
from sent import SENDING_INVARIANTS, Sent
from snapshot import INBOUND, Snapshot, is_busy

from blazz.v1 import common_pb2
from harness.service import SANITIZER

SHOWN = 5  # violations of an invariant that are printed
COUNTS = ("applied", "no_effect", "filtered", "parked", "dead_lettered", "skipped")
UNTIMED = ("webjs-raw", "evolution")  # their acks have no time
RSS_GROWTH_KB = 150_000  # for caches and a sanitizer's quarantine; a leak exceeds any bound
SPARE_FDS = 12
STUB_FDS = 16  # connections over which the stub of providers posts
SENDING_FDS = 64  # connections to providers that are kept open
BRIDGING_FDS = 64  # connections to instances
KEPT_ALIVE = 32  # idle connections to one receiver: as many as deliveries of one endpoint have been in flight, of two partitions
STATEMENT_AGE_S = 5


def payload_of_row(r):
    return (r["message_key"], r["type"], r["message_type"], r["metadata"].get("body", ""), ms(r["sent_at"]) // 1000, r["origin"],
            r["placeholder"])


def digest(payload):
    return hashlib.sha256(repr(payload).encode()).hexdigest()


# The invariants

def acknowledged_is_stored_once(c):
    """I1: every acknowledged item is in PostgreSQL exactly once, with an equal payload hash and all its updates."""
    for n in sorted(c.acknowledged):
        account, item = c.sent[n]
        if item["kind"] != "bad" and (c.uuid(account), identity_of_item(item)) not in c.in_inbound:
            yield f"{account}: acknowledged, but not in inbound: {item}"
    for m in c.model.messages.values():
        place = (m.account, c.peer(m.account, m.peer), m.key)
        if len(c.rows[place]) != 1:
            yield f"{place}: stored {len(c.rows[place])} times, sent as {m.copies[0]}"
    for place, m, r in c.pairs:
        if digest(payload_of_row(r)) != digest(m.payload()):
            yield f"{place}: stored {payload_of_row(r)}, sent {m.payload()}"
        yield from updates_differ(c, place, m, r)
    yield from groups_and_sessions_differ(c)


def updates_differ(c, place, m, r):
    have = (ms(r["edited_at"]), ms(r["revoked_at"]), r["deleted_at"] is not None)
    want = (m.edited_at, m.revoked_at, m.deleted)
    if have != want:
        yield f"{place}: (edited, revoked, deleted) is {have}, sent {want}"
    emojis = sorted(x["emoji"] for x in c.reactions_of[r["id"],])
    if emojis != m.emojis():
        yield f"{place}: reactions {emojis}, sent {m.emojis()}"


def groups_and_sessions_differ(c):
    rows = {(c.workspaces[r["workspace_id"]], r["group_jid"]): r for r in c.table("whatsapp_groups")}
    for workspace, jid in rows.keys() | c.model.groups.keys():
        r, facts = rows.get((workspace, jid)), c.model.groups.get((workspace, jid), {})
        name = facts.get("name", (0, jid))[1]
        members = {p for p, v in facts.items() if p != "name" and v[1]}
        have = r and (r["name"], {x["phone"].lstrip("+") for x in r["participants"]})
        if have != (name, members):
            yield f"group {jid} of {workspace}: {have}, sent {(name, members)}"
    for r in c.table("whatsapp_accounts"):
        at, state = c.model.sessions.get(c.account_of[r["id"]], (0, r["status"]))
        if r["status"] != state:
            yield f"{c.account_of[r['id']]}: session {r['status']}, sent {state}"


def nothing_stored_that_was_not_sent(c):
    """I2: nothing is in PostgreSQL, in inbound or published that was not sent, and aliases belong to the contacts that were sent."""
    sent = {(c.uuid(a), identity_of_item(i)) for a, i in c.sent.values() if i["kind"] != "bad"}
    for place, e in c.inbound:
        if e is None:
            yield f"{place} cannot be read, and was not sent"
    for account, what in c.in_inbound - sent:
        yield f"inbound has an item of {account} that was not sent: {what}"
    expected = {(m.account, c.peer(m.account, m.peer), m.key) for m in c.model.messages.values()}
    for place in c.rows.keys() - expected:
        yield f"{place}: stored, not sent"
    for (workspace, person), contact in c.persons.items():
        if contact is None:
            names = c.model.persons(workspace)[person]
            yield f"{workspace}: {names} are one person, but resolve to {[c.named.get((workspace, *n)) for n in names]}"
    names_of = c.model.names_of_people()
    for person, contact in c.persons.items():
        name = c.contact_names.get(contact)
        if name is not None and name not in names_of[person]:
            yield f"{person} is called {name!r}, by messages {sorted(names_of[person])}"
    known = {(w, *n) for w in c.s.setup["tenants"] for names in c.model.persons(w).values() for n in names}
    for name in c.named.keys() - known:
        yield f"alias {name} was never sent"
    for contact, owners in Counter(c.persons.values()).items():
        if owners > 1 and contact is not None:
            yield f"contact {contact} is {owners} persons"
    for place, rows in c.conversations.items():
        if len(rows) > 1:
            yield f"{place}: {len(rows)} conversations"
    yield from created_events_differ(c)


def created_events_differ(c):
    created = defaultdict(set)
    for _, e in c.published[0]:
        if e.WhichOneof("event") == "message_created" and e.workspace_id not in c.tenants_apart:
            created[e.account_id, e.message_created.message.key].add(e.event_id)
    stored = defaultdict(list)
    for r in c.table("chats"):
        stored[c.uuid(c.account_of[r["account_id"]]), r["message_key"]].append(r)
    origins = defaultdict(set)
    for m in c.model.messages.values():
        origins[c.uuid(m.account), m.key] |= {copy.get("origin", "live") for copy in m.copies}
    for place in created.keys() | stored.keys():
        published, rows = len(created[place]), len(stored[place])
        # Live content that replaces content from history is published again.
        if not rows <= published <= rows + (len(origins[place]) > 1):
            yield f"{place}: {rows} stored, published as created {published} times"


def every_record_has_an_outcome(c):
    """I3: per partition, applied + no effect + filtered + parked + dead-lettered = next_offset - start."""
    for place, r in c.progress.items():
        if r["next_offset"] is not None and r["next_offset"] - r["start_offset"] != sum(r[k] for k in COUNTS):
            yield f"{place}: {r['start_offset']} to {r['next_offset']}, but {({k: r[k] for k in COUNTS})}"
    yield from dead_letters_differ(c)


def dead_letters_differ(c):
    """Each invalid record became one dead letter with its reason, and no other record did."""
    expected = {place: c.bad[r.value] for place, r in c.inbound_records.items() if r.value in c.bad}
    for place in c.dead_letters.keys() - expected.keys():
        yield f"{place}: a dead letter ({c.dead_letters[place][0].headers['x-dlq-reason']}: " \
            f"{c.dead_letters[place][0].headers['__dlq.errors.message']}) of a record that is valid"
    for place, item in expected.items():
        reasons = {r.headers["x-dlq-reason"] for r in c.dead_letters.get(place, ())}
        if reasons != {item["reason"]}:
            yield f"{place}: {item['how']} became {reasons or 'no dead letter'}, not {item['reason']}"
    found = Counter(place[:2] for place in c.dead_letters)
    for place, r in c.progress.items():
        if place[0] in INBOUND and r["dead_lettered"] != found[place]:
            yield f"{place}: {r['dead_lettered']} dead letters counted, {found[place]} published"
    posted = b"\n".join(r.value for r in c.s.topics["http.ingest.dlq"])
    for n in c.acknowledged:
        item = c.sent[n][1]
        if (item["kind"] == "bad" and item["how"] in AT_INGEST or item.get("rejected")) and item["mark"].encode() not in posted:
            yield f"{c.sent[n][0]}: an invalid item in a POST has no dead letter: {item['mark']}"


def delivered_or_pending(c):
    """I4: each event that matches an endpoint was delivered, signed, under one id and in order, or is a dead letter or pending."""
    yield from deliveries_differ(Webhooks(c))


def offsets_go_forward(c):
    """I6: stored offsets never go back and have no gap; events are published in order, each with one id, none lost."""
    seen, restored = {}, {r["watched"] for r in c.s.restores}
    for n, (topic, partition, offset, epoch, seq) in enumerate(c.s.watch):
        if n in restored:
            seen.clear()
        before = seen.get((topic, partition), (0, 0, 0))
        if offset < before[0] or epoch < before[1] or seq < before[2]:
            yield f"{topic}/{partition}: (offset, epoch, seq) went from {before} back to {(offset, epoch, seq)}"
        seen[topic, partition] = (offset, epoch, seq)
    for place, r in c.progress.items():
        topic, partition = place
        (low, high), committed = c.s.watermarks[topic][partition], c.s.committed[topic].get(partition, 0)
        start, reached = r["start_offset"] if r["start_offset"] is not None else low, r["next_offset"] or low
        if start != low or r["skipped"]:
            yield f"{place}: began at {start} of {low}, {r['skipped']} offsets skipped"
        if reached != high or committed > reached:
            yield f"{place}: reached {reached} of {high}, Kafka says {committed}"
        if reached < seen.get(place, (0,))[0]:
            yield f"{place}: {reached} is before {seen[place][0]}, which was seen during the faults"
    yield from events_differ(c)


def events_differ(c):
    """Events about endpoints follow from deliveries: published at least once, with the same content each time."""
    kept, dropped = c.published
    values = {r.value for r, _ in c.in_time[0]}
    for r, e in dropped:
        if r.value not in values:
            yield f"chat-event {r.partition}/{r.offset}: late, and not published before: {e.WhichOneof('event')} {e.event_id}"
    last, ids = defaultdict(lambda: (0, 0)), {}
    for r, e in c.in_order:
        if e.conversation_id:
            era, (before, sequence) = c.era(r), last[e.conversation_id]
            # The first one after a restore follows the last one before the backup.
            if not 1 <= e.sequence <= sequence + 1 or era == before and e.sequence <= sequence:
                yield f"conversation {e.conversation_id}: event {e.sequence} after {sequence}"
            last[e.conversation_id] = era, e.sequence
            if r.key != f"{e.workspace_id}:{e.conversation_id}":
                yield f"chat-event {r.partition}/{r.offset}: key {r.key} of conversation {e.conversation_id}"
    for _, e in kept:
        first = ids.setdefault(e.event_id, e)
        if first is not e and (not e.endpoint.endpoint_id or e.endpoint != first.endpoint):
            yield f"event {e.event_id} is published twice: {first.WhichOneof('event')} as {first.sequence}, {e.sequence}"
    yield from republished_differ(c)


def republished_differ(c):
    """A message may have other numbers then, its contact another id, and its status be a later one."""
    opened_by = {e.conversation_id: e.source.topic for _, e in c.in_order if e.sequence == 1}
    merged = {e.conversation_id for _, e in c.in_order if e.WhichOneof("event") == "contact_merged"}
    for (before, first), (_, e) in c.republished:
        if not c.is_lost(before):
            yield f"event {e.event_id} is published again after a restore, and was published before the backup: {first.WhichOneof('event')}"
        have, want = ((x.WhichOneof("event"), x.workspace_id, x.account_id) for x in (e, first))
        if have != want:
            yield f"event {e.event_id} is {have} after a restore, and was {want}"
        # Topics and partitions are read at paces of their own, and what has passed a cutoff since is left out: another event may have opened the
        # conversation, or two may be one from the beginning.
        openers = {opened_by.get(first.conversation_id), opened_by.get(e.conversation_id)}
        may_differ = len(openers) == 2 and None not in openers or {first.conversation_id, e.conversation_id} & merged \
            or e.workspace_id == c.s.keeping.get("keeper")
        if first.conversation_id != e.conversation_id and not may_differ:
            yield f"event {e.event_id} is of conversation {e.conversation_id} after a restore, and was of {first.conversation_id}"


def queues_are_drained(c):
    """I7: nothing is pending any more: outbox, parked updates, deliveries, locks, open transactions, running syncs."""
    yield from pending_differ(Webhooks(c))
    if c.table("outbox"):
        yield f"{len(c.table('outbox'))} outbox rows remain"
    parked = {(i["account"], stanza(i["key"]), VARIANT.get(i["kind"], i["kind"])) for i in c.model.parked}
    for r in c.table("parked_updates"):
        place = (c.account_of[r["account_id"]], stanza(r["target"]), r["kind"])
        if place not in parked:
            yield f"parked although its message is stored: {place}"
    if len({(r["account_id"], r["target"], r["kind"]) for r in c.table("parked_updates")}) < len(parked):
        yield f"{len(parked)} updates have no message, {len(c.table('parked_updates'))} are parked"
    for s in c.s.sessions:
        if is_busy(s) or s["state"] == "active" and s["age_s"] > STATEMENT_AGE_S:
            yield f"{s['role']} is {s['state']} for {s['age_s']:.1f} s, waits for {s['waits']}: {s['query']}"
    for r in c.table("whatsapp_accounts"):
        account, shown = c.account_of[r["id"]], r["sync"]
        if shown.get("status") == "running" and sync_has_ended(c, account, shown["sync_id"]):
            yield f"{account}: its sync {shown['sync_id']} has ended and is shown as running"


VARIANT = {"status": "message_status", "edit": "message_edit", "revoke": "message_revoke", "delete": "message_delete"}


def sync_has_ended(c, account, sync):
    """All batches have ended, and their chats are stored."""
    batches = [v for (a, s, _), v in c.model.syncs.items() if (a, s) == (account, sync)]
    return all(end and len(ranks) == end["chats"] for ranks, end in batches) and len(batches) == batches[0][1]["total"]


def tenants_are_apart(c):
    """I9: one tenant's marker is never in another's rows, records, events, receivers or dead letters, and in no log or metric."""
    markers = {marker: workspace for workspace, marker in (c.s.setup["tenants"] | c.tenants_apart).items()}
    pattern = re.compile("|".join(markers))

    def foreign_markers(text, workspace):
        return {m for m in pattern.findall(text) if markers[m] != workspace}

    for table, rows in c.s.tables.items():
        for r in rows:
            owner = c.workspaces.get(r.get("workspace_id") if table != "workspaces" else r["id"])
            found = foreign_markers(text_of(r), owner)
            if found:
                yield f"{table} row {r.get('id')} of {owner} holds {found}"
    for topic, records in c.s.topics.items():
        for r in records:
            text = r.value.decode(errors="replace") + json.dumps(r.headers, ensure_ascii=False)
            if foreign_markers(text, r.key.partition(":")[0]):
                yield f"{topic} {r.partition}/{r.offset} with key {r.key} holds {foreign_markers(text, r.key.partition(':')[0])}"
    for r, e in c.published[0]:
        about = e.account_id or e.endpoint.endpoint_id or e.campaign.campaign_id
        if r.key.partition(":")[0] != e.workspace_id or c.tenant_of.get(about) != e.workspace_id:
            yield f"chat-event {r.partition}/{r.offset}: key {r.key}, workspace {e.workspace_id}, about {about}"
    for d in c.s.deliveries:
        hook = c.s.setup["hooks"][d["endpoint"]]
        if foreign_markers(d["body"] + json.dumps(d["headers"]), hook["workspace"]):
            yield f"{hook['name']} of {hook['workspace']} received {foreign_markers(d['body'], hook['workspace'])}"
    for name, text in [*c.s.logs.items(), *c.s.metrics.items()]:
        for line in text.splitlines():
            if len(set(pattern.findall(line))) > 0:
                yield f"{name} writes a tenant's text: {line[:200]}"


def statuses_go_forward(c):
    """I10: a status never moves back, as published in its conversation and as stored from cycle to cycle; the final one is the most advanced
    that was sent. It is published once more when the message is found to be one of ours. After a merge a message's events have the key of
    the surviving conversation, so they may be in another partition and have no order relative to earlier ones."""
    published, named = defaultdict(lambda: -1), set()
    for r, e in c.published[0]:
        if e.WhichOneof("event") == "message_status":
            v = e.message_status
            place = (c.era(r), e.account_id, e.conversation_id, v.message_uuid, v.participant.phone)
            rank = RANK[word(common_pb2.MessageStatus, v.status, "MESSAGE_STATUS_")]
            found = bool(v.client_message_id) and place not in named
            if rank < published[place] or rank == published[place] and not found:
                yield f"message {v.message_uuid} of {e.account_id}: status published as rank {rank} after {published[place]}"
            published[place] = max(rank, published[place])
            if v.client_message_id:
                named.add(place)
    before = {}
    for cycle, statuses in enumerate(c.s.ranks):
        for id_, status in statuses.items():
            if RANK[status] < RANK[before.get(id_, "pending")]:
                yield f"message {id_}: {before[id_]} became {status} in cycle {cycle}"
            before[id_] = status
    for place, m, r in c.pairs:
        have = (r["message_status"], ms(r["delivered_at"]), ms(r["read_at"]))
        want = (m.status, m.delivered_at, m.read_at)
        if c.s.setup["accounts"][m.account]["dialect"] in UNTIMED:
            have, want = [(s, d is not None, x is not None) for s, d, x in (have, want)]
        if have != want:
            yield f"{place}: (status, delivered, read) is {have}, sent {want}"


def resources_are_flat(c):
    """I11: no sanitizer report; memory, descriptors and connections do not grow."""
    for name, text in c.s.logs.items():
        found = SANITIZER.search(text)
        if found:
            yield f"{name}: {text[found.start():found.start() + 1500]}"
    first = {}
    for cycle, processes in enumerate(c.s.usage):
        for name, now in processes.items():
            service = name.split(".")[0]
            base = first.setdefault(service, now)
            if now["rss_kb"] > base["rss_kb"] + RSS_GROWTH_KB:
                yield f"{name}, cycle {cycle}: {now['rss_kb']} KB, at first {base['rss_kb']}"
            kept = {"webhook-dispatcher": KEPT_ALIVE * len(c.s.setup["hooks"]), "campaign-sender": SENDING_FDS, "ingest": STUB_FDS, "cleanup": BRIDGING_FDS}
            if now["fds"] > base["fds"] + SPARE_FDS + kept.get(service, 0):
                yield f"{name}, cycle {cycle}: {now['fds']} descriptors, at first {base['fds']}"
            if now["connections"] > base["connections"]:
                yield f"{name}, cycle {cycle}: {now['connections']} PostgreSQL connections a process, at first {base['connections']}"


def no_secret_is_logged(c):
    """I12: no secret, message text or whole phone number in a log or on a metrics page."""
    sending = Sent(c)
    secrets = [*c.s.setup["secrets"], *sending.secrets, *Bridged(c).secrets, *Kept(c).secrets]
    phones = {p for _, i in c.sent.values() for p in phones_of(i)} | sending.phones | Kept(c).phones
    bodies = re.compile("|".join([*c.s.setup["tenants"].values(), *c.tenants_apart.values()]))
    for name, text in [*c.s.logs.items(), *c.s.metrics.items()]:
        for secret in secrets:
            if secret in text:
                yield f"{name} writes a secret, {secret[:4]}…"
        for line in text.splitlines():
            if bodies.search(line):
                yield f"{name} writes a message's text: {line[:200]}"
            found = set(re.findall(r"\d{10,}", line)) & phones
            if found:
                yield f"{name} writes the phone number {found.pop()}: {line[:200]}"


def phones_of(item):
    yield from (v for v in (item.get("chat", {}).get("phone"), item.get("chat", {}).get("lid"), item.get("sender", {}).get("phone"),
                            item.get("phone"), item.get("lid"), item.get("old"), item.get("new")) if v)


INVARIANTS = {"I1": acknowledged_is_stored_once, "I2": nothing_stored_that_was_not_sent, "I3": every_record_has_an_outcome,
              "I4": delivered_or_pending, "I5": counters_equal_a_recount, "I6": offsets_go_forward, "I7": queues_are_drained, "I9": tenants_are_apart,
              "I10": statuses_go_forward, "I11": resources_are_flat, "I12": no_secret_is_logged, **SENDING_INVARIANTS,
              **BRIDGING_INVARIANTS, **KEEPING_INVARIANTS}


def check(snapshot):
    """{invariant: [violation]}"""
    case = Case(snapshot)
    return {name: list(invariant(case)) for name, invariant in INVARIANTS.items()}


def verdict_text(verdicts):
    lines = []
    for name, wrong in verdicts.items():
        if wrong:
            lines.append(f"{name} is broken ({INVARIANTS[name].__doc__.partition(': ')[2].rstrip('.')}): {len(wrong)} times")
            lines += [f"    {w}" for w in wrong[:SHOWN]]
    return "\n".join(lines) or "all invariants hold: " + " ".join(verdicts)


def main(paths):
    broken = False
    for path in paths:
        verdicts = check(Snapshot.load(path))
        broken |= any(verdicts.values())
        print(verdict_text(verdicts))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
