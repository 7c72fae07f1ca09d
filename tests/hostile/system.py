"""Release programs under the limits of compose.yaml, with their own settings; Acme and others attack, Beta must not be affected."""
import itertools
import json
import time
from dataclasses import dataclass

from harness.blazz import KEYRING, Blazz
from harness.cleanup import CLEANUP
from harness.client import Client, signature
from harness.hooks import DISPATCHER
from harness.sending import SENDER
from harness.waiting import wait_for
from limits import Cage
from neighbour import Neighbour

PARTITIONS = 4
BRIDGES = {"bridge": "blazz", "webjs-raw": "wwebjs", "waha": "waha", "evolution": "evolution"}
DIALECTS = ("meta", *BRIDGES)


@dataclass
class Account:
    """An account, and how bodies of its bridge or app are addressed and signed."""
    dialect: str
    workspace: str
    uuid: str
    session: str
    secret: str
    path: str
    number: str = ""
    waba: str = ""
    app: str = ""

    @property
    def sync_path(self):
        return "/api/whatsapp/chats/sync" if self.dialect == "bridge" else self.path


class System:
    def __init__(self, postgres, kafka, folder, **settings):
        self.blazz = Blazz(postgres, kafka, folder, partitions=PARTITIONS)
        self.count, self.cages = itertools.count(1), []
        self.ingest = self.caged(self.blazz.ingest(**settings))
        self.chat_sync = self.caged(self.blazz.service("chat-sync"))
        self.dispatcher = self.caged(self.blazz.service("webhook-dispatcher", DISPATCHER | {"secrets.keyring": KEYRING}))
        self.sender = self.caged(self.blazz.service("campaign-sender", SENDER))
        self.cleaner = self.caged(self.blazz.service("cleanup", CLEANUP))
        for service in self.services:
            self.start(service)
        for service in self.services:
            service.wait_ready()
        self.port = self.ingest.port("http.port_file")
        self.beta = Neighbour(self.blazz, self.port)
        wait_for(self.is_warm, "Beta's messages are in time before the first attack", 60)

    def is_warm(self):
        """Whether a message is in time; a new broker loads its coordinators with the first records."""
        try:
            return self.beta.message()
        except AssertionError:
            return None

    @property
    def services(self):
        return (self.ingest, self.chat_sync, self.dispatcher, self.sender, self.cleaner)

    def caged(self, service):
        service.cage = Cage(service.name)
        service.prefix = service.cage.prefix
        self.cages.append(service.cage)
        return service

    @staticmethod
    def start(service):
        service.start(wait_ready=False)
        service.cage.enforce(service.process)

    def another_ingest(self, label, **settings):
        """Starts a second ingest, with settings of its own."""
        service = self.caged(self.blazz.ingest(label, **settings))
        self.start(service)
        service.wait_ready()
        return service

    # Tenants

    def tenant(self, *dialects, name="acme"):
        """A new workspace with an account for each dialect. Returns the accounts."""
        workspace = self.blazz.add_workspace(f"{name}-{next(self.count)}")
        return [self.account(workspace, dialect) for dialect in dialects]

    def account(self, workspace, dialect):
        n = next(self.count)
        session, secret = f"acme-{dialect}-{n}", f"the secret of acme {n}"
        if dialect == "meta":
            number, waba, app = f"10654035224{n:04}", f"10229012933{n:04}", self.blazz.add_app(secret)
            uuid = self.blazz.add_account(workspace, session=session, provider="meta", app=app, phone_number_id=number, waba=waba)
            return Account(dialect, workspace, uuid, session, secret, f"/webhooks/meta/{app}", number, waba, app)
        uuid = self.blazz.add_account(workspace, secret, session=session, provider="webjs", bridge=BRIDGES[dialect], ref=session)
        word = "wwebjs" if dialect == "webjs-raw" else dialect
        path = "/api/whatsapp/webhook" if dialect == "bridge" else f"/webhooks/{word}/{uuid}"
        return Account(dialect, workspace, uuid, session, secret, path)

    def client(self):
        return Client(self.port)

    def post(self, account, body, path=None, patience_s=0.0, **headers):
        """A signed POST, repeated for up to patience_s while the answer is 429."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        client, end = Client(self.port), time.monotonic() + patience_s
        try:
            while True:
                answer = client.post(path or account.path, body, signature(account.dialect, body, account.secret) | headers)
                if answer.status != 429 or time.monotonic() > end:
                    return answer
                time.sleep(0.1)
        finally:
            client.close()

    # Results

    def wait_processed(self, deadline_s=30.0):
        self.blazz.wait_processed(deadline_s)

    def records(self):
        """{topic: number of its records so far}"""
        names = ("inbound", "inbound.bulk", "chat-event", "http.ingest.dlq", "inbound.chat-sync.dlq", "inbound.bulk.chat-sync.dlq",
                 "chat-event.webhook-dispatcher.dlq")
        return {n: sum(high - low for low, high in self.blazz.kafka.watermarks(self.blazz.topic(n)).values()) for n in names}

    def log_of(self, service, since):
        return service.log()[since:]

    def wrong(self):
        """Violations that no attack may cause: programs that ended or exceeded a limit."""
        found = [w for cage in self.cages for w in cage.wrong]
        found += [f"{s.label} ended with {s.process.poll()}\n{s.log_tail(15)}" for s in self.services if not s.running()]
        return found

    def close(self):
        self.beta.close()
        if hasattr(self, "sends"):
            self.sends.close()
        for service in self.blazz.services:
            if service.running():
                service.kill()  # a drain would wait for requests of the attack
        wrong = self.blazz.close()
        for cage in self.cages:
            cage.close()
        return wrong


def wait_all_consumed(system, deadline_s=60.0):
    wait_for(system.blazz.all_consumed, lambda: f"inbound is processed\n{system.chat_sync.log_tail(20)}", deadline_s)
