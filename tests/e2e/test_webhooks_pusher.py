"""Broadcasts: live messages go to a Pusher-compatible server that checks signatures; late ones are abandoned."""
import json
import time

import pytest
from blazz.v1 import common_pb2 as common
from harness.blazz import Blazz
from harness.hooks import (attempts, dead_letters, dispatcher, enable_webhook, endpoint_row, positions, retries,
                           wait_all_dispatched)
from harness.pusher import Application, PusherServer, add_pusher
from harness.waiting import wait_for

HOUR_AGO = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))


@pytest.fixture(scope="module")
def running(postgres, kafka, tmp_path_factory):
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("pusher"))
    stack.dispatcher = dispatcher(stack).start()
    yield stack
    wrong = stack.close()
    assert not wrong, wrong


@pytest.fixture
def server():
    server = PusherServer()
    yield server
    server.close()


def test_the_test_server_verifies_requests_as_documented():
    """The worked example of pusher.com/docs/channels/library_auth_reference/rest-api is accepted, and any change of it is not."""
    app, at_s = Application(app_id="3"), 1353088179
    body = rb'{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}'
    target = ("/apps/3/events?auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0"
              "&body_md5=ec365a775a4cd0599faeb73354201b6f"
              "&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c")
    assert app.rejection("POST", target, body, at_s) is None
    assert app.rejection("POST", target, body, at_s + 601) == 401
    assert app.rejection("GET", target, body, at_s) == 401
    assert app.rejection("POST", target, body + b" ", at_s) == 401
    assert app.rejection("POST", target.replace("353088179", "353088180"), body, at_s) == 401
    assert app.rejection("POST", target.replace("/3/", "/4/"), body, at_s) == 404
    assert Application(app_id="3", secret="another").rejection("POST", target, body, at_s) == 401


def test_a_live_message_is_broadcast_and_nothing_else(chat, server):
    """Whatever the endpoint subscribes to."""
    add_pusher(chat.stack, chat.workspace, server, event_types=["message.status"], origins=["live", "history", "sync"],
               headers=json.dumps({"x-from": "blazz"}))
    message = chat.message(body='a "word" — 😀')
    chat.publish(chat.message(origin=common.ORIGIN_HISTORY), chat.message(origin=common.ORIGIN_SYNC), chat.status(), message)
    wait_for(server.broadcasts, "a broadcast is accepted")
    wait_all_dispatched(chat.stack)
    (channels, name, data), = server.broadcasts()
    created = message.message_created
    assert (channels, name) == ([f"chats.ch{chat.workspace}"], "new-chat-received")
    assert data.keys() == {"chat", "contact", "group"}
    assert data["contact"] == {"id": created.contact.id, "name": None, "phone": created.contact.phone}
    assert data["group"] is None
    expected = {"id": created.message.id, "uuid": created.message.uuid, "type": "inbound", "chat_type": "private",
                "provider_type": "webjs", "message": 'a "word" — 😀', "message_type": "text", "is_read": False}
    assert {k: data["chat"][k] for k in expected} == expected and data["chat"]["created_at"]
    delivery, = server.deliveries
    assert delivery.headers["content-type"] == "application/json" and delivery.headers["x-from"] == "blazz"
    assert not [h for h in delivery.headers if "webhook" in h or "signature" in h]


def webhook_add(chat, server, *options):
    config = chat.stack.ctl_config | {"webhooks.allow_http": True, "webhooks.allowed_networks": ["127.0.0.0/8"]}
    return chat.stack.ctl_run("--json", "webhook", "add", "--workspace", chat.workspace, "--url", server.url(""), "--kind", "pusher",
                              *options, stdin=server.application.secret, config=config)


def test_a_group_on_a_private_channel_of_an_endpoint_that_blazzctl_added(chat, server):
    app = server.application
    added = webhook_add(chat, server, "--app-id", app.app_id, "--key", app.key, "--secret-file", "-", "--channel", "private-chats.ch7")
    assert added.returncode == 0, added.stderr
    endpoint = json.loads(added.stdout)[0]["endpoint"]
    assert app.secret not in added.stdout
    assert endpoint_row(chat.stack, endpoint)["ordering"] == "none"
    rotated = chat.stack.ctl_run("webhook", "rotate-secret", endpoint)
    assert rotated.returncode != 0 and "pusher" in rotated.stderr
    message = chat.message()
    created = message.message_created
    created.group.id, created.group.jid, created.group.name, created.group.participants_count = created.contact.id, "1@g.us", "Team", 3
    created.ClearField("contact")
    chat.publish(message)
    (channels, _, data), = wait_for(server.broadcasts, "a broadcast is accepted")
    assert channels == ["private-chats.ch7"]
    assert data["contact"] is None and data["chat"]["chat_type"] == "group"
    assert data["group"] == {"id": created.group.id, "name": "Team", "participants_count": 3, "jid": "1@g.us"}


@pytest.mark.parametrize("options", [
    (), ("--app-id", "1", "--key", "k"), ("--app-id", "1", "--secret-file", "-"), ("--key", "k", "--secret-file", "-"),
    ("--app-id", "1/2", "--key", "k", "--secret-file", "-"), ("--app-id", "1", "--key", "a b", "--secret-file", "-"),
    ("--app-id", "1", "--key", "k", "--secret-file", "-", "--channel", "a b"),
    ("--app-id", "1", "--key", "k", "--secret-file", "-", "--types", "message.*"),
    ("--app-id", "1", "--key", "k", "--secret-file", "-", "--kind", "http"),
])
def test_settings_that_make_no_pusher_are_rejected(chat, server, options):
    refused = webhook_add(chat, server, *options)
    assert refused.returncode != 0 and refused.stderr
    assert not chat.stack.sql("SELECT 1 FROM webhook_endpoints WHERE url = %s", server.url(""))


def test_a_text_that_is_too_long_is_omitted(chat, server):
    add_pusher(chat.stack, chat.workspace, server)
    chat.publish(chat.message(body="x" * 20000))
    (_, _, data), = wait_for(server.broadcasts, "a broadcast is accepted")
    assert data["chat"]["truncated"] and data["chat"]["message"] is None
    assert data["chat"]["uuid"] == chat.published[0].message_created.message.uuid


def test_a_broadcast_is_retried_when_the_server_was_briefly_down(chat, server):
    endpoint = add_pusher(chat.stack, chat.workspace, server)
    server.status = 500
    chat.publish(chat.message())
    row, = wait_for(lambda: retries(chat.stack, endpoint, "pending"), "a retry is pending")
    assert row["max_retries"] == 3 and 0.8 <= (row["next_retry_at"] - row["updated_at"]).total_seconds() <= 1.2
    server.status = 200
    wait_for(server.broadcasts, "a broadcast is accepted")
    wait_for(lambda: retries(chat.stack, endpoint, "success"), "its retry has ended")


def test_a_broadcast_with_a_wrong_secret_is_rejected_and_abandoned(chat, server):
    endpoint = add_pusher(chat.stack, chat.workspace, server, Application(secret="another"))
    chat.publish(chat.message())
    dead_letter, = wait_for(lambda: dead_letters(chat.stack, endpoint), "a dead letter is published")
    assert dead_letter.value == chat.published[0].SerializeToString()
    assert [d.status for d in server.deliveries] == [401] * 3 and not server.broadcasts()
    assert [(a["outcome"], a["status"]) for a in attempts(chat.stack, endpoint)] == [("client_error", 401)] * 3


def late_ones(stack):
    return stack.dispatcher.metrics()['blazz_webhook_broadcasts_total{fate="late"}']


def test_an_old_event_is_no_longer_broadcast(chat, server):
    """Neither when it is read late, nor when a retry is due too late."""
    before = late_ones(chat.stack)
    endpoint = add_pusher(chat.stack, chat.workspace, server, active_from=HOUR_AGO)
    chat.publish(chat.message(0), ago_s=125)
    wait_all_dispatched(chat.stack)
    assert late_ones(chat.stack) == before + 1
    assert not server.deliveries

    server.status = 500
    chat.publish(chat.message(1), ago_s=117)
    row, = wait_for(lambda: retries(chat.stack, endpoint, "failed"), "its retry has ended")
    assert late_ones(chat.stack) == before + 2
    assert 1 <= len(server.deliveries) <= 3 and row["event_id"] == chat.published[1].event_id
    assert not dead_letters(chat.stack, endpoint) and endpoint_row(chat.stack, endpoint)["state"] == "active"

    server.status = 200
    chat.publish(chat.message(1))
    (_, _, data), = wait_for(server.broadcasts, "the next event is broadcast")
    assert data["chat"]["uuid"] == chat.published[2].message_created.message.uuid


def test_an_endpoint_that_was_disabled_resumes_with_new_events(chat, server):
    before = late_ones(chat.stack)
    endpoint = add_pusher(chat.stack, chat.workspace, server, active_from=HOUR_AGO, enabled=False)
    chat.publish(*[chat.message(i % 4) for i in range(20)], ago_s=300)
    wait_all_dispatched(chat.stack)
    wait_for(lambda: positions(chat.stack, endpoint), "the endpoint is in catch-up")
    enable_webhook(chat.stack, endpoint)
    new, = chat.publish(chat.message())
    wait_for(server.broadcasts, "the new event is broadcast")
    wait_for(lambda: not positions(chat.stack, endpoint), "it has caught up")
    assert [data["chat"]["uuid"] for _, _, data in server.broadcasts()] == [new.message_created.message.uuid]
    assert late_ones(chat.stack) == before + 20 and not retries(chat.stack, endpoint)
