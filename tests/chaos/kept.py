"""I24 to I27: what cleanup's jobs have deleted and left, sealed values, and what is left of erased people. See ledger.py."""
import re
from collections import Counter

from case import ms, text_of
from keeping_plan import BACKFILL_ROWS, DAYS

DAY_MS = 86_400_000
REPORTS = re.compile("differs? from a recount|progress differs from its outcomes")  # of recount, about what programs count


class Kept:
    """The part of a case that is about cleanup's jobs; empty when the system had no cleanup."""

    def __init__(self, case):
        s = case.s.keeping
        self.c, self.state, self.people, self.secrets = case, s, s.get("people", []), s.get("secrets", [])
        self.ids = {r["uuid"]: r["id"] for r in case.s.tables["workspaces"] if r["uuid"] in s.get("tenants", ())}
        self.keeper = self.ids.get(s.get("keeper"))
        self.phones = {v for p in self.people for v in (p["phone"], p["lid"])}

    def rows(self, table, workspace=None):
        wanted = {workspace} if workspace else set(self.ids.values())
        return [r for r in self.c.s.tables.get(table, ()) if r.get("workspace_id") in wanted]


# The invariants

def retention_deletes_what_is_old_and_read(c):
    """I24: retention deletes what is older than the cutoff, and nothing younger, unread, or of another workspace."""
    k = Kept(c)
    for d in k.state.get("deleted", ()):
        age = ms(d["at"]) - ms(d["sent_at"])
        if d["days"] is None or d["workspace_id"] != k.keeper:
            yield f"{d['message_key']} of workspace {d['workspace_id']}, which keeps all, was deleted"
        elif age <= d["days"] * DAY_MS:
            yield f"{d['message_key']} was deleted at the age of {age / DAY_MS:.6f} days, of {d['days']}"
        if d["unread"]:
            yield f"{d['message_key']} was deleted, and is counted as unread"
    stored = Counter((r["workspace_id"], r["message_key"]) for r in k.rows("chats"))
    for m in k.state.get("messages", ()):
        n, gone = stored[k.ids[m["workspace"]], m["key"]], m["old"] and m["workspace"] == k.state["keeper"]
        if m["acknowledged"] and n != (not gone):
            yield f"{m['key']} of workspace {m['workspace']}, which is {'older' if m['old'] else 'younger'} than {DAYS} days, is stored {n} times"


def jobs_are_done_once(c):
    """I25: a second run of a job changes nothing, rows in use stay, others go, and a backfill writes each row once."""
    k = Kept(c)
    for job, answer in k.state.get("answers", {}).items():
        if answer["acted"] or job == "recount" and answer["found"]:
            yield f"{job}, which had nothing to do, has answered {answer}"
    for f in k.state.get("filled", ()):
        if (f["rows"], f["least"], f["most"], f["counted"]) != (BACKFILL_ROWS, 1, 1, BACKFILL_ROWS):
            yield f"backfill {f['run']}: {f['rows']} rows, written {f['least']} to {f['most']} times, {f['counted']} counted"
    runs = {f"{word} {n}" for n in k.state.get("runs", ()) for word in ("over", "kept")}
    for table, column in (("session_cleanup_logs", "details"), ("account_syncs", "sync_id")):
        have = {r[column] for r in k.rows(table)}
        for name in sorted(runs):
            if (name in have) != name.startswith("kept"):
                yield f"{table}: {name!r} is {'still there' if name in have else 'gone'}"
    codes = {r["account_id"] for r in k.rows("account_qr")}
    accounts = [r["id"] for r in k.rows("whatsapp_accounts", k.keeper) if r["uuid"] in k.state["accounts"]] if runs else []
    if accounts and codes != {min(accounts)} and not (c.s.restores and codes == set()):  # a restore forgets them all
        yield f"account_qr has codes of accounts {codes}: the expired one is of {max(accounts)}, the other one of {min(accounts)}"


def sealed_values_stay(c):
    """I26: every sealed value opens and is what it was, and after a rotation it is sealed with the first key."""
    state = Kept(c).state
    for place, text in state.get("first_texts", {}).items():
        now, key = state["sealed"].get(place, ["missing", ""])
        if now != text:
            yield f"{place}: {now if not key else 'its text has changed'}"
        elif state["rotated"] and key != state["first_key"]:
            yield f"{place} is sealed with {key}, after a rotation to {state['first_key']}"


def nothing_of_erased_people_is_left(c):
    """I27: of an erased person nothing is left, the tenant was told, and what the number writes later or to others stays."""
    k = Kept(c)
    done = {r["contact"] for r in k.rows("erasures") if r["completed_at"]}
    gone = [p for p in k.people if p["contact"] in done]
    yield from traces(k, gone)
    told = {e.contact_erased.contact for _, e in c.published[0] if e.WhichOneof("event") == "contact_erased"}
    bodies = Counter((r["workspace_id"], word) for r in k.rows("chats") for word in r["metadata"].get("body", "").split()[:1])
    neighbour = next((id_ for id_ in k.ids.values() if id_ != k.keeper), None)
    contacts = {r["uuid"]: r for r in k.rows("contacts", k.keeper)}
    for p in gone:
        if p["contact"] not in told:
            yield f"{p['contact']}: erased, and no event says so"
        if not contacts[p["contact"]]["erased_at"]:
            yield f"{p['contact']}: its erasure is complete, and the contact is not marked"
        if p["back"] and bodies[k.keeper, p["again"]] != 1:
            yield f"{p['contact']}: what the number wrote after the erasure is stored {bodies[k.keeper, p['again']]} times"
        if bodies[neighbour, p["twin"]] != 1:
            yield f"{p['contact']}: what the number wrote to the neighbour is stored {bodies[neighbour, p['twin']]} times"


def traces(k, people):
    words = {word: p for p in people for word in (p["marker"], p["lid"])}
    pattern = re.compile("|".join(words)) if words else None
    for table, rows in k.c.s.tables.items() if pattern else ():
        for r in rows:
            for found in set(pattern.findall(text_of(r))):
                yield f"{table} row {r.get('id')} has {found} of {words[found]['contact']}"


# Parts of I5, for all tenants apart, and after every job

def unread_messages_differ(c):
    apart = c.workspaces_apart
    unread = Counter()
    read = {r["id"]: ms(r["last_read_at"]) for r in c.s.tables["conversations"] if r["workspace_id"] in apart}
    for m in c.s.tables["chats"]:
        at = m.get("conversation_id")
        if at in read and m["type"] == "inbound" and m["origin"] in ("live", "sync") and m["deleted_at"] is None:
            unread[at] += read[at] is None or ms(m["sent_at"]) > read[at]
    for r in c.s.tables["conversations"]:
        want = 0 if r["merged_into"] else unread[r["id"]]
        if r["workspace_id"] in apart and r["unread_messages"] != want:
            yield f"conversation {r['uuid']}: unread {r['unread_messages']}, recounted {want}"


def recount_reports(c):
    """No program counts wrongly, so the job recount has nothing to say."""
    for name, text in c.s.logs.items():
        for line in text.splitlines() if name.startswith("cleanup") else ():
            if REPORTS.search(line):
                yield f"{name}: {line[:300]}"


KEEPING_INVARIANTS = {"I24": retention_deletes_what_is_old_and_read, "I25": jobs_are_done_once, "I26": sealed_values_stay,
                      "I27": nothing_of_erased_people_is_left}
