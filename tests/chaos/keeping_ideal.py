"""The part of the consistent snapshot (ideal.py) that is about cleanup's jobs: all have done their work, and a person is erased in each second cycle."""
import uuid

from blazz.v1 import chat_event_pb2, common_pb2

from keeping_plan import BACKFILL_ROWS, DAY_S, DAYS

KEEPER, NEIGHBOUR = 300, 301
NOW_MS = 1767225600_000
DIGEST = "0" * 64


def uid(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


class IdealKeeping:
    """ideal: an Ideal that has its tables; its rows and events are added to these."""

    def __init__(self, ideal, cycles=4):
        self.s, self.t, self.iso, self.record, self.planner = ideal.s, ideal.s.tables, ideal.iso, ideal.record_at, ideal.planner.keeping
        self.keeper, self.neighbour = uid("keeper"), uid("neighbour")
        self.ids = {self.keeper: KEEPER, self.neighbour: NEIGHBOUR}
        self.t["workspaces"] += [{"id": id_, "uuid": w} for w, id_ in self.ids.items()]
        self.accounts = {uid("kept", n): w for n, w in enumerate((self.keeper, self.keeper, self.neighbour))}
        self.t["whatsapp_accounts"] += [{"workspace_id": self.ids[w], "id": 300 + n, "uuid": a, "status": "connected", "sync": {}}
                                        for n, (a, w) in enumerate(self.accounts.items())]
        for table in ("erasures", "session_cleanup_logs", "account_qr"):
            self.t[table] = []
        self.state = self.s.keeping = {
            "tenants": dict(zip(self.ids, self.planner.markers)), "keeper": self.keeper, "accounts": self.accounts, "messages": [], "people": [],
            "deleted": [], "filled": [], "runs": [], "answers": {job: {"found": 0, "acted": 0} for job in ("retention", "recount", "orphans")},
            "first_texts": {"instances/1": DIGEST}, "sealed": {"instances/1": [DIGEST, "k2"]}, "rotated": True, "first_key": "k2", "secrets": ["a-former-key"]}
        self.conversations = {w: self.conversation(w) for w in self.ids}
        for n in range(cycles):
            for chore in self.planner.cycle():
                getattr(self, f"do_{chore.what}", lambda fields: None)(chore.fields)
        for n, p in enumerate(self.state["people"]):
            if n % 2:
                self.erased(p)
        self.t["account_qr"].append({"workspace_id": KEEPER, "account_id": 300})

    def conversation(self, workspace):
        row = {"workspace_id": self.ids[workspace], "id": self.ids[workspace] * 10, "uuid": uid("talk", workspace), "merged_into": None, "last_read_at": None,
               "unread_messages": 0}
        self.t["conversations"].insert(-1, row)
        return row

    def store(self, workspace, key, body, out=True, at_ms=NOW_MS):
        v = self.conversations[workspace]
        self.t["chats"].insert(-1, {
            "workspace_id": self.ids[workspace], "id": 30_000 + len(self.t["chats"]), "conversation_id": v["id"], "message_key": key, "message_status": "sent",
            "type": "outbound" if out else "inbound", "origin": "live", "deleted_at": None, "metadata": {"body": body}, "sent_at": self.iso(at_ms)})
        v["unread_messages"] += not out

    def do_message(self, f):
        key, at_ms = f"{'true' if f['out'] else 'false'}:{f['stanza']}", NOW_MS - round(f["age_s"] * 1000)
        for w in self.ids:
            self.state["messages"].append({"workspace": w, "key": key, "old": f["old"], "acknowledged": True})
            if w == self.neighbour or not f["old"]:
                self.store(w, key, f"{self.state['tenants'][w]} says", f["out"], at_ms)
        if f["old"] and not f.get("history"):
            self.state["deleted"].append({"workspace_id": KEEPER, "message_key": key, "sent_at": self.iso(at_ms),
                                          "at": self.iso(at_ms + DAYS * DAY_S * 1000 + 700), "days": DAYS, "unread": False})

    def do_orphans(self, f):
        self.state["runs"].append(f["n"])
        self.t["session_cleanup_logs"].append({"workspace_id": KEEPER, "details": f"kept {f['n']}"})
        self.t["account_syncs"].append({"workspace_id": KEEPER, "account_id": 300, "sync_id": f"kept {f['n']}", "index": 0})

    def do_backfill(self, f):
        self.state["filled"].append({"run": f["n"], "rows": BACKFILL_ROWS, "least": 1, "most": 1, "counted": BACKFILL_ROWS})

    # People

    def do_person(self, p):
        self.state["people"].append({k: p[k] for k in ("phone", "lid", "marker", "again", "twin")} | {"contact": uid("person", p["n"]), "back": False})
        self.t["contacts"].append({"workspace_id": KEEPER, "id": 9_100 + p["n"], "merged_into": None, "uuid": uid("person", p["n"]), "erased_at": None,
                                   "full_name": None})
        self.store(self.neighbour, f"false:A{p['n']}", f"{p['twin']} writes")

    def erased(self, p):
        """And writes again."""
        p["back"] = True
        next(r for r in self.t["contacts"] if r["uuid"] == p["contact"])["erased_at"] = self.iso(NOW_MS)
        self.t["erasures"].append({"workspace_id": KEEPER, "contact": p["contact"], "completed_at": self.iso(NOW_MS), "aliases": None})
        self.store(self.keeper, f"false:{p['again']}", f"{p['again']} is back")
        account = next(iter(self.accounts))
        e = chat_event_pb2.ChatEvent(event_id=uid("erased", p["contact"]), workspace_id=self.keeper, account_id=account, origin=common_pb2.ORIGIN_LIVE)
        e.source.producer, e.source.epoch, e.source.seq = "chat-sync of the keeper", 1, len(self.t["erasures"])
        e.contact_erased.contact = p["contact"]
        self.record("chat-event", f"{self.keeper}:{account}", e.SerializeToString())
