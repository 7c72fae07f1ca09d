"""tools/provider-stub: instances of bridges, their sessions and their faults, driven as what manages sessions would."""
import json
import uuid

import pytest
from harness.client import standard_webhook
from harness.provider_stub import KEY, ProviderStub
from harness.waiting import wait_for

KINDS = ("blazz", "waha", "evolution", "wwebjs")
HEADERS = {"waha": "x-api-key", "evolution": "apikey", "wwebjs": "x-api-key"}
LOOK = {"blazz": "/api/sessions/{}", "waha": "/api/sessions/{}", "evolution": "/instance/connectionState/{}",
        "wwebjs": "/session/status/{}"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    stub = ProviderStub(tmp_path_factory.mktemp("stub")).start()
    yield stub
    wrong = stub.close()
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def stub(running):
    running.rules()
    return running


class Instance:
    """A fresh instance of this kind."""
    def __init__(self, stub, kind, key=KEY, **members):
        self.stub, self.kind, self.key, self.name = stub, kind, key, f"i{uuid.uuid4().hex[:8]}"
        self.put(provider=kind, key=KEY, **members)

    def put(self, **members):
        self.stub.put("/_instances", [{"name": self.name} | members])

    def call(self, method, path, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        signed = body or f"{method} {path}".encode()
        headers = {HEADERS[self.kind]: self.key} if self.kind in HEADERS else standard_webhook(
            self.key, signed, id_=f"msg_{uuid.uuid4()}")
        return self.stub.client().request(method, f"/~{self.name}{path}", body, headers)

    def look(self, session="a"):
        return self.call("GET", LOOK[self.kind].format(session))

    def lease(self, token=None, ttl_s=60):
        answer = self.call("POST", "/api/lease", {"ttl_s": ttl_s} | ({"token": token} if token else {}))
        assert answer.status == 200, answer
        return answer.json()["token"]

    def state(self, session="a"):
        """What the stub itself says."""
        sessions = next(i for i in self.stub.get("/_instances").json() if i["name"] == self.name)["sessions"]
        return next(s["state"] for s in sessions if s["name"] == session)

    def calls(self, **filters):
        return [json.loads(line) for line in self.stub.get("/_calls", instance=self.name, **filters).body.splitlines()]


def blazz_create(epoch=1):
    return {"session_id": "a", "workspace_id": str(uuid.uuid4()), "epoch": epoch, "webhook_url": "http://127.0.0.1/x", "signing_keys": []}


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_needs_the_instances_key(stub, kind):
    instance = Instance(stub, kind, key="wrong")
    answer = instance.look()
    assert answer.status == (403 if kind == "wwebjs" else 401), answer
    assert [c["status"] for c in instance.calls()] == [answer.status]


@pytest.mark.parametrize("kind", KINDS)
def test_calls_are_in_the_journal_with_their_time(stub, kind):
    instance = Instance(stub, kind)
    instance.look("a")
    instance.look("b")
    first, second = instance.calls()
    assert (first["act"], first["session"], first["provider"], first["end"]) == ("look", "a", kind, "answer")
    assert first["at_ms"] <= second["at_ms"] and first["seq"] < second["seq"]
    assert instance.calls(session="b") == [second] == instance.calls(after=first["seq"])


def test_waha_creates_starts_stops_and_deletes(stub):
    waha = Instance(stub, "waha")
    created = waha.call("POST", "/api/sessions", {"name": "a", "start": True})
    assert (created.status, created.json()["status"]) == (201, "WORKING")
    assert waha.call("POST", "/api/sessions", {"name": "a"}).status == 422
    assert waha.call("POST", "/api/sessions/a/start").status == 422
    assert waha.call("POST", "/api/sessions/a/stop").json()["status"] == "STOPPED"
    assert [s["name"] for s in waha.call("GET", "/api/sessions?all=true").json()] == ["a"]
    assert waha.call("DELETE", "/api/sessions/a").status == 200
    assert waha.look().status == 404


def test_a_qr_code_is_there_while_it_is_scanned(stub):
    waha = Instance(stub, "waha", starts_as="qr")
    waha.call("POST", "/api/sessions", {"name": "a"})
    assert waha.call("GET", "/api/a/auth/qr?format=raw").json()["value"]
    waha.put(sessions=[{"name": "a", "state": "connected", "phone": "6281234567890"}])
    assert waha.look().json()["me"]["id"] == "6281234567890@c.us"
    assert waha.call("GET", "/api/a/auth/qr?format=raw").status == 422


def test_evolution_needs_a_logout_before_a_delete(stub):
    evolution = Instance(stub, "evolution", sessions=[{"name": "a", "state": "connected"}])
    assert evolution.call("GET", "/instance/fetchInstances?number=0").status == 404
    assert evolution.call("DELETE", "/instance/delete/a").status == 400
    assert evolution.call("DELETE", "/instance/logout/a").status == 200
    assert evolution.call("DELETE", "/instance/logout/a").status == 400
    assert evolution.call("DELETE", "/instance/delete/a").status == 200


def test_wwebjs_keeps_the_folder_of_a_stopped_session(stub):
    wwebjs = Instance(stub, "wwebjs", sessions=[{"name": "a", "state": "connected"}])
    assert wwebjs.call("GET", "/session/stop/a").json()["success"]
    assert wwebjs.look().json()["message"] == "session_not_found"
    assert wwebjs.call("GET", "/session/terminate/a").json()["message"] == "session_not_found"
    assert wwebjs.state() == "stopped"
    assert wwebjs.call("GET", "/session/start/a").json()["success"]
    assert wwebjs.call("GET", "/session/terminate/a").json()["success"]
    assert wwebjs.state() == "absent"


def test_a_blazz_instance_stops_its_sessions_when_its_lease_ends(stub):
    blazz = Instance(stub, "blazz")
    assert blazz.call("POST", "/api/sessions", blazz_create()).status == 503
    token = blazz.lease(blazz.lease())
    assert blazz.call("POST", "/api/sessions", blazz_create()).json()["state"] == "connected"
    blazz.lease(token, ttl_s=1)
    wait_for(lambda: blazz.state() == "stopped", "the session is stopped")
    assert blazz.look().json()["state"] == "stopped"


def test_a_lower_epoch_is_rejected(stub):
    blazz = Instance(stub, "blazz")
    blazz.lease(blazz.lease())
    assert blazz.call("POST", "/api/sessions", blazz_create(epoch=5)).status == 200
    assert blazz.call("POST", "/api/sessions", blazz_create(epoch=4)).status == 409
    assert blazz.look().json()["epoch"] == 5


def test_a_dead_instance_answers_nothing_and_comes_back_with_its_sessions(stub):
    waha = Instance(stub, "waha", sessions=[{"name": "a", "state": "connected"}])
    waha.put(dead=True)
    with pytest.raises(OSError):
        waha.look()
    assert [c["end"] for c in waha.calls()] == ["cut"]
    waha.put(dead=False)
    assert waha.look().json()["status"] == "WORKING"


def test_rules_delay_cut_and_replace_answers(stub):
    waha, other = (Instance(stub, "waha", sessions=[{"name": "a", "state": "connected"}]) for _ in range(2))
    stub.rules({"instance": waha.name, "act": "look", "times": 1, "status": 200, "body": {"name": "b", "status": "WORKING"}},
               {"instance": waha.name, "act": "look", "times": 1, "status": 502},
               {"instance": waha.name, "act": "stop", "end": "cut"},
               {"instance": waha.name, "act": "start", "end": "reset", "delay_ms": 50},
               {"instance": waha.name, "act": "delete", "end": "hang", "delay_ms": 100})
    assert waha.look().json()["name"] == "b"
    assert waha.look().status == 502
    assert other.look().json()["name"] == waha.look().json()["name"] == "a"
    for method, path in (("POST", "/stop"), ("POST", "/start"), ("DELETE", "")):
        with pytest.raises(OSError):
            waha.call(method, f"/api/sessions/a{path}")
    assert waha.state() == "stopped", "the stop was done, the others were not"
    assert [c["end"] for c in waha.calls()][-3:] == ["cut", "reset", "hang"]


def test_what_is_no_route_is_not_found(stub):
    waha = Instance(stub, "waha")
    assert waha.call("GET", "/instance/fetchInstances").status == 404
    assert stub.client().request("GET", "/~nothing/ping").status == 404
    assert waha.calls() == []
