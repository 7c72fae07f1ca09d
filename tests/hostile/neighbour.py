"""Beta: a well-behaved tenant that measures the effect of others on it."""
import threading
import time
from contextlib import contextmanager
from http.client import HTTPException

import psycopg2
from harness.client import Client, signature
from harness.events import T0
from harness.hooks import add_webhook
from harness.receiver import Receiver
from harness.waiting import wait_for

ANSWERED_S, STORED_S, DELIVERED_S = 1.0, 2.0, 2.0  # from the start of the POST
LOST_S = 10.0  # after this time a message counts as lost
PAUSE_S = 0.1
SECRET = "beta's secret"


class Neighbour:
    def __init__(self, blazz, port, client=Client):
        self.blazz, self.port, self.n, self.new_client = blazz, port, 0, client
        self.workspace = blazz.add_workspace("beta")
        self.account = blazz.add_account(self.workspace, SECRET, session="beta-1", provider="webjs", bridge="blazz")
        self.receiver = Receiver()
        add_webhook(blazz, self.workspace, self.receiver.url("/beta"))
        self.slowest = {}

    def body(self, n):
        return {"session_id": "beta-1", "id": f"3EB0BETA{n:08}", "chat_type": "private", "contact_phone": f"1650556{n % 50:04}",
                "contact_name": "Somebody", "from_me": False, "message_body": f"beta-says-{n:08}", "message_type": "text",
                "timestamp": T0 + n, "has_media": False}

    def message(self):
        """Posts a message. Returns the seconds until it was answered, stored and delivered; fails when one took too long."""
        import json
        self.n += 1
        n, body, began = self.n, json.dumps(self.body(self.n)).encode(), time.monotonic()
        client = self.new_client(self.port)
        try:
            answer = client.post("/api/whatsapp/webhook", body, signature("bridge", body, SECRET), timeout_s=LOST_S)
        except (OSError, HTTPException) as e:
            raise AssertionError(f"Beta's POST was not answered: {e!r} after {time.monotonic() - began:.1f} s") from None
        finally:
            client.close()
        assert answer.status == 202, f"Beta's POST was answered {answer}"
        times = {"answered": time.monotonic() - began}
        seen = {"stored": lambda: self.is_stored(n), "delivered": lambda: self.is_delivered(n)}
        while seen and time.monotonic() - began < LOST_S:
            for what in [w for w, done in seen.items() if done()]:
                times[what] = time.monotonic() - began
                del seen[what]
            time.sleep(0.01)
        for what, bound in (("answered", ANSWERED_S), ("stored", STORED_S), ("delivered", DELIVERED_S)):
            took = times.get(what)
            self.slowest[what] = max(self.slowest.get(what, 0), took or LOST_S)
            assert took is not None, f"Beta's message was not {what} within {LOST_S:g} s ({times})"
            assert took <= bound, f"Beta's message was {what} after {took:.1f} s, {bound:g} s are allowed"
        return times

    def is_stored(self, n):
        with psycopg2.connect(self.blazz.conninfo("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM chats WHERE message_key = %s", [f"false:3EB0BETA{n:08}"])
            found = cursor.fetchone()
        connection.close()
        return found

    def is_delivered(self, n):
        return any(f"beta-says-{n:08}".encode() in d.body for d in self.receiver.deliveries[-20:])

    @contextmanager
    def served(self, seconds=1.0):
        """Posts a message before the block, messages during it and for `seconds` after it, and one at the end; all must be within the bounds."""
        self.slowest = {}
        self.message()
        stop, wrong, count = threading.Event(), [], [0]

        def keep_posting():
            while not stop.is_set() and not wrong:
                try:
                    self.message()
                except Exception as e:  # raised below
                    wrong.append(e)
                count[0] += 1
                stop.wait(PAUSE_S)

        thread = threading.Thread(target=keep_posting, daemon=True)
        thread.start()
        try:
            yield self
            wait_for(lambda: wrong or stop.wait(seconds) or True, "further messages are posted")
        finally:
            stop.set()
            thread.join()
        assert not wrong, wrong[0]
        assert count[0] > 0
        self.message()

    def close(self):
        self.receiver.close()
