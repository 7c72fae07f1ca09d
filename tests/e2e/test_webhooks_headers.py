"""An endpoint's columns reach the request as they are meant, or no request is sent, even if blazzctl and the database have checked nothing."""
import json

import pytest
from harness.hooks import Chat, add_webhook, attempts, change_webhook, dead_letters, dispatcher, wait_events
from harness.waiting import wait_for

SMUGGLED = ("1\r\nContent-Length: 0\r\n\r\nPOST /capture HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1400\r\nX-Y: ")
ROWS = {
    "a value that begins another request": {"headers": {"X-A": SMUGGLED}},
    "a name with a line end": {"headers": {"X-A: 1\r\nX-B": "1"}},
    "a length of its own": {"headers": {"Content-Length": "5"}},
    "a framing of its own": {"headers": {"Transfer-Encoding": "chunked"}},
    "the sender's own signature": {"headers": {"webhook-signature": "v1,none"}},
    "a value that is no text": {"headers": {"X-A": 1}},
    "more than there may be": {"headers": {f"X-{i}": "1" for i in range(33)}},
    "a URL with a line end": {"url": "http://127.0.0.1:1/a\r\nX-B: 1"},
    "a URL with a password": {"url": "http://user:secret@127.0.0.1:1/"},
}


@pytest.fixture(scope="module")
def unchecked(postgres):
    """A database without the constraints of these columns."""
    return """DO $$ DECLARE name text; BEGIN FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = 'webhook_endpoints'::regclass
        AND contype = 'c' AND pg_get_constraintdef(oid) ~ 'headers|url' LOOP
        EXECUTE format('ALTER TABLE webhook_endpoints DROP CONSTRAINT %I', name); END LOOP; END $$"""


def test_a_misconfigured_endpoint_gets_no_request_and_its_error_is_recorded(make_blazz, receive, unchecked):
    """Acme and Beta have endpoints on one host: over a kept-alive connection, a header could end Acme's request and start one that swallows
    Beta's."""
    stack, receiver = make_blazz(partitions=1), receive()
    stack.sql(unchecked)
    stack.dispatcher = dispatcher(stack).start()
    acme, beta = Chat(stack), Chat(stack)
    bad = {name: add_webhook(stack, acme.workspace, row.get("url") or receiver.url("/acme"), schedule_ms=[3600000], ordering="none",
                             event_types=["message.created"],
                             **({"headers": json.dumps(row["headers"])} if "headers" in row else {})) for name, row in ROWS.items()}
    add_webhook(stack, beta.workspace, receiver.url("/beta"))
    wait_events(receiver, beta.publish(beta.message()), "/beta")
    event, = acme.publish(acme.message())
    for name, endpoint in bad.items():
        attempt = wait_for(lambda: attempts(stack, endpoint), lambda: f"{name}: an attempt\n{stack.dispatcher.log_tail()}")[0]
        assert attempt["outcome"] == "refused" and attempt["error"] and attempt["connect_us"] is None, (name, attempt)
        assert "\r" not in attempt["error"] and "\n" not in attempt["error"]
        assert len(wait_for(lambda: dead_letters(stack, endpoint), f"{name}: two quick retries, then a dead letter", 40)) == 1
    for _ in range(5):
        wait_events(receiver, beta.publish(beta.message()), "/beta")
    assert {d.path for d in receiver.deliveries} == {"/beta"}
    one = bad["a value that begins another request"]
    change_webhook(stack, one, headers=json.dumps({"X-A": "1"}))
    more = acme.publish(acme.message())
    wait_events(receiver, more, "/acme")
    assert receiver.accepted("/acme") and receiver.deliveries[-1].headers["x-a"] == "1"
