"""The fixture bodies, their routes and the expected events (index.md beside them)."""
import json
import os
from pathlib import Path

from harness.servers import ROOT

FOLDER = Path(os.environ.get("FIXTURES") or ROOT / "tests/fixtures")
DIALECTS = ("meta", "webjs-raw", "waha", "evolution", "bridge")


def wrap(name, body):
    """Wraps an object of the library in wwebjs-api's envelope when the fixture has none."""
    value = json.loads(body)
    if "dataType" in value:
        return body
    word = name.split("_")[0]  # message, chat, contact
    return json.dumps({"dataType": word, "data": {word: value}, "sessionId": "acme-support-1"}).encode()


class Fixture:
    def __init__(self, path, expected):
        self.path = path
        self.dialect, self.name = path.parent.name, path.stem
        self.id = f"{self.dialect}/{path.name}"
        self.expected = expected

    def body(self, workspace):
        """The body as it is posted: one of the bridge names the workspace."""
        body = self.path.read_bytes()
        if self.dialect == "webjs-raw":
            return wrap(self.name, body)
        return body.replace(b"{workspace}", workspace.encode()) if self.dialect == "bridge" else body

    def events(self):
        """The expected events that reach Kafka: without rejected items."""
        if isinstance(self.expected, dict):  # the batch of a thousand: the first, the last and the number of items
            return None
        return [e for e in self.expected if e["kind"] not in ("rejected", "status_post", "newsletter_post", "ignored")]

    def status(self):
        """The status of the answer when the whole body is rejected; otherwise None."""
        if isinstance(self.expected, dict):
            return None
        return next((e["status"] for e in self.expected if e["kind"] == "rejected" and "status" in e), None)

    def is_number_change(self):
        return isinstance(self.expected, list) and any(e["kind"] == "contact_changed" for e in self.expected)

    def __repr__(self):
        return self.id


def load():
    expected = json.loads((FOLDER / "expected.json").read_text())["files"]
    return [Fixture(FOLDER / name, expected[name]) for name in sorted(expected) if (FOLDER / name).exists()]
