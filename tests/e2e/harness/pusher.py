"""The HTTP API of a Pusher-compatible server: it accepts an event only when it is signed as Pusher's documentation says."""
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from harness.hooks import add_webhook
from harness.receiver import Receiver

AGE_S = 600
BODY_BYTES = 10000  # the limit of Reverb


@dataclass
class Application:
    app_id: str = "1234"
    key: str = "278d425bdf160c739803"
    secret: str = "7ad3773142a6692b25b8"

    def rejection(self, method, target, body, now_s):
        """The status with which a server rejects this request; None: it accepts it."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        signature = query.pop("auth_signature", "")
        if url.path != f"/apps/{self.app_id}/events":
            return 404
        if len(body) > BODY_BYTES:
            return 413
        signed = "\n".join([method, url.path, "&".join(f"{k}={query[k]}" for k in sorted(query))])
        good = (query.get("auth_key") == self.key and query.get("auth_version") == "1.0"
                and abs(now_s - int(query.get("auth_timestamp", 0))) <= AGE_S
                and query.get("body_md5") == hashlib.md5(body).hexdigest()
                and hmac.compare_digest(hmac.new(self.secret.encode(), signed.encode(), hashlib.sha256).hexdigest(), signature))
        return None if good else 401


class PusherServer(Receiver):
    """`status` is the answer to a valid request."""

    def __init__(self, application=None):
        self.application = application or Application()
        self.status = 200
        super().__init__(lambda d: self.application.rejection("POST", d.path, d.body, time.time()) or self.status)

    def broadcasts(self):
        """(channels, name of the event, data) of every accepted request."""
        return [(d.event["channels"], d.event["name"], json.loads(d.event["data"]))
                for d in list(self.deliveries) if d.status == 200]


def add_pusher(stack, workspace, server, application=None, channel=None, **columns):
    """Adds an endpoint. Returns its public id."""
    application = application or server.application
    secrets = vars(application) | ({"channel": channel} if channel else {})
    return add_webhook(stack, workspace, server.url(""), secrets, kind="pusher", **columns)
