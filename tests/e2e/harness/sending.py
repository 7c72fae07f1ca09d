"""Single messages through campaign-sender: accounts that tools/provider-stub plays, requests, their rows, and what came of them."""
import base64
import itertools
import json
import os
import time
import uuid

from blazz.v1 import common_pb2 as common
from blazz.v1 import outbound_pb2 as outbound
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness.blazz import KEYRING
from harness.client import SECRETS, signature
from harness.provider_stub import TOKEN
from harness.waiting import wait_for

# A killed group member is detected after two seconds, and providers are on loopback.
SENDER = {"secrets.keyring": KEYRING, "providers.allow_http": True, "providers.allowed_networks": ["127.0.0.0/8"],
          "backoff.min": "50ms", "backoff.max": "500ms", "kafka.session.timeout.ms": 2000, "kafka.heartbeat.interval.ms": 400}

# Of each kind of account: the secret of its webhooks, by its name in SECRETS.
PROVIDERS = {"meta": "meta", "blazz": "bridge", "waha": "waha", "evolution": "evolution", "wwebjs": "webjs-raw"}
RECIPIENT = "6281100000001"
NOTHING_POSTED = {"webhooks": {"statuses": []}}  # a rule: neither statuses nor an echo

serials = itertools.count(1)


def sealed(account, secrets):
    """As libs/crypto/sealed_row.h."""
    name, _, key = KEYRING.partition(":")
    head, nonce = bytes([1, len(name)]) + name.encode(), os.urandom(12)
    text = json.dumps(secrets).encode()
    return head + nonce + AESGCM(base64.b64decode(key)).encrypt(nonce, text, head + f"account:{account}".encode())


class Sending:
    """A stack whose providers are one stub: ingest, chat-sync and a replica of campaign-sender."""

    def __init__(self, blazz, stub):
        self.blazz, self.stub = blazz, stub
        self.app = blazz.app = blazz.add_app()
        self.producer = blazz.producer()

    def replica(self, label="campaign-sender", failpoint=None, **settings):
        """A replica that is not started yet."""
        base = SENDER | {"meta.base_url": self.stub.url()} | {k.replace("__", "."): v for k, v in settings.items()}
        return self.blazz.service("campaign-sender", base, label, failpoint=failpoint)

    def start(self, **settings):
        self.blazz.start(limits__failures_per_minute=100000)
        self.service = self.replica(**settings).start()
        return self

    def publish(self, topic, key, message, headers=None, producer=None):
        failures, producer = [], producer or self.producer
        value = message if isinstance(message, bytes) else message.SerializeToString()
        producer.produce(self.blazz.topic(topic), value, key, headers=headers or [],
                         on_delivery=lambda e, m: e and failures.append(e))
        assert producer.flush(30) == 0 and not failures, failures

    def logs(self):
        return "\n".join(s.log_tail(12) for s in self.blazz.services if s.name == "campaign-sender")


class Account:
    """An account and its session at the stub, which has the same name."""

    def __init__(self, tenant, provider, **columns):
        self.tenant, self.provider, self.uuid = tenant, provider, str(uuid.uuid4())
        n = next(serials)
        self.session = f"10654035{n:07}" if provider == "meta" else f"session-{n}"
        self.phone = f"1555{n:07}"
        meta, secret = provider == "meta", SECRETS[PROVIDERS[provider]]
        secrets = {"access_token": TOKEN} if meta else {
            ("tokens" if provider == "evolution" else "signing_keys"): [secret], "access_token": TOKEN}
        row = {"uuid": self.uuid, "session_id": self.session, "phone_number": self.phone, "desired_state": "connected", "status": "connected",
               "provider_type": "meta" if meta else "webjs", "secrets": sealed(self.uuid, secrets)}
        row |= {"provider_app_id": tenant.app_id, "phone_number_id": self.session, "waba_id": f"waba-{n}",
                "business_id": f"business-{n}"} if meta else {
            "bridge_kind": provider, "provider_ref": self.session, "assigned_instance_url": tenant.stub.url()}
        row |= columns
        # It was asked for a minute ago: the failures of an account that was asked for since hold it no more.
        tenant.sql(f"""INSERT INTO whatsapp_accounts (workspace_id, status_at, status_since, desired_at, {", ".join(row)})
            SELECT id, now(), now(), now() - interval '1 minute', {", ".join(["%s"] * len(row))} FROM workspaces WHERE uuid = %s""",
                   *row.values(), tenant.workspace)
        self.connect_stub()

    def connect_stub(self, **more):
        """Tells the stub of the session; its posts go to ingest, if there is one."""
        blazz, names = self.tenant.blazz, {"meta": f"meta/{self.tenant.app}", "blazz": f"wwebjs/{self.uuid}"}
        session = {"provider": self.provider, "name": self.session, "phone": self.phone,
                   "key": SECRETS["bridge"] if self.provider == "blazz" else TOKEN}
        if hasattr(blazz, "in_"):
            path = names.get(self.provider, f"{self.provider}/{self.uuid}")
            session |= {"webhook_url": f"http://127.0.0.1:{blazz.in_.port('http.port_file')}/webhooks/{path}",
                        "webhook_secret": SECRETS[PROVIDERS[self.provider]]}
        self.tenant.stub.sessions(session | more)

    def change(self, **columns):
        self.tenant.sql(f"UPDATE whatsapp_accounts SET {', '.join(f'{c} = %s' for c in columns)} WHERE uuid = %s", *columns.values(), self.uuid)

    def release(self):
        """What `blazzctl lanes release` does: the account is asked for again."""
        self.tenant.sql("UPDATE whatsapp_accounts SET desired_at = clock_timestamp() WHERE uuid = %s", self.uuid)

    def post_status(self, line, status, client_message_id=None, code=131026):
        """Meta's webhook about a line of the journal, as its stub would post it; with our id unless told otherwise."""
        one = {"id": line["id"], "status": status, "timestamp": str(int(time.time())), "recipient_id": line["recipient"],
               "biz_opaque_callback_data": f"blazz:{client_message_id or line['client_message_id']}"}
        if status == "failed":
            one["errors"] = [{"code": code, "title": f"error {code}"}]
        value = {"messaging_product": "whatsapp", "metadata": {"display_phone_number": self.phone, "phone_number_id": self.session},
                 "statuses": [one]}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [
            {"id": self.row()["waba_id"], "changes": [{"field": "messages", "value": value}]}]}).encode()
        answer = self.tenant.blazz.default_client().post(f"/webhooks/meta/{self.tenant.app}", body, signature("meta", body))
        assert answer.status == 200, answer

    def row(self):
        return self.tenant.blazz.account_row(self.uuid)

    def lane(self):
        rows = self.tenant.sql("""SELECT l.* FROM send_lanes l JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (l.workspace_id, l.account_id)
            WHERE a.uuid = %s""", self.uuid)
        return rows[0] if rows else None

    def journal(self, **filters):
        return self.tenant.stub.journal(account=self.session, provider=self.provider, limit=10000, **filters)

    def accepted(self, **filters):
        return self.journal(accepted="true", **filters)

    def rule(self, **members):
        """A rule of this account only."""
        return {"provider": self.provider, "account": self.session} | members


class Tenant:
    """A workspace of its own in the stack, with accounts of these kinds."""

    def __init__(self, sending, *providers, app=None, **settings):
        """app: of its accounts of Meta, instead of the one of all workspaces."""
        self.sending, self.blazz, self.stub = sending, sending.blazz, sending.stub
        self.sql = sending.blazz.sql
        self.workspace = self.blazz.add_workspace(f"tenant {next(serials)}", **settings)
        self.app = app or sending.app
        self.app_id = self.blazz.value("SELECT id FROM provider_apps WHERE uuid = %s", self.app)
        self.accounts = [Account(self, provider) for provider in providers]

    def add(self, provider, **columns):
        self.accounts.append(Account(self, provider, **columns))
        return self.accounts[-1]

    # Requests

    def message(self, account=None, to=RECIPIENT, body="hello", **members):
        """A SendMessage: a text, unless `type` or `kind` says otherwise."""
        m = outbound.SendMessage(request_id=str(uuid.uuid4()), workspace_id=self.workspace, requested_at_ms=int(time.time() * 1000))
        if account is not None:
            m.account_id = account.uuid
        if isinstance(to, str):
            to = common.Party(phone=to)
        if isinstance(to, common.Party):
            m.address.CopyFrom(to)
        elif isinstance(to, common.Group):
            m.group.CopyFrom(to)
        if members.get("type", common.MESSAGE_TYPE_TEXT) == common.MESSAGE_TYPE_TEXT and "kind" not in members:
            m.type, m.body = common.MESSAGE_TYPE_TEXT, body
        for name, value in members.items():
            if hasattr(value, "CopyFrom"):
                getattr(m, name).CopyFrom(value)
            else:
                setattr(m, name, value)
        return m

    def publish(self, *messages, producer=None):
        """Returns the ids of the requests."""
        for m in messages:
            self.sending.publish("outbound", f"{self.workspace}:{m.account_id or m.request_id}", m, producer=producer)
        return [m.request_id for m in messages]

    def send(self, account=None, to=RECIPIENT, **members):
        return self.publish(self.message(account, to, **members))[0]

    # Campaigns of a template

    def add_template(self, account, name="hello", body="Hello {{1}}", status="APPROVED"):
        return self.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, category, status, components)
            SELECT workspace_id, id, %s, %s, 'en', 'MARKETING', %s, %s FROM whatsapp_accounts WHERE uuid = %s RETURNING id""",
                        name, name, status, json.dumps([{"type": "BODY", "text": body}]), account.uuid)[0]["id"]

    def add_campaign(self, account, recipients, **columns):
        """A campaign to these phones from an account of Meta. Returns its public id."""
        template = self.add_template(account, body="Hello")
        group = self.sql("INSERT INTO contact_groups (workspace_id, name) SELECT id, 'group' FROM workspaces WHERE uuid = %s RETURNING *",
                         self.workspace)[0]
        for phone in recipients:
            self.sql("INSERT INTO contact_group_members (workspace_id, group_id, address, phone) VALUES (%s, %s, %s, %s)",
                     group["workspace_id"], group["id"], phone, phone)
        row = {"name": "campaign", "campaign_type": "template", "template_id": template, "contact_group_id": group["id"]} | columns
        return self.sql(f"""INSERT INTO campaigns (workspace_id, account_id, {", ".join(row)}) SELECT workspace_id, id, {", ".join(["%s"] * len(row))}
            FROM whatsapp_accounts WHERE uuid = %s RETURNING uuid::text""", *row.values(), account.uuid)[0]["uuid"]

    def command(self, campaign, action):
        self.sending.publish("campaign-command", f"{self.workspace}:{campaign}", outbound.CampaignCommand(
            request_id=str(uuid.uuid4()), workspace_id=self.workspace, campaign_id=campaign, action=action,
            requested_at_ms=int(time.time() * 1000)))

    def campaign(self, campaign):
        return self.sql("SELECT * FROM campaigns WHERE uuid = %s", campaign)[0]

    def wait_campaign(self, campaign, *statuses, deadline_s=20.0):
        def reached():
            row = self.campaign(campaign)
            return row["status"] in statuses and row

        return wait_for(reached, lambda: f"{' or '.join(statuses)}: {self.campaign(campaign)}\n{self.sending.logs()}", deadline_s)

    def recipients(self, campaign):
        return self.sql("""SELECT s.* FROM sends s JOIN campaigns c ON (c.workspace_id, c.id) = (s.workspace_id, s.campaign_id)
            WHERE c.uuid = %s ORDER BY s.id""", campaign)

    # What came of them

    def row(self, request):
        rows = self.sql("""SELECT s.*, a.uuid::text AS sent_by_uuid FROM sends s
            LEFT JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (s.workspace_id, s.sent_by) WHERE s.request_id = %s""", request)
        return rows[0] if rows else None

    def wait(self, request, *statuses, deadline_s=20.0):
        """The row, as soon as it has one of these statuses."""
        def reached():
            row = self.row(request)
            return row and row["status"] in statuses and row

        return wait_for(reached, lambda: f"{request} is {' or '.join(statuses)}: {self.shown(request)}\n{self.sending.logs()}", deadline_s)

    def wait_row(self, request, condition, what, deadline_s=20.0):
        def reached():
            row = self.row(request)
            return row and condition(row) and row

        return wait_for(reached, lambda: f"{what}: {self.shown(request)}\n{self.sending.logs()}", deadline_s)

    def shown(self, request):
        row = self.row(request)
        return row and {k: v for k, v in row.items() if v is not None and k != "request"}

    def attempts(self, request):
        return self.sql("""SELECT t.* FROM send_attempts t JOIN sends s ON (s.workspace_id, s.id) = (t.workspace_id, t.send_id)
            WHERE s.request_id = %s ORDER BY t.at""", request)

    def chat(self, request):
        """Its messages in the inbox."""
        return self.sql("SELECT * FROM chats WHERE client_message_id = %s", request)

    def wait_chat(self, request, *statuses, deadline_s=20.0):
        """The message in the inbox, as soon as it has one of these statuses."""
        def reached():
            rows = self.chat(request)
            return rows and rows[0]["message_status"] in statuses and rows[0]

        return wait_for(reached, lambda: f"{request} is {' or '.join(statuses)} in chats: {self.chat(request)}; {self.shown(request)}",
                        deadline_s)

    def events(self, kind):
        """The distinct ChatEvents of this workspace of a kind."""
        found = {e.event_id: e for _, e in self.blazz.chat_events() if e.workspace_id == self.workspace and e.WhichOneof("event") == kind}
        return [getattr(e, kind) for e in found.values()]

    def created(self, request):
        """The message.created events of its messages in the inbox. One that was made from an echo does not have our id."""
        ids = {m["id"] for m in self.chat(request)}
        return [e for e in self.events("message_created") if e.message.id in ids or e.message.client_message_id == request]

    def check_created_once(self, request):
        """The inbox has one message of the request, and one event says so: chat-sync publishes it after it has committed the row."""
        found = wait_for(lambda: self.created(request), lambda: f"{request} is published as created: {self.shown(request)}")
        assert len(self.chat(request)) == len(found) == 1, self.shown(request)

    def dead_letters(self):
        """Of outbound: {x-dlq-… header: text} of each of this workspace's."""
        found = self.blazz.read("outbound.campaign-sender.dlq")
        return [r.headers for r in found if (r.key or b"").decode(errors="replace").startswith(self.workspace)]
