"""Signatures, checked by the reference library of Standard Webhooks and by the openssl command line."""
import base64
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from harness.certificates import openssl
from harness.hooks import OLDER_SECRET, SECRET, Chat, add_webhook, dispatcher
from harness.receiver import Receiver

MODULES = Path(os.environ.get("BLAZZ_CACHE") or Path.home() / ".cache/blazz", "standardwebhooks-1.1.1", "node_modules")
VERIFY = """
const { Webhook } = require("standardwebhooks");
const deliveries = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(deliveries.map(({ secret, headers, body }) => {
    try {
        return new Webhook(secret).verify(Buffer.from(body, "base64").toString(), headers);
    } catch (e) {
        return e.name + ": " + e.message;
    }
})));
"""


def reference(*cases):
    """A function that verifies (secret, headers, body) with the library. It returns the event, or the library's error."""
    asked = [{"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()} for secret, headers, body in cases]
    done = subprocess.run(["node", "-e", VERIFY], input=json.dumps(asked), capture_output=True, text=True, timeout=60,
                          env=os.environ | {"NODE_PATH": str(MODULES)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def mac(secret, text):
    key = base64.b64decode(secret.removeprefix("whsec_")).hex()
    return openssl("dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-binary", stdin=text)


@pytest.fixture
def delivery(blazz):
    """A delivery that was signed during a rotation of secrets, with a body that is not only ASCII."""
    receiver, chat = Receiver(), Chat(blazz)
    dispatcher(blazz).start()
    add_webhook(blazz, chat.workspace, receiver.url(), (SECRET, (OLDER_SECRET, int(time.time() * 1000) + 3600000)))
    chat.publish(chat.message(body="Grüße, 世界 👋 \u2028 \"quoted\" \\ </script>"))
    (one,), = receiver.wait(1).values()
    receiver.close()
    return one


def test_the_reference_library_and_openssl_accept_the_signatures(delivery):
    body, headers = delivery.body, delivery.headers
    assert reference((SECRET, headers, body), (OLDER_SECRET, headers, body)) == [json.loads(body)] * 2
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"].split(" ") == [
        "v1," + base64.b64encode(mac(secret, signed)).decode() for secret in (SECRET, OLDER_SECRET)]
    assert headers["x-whatsapp-signature"] == mac(SECRET, body).hex()
    assert abs(int(headers["webhook-timestamp"]) - delivery.at) < 60

    stranger = "whsec_" + base64.b64encode(b"x" * 32).decode()
    late = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}
    other = headers | {"webhook-id": headers["webhook-id"] + "0"}
    wrong = reference((stranger, headers, body), (SECRET, late, body), (SECRET, other, body), (SECRET, headers, body + b" "))
    assert wrong == ["WebhookVerificationError: No matching signature found"] * 4, "a changed body is rejected"
