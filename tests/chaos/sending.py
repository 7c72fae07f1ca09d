"""The load of campaign-sender: tenants of its own, whose messages and campaigns go to a stub of their providers, which posts what becomes of them.

These tenants are apart from those of plan.py, because what is stored of their messages depends on the faults.
"""
import json
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone

import psycopg2
import psycopg2.extras
from blazz.v1 import common_pb2 as common
from blazz.v1 import outbound_pb2 as outbound

from harness.events import Source
from harness.provider_stub import ProviderStub
from harness.sending import sealed

from load import PATIENCE_S, Journal
from sending_plan import ACCOUNTS, PER_SECOND, STOP_WORD

TIMES = {"flush.interval": "20ms", "providers.timeout": "1500ms", "dispatch.max_delay": "1s", "unknown.after": "4s", "campaign.chunk": 20, "batch.max_events": 40}
TOKEN, APP_SECRET, BRIDGE_SECRET = "chaos-access-token", "chaos-app-secret", "chaos-bridge-secret"
TEMPLATE = "offer"
RESUME_EVERY_S = 1.0
AGAIN = {"paused": "RESUME", "failed": "START"}  # of a campaign whose account could not send, or that was stopped by its failures
# What the stub posts about what it has accepted, in all weathers.
WEBHOOKS = ({"share": 0.2, "webhooks": {"statuses": ["sent", "delivered", "read"], "delay_ms": 50, "step_ms": 60, "repeat": 2, "reversed": True}},
            {"share": 0.1, "webhooks": {"statuses": ["sent", "delivered", "read"], "delay_ms": 600, "step_ms": 100}},
            {"provider": "meta", "share": 0.05, "webhooks": {"statuses": ["sent", "failed"], "failed_code": 131000, "delay_ms": 50}})
# What goes wrong at any time.
WEATHER = (
    {"provider": "meta", "share": 0.04, "end": "cut"}, {"provider": "meta", "share": 0.02, "end": "reset"},
    {"provider": "meta", "share": 0.02, "status": 503}, {"provider": "meta", "share": 0.02, "status": 502, "accept": True},
    {"provider": "meta", "share": 0.02, "code": 131026}, {"provider": "meta", "share": 0.02, "code": 131000},
    {"provider": "meta", "share": 0.03, "delay_ms": 500}, {"provider": "meta", "share": 0.01, "end": "hang"},
    {"provider": "blazz", "act": "send", "share": 0.05, "end": "cut"}, {"provider": "blazz", "act": "send", "share": 0.05, "end": "reset"},
    {"provider": "blazz", "act": "send", "share": 0.03, "error": "not_on_whatsapp"},
    {"provider": "blazz", "act": "lookup", "share": 0.1, "status": 503})
# Nothing is pending but what waits for a window, and nothing unknown but what is assumed to be sent.
PENDING = """SELECT s.status, count(*) FROM sends s LEFT JOIN campaigns c ON (c.workspace_id, c.id) = (s.workspace_id, s.campaign_id)
    WHERE s.next_attempt_at IS NOT NULL AND (c.id IS NULL OR c.status <> 'cancelled' OR s.status = 'unknown') GROUP BY 1"""
WORKING = """SELECT name, status, pause_code, recipients, messages_sent, messages_failed, messages_skipped, messages_unknown, prepared_at::text, error_message
    FROM campaigns WHERE status NOT IN ('completed', 'cancelled') AND NOT coalesce(metadata ? 'closed', false)"""
# The driver copies the counters a second later, and publishes them.
COUNTING = """SELECT c.name, c.messages_delivered, n.delivered FROM campaigns c JOIN (SELECT workspace_id, campaign_id, sum(recipients) AS recipients,
    sum(sent) AS sent, sum(delivered) AS delivered, sum(read) AS read, sum(failed) AS failed, sum(skipped) AS skipped, sum(unknown) AS unknown
    FROM campaign_counts GROUP BY 1, 2) n ON (n.workspace_id, n.campaign_id) = (c.workspace_id, c.id) WHERE (n.recipients, n.sent, n.delivered,
    n.read, n.failed, n.skipped, n.unknown) IS DISTINCT FROM (c.recipients, c.messages_sent, c.messages_delivered, c.messages_read,
    c.messages_failed, c.messages_skipped, c.messages_unknown)"""


@dataclass
class SendingAccount:
    name: str
    tenant: int
    kind: str
    workspace: str
    uuid: str
    ref: str  # by which the provider knows it
    app: str = ""


class Sending:
    def __init__(self, blazz, folder, planner, http_port, publisher, stub_port):
        self.blazz, self.planner, self.publisher, self.http_port = blazz, planner, publisher, http_port
        self.journal_path = folder / "sending.jsonl"
        self.journal = Journal(self.journal_path)
        self.stub = ProviderStub(folder, http__listen=f"127.0.0.1:{stub_port}", journal__bodies=False, sessions__file=str(folder / "sessions.json"),
                                 rules__file=str(folder / "rules.json"), rules__seed=planner.random.randrange(1 << 30), rules__hang="3s",
                                 webhooks__retry_for="2m", webhooks__timeout="2s", webhooks__max_in_flight=16)
        self.folder, self.acts, self.threads, self.failures, self.rules_of = folder, [], [], [], {}
        self.workspaces = [blazz.add_workspace(m, sync={"window_days": 0}, sending={"opt_out_words": [STOP_WORD]}) for m in planner.markers]
        self.apps = [blazz.add_app(APP_SECRET) for _ in planner.markers]
        self.accounts = {name: self.add_account(i, name, tenant, kind) for i, (name, tenant, kind) in enumerate(ACCOUNTS)}
        self.templates = {a.name: self.add_template(a) for a in self.accounts.values() if a.kind == "meta"}
        self.campaigns, self.last_ms, self.resumed = {}, 0, 0.0
        (folder / "sessions.json").write_text(json.dumps([self.session(a) for a in self.accounts.values()]))
        self.weather(())
        self.stub.start()
        for a in self.accounts.values():
            self.connect(a)

    # Tenants

    def add_account(self, i, name, tenant, kind):
        workspace = self.workspaces[tenant]
        if kind == "meta":
            ref = f"2065403522429{i:02}"
            uuid = self.blazz.add_account(workspace, session=name, provider="meta", app=self.apps[tenant], phone_number_id=ref,
                                          waba=f"2022901293403{i:02}")
            return SendingAccount(name, tenant, kind, workspace, uuid, ref, self.apps[tenant])
        uuid = self.blazz.add_account(workspace, BRIDGE_SECRET, session=name, provider="webjs", bridge="blazz", ref=name)
        return SendingAccount(name, tenant, kind, workspace, uuid, name)

    def session(self, a):
        base = f"http://127.0.0.1:{self.http_port}"
        if a.kind == "meta":
            return {"provider": "meta", "name": a.ref, "key": TOKEN, "webhook_url": f"{base}/webhooks/meta/{a.app}", "webhook_secret": APP_SECRET}
        return {"provider": "blazz", "name": a.ref, "key": BRIDGE_SECRET, "webhook_url": f"{base}/webhooks/wwebjs/{a.uuid}",
                "webhook_secret": BRIDGE_SECRET}

    def connect(self, a):
        secrets = sealed(a.uuid, {"access_token": TOKEN}) if a.kind == "meta" else None
        self.blazz.sql("""UPDATE whatsapp_accounts SET desired_state = 'connected', desired_at = now(), status = 'connected', status_since = now(),
            status_at = now(), assigned_instance_url = %s, secrets = coalesce(%s, secrets), metadata = %s WHERE uuid = %s""", self.stub.url(), secrets,
            json.dumps({"sending": {"per_second": PER_SECOND, "per_hour": 30000, "warmed": True}}), a.uuid)

    def add_template(self, a):
        return self.blazz.value("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, category, status,
            components) SELECT workspace_id, id, %s, %s, 'en', 'MARKETING', 'APPROVED', %s FROM whatsapp_accounts WHERE uuid = %s RETURNING id""",
            f"{TEMPLATE}-{a.name}", TEMPLATE, json.dumps([{"type": "BODY", "text": self.planner.markers[a.tenant] + " offers {{1}}"}]), a.uuid)

    def add_campaign(self, c):
        workspace = self.blazz.value("SELECT id FROM workspaces WHERE uuid = %s", self.workspaces[c.tenant])
        groups = [self.add_group(workspace, members) for members in [*c.groups, [(p, "") for p in c.excluded]]]
        first = c.account or next(a.name for a in self.accounts.values() if a.tenant == c.tenant and a.kind == "meta")
        parameter = "{{var.name|there}}" if c.fallback else "{{var.name}}"
        window = {"from": "10:00", "to": "11:00", "days": [(datetime.now(timezone.utc) + timedelta(days=3)).isoweekday()]} if c.closed else None
        row = self.blazz.sql("""INSERT INTO campaigns (workspace_id, name, campaign_type, account_id, spread, preferred_provider, template_id,
            template_parameters, audience, on_unknown, send_window, metadata) VALUES (%s, %s, 'template', (SELECT id FROM whatsapp_accounts
            WHERE uuid = %s), %s, 'meta', %s, %s, %s, %s, %s, %s) RETURNING id, uuid::text""", workspace, c.name,
            self.accounts[c.account].uuid if c.account else None, not c.account, self.templates[first],
            json.dumps([{"type": "body", "parameters": [{"type": "text", "text": parameter}]}]),
            json.dumps({"groups": groups[:2], "exclude": groups[2:]}), "assume_sent" if c.assume else "fail", window and json.dumps(window),
            json.dumps({"closed": True} if c.closed else {}))[0]
        self.campaigns[c.name] = row["uuid"]
        self.journal.write("campaign", campaign=row["uuid"], **asdict(c))

    def add_group(self, workspace, members):
        group = self.blazz.sql("INSERT INTO contact_groups (workspace_id, name) VALUES (%s, 'group') RETURNING id, uuid::text", workspace)[0]
        with closing(psycopg2.connect(self.blazz.conninfo("postgres"))) as c, c, c.cursor() as cursor:
            psycopg2.extras.execute_values(cursor, "INSERT INTO contact_group_members (workspace_id, group_id, address, phone, variables) VALUES %s",
                                           [(workspace, group["id"], p, p, json.dumps({"name": name} if name else {})) for p, name in members])
        return group["uuid"]

    # The stub's behaviour

    def weather(self, *rules):
        """Replaces its rules, also those of a stub that does not run."""
        rules = [{"name": f"{i}"} | r for i, r in enumerate((*(r for group in rules for r in group), *WEBHOOKS))]
        (self.folder / "rules.json").write_text(json.dumps(rules))
        if self.stub.process and self.stub.process.poll() is None:
            self.stub.client().post("/_rules", rules)

    # Load

    def start(self, campaigns, acts):
        for c in campaigns:
            self.add_campaign(c)
        self.weather(WEATHER)
        began = time.monotonic()
        self.thread = threading.Thread(target=self.run, args=(acts, began), daemon=True)
        self.thread.start()

    def run(self, acts, began):
        try:
            for a in acts:
                time.sleep(max(0.0, began + a.due - time.monotonic()))  # not a wait for a condition: the load has a schedule
                getattr(self, f"do_{a.what}")(a)
        except Exception as e:  # reported by finish()
            self.failures.append(e)

    def now_ms(self):
        """Rises, as commands are ordered by it."""
        self.last_ms = max(self.last_ms + 1, int(time.time() * 1000))
        return self.last_ms

    def publish(self, topic, key, value, **line):
        self.publisher.publish(topic, key, value, [], lambda: self.journal.write("acknowledged", **line))

    def do_message(self, a):
        f, now = a.fields, self.now_ms()
        workspace, account = self.workspaces[a.tenant], f["account"] and self.accounts[f["account"]].uuid
        m = outbound.SendMessage(request_id=f["request"], workspace_id=workspace, account_id=account, address=common.Party(phone=f["phone"]),
                                 type=common.MESSAGE_TYPE_TEXT, body=f["body"], requested_at_ms=now, allow_other_number=f["other"],
                                 deadline_ms=now + int(f["deadline_s"] * 1000))
        self.publish("outbound", f"{workspace}:{account or f['request']}", m.SerializeToString(), request=f["request"])

    def do_spoiled(self, a):
        f, workspace, now = a.fields, self.workspaces[a.tenant], self.now_ms()
        ours = next(x.uuid for x in self.accounts.values() if x.tenant == a.tenant)
        m = outbound.SendMessage(request_id=f["request"], workspace_id=workspace, account_id=ours, address=common.Party(phone="62811"),
                                 type=common.MESSAGE_TYPE_TEXT, body="spoiled", requested_at_ms=now)
        if f["how"] == "no recipient":
            m.ClearField("address")
        if f["how"] == "unknown type":
            m.type = common.MESSAGE_TYPE_SYSTEM
        if f["how"] == "foreign account":
            m.account_id = next(x.uuid for x in self.accounts.values() if x.tenant != a.tenant)
        value = f"garbage {f['request']}".encode() if f["how"] == "garbage" else m.SerializeToString()
        self.journal.write("spoiled", request=f["request"], how=f["how"], reason=f["reason"])
        self.publish("outbound", f"{workspace}:{ours}", value, request=f["request"])

    def do_command(self, a):
        self.command(a.tenant, self.campaigns[a.fields["campaign"]], a.fields["action"])

    def command(self, tenant, campaign, action):
        workspace, now = self.workspaces[tenant], self.now_ms()
        command = outbound.CampaignCommand(request_id=self.planner_uuid(campaign, now), workspace_id=workspace, campaign_id=campaign,
                                           action=outbound.CampaignCommand.Action.Value(f"ACTION_{action}"), requested_at_ms=now)
        self.journal.write("command", campaign=campaign, action=action, at_ms=now)
        self.publish("campaign-command", f"{workspace}:{campaign}", command.SerializeToString(), campaign=campaign, action=action)

    @staticmethod
    def planner_uuid(campaign, now):
        return f"{campaign[:24]}{now % (1 << 48):012x}"

    def do_opt_out(self, a):
        account = next(x for x in self.accounts.values() if x.tenant == a.tenant and x.kind == "meta")
        source = Source(account.workspace, account.uuid, common.PROVIDER_META, common.BRIDGE_KIND_UNSPECIFIED)
        e = source.message(f"wamid.stop{self.now_ms()}", a.fields["phone"], STOP_WORD, at=int(time.time()))
        self.publish("inbound", f"{account.workspace}:{account.uuid}", e.SerializeToString(), opt_out=a.fields["phone"])

    def finish(self):
        """The load has ended, and its records are acknowledged; from now on the providers behave."""
        self.thread.join()
        pending = self.publisher.flush(PATIENCE_S)
        assert not pending and not self.failures, f"{pending} records of sending unacknowledged; {self.failures}"
        self.weather(())

    # The end of a cycle

    def settled(self):
        """A user resumes what was paused, and starts again what could not start; then everything comes to its end."""
        working = self.blazz.sql(WORKING)
        if time.monotonic() > self.resumed + RESUME_EVERY_S:
            self.resumed = time.monotonic()
            for c in working:
                if c["status"] in AGAIN:
                    self.command(self.tenant_of(c["name"]), self.campaigns[c["name"]], AGAIN[c["status"]])
        return not working and not self.blazz.sql(PENDING) and not self.in_flight() and not self.blazz.sql(COUNTING) \
            and not self.stub.stats()["webhooks"]["waiting"]

    def tenant_of(self, name):
        return next(i for i, m in enumerate(self.planner.markers) if name.startswith(m))

    def in_flight(self):
        return self.blazz.value("SELECT coalesce(sum(cardinality(in_flight)), 0) FROM send_lanes")

    def remaining(self):
        lanes = "SELECT account_id, partition, in_flight, next_at::text, paused_until::text, held_until::text, held_code FROM send_lanes"
        rows = """SELECT s.id, s.campaign_id, s.segment, s.account_id, s.status, s.attempt, s.generation, s.error_code, s.next_attempt_at::text,
            g.account_id AS account, g.cursor_id, g.done, g.moving_to FROM sends s LEFT JOIN campaign_segments g ON (g.workspace_id, g.campaign_id, g.segment)
            = (s.workspace_id, s.campaign_id, s.segment) WHERE s.next_attempt_at IS NOT NULL LIMIT 20"""
        return [str(dict(r)) for query in (WORKING, PENDING, COUNTING, lanes, rows) for r in self.blazz.sql(query)] + [str(self.stub.stats())]

    def setup(self):
        """What the ledger needs to know of it."""
        return {"tenants": dict(zip(self.workspaces, self.planner.markers)), "accounts": {a.uuid: asdict(a) for a in self.accounts.values()},
                "per_second": PER_SECOND, "max_delay_ms": 1000, "secrets": [TOKEN, APP_SECRET, BRIDGE_SECRET]}

    def lines(self):
        return [json.loads(line) for line in self.journal_path.read_text().splitlines()]

    def posts(self):
        return [json.loads(line) for line in self.stub.journal_file.read_text().splitlines()]

    def close(self):
        self.journal.close()
        return self.stub.close()
