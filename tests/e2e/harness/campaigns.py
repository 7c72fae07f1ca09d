"""Campaigns through campaign-sender: audiences, templates, commands, and what PostgreSQL and the stub's journal have of them."""
import json
import time
import uuid
from collections import Counter

from blazz.v1 import outbound_pb2 as outbound
from harness.sending import Tenant
from harness.waiting import wait_for

Command = outbound.CampaignCommand
START, PAUSE, RESUME = Command.ACTION_START, Command.ACTION_PAUSE, Command.ACTION_RESUME
CANCEL, RETRY_FAILED = Command.ACTION_CANCEL, Command.ACTION_RETRY_FAILED

COUNTERS = ("recipients", "sent", "delivered", "read", "failed", "skipped", "unknown")
RECOUNT = """count(*) AS recipients, count(*) FILTER (WHERE status IN ('sent', 'delivered', 'read')) AS sent,
    count(*) FILTER (WHERE status IN ('delivered', 'read')) AS delivered, count(*) FILTER (WHERE status = 'read') AS read,
    count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'skipped') AS skipped,
    count(*) FILTER (WHERE status = 'unknown') AS unknown"""


def phones(n, first=0, prefix="628110"):
    return [f"{prefix}{i:06}" for i in range(first, first + n)]


def text_parameters(*values, part="body", **names):
    """The parameters of a component of a template: texts by position or by name."""
    return {"type": part, "parameters": [{"type": "text", "text": v} for v in values] +
            [{"type": "text", "parameter_name": k, "text": v} for k, v in names.items()]}


class Campaigner(Tenant):
    """A tenant with audiences, templates and campaigns."""

    def group(self, members):
        """A group of these addresses: texts, or {"address", "phone", "name", "variables"}. Returns its public id."""
        rows = [{"address": m, "phone": m} if isinstance(m, str) else m for m in members]
        group = self.sql("INSERT INTO contact_groups (workspace_id, name) SELECT id, 'g' FROM workspaces WHERE uuid = %s "
                         "RETURNING workspace_id, id, uuid::text", self.workspace)[0]
        self.sql("""INSERT INTO contact_group_members (workspace_id, group_id, address, phone, name, variables)
            SELECT %s, %s, r.address, coalesce(r.phone, r.address), r.name, coalesce(r.variables, '{}')
            FROM jsonb_to_recordset(%s) AS r (address text, phone text, name text, variables jsonb)""",
                 group["workspace_id"], group["id"], json.dumps(rows))
        return group["uuid"]

    def contact(self, phone, *aliases, **columns):
        """A contact, as chat-sync writes it, found by its number and by further ones that were merged into it. Returns its id."""
        row = {"phone": f"+{phone}", "match_key": phone, "source_type": "manual"} | columns
        contact = self.sql(f"""INSERT INTO contacts (workspace_id, {", ".join(row)}) SELECT id, {", ".join(["%s"] * len(row))} FROM workspaces
            WHERE uuid = %s RETURNING workspace_id, id""", *row.values(), self.workspace)[0]
        for alias in (phone, *aliases):
            kind, _, value = alias.rpartition(":")
            self.sql("INSERT INTO contact_aliases (workspace_id, kind, value, contact_id) VALUES (%s, %s, %s, %s)",
                     contact["workspace_id"], kind or "phone", value, contact["id"])
        return contact["id"]

    def opt_out(self, *numbers, category="all"):
        """Of every account, by contacts that are added for it."""
        self.sql("""WITH w AS (SELECT id FROM workspaces WHERE uuid = %s), c AS (INSERT INTO contacts (workspace_id, phone, match_key, source_type)
            SELECT w.id, '+' || p, p, 'manual' FROM w, unnest(%s) AS p RETURNING workspace_id, id, match_key),
            a AS (INSERT INTO contact_aliases (workspace_id, kind, value, contact_id) SELECT workspace_id, 'phone', match_key, id FROM c)
            INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) SELECT workspace_id, id, %s, now() FROM c""",
                 self.workspace, list(numbers), category)

    def template(self, *components, account=None, name=None, **columns):
        """A template as chat-sync stores it; a text stands for its body. Returns its id."""
        components = [{"type": "BODY", "text": c} if isinstance(c, str) else c for c in components]
        name = name or f"t{uuid.uuid4().hex[:8]}"
        row = {"provider_template_id": uuid.uuid4().hex, "name": name, "language": "en", "category": "MARKETING", "status": "APPROVED",
               "components": json.dumps(components)} | columns
        return self.blazz.value(f"""INSERT INTO templates (workspace_id, account_id, {", ".join(row)}) SELECT workspace_id, id,
            {", ".join(["%s"] * len(row))} FROM whatsapp_accounts WHERE uuid = %s RETURNING id""", *row.values(),
                                (account or self.accounts[0]).uuid)

    def campaign(self, groups, template=None, text=None, parameters=None, account=None, **columns):
        """A draft. groups: public ids, or a whole audience. Without text and template it is a template without parameters."""
        audience = groups if isinstance(groups, dict) else {"groups": [groups] if isinstance(groups, str) else groups}
        if text is None and template is None:
            template = self.template("Hello")
        row = {"name": "Spring", "campaign_type": "instant" if template is None else "template", "audience": json.dumps(audience),
               "template_id": template, "message_content": text, "preferred_provider": "meta",
               "template_parameters": None if parameters is None else json.dumps(parameters)}
        if account is not None:
            row |= {"account_id": account.row()["id"], "preferred_provider": "meta" if account.provider == "meta" else "webjs"}
        return Campaign(self, row | {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in columns.items()})

    def limits(self, **sending):
        """Of every account of this tenant: metadata.sending."""
        for account in self.accounts:
            account.change(metadata=json.dumps({"sending": sending}))


class Campaign:
    def __init__(self, tenant, row):
        self.tenant, self.sql = tenant, tenant.sql
        added = self.sql(f"""INSERT INTO campaigns (workspace_id, {", ".join(row)}) SELECT id, {", ".join(["%s"] * len(row))} FROM workspaces
            WHERE uuid = %s RETURNING workspace_id, id, uuid::text""", *row.values(), tenant.workspace)[0]
        self.key, self.uuid = (added["workspace_id"], added["id"]), added["uuid"]

    def command(self, action, **members):
        """Returns when Kafka has it."""
        self.tenant.sending.publish("campaign-command", f"{self.tenant.workspace}:{self.uuid}", Command(
            request_id=str(uuid.uuid4()), workspace_id=self.tenant.workspace, campaign_id=self.uuid, action=action,
            **{"requested_at_ms": int(time.time() * 1000)} | members))
        return self

    def start(self):
        return self.command(START)

    def row(self):
        return self.sql("SELECT * FROM campaigns WHERE (workspace_id, id) = (%s, %s)", *self.key)[0]

    def status(self):
        return self.row()["status"]

    def shown(self):
        row = {k: v for k, v in self.row().items() if v is not None}
        segments = self.sql("SELECT segment, account_id, cursor_id, moving_to, done FROM campaign_segments WHERE (workspace_id, campaign_id) = (%s, %s)",
                            *self.key)
        return f"{row}\nsegments {segments}\nrows {self.reasons()}\n{self.tenant.sending.logs()}"

    def wait(self, *statuses, deadline_s=60.0):
        """The row, as soon as it has one of these statuses; a campaign that ends in another way fails the test at once."""
        def reached():
            row = self.row()
            assert row["status"] in statuses or row["status"] not in ("failed", "cancelled", "completed"), self.shown()
            return row["status"] in statuses and row

        return wait_for(reached, lambda: f"the campaign is {' or '.join(statuses)}: {self.shown()}", deadline_s)

    def wait_accepted(self, n, deadline_s=60.0):
        return wait_for(lambda: len(self.accepted()) >= n, lambda: f"{n} were accepted, {len(self.accepted())} are: {self.shown()}", deadline_s)

    def wait_counts(self, deadline_s=20.0, **counters):
        """Until the campaign's row has these."""
        def reached():
            row = self.row()
            return all(row[k if k == "recipients" else f"messages_{k}"] == v for k, v in counters.items()) and row

        return wait_for(reached, lambda: f"{counters}: {self.shown()}", deadline_s)

    def rows(self):
        return self.sql("SELECT * FROM sends WHERE (workspace_id, campaign_id) = (%s, %s) ORDER BY id", *self.key)

    def reasons(self):
        """{status, or "status reason": rows}"""
        return {f"{r['status']} {r['error_code'] or ''}".strip(): r["n"] for r in self.sql(
            "SELECT status, error_code, count(*) AS n FROM sends WHERE (workspace_id, campaign_id) = (%s, %s) GROUP BY 1, 2", *self.key)}

    def accepted(self):
        """Lines of the stub's whole journal about messages of this campaign that it has accepted."""
        lines = self.tenant.stub.journal_file.read_bytes().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith(b"\n") and self.uuid.encode() in line]
        return [line for line in found if line["accepted"]]

    def recipients(self):
        return Counter(line["recipient"] for line in self.accepted())

    def check_counts(self):
        """The sums of campaign_counts are those of a recount of the same moment. Returns the recount."""
        row = self.sql(f"""SELECT (SELECT to_jsonb(r) FROM (SELECT {RECOUNT} FROM sends WHERE (workspace_id, campaign_id) = (%s, %s)) AS r) AS recount,
            (SELECT to_jsonb(r) FROM (SELECT {", ".join(f"coalesce(sum({c}), 0) AS {c}" for c in COUNTERS)} FROM campaign_counts
                WHERE (workspace_id, campaign_id) = (%s, %s)) AS r) AS counts""", *self.key, *self.key)[0]
        assert row["counts"] == row["recount"], f"{row}\n{self.shown()}"
        return row["recount"]

    def check_balance(self):
        """Of a campaign that has ended: its counters are those of its rows, and every recipient is in one of them."""
        recount = {}

        def settled():  # statuses may still move both
            recount.update(self.check_counts())
            row = self.row()
            return all(row[k if k == "recipients" else f"messages_{k}"] == v for k, v in recount.items()) and row

        row = wait_for(settled, lambda: f"{recount}: {self.shown()}", 60.0)
        ended = sum(recount[c] for c in ("sent", "failed", "skipped", "unknown"))
        assert row["status"] != "completed" or recount["recipients"] == ended, f"{recount}\n{self.shown()}"
        return recount

    def check_once(self):
        """No address got two messages, and the rows that say sent are what was accepted. Returns the addresses."""
        found = self.recipients()
        assert max(found.values(), default=1) == 1, [k for k, n in found.items() if n > 1]
        return set(found)

    def kinds(self):
        """What was published about it, in the order of Kafka: started, progress, paused …; progress once in a row."""
        kinds = [e.kind for e in self.events()]
        return [k for i, k in enumerate(kinds) if k != "progress" or i == 0 or kinds[i - 1] != "progress"]

    def events(self):
        return [e for e in self.tenant.events("campaign") if e.campaign_id == self.uuid]
