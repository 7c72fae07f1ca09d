"""blazzctl webhook and blazzctl retry, as operators use them, against real receivers and the dispatcher."""
import json
import re
import time

import pytest
from harness.blazz import Blazz
from harness.hooks import SECRET, Chat, attempts, dispatcher, endpoint_row, retries
from harness.receiver import Receiver, key_of, signs, verified
from harness.waiting import wait_for

LOOPBACK = {"webhooks.allow_http": True, "webhooks.allowed_networks": ["127.0.0.0/8"]}


@pytest.fixture(scope="module")
def stack(postgres, kafka, tmp_path_factory):
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("hooks"), partitions=1)
    stack.ctl_config |= LOOPBACK
    stack.workspace = stack.add_workspace()
    dispatcher(stack).start()
    yield stack
    assert not stack.close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def add(stack, url, *options, secret=None):
    """Adds an endpoint. Returns its public id and the generated secret."""
    words = ["--secret-file", "-"] if secret else []
    (row,) = stack.ctl("webhook", "add", "--workspace", stack.workspace, "--url", url, *options, *words, stdin=secret)
    return row["endpoint"], row["secret"]


def facts(stack, endpoint):
    return {f["name"]: f["value"] for f in stack.ctl("webhook", "show", endpoint)["endpoint"]}


def test_an_endpoint_is_added_with_the_given_settings(stack, receiver):
    endpoint, secret = add(stack, receiver.url(), "--name", "Shop", "--types", "message.created, session.*", "--origins",
                           "live,sync", "--unordered", "--lenient", "--rate", "50", "--max-in-flight", "3", "--timeout", "2s",
                           "--schedule", "1s,5m", "--max-retries", "0", "--header", "X-Shop: Ünï code")
    assert len(key_of(secret)) == 32, "generated, and shown once"
    row = endpoint_row(stack, endpoint)
    assert (row["name"], row["url"], row["event_types"], row["origins"]) == (
        "Shop", receiver.url(), ["message.created", "session.*"], ["live", "sync"])
    assert (row["ordering"], row["client_errors"], row["rate"], row["max_in_flight"], row["timeout_ms"]) == (
        "none", "lenient", 50, 3, 2000)
    assert (row["schedule_ms"], row["max_retries"], row["headers"]) == ([1000, 300000], 0, {"X-Shop": "Ünï code"})
    assert secret.encode() not in bytes(row["secrets"])
    (listed,) = [e for e in stack.ctl("webhook", "list", "--workspace", stack.workspace) if e["endpoint"] == endpoint]
    assert listed["live"] is True and listed["state"] == "active" and listed["workspace"] == stack.workspace
    other = stack.add_workspace("other")
    assert stack.ctl("webhook", "list", "--workspace", other) == []


def test_absent_options_have_their_defaults(stack, receiver):
    endpoint, secret = add(stack, receiver.url(), secret=SECRET)
    row = endpoint_row(stack, endpoint)
    assert secret is None, "a secret that was read from a file is not printed"
    assert (row["event_types"], row["origins"], row["ordering"], row["client_errors"]) == ([], ["live"], "conversation", "strict")
    assert (row["rate"], row["schedule_ms"], row["max_retries"], row["headers"]) == (0, [], None, None)


@pytest.mark.parametrize("options, words", (
    (("--url", "http://127.0.0.1/", "--timeout", "31s"), "--timeout"), (("--url", "http://127.0.0.1/", "--timeout", "9"), "duration"),
    (("--url", "http://127.0.0.1/", "--origins", "dead"), "--origins"), (("--url", "http://127.0.0.1/", "--schedule", "5s,x"), "--schedule"),
    (("--url", "http://127.0.0.1/", "--max-retries", "-1"), "--max-retries"), (("--url", "http://127.0.0.1/", "--header", "x"), "--header"),
    (("--url", "http://127.0.0.1/", "--header", "Webhook-Id: x"), "is reserved"), (("--url", "http://127.0.0.1/", "--header", "a: b\nc: d"), "--header"),
    (("--url", "http://127.0.0.1/", "--max-in-flight", "1001"), "--max-in-flight"), ((), "--url"),
))
def test_invalid_options_are_wrong_usage(stack, options, words):
    done = stack.ctl_run("webhook", "add", "--workspace", stack.workspace, *options)
    assert done.returncode == 2 and words in done.stderr, done.stderr


@pytest.mark.parametrize("url, config", (
    ("http://127.0.0.1/", {"webhooks.allow_http": True}), ("https://127.0.0.1/", {}), ("http://93.184.216.34/", {}), ("https://localhost/", {}),
    ("https://0x7f.1/", {}), ("https://[::ffff:10.0.0.1]/", {}), ("https://user:x@93.184.216.34/", {}), ("ftp://93.184.216.34/", {}),
))
def test_an_endpoint_with_a_forbidden_address_is_not_saved(stack, url, config):
    config = {k: v for k, v in stack.ctl_config.items() if k not in LOOPBACK} | config
    done = stack.ctl_run("webhook", "add", "--workspace", stack.workspace, "--url", url, config=config)
    assert done.returncode == 1 and not re.search("secret|whsec", done.stdout + done.stderr), done.stderr
    assert url not in [e["url"] for e in stack.ctl("webhook", "list")]


def test_a_secret_file_without_a_secret_and_a_wrong_network(stack):
    done = stack.ctl_run("webhook", "add", "--workspace", stack.workspace, "--url", "http://127.0.0.1/", "--secret-file", "-", stdin=" \n \n")
    assert done.returncode == 1 and "secret" in done.stderr
    done = stack.ctl_run("webhook", "add", "--workspace", stack.workspace, "--url", "http://127.0.0.1/",
                         config=stack.ctl_config | {"webhooks.allowed_networks": ["127.0.0.0/99"]})
    assert done.returncode == 78


def test_the_dispatcher_delivers_to_endpoints_that_blazzctl_adds(stack, receiver):
    endpoint, secret = add(stack, receiver.url(), "--types", "message.created", "--header", "X-Shop: seven")
    (event,) = Chat(stack, stack.workspace).burst(1)
    wait_for(lambda: event.event_id in [d.event["id"] for d in receiver.deliveries], "an event is delivered")
    (delivery,) = [d for d in receiver.deliveries if d.event["id"] == event.event_id]
    assert verified(delivery, secret) and delivery.headers["x-shop"] == "seven"
    wait_for(lambda: attempts(stack, endpoint), "the attempt is recorded")
    shown = stack.ctl("webhook", "show", endpoint)
    (attempt,) = shown["attempts"]
    assert (attempt["event"], attempt["outcome"], attempt["status"], attempt["attempt"]) == (event.event_id, "success", 200, 1)
    assert 0 < attempt["connect_us"] <= attempt["first_byte_us"] <= attempt["total_us"]
    assert shown["positions"] == shown["retries"] == []
    people = stack.ctl_run("webhook", "show", endpoint).stdout
    assert secret not in people and "\nattempts\n" in people and endpoint in people


def test_a_disabled_endpoint_catches_up_when_enabled(stack, receiver):
    endpoint, _ = add(stack, receiver.url(), "--types", "message.*")
    assert stack.ctl_run("webhook", "disable", endpoint).returncode == 0
    assert facts(stack, endpoint)["enabled"] is False
    chat = Chat(stack, stack.workspace)
    events = chat.burst(1)
    wait_for(lambda: stack.ctl("webhook", "show", endpoint)["positions"], "a position is stored")
    (position,) = stack.ctl("webhook", "show", endpoint)["positions"]
    assert position["partition"] == 0 and position["topic"] == stack.topic("chat-event")
    events += chat.burst(2)
    wait_for(lambda: stack.ctl("webhook", "show", endpoint)["positions"][0]["behind"] >= 3, "three events are missed")
    assert stack.ctl_run("webhook", "enable", endpoint).returncode == 0
    wait_for(lambda: {e.event_id for e in events} <= {d.event["id"] for d in receiver.deliveries}, "missed events are delivered")


def test_a_test_event_is_signed_and_its_result_is_shown(stack, receiver):
    endpoint, secret = add(stack, receiver.url(), "--header", "X-Shop: seven")
    (row,) = stack.ctl("webhook", "test", endpoint)
    assert (row["outcome"], row["status"]) == ("success", 200) and 0 < row["connect_us"] <= row["total_us"]
    (delivery,) = receiver.deliveries
    assert verified(delivery, secret) and delivery.headers["x-shop"] == "seven"
    assert delivery.event["type"] == "endpoint.test" and delivery.event["workspace_id"] == stack.workspace
    assert delivery.event["data"] == {"endpoint_id": endpoint}
    receiver.answer = lambda delivery: 500
    done = stack.ctl_run("--json", "webhook", "test", endpoint)
    assert done.returncode == 1 and (json.loads(done.stdout)[0]["outcome"], json.loads(done.stdout)[0]["status"]) == ("server_error", 500)
    done = stack.ctl_run("--json", "webhook", "test", endpoint, config={k: v for k, v in stack.ctl_config.items() if k not in LOOPBACK})
    assert done.returncode == 1 and json.loads(done.stdout)[0]["outcome"] == "refused", "the address is checked when it is connected to"
    assert len(receiver.deliveries) == 2


def test_a_secret_that_is_rotated_signs_for_a_while_beside_the_new_one(stack, receiver):
    endpoint, former = add(stack, receiver.url())

    def rotated(*options, stdin=None):
        (row,) = stack.ctl("webhook", "rotate-secret", endpoint, *options, stdin=stdin)
        stack.ctl("webhook", "test", endpoint)
        return row["secret"], receiver.deliveries[-1]

    new, delivery = rotated()
    assert new != former and verified(delivery, new) and signs(delivery, former)
    newest, delivery = rotated("--overlap", "0s")
    assert verified(delivery, newest) and not signs(delivery, new) and not signs(delivery, former)
    printed, delivery = rotated("--secret-file", "-", "--overlap", "1s", stdin=SECRET)
    assert printed is None and verified(delivery, SECRET) and signs(delivery, newest)

    def expired():
        stack.ctl("webhook", "test", endpoint)
        return not signs(receiver.deliveries[-1], newest)

    wait_for(expired, "the older secret has expired")
    assert verified(receiver.deliveries[-1], SECRET)
    assert stack.ctl_run("webhook", "rotate-secret", endpoint, "--overlap", "soon").returncode == 2


def test_a_body_is_signed_and_verified(stack, receiver, tmp_path):
    endpoint, secret = add(stack, receiver.url())
    body, file = tmp_path / "body", tmp_path / "secret"
    body.write_bytes(b'{"a":\x00"\xff"}\n')
    file.write_text(secret + "\n")
    lines = stack.ctl_run("webhook", "sign", endpoint, body, "--id", "msg_1").stdout.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers["webhook-id"] == "msg_1" and abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    again = stack.ctl_run("webhook", "sign", "--secret-file", file, "--id", "msg_1", "--timestamp", headers["webhook-timestamp"], body)
    assert again.stdout.splitlines() == lines, "the file's content is the secret"

    def verify(*what, body=body, id="msg_1", timestamp=headers["webhook-timestamp"], signature=headers["webhook-signature"], stdin=None):
        return stack.ctl_run("webhook", "verify", *what, body, "--id", id, "--timestamp", timestamp, "--signature", signature,
                             stdin=stdin).returncode

    assert verify(endpoint) == verify("--secret-file", file) == 0
    assert verify(endpoint, signature="v1,AAAA " + headers["webhook-signature"]) == 0
    assert verify(endpoint, id="msg_2") == verify(endpoint, timestamp="1") == verify(endpoint, signature="v1,AAAA") == 1
    assert verify(endpoint, body="-", stdin="other") == verify(endpoint, body=tmp_path / "none") == 1
    assert verify() == 2 and stack.ctl_run("webhook", "verify", endpoint, body).returncode == 2


def test_an_endpoint_that_is_removed_is_gone(stack, receiver):
    endpoint, _ = add(stack, receiver.url())
    assert stack.ctl_run("webhook", "remove", endpoint).returncode == 0
    assert endpoint not in [e["endpoint"] for e in stack.ctl("webhook", "list")]
    for words in (("remove",), ("show",), ("test",), ("enable",), ("rotate-secret",)):
        done = stack.ctl_run("webhook", *words, endpoint)
        assert done.returncode == 1 and "no endpoint" in done.stderr
    assert stack.ctl_run("webhook", "show", "x").returncode == 2


def test_pending_deliveries_are_listed_retried_and_discarded(stack, receiver):
    receiver.answer = lambda delivery: 503
    endpoint, _ = add(stack, receiver.url(), "--types", "message.created", "--schedule", "1h,2h")
    chat = Chat(stack, stack.workspace)
    (event,) = chat.burst(1)

    def rows(*options):
        return stack.ctl("retry", "list", "--endpoint", endpoint, *options)

    wait_for(lambda: rows("--status", "pending"), "a retry is pending")
    (row,) = rows()
    assert (row["event"], row["endpoint"], row["type"]) == (event.event_id, endpoint, "message.created")
    assert row["last_error"] and row["next_retry"] and not row["dropped"]
    assert [r["id"] for r in stack.ctl("webhook", "show", endpoint)["retries"]] == [row["id"]]
    assert stack.ctl("retry", "list", "--id", row["id"]) == [row] and rows("--status", "failed") == []

    # the circuit breaker may be open, and the schedule is an hour: only the operator's command makes it due now
    receiver.answer = lambda delivery: 200
    assert stack.ctl("retry", "retry", "--id", row["id"]) == [{"retried": 1}]
    wait_for(lambda: rows("--status", "success"), "the retry is delivered")
    assert stack.ctl("retry", "drop", "--id", row["id"]) == [{"dropped": 1}] and rows() == []

    receiver.answer = lambda delivery: 503
    (event,) = chat.burst(1)
    wait_for(lambda: rows("--status", "pending"), "the next retry is pending")
    count = len(receiver.deliveries)
    assert stack.ctl("retry", "drop", "--endpoint", endpoint, "--status", "pending") == [{"dropped": 1}]
    wait_for(lambda: rows("--status", "failed"), "the delivery is discarded")
    assert len([d for d in receiver.deliveries if d.event["id"] == event.event_id]) == 1 and len(receiver.deliveries) == count

    receiver.answer = lambda delivery: 200
    assert stack.ctl("retry", "retry", "--endpoint", endpoint, "--status", "failed") == [{"retried": 1}]
    wait_for(lambda: retries(stack, endpoint, "success"), "the discarded delivery is delivered")


@pytest.mark.parametrize("arguments", (
    ("retry", "retry"), ("retry", "drop", "--status", "failed"), ("retry", "list", "--status", "lost"), ("retry", "list", "--endpoint", "x"),
    ("webhook", "sign", "body"), ("webhook", "show"),
))
def test_wrong_usage(stack, arguments):
    assert stack.ctl_run(*arguments).returncode == 2
