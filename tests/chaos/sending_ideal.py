"""The part of the consistent snapshot (ideal.py) that is about messages to send: every message is accepted at its first POST."""
import uuid

from blazz.v1 import outbound_pb2

from sending_plan import ACCOUNTS, PER_SECOND

AT_MS = 1767225600_000
SECRET = "a-token-of-a-provider"


def uid(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


class IdealSending:
    """ideal: an Ideal that has its tables; its rows are added to these."""

    def __init__(self, ideal, cycles=4):
        self.s, self.t, self.iso, self.planner = ideal.s, ideal.s.tables, ideal.iso, ideal.planner.sending
        self.record = ideal.record_at
        self.tenants = [uid("sending", m) for m in self.planner.markers]
        self.ids = {w: 100 + i for i, w in enumerate(self.tenants)}
        self.t["workspaces"] += [{"id": id_, "uuid": w} for w, id_ in self.ids.items()]
        self.accounts = {name: {"name": name, "ref": name, "kind": kind, "workspace": self.tenants[t], "uuid": uid(name), "id": 100 + i}
                         for i, (name, t, kind) in enumerate(ACCOUNTS)}
        self.t["whatsapp_accounts"] += [{"workspace_id": self.ids[a["workspace"]], "id": a["id"], "uuid": a["uuid"], "status": "connected",
                                         "sync": {}} for a in self.accounts.values()]
        for table in ("sends", "campaigns", "campaign_segments", "campaign_counts", "send_attempts"):
            self.t[table] = []
        self.clock, self.journal, self.posts, self.row_of = AT_MS, [], [], {}
        self.s.sending = {"setup": {"tenants": dict(zip(self.tenants, self.planner.markers)), "secrets": [SECRET], "per_second": PER_SECOND,
                                    "accounts": {a["uuid"]: a for a in self.accounts.values()}, "max_delay_ms": 1000},
                          "journal": self.journal, "posts": self.posts, "watch": [], "jumps": []}
        for _ in range(cycles):
            self.cycle(*self.planner.cycle())
        self.opt_out()

    def cycle(self, campaigns, acts):
        for a in acts:
            if a.what in ("message", "spoiled"):
                getattr(self, a.what)(a)
        for c in campaigns:
            self.campaign(c)

    def message(self, a):
        """Each is published in its order; a repeat has no effect."""
        f, workspace = a.fields, self.tenants[a.tenant]
        account = self.accounts[f["account"]] if f["account"] else next(x for x in self.accounts.values() if x["workspace"] == workspace)
        m = outbound_pb2.SendMessage(request_id=f["request"], workspace_id=workspace, account_id=account["uuid"], body=f["body"],
                                     allow_other_number=f["other"])
        m.address.phone = f["phone"]
        self.record("outbound", f"{workspace}:{account['uuid']}", m.SerializeToString())
        if f["request"] not in self.row_of:
            self.row_of[f["request"]] = self.send(account, f["phone"], f["request"], request_id=f["request"])

    def spoiled(self, a):
        f, workspace = a.fields, self.tenants[a.tenant]
        self.journal.append({"what": "spoiled", "request": f["request"], "how": f["how"], "reason": f["reason"]})
        self.journal.append({"what": "acknowledged", "request": f["request"]})
        r = self.record("outbound", f"{workspace}:x", f"garbage {f['request']}".encode())
        self.record("outbound.campaign-sender.dlq", r.key, r.value, {
            "__dlq.errors.partition": str(r.partition), "__dlq.errors.offset": str(r.offset), "x-dlq-reason": f["reason"],
            "__dlq.errors.message": "why"})

    def campaign(self, c):
        """The first recipient is skipped, the last failed without a POST."""
        workspace, id_ = self.tenants[c.tenant], len(self.t["campaigns"]) + 1
        uuid_, people = uid("campaign", c.name), list(dict.fromkeys(p for g in c.groups for p, _ in g if p not in c.excluded))
        account = self.accounts[c.account or next(n for n, t, kind in ACCOUNTS if t == c.tenant and kind == "meta")]
        self.journal.append({"what": "campaign", "campaign": uuid_, "groups": c.groups, "excluded": c.excluded, "closed": False, "assume": False})
        rows = []
        for n, phone in enumerate(people):
            status = "skipped" if n == 0 else "failed" if n == len(people) - 1 else "read" if n % 3 else "sent"
            row = self.send(account, phone, f"{uuid_}.{len(self.t['sends']) + 1}", status=status, campaign_id=id_, segment=0)
            rows.append(row)
        counts = {k: sum(r["status"] in words for r in rows) for k, words in {
            "sent": ("sent", "delivered", "read"), "delivered": ("delivered", "read"), "read": ("read",), "failed": ("failed",),
            "skipped": ("skipped",), "unknown": ("unknown",)}.items()}
        self.t["campaigns"].append({"workspace_id": self.ids[workspace], "id": id_, "uuid": uuid_, "name": c.name, "status": "completed",
                                    "prepared_at": self.iso(AT_MS), "recipients": len(rows), **{f"messages_{k}": n for k, n in counts.items()}})
        self.t["campaign_counts"].append({"workspace_id": self.ids[workspace], "campaign_id": id_, "recipients": len(rows), **counts})
        self.t["campaign_segments"].append({"workspace_id": self.ids[workspace], "campaign_id": id_, "segment": 0, "cursor_id": rows[-1]["id"]})

    def send(self, account, phone, id_, status="sent", **columns):
        row = {"workspace_id": self.ids[account["workspace"]], "id": len(self.t["sends"]) + 1, "campaign_id": None, "segment": None,
               "request_id": None, "address": phone, "status": status, "generation": 0, "attempt": int(status not in ("skipped", "failed")),
               "next_attempt_at": None, "sent_by": account["id"],
               "account_id": None, "deadline": self.iso(self.clock + 25_000), "error_code": None, "resolved_by": None} | columns
        self.t["sends"].append(row)
        if status not in ("skipped", "failed"):
            self.clock += 1000 // PER_SECOND
            self.posts.append({"seq": len(self.posts) + 1, "at_ms": self.clock, "accepted": True, "act": "send", "provider": account["kind"],
                               "account": account["name"], "recipient": phone, "client_message_id": id_, "id": f"wamid.{id_}"})
        return row

    def opt_out(self):
        """The first recipient of the first campaign, who was skipped, had opted out before."""
        row = next(r for r in self.t["sends"] if r["status"] == "skipped")
        self.t["contacts"].append({"workspace_id": row["workspace_id"], "id": 9_000, "merged_into": None, "uuid": uid("stopped"), "full_name": None})
        self.t["contact_aliases"].append({"workspace_id": row["workspace_id"], "contact_id": 9_000, "kind": "phone", "value": row["address"]})
        self.s.sending["opt_outs"] = [[row["workspace_id"], 9_000, None, AT_MS - 60_000]]
        posted = next(r for r in self.t["sends"] if r["request_id"] and r["status"] == "sent" and self.kind_of(r) == "meta")
        self.t["chats"].insert(-1, {"workspace_id": row["workspace_id"], "id": 9_000, "client_message_id": posted["request_id"],
                                    "message_status": "sent", "metadata": {}})

    def kind_of(self, row):
        return next(a["kind"] for a in self.accounts.values() if a["id"] == row["sent_by"])
