"""Posting as the bridges and Meta do: each dialect's route and signature."""
import base64
import hashlib
import hmac
import http.client
import json
import time

SECRETS = {"meta": "example-app-secret", "waha": "my-secret-key", "webjs-raw": "example-bridge-key",
           "bridge": "example-bridge-key", "evolution": "example-evolution-token"}
VERIFY_TOKEN = "example-verify-token"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def mac(secret, body, digest="sha256"):
    return hmac.new(secret.encode(), body, digest).hexdigest()


def signature(dialect, body, secret=None):
    """The headers that authenticate this body."""
    secret = secret or SECRETS[dialect]
    if dialect == "meta":
        return {"X-Hub-Signature-256": "sha256=" + mac(secret, body)}
    if dialect == "waha":
        return {"X-Webhook-Hmac": mac(secret, body, "sha512")}
    if dialect == "evolution":
        return {"apikey": secret}
    return {"X-WhatsApp-Signature": mac(secret, body)}


def standard_webhook(secret, body, id_="msg_1", at=None):
    """Standard Webhooks' headers."""
    at = str(int(time.time() if at is None else at))
    made = hmac.new(secret.encode(), f"{id_}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": id_, "webhook-timestamp": at, "webhook-signature": "v1," + base64.b64encode(made).decode()}


class Client:
    """Keeps one connection alive."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None, headers=None, timeout_s=30.0):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            self.connection.request(method, path, body, headers or {})
            answer = self.connection.getresponse()
            done = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.will_close:
            self.close()
        return done

    def post(self, path, body, headers=None, content_type="application/json", **more):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.request("POST", path, body, {"Content-Type": content_type, **(headers or {})}, **more)
