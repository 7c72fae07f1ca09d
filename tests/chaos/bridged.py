"""I19 to I22: what is wanted of sessions, their rows, and what runs on the instances of the stub. See ledger.py."""
import json
from collections import defaultdict

# Why a desired state may stay unreached when the faults have ended: a start that waits for its time, and none.
REASONS = ("reconnect", "suspended")
RUNNING = ("starting", "qr", "connected")
RAISED = 1_000_000  # by which a restore raises epochs
WANTED = {"connected": ("connected",), "disconnected": ("stopped", "absent"), "deleted": ("absent",)}


def unreached(state):
    """The accounts whose desired state is neither reached at the instances, as these say, nor waits for a stated reason."""
    return [text for text in (account_differs(a, state["instances"]) for a in state["accounts"]) if text]


def account_differs(a, instances):
    """None, or what is wrong."""
    at = {i: x["sessions"][a["session"]] for i, x in instances.items() if x["kind"] == a["kind"] and a["session"] in x["sessions"]}
    about = f"{a['session']} ({a['kind']}), desired {a['desired']}, epoch {a['epoch']}, assigned to {a['instance']}, is {at or 'absent'}"
    if any(state in RUNNING for i, state in at.items() if i != str(a["instance"])):
        return f"{about}: it runs where it is not assigned"
    if a["reason"]:
        waits = a["reason"] in REASONS and a["desired"] == "connected"
        return None if waits else f"{about}, because of {a['reason']}: {a['action']}, {a['outcome']}, {a['error']}"
    if a["deleted"] != (a["desired"] == "deleted") and a["desired"] != "disconnected":  # which brings no deleted account back
        return f"{about}, and its row is {'' if a['deleted'] else 'not '}deleted"
    return None if at.get(str(a["instance"]), "absent") in WANTED[a["desired"]] else about


class Bridged:
    """The part of a case that is about sessions; empty when the system had no cleanup."""

    def __init__(self, case):
        s = case.s.bridging
        self.c, self.state, self.accounts, self.secrets = case, s, s.get("accounts", []), s.get("secrets", [])

    def migrations(self):
        """{account: [{"id", "from", "to", "lost"}]} of account.migrated, in the order of chat-event, without late records; lost by a restore."""
        out = defaultdict(list)
        for r, e in self.c.published[0]:
            if e.WhichOneof("event") == "account_migrated":
                out[e.account_id].append(json.loads(e.account_migrated.extra) | {"id": e.event_id, "lost": self.c.is_lost(r)})
        return out


def desired_states_are_reached(c):
    """I19: when the faults have ended, every desired state is reached at the instances, or the account's row says why not."""
    yield from unreached(c.s.bridging) if c.s.bridging else ()


def one_primary(c):
    """I20: a workspace with a live account has exactly one primary account, and it is live."""
    accounts = Bridged(c).accounts
    primary = [a for a in accounts if a["primary"]]
    if any(not a["deleted"] for a in accounts) and len(primary) != 1:
        yield f"{len(primary)} primary accounts: {[a['session'] for a in primary]}"
    for a in primary:
        if a["deleted"]:
            yield f"{a['session']} is deleted, and the primary account"


def sessions_run_once(c):
    """I21: no two instances of kind blazz ran one session at any time."""
    for session, instances in Bridged(c).state.get("twice", ()):
        yield f"{session} ran at {instances}"


def migrations_are_told_once(c):
    """I22: each assignment raises the epoch, and each after an account's first is told by one account.migrated."""
    b = Bridged(c)
    told, seen = b.migrations(), {}
    for a in b.accounts:
        events = told[a["uuid"]]
        lost = sum(e["lost"] for e in events)
        if not len(events) - lost <= a["migrations"] <= len({e["id"] for e in events}) == len(events):
            yield f"{a['session']}: {a['migrations']} migrations, told by {events}"
        if a["instance"] is not None and a["epoch"] % RAISED != a["migrations"] + 1:
            yield f"{a['session']}: epoch {a['epoch']} after {a['migrations']} migrations"
        if lost:
            continue
        places = [place for e in events for place in (e["from"], e["to"])][1:] + [a["instance"]]
        if events and (places[::2] != places[1::2] or any(e["from"] == e["to"] for e in events)):
            yield f"{a['session']}: assigned to {a['instance']} after {events}"
    for uuid, instance, epoch, migrations in b.state.get("assignments", ()):
        before = seen.get(uuid, (instance, epoch, migrations))
        taken_back = epoch // RAISED > before[1] // RAISED
        if epoch < before[1] or (migrations < before[2] and not taken_back) or (instance != before[0] and epoch == before[1]):
            yield f"{uuid}: (instance, epoch, migrations) went from {before} to {(instance, epoch, migrations)}"
        seen[uuid] = (instance, epoch, migrations)


BRIDGING_INVARIANTS = {"I19": desired_states_are_reached, "I20": one_primary, "I21": sessions_run_once, "I22": migrations_are_told_once}
