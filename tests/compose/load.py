"""A bridge: posts numbered messages at a steady rate, each until it is acknowledged, through any port that answers."""
import itertools
import json
import threading
import time

from harness.client import Client, signature

PATIENCE_S = 120.0
CONTACTS = 40
RATE = 40  # a second, of each lane
LANES = 4  # a contact's messages all go through one: its bridge sends in order


class Load:
    def __init__(self, name, workspace, session, secret, ports):
        self.name, self.workspace, self.session, self.secret, self.ports = name, workspace, session, secret, ports
        self.accepted, self.tries, self.failure = set(), 0, None
        self.lock, self.enough = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(lane,), daemon=True) for lane in range(LANES)]

    def start(self):
        for t in self.threads:
            t.start()

    def finish(self):
        self.enough.set()
        for t in self.threads:
            t.join(PATIENCE_S)
        if self.failure:
            raise self.failure
        return self.accepted

    def id(self, lane, n):
        return f"{self.name}{lane:02}{n:08}"

    def body(self, lane, n):
        contact = f"62812{lane:02}{n % (CONTACTS // LANES):05}@c.us"
        return json.dumps({"session_id": self.session, "workspace_id": self.workspace, "chat_type": "private", "contact_phone": contact,
                           "contact_name": f"Contact {contact}", "group_jid": None, "group_name": None, "sender_phone": None,
                           "sender_name": None, "message_body": f"message {n}", "message_type": "chat",
                           "timestamp": int(time.time()), "has_media": False, "id": self.id(lane, n)}).encode()

    def run(self, lane):
        clients = itertools.cycle([Client(port) for port in self.ports])
        client = next(clients)
        try:
            for n in itertools.count():
                if self.enough.wait(1 / RATE):
                    return
                client = self.post(self.body(lane, n), clients, client)
                with self.lock:
                    self.accepted.add(self.id(lane, n))
        except Exception as e:  # reported by finish()
            self.failure = e

    def post(self, body, clients, client):
        """Returns the client that got the acknowledgement."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with self.lock:
                self.tries += 1
            try:
                answer = client.post("/api/whatsapp/webhook", body, signature("bridge", body, self.secret), timeout_s=10)
                if answer.status == 202:
                    return client
                if answer.status not in (429, 503):
                    raise AssertionError(f"ingest answers {answer}")
            except OSError:
                pass  # its container is down, or no container has this port
            client = next(clients)
            self.enough.wait(0.05)  # as a bridge does between two attempts
        raise AssertionError(f"not acknowledged within {PATIENCE_S:g} s")
