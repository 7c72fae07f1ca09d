"""I5: counters, against a recount of the rows and against the model. See ledger.py."""
from collections import defaultdict

from case import group_by, ms
from kept import recount_reports, unread_messages_differ


def counters_equal_a_recount(c):
    """I5: every counter equals a recount, and the model's."""
    chats = group_by(c.table("chats"), "conversation_id")
    published = sequences(c)
    for r in c.table("conversations"):
        yield from conversation_differs(r, chats[r["id"],], published[r["uuid"]])
    for v in c.model.conversations.values():
        rows = c.conversations.get((v.account, c.peer(v.account, v.peer)), [])
        for r in rows[:1]:
            have, want = (r["unread_messages"], ms(r["last_read_at"])), (v.unread, v.read_at)
            if have != want:
                yield f"{v.account} with {v.peer}: (unread, last read) is {have}, in the model {want}"
        if not rows:
            yield f"{v.account} with {v.peer}: no conversation"
    for r in c.table("whatsapp_groups"):
        if r["participants_count"] != len(r["participants"]):
            yield f"group {r['group_jid']}: {r['participants_count']} participants counted, {len(r['participants'])} stored"
    yield from receipts_differ(c)
    yield from syncs_differ(c)
    yield from unread_messages_differ(c)
    yield from recount_reports(c)


def sequences(c):
    """{conversation: numbers of its events}, without those that a restore has taken back: after it they are given again"""
    out = defaultdict(dict)
    for r, e in c.in_order:
        if e.conversation_id:
            era, numbers = c.era(r), out[e.conversation_id]
            for n in [n for n, before in numbers.items() if before < era and n >= e.sequence]:
                del numbers[n]
            numbers[e.sequence] = era
    return defaultdict(set, {conversation: set(numbers) for conversation, numbers in out.items()})


def conversation_differs(r, chats, published):
    inbound = [m for m in chats if m["type"] == "inbound"]
    read = ms(r["last_read_at"])
    unread = 0 if r["merged_into"] else sum(1 for m in inbound if m["origin"] in ("live", "sync") and m["deleted_at"] is None
                                            and (read is None or ms(m["sent_at"]) > read))
    if r["unread_messages"] != unread:
        yield f"conversation {r['uuid']}: unread {r['unread_messages']}, recounted {unread}"
    if sorted(published) != list(range(1, r["sequence"] + 1)):
        yield f"conversation {r['uuid']}: sequence {r['sequence']}, published {len(published)}, missing {missing(published, r['sequence'])}"
    if r["merged_into"]:
        return
    last = max((ms(m["sent_at"]) for m in chats), default=None)
    if ms(r["last_message_at"]) != last:
        yield f"conversation {r['uuid']}: last message at {r['last_message_at']}, recounted {last}"
    if chats and r["last_message_id"] not in {m["id"] for m in chats if ms(m["sent_at"]) == last}:
        yield f"conversation {r['uuid']}: last message {r['last_message_id']} is not the latest"
    last = max((ms(m["sent_at"]) for m in inbound), default=None)
    if ms(r["last_inbound_at"]) != last:
        yield f"conversation {r['uuid']}: last inbound at {r['last_inbound_at']}, recounted {last}"


def missing(published, sequence):
    return sorted(set(range(1, sequence + 1)) - published)[:10] or sorted(published - set(range(1, sequence + 1)))[:10]


def receipts_differ(c):
    receipts = group_by(c.table("chat_receipts"), "chat_id")
    for place, m, r in c.pairs:
        have = sorted(f"{c.sender(m.account, x['participant'])} {x['status']}" for x in receipts[r["id"],])
        want = sorted(f"{c.person(m.account, name)} {status}" for name, status in m.receipts.items())
        if have != want:
            yield f"{place}: receipts {have}, sent {want}"


def syncs_differ(c):
    batches = {(c.account_of[r["account_id"]], r["sync_id"], r["index"]): r for r in c.table("account_syncs")}
    for place, (ranks, end) in c.model.syncs.items():
        r = batches.pop(place, None)
        have = r and (r["synced_mask"], r["skipped_mask"], r["ended_at"] is not None, r["chats"], r["rejected"])
        want = (sum(1 << rank for rank in ranks), 0, end is not None, end and end["chats"], end and end["rejected"])
        if have != want:
            yield f"sync {place}: (synced, skipped, ended, chats, rejected) {have}, sent {want}"
    for place in batches:
        yield f"sync {place}: never sent"
    by_sync = group_by(c.table("account_syncs"), "account_id", "sync_id")
    for r in c.table("whatsapp_accounts"):
        shown, rows = r["sync"], by_sync[r["id"], r["sync"].get("sync_id")]
        have = {k: shown.get(k) for k in ("synced", "skipped", "rejected", "total")}
        want = {"synced": sum(bin(b["synced_mask"]).count("1") for b in rows),
                "skipped": sum(bin(b["skipped_mask"] & ~b["synced_mask"]).count("1") for b in rows),
                "rejected": sum(b["rejected"] or 0 for b in rows), "total": sum(b["chats"] or 0 for b in rows)}
        if rows and have != want:
            yield f"{c.account_of[r['id']]}: its sync shows {have}, recounted {want}"
