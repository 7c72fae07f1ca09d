"""Live traffic: tenants with accounts of the bridge dialect, for which bench-load posts signed messages."""
import json
import random
import subprocess
import time
from collections import namedtuple
from pathlib import Path

import setting  # noqa: F401 (first: it sets the paths of the harness and the programs)
from harness.client import SECRETS, signature
from harness.service import BIN

CONNECTIONS = 200
MARK = "latency#"  # by which bench-load finds the number of a message
LETTERS = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore " * 4

Account = namedtuple("Account", "workspace session uuid")


def start(blazz, ingest=None, chat_sync=None):
    """Starts both services with default settings, except for these. bench-load connects from one address, which has no limit here."""
    blazz.in_ = blazz.ingest()
    blazz.in_.settings |= {"http.max_connections_per_address": 0} | (ingest or {})
    blazz.sync = blazz.service("chat-sync", chat_sync)
    for service in (blazz.in_, blazz.sync):
        service.start()


def add_accounts(blazz, workspaces, each, prefix="live"):
    made = []
    for w in range(workspaces):
        workspace = blazz.add_workspace(f"{prefix}-{w}")
        for a in range(each):
            session = f"{prefix}-{w}-{a}"
            made.append(Account(workspace, session, blazz.add_account(workspace, SECRETS["bridge"], session=session,
                                                                      provider="webjs", bridge="blazz")))
    return made


class Traffic:
    """Messages of 20 to 400 characters from `contacts` people of each account, spread evenly.

    Objects that run at the same time need different numbers: the n-th message has `first` + n.
    """
    runs = 0  # of all objects, so that ids of messages are unique

    def __init__(self, blazz, accounts, contacts=500, first=0):
        self.blazz, self.accounts, self.contacts = blazz, accounts, contacts
        self.random, self.first = random.Random(1), first

    def request(self, i):
        account, person = self.accounts[i % len(self.accounts)], self.random.randrange(self.contacts)
        number = self.accounts.index(account) * self.contacts + person
        body = json.dumps({
            "session_id": account.session, "workspace_id": account.workspace, "chat_type": "private",
            "contact_phone": f"1650{5000000 + number}@c.us", "contact_name": f"Contact {number}",
            "message_body": f"{MARK}{self.first + i:08d} " + LETTERS[:self.random.randint(10, 390)], "message_type": "chat",
            "timestamp": int(time.time()), "has_media": False, "id": f"3EB0{self.runs:06X}{i:010X}"}).encode()
        return (f"POST /api/whatsapp/webhook HTTP/1.1\r\nHost: ingest\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nX-WhatsApp-Signature: {signature('bridge', body)['X-WhatsApp-Signature']}"
                "\r\n\r\n").encode() + body

    def start(self, rate, seconds, topics=("chat-event",)):
        """A process that posts `rate` requests a second; finish() returns what it measured."""
        Traffic.runs += 1
        # In memory, so that the commits of PostgreSQL do not wait for this file.
        self.file = Path("/dev/shm") / f"{self.blazz.prefix}-{id(self)}"
        with open(self.file, "wb") as out:
            for i in range(int(rate * seconds)):
                request = self.request(i)
                out.write(b"%d\n" % len(request) + request)
        where = [self.blazz.in_.port("http.port_file"), self.file, self.first, rate, CONNECTIONS, self.blazz.kafka.address]
        return subprocess.Popen([BIN / "bench-load", *map(str, where), *map(self.blazz.topic, topics)],
                                stdout=subprocess.PIPE, text=True)

    def finish(self, process):
        """The output of bench-load, with the short names of topics."""
        output = process.communicate()[0]
        self.file.unlink()
        assert process.returncode == 0, "bench-load failed"
        found = json.loads(output.replace(self.blazz.prefix + ".", "").replace(".v1", ""))
        assert found["refused"] == 0, output
        return found

    def abandon(self, process):
        process.kill()
        process.communicate()
        self.file.unlink()

    def run(self, rate, seconds, topics=("chat-event",)):
        return self.finish(self.start(rate, seconds, topics))
