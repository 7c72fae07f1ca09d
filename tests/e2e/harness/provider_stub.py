"""tools/provider-stub as a process: Meta's Graph API and the bridges, with rules, a journal, and posts to ingest."""
import json
import signal
import subprocess
import uuid
from pathlib import Path
from urllib.parse import quote, urlencode

from harness.client import SECRETS, Client, standard_webhook
from harness.service import BIN, SANITIZER, config_text
from harness.waiting import wait_for

TOKEN, KEY = "example-access-token", "example-api-key"
DIALECTS = {"meta": "meta", "blazz": "bridge", "waha": "waha", "evolution": "evolution", "wwebjs": "webjs-raw"}


class ProviderStub:
    def __init__(self, folder, **settings):
        self.folder = Path(folder) / "provider-stub"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = {"journal.bodies": True} | {k.replace("__", "."): v for k, v in settings.items()}
        self.journal_file, self.log_path = self.folder / "journal", self.folder / "log"
        self.process = self.kept_client = None

    def start(self):
        config, port = self.folder / "conf", self.folder / "port"
        config.write_text(config_text(self.settings))
        port.unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([BIN / "provider-stub", "-c", config, "--port-file", port, "--journal", self.journal_file],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)

        def read():
            assert self.process.poll() is None, f"provider-stub ended with {self.process.returncode}\n{self.log()}"
            return port.exists() and port.read_text().strip()

        self.port = int(wait_for(read, lambda: f"provider-stub serves\n{self.log()}"))
        self.kept_client = Client(self.port)
        return self

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.kept_client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self):
        self.kept_client.close()
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends it at the end of a test. Returns the errors found."""
        wrong = []
        if self.process and self.process.poll() is None:
            code = self.stop()
            if code != 0:
                wrong.append(f"provider-stub ended with {code}\n{self.log()}")
        if SANITIZER.search(self.log()):
            wrong.append(f"provider-stub: a sanitizer report\n{self.log()}")
        return wrong

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def client(self):
        return Client(self.port)

    # Its own routes

    def put(self, path, value):
        answer = self.kept_client.post(path, value)
        assert answer.status == 204, answer

    def get(self, path, **filters):
        answer = self.kept_client.request("GET", f"{path}?{urlencode(filters)}")
        assert answer.status == 200, answer
        return answer

    def sessions(self, *sessions):
        """Adds or replaces sessions: {"provider", "name", "key", ...}."""
        self.put("/_sessions", list(sessions))

    def link(self, stack, *sessions):
        """The same, of the accounts that stack.seed() added: statuses and echoes are posted to the stack's ingest. A bridge of our own
        kind posts on wwebjs-api's route."""
        base = f"http://127.0.0.1:{stack.in_.port('http.port_file')}"
        for session in sessions:
            dialect = DIALECTS[session["provider"]]
            path = f"/webhooks/wwebjs/{stack.accounts[dialect]}" if dialect == "bridge" else stack.route(dialect)
            self.sessions(session | {"webhook_url": base + path, "webhook_secret": SECRETS[dialect]})

    def rules(self, *rules):
        """Replaces all rules."""
        self.put("/_rules", list(rules))

    def templates(self, waba, *templates):
        self.put("/_templates", {"waba": waba, "templates": list(templates)})

    def journal(self, **filters):
        """The newest lines in memory; `self.journal_file` has all."""
        return [json.loads(line) for line in self.get("/_journal", **filters).body.splitlines()]

    def accepted(self, **filters):
        return self.journal(accepted="true", **filters)

    def stats(self):
        return self.get("/_stats").json()

    def counts(self):
        """{name of a rule: how often it has applied}"""
        return {r["name"]: r["applied"] for r in self.get("/_rules").json()}


# Requests, as what sends through a provider makes them

def bearer(token=TOKEN):
    return {"Authorization": f"Bearer {token}"}


def meta_text(to="6281100000001", body="hello", id="m1", **members):
    return {"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, "type": "text",
            "biz_opaque_callback_data": f"blazz:{id}", "text": {"body": body}} | members


def meta_send(stub, message, account="106540352242922", token=TOKEN, client=None):
    return (client or stub.kept_client).post(f"/v25.0/{account}/messages", message, bearer(token))


def blazz_text(to="6281100000001@c.us", text="hello", id="m1", session="acme-support-1", **members):
    return {"session_id": session, "client_message_id": id, "to": to, "type": "text", "text": text} | members


def blazz_send(stub, message, secret=KEY, client=None):
    body = json.dumps(message).encode()
    return (client or stub.kept_client).post("/api/messages/send", body, standard_webhook(secret, body, id_=f"msg_{uuid.uuid4()}"))


def blazz_lookup(stub, id, session="acme-support-1", secret=KEY):
    target = f"/api/messages/{quote(id, safe='')}?session_id={quote(session, safe='')}"
    headers = standard_webhook(secret, f"GET {target}".encode(), id_=f"msg_{uuid.uuid4()}")
    return stub.kept_client.request("GET", target, headers=headers)
