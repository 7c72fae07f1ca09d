"""One tenant: whatever Acme signs, Beta's messages are answered, stored and delivered in time, and Acme's valid messages are stored."""
import json
import os
import signal
import socket
import threading
import time

import psycopg2
import pytest
from attack import connect, head, send, signed, status
from bodies import (HERE, T0, body_of, bridge, bridge_sync, evolution, evolution_messages, meta_messages, meta_value, path_of,
                    times, waha, waha_message, whole, wwebjs, wwebjs_chat, wwebjs_message, wwebjs_sync)
from harness.client import Client, signature, standard_webhook
from harness.waiting import wait_for
from limits import reset_peak, peak
from neighbour import SECRET as BETAS_SECRET
from system import wait_all_consumed

MIB = 1 << 20
siblings = pytest.mark.siblings
# The memory of a signed body: its document (11 times its bytes when they are ones), its events, and copies of rejected items.
MEMORY_FACTOR, MEMORY_SLACK = 24, 96 * MIB
REJECTED_MAX, REJECTED_BYTES_MAX = 1000, 6 * MIB  # dead letters of one POST, with their envelopes
KINDS_MAX = 64
ACCEPTED = {200, 202, 400, 413, 422, 429, 503}


def check_valid_message(system, account):
    """After an attack a valid message of Acme is still stored."""
    key = f"3EB0GOOD{time.monotonic_ns()}"
    body = {
        "bridge": lambda: bridge(account, id=key),
        "evolution": lambda: evolution(account, "messages.upsert", {
            "key": {"remoteJid": "16505551234@s.whatsapp.net", "fromMe": False, "id": key}, "message": {"conversation": "x"},
            "messageType": "conversation", "messageTimestamp": T0}),
        "waha": lambda: waha(account, "message", waha_message(id=f"false_16505551234@c.us_{key}")),
        "webjs-raw": lambda: wwebjs(account, "message", {"message": wwebjs_message(id={
            "fromMe": False, "remote": "16505551234@c.us", "id": key, "_serialized": f"false_16505551234@c.us_{key}"})}),
        "meta": lambda: meta_value(account, "messages", messages=[
            {"from": "16505551234", "id": f"wamid.{key}", "timestamp": str(T0), "type": "text", "text": {"body": "x"}}]),
    }[account.dialect]()
    answer = system.post(account, body, patience_s=90)
    assert answer.status in (200, 202), answer
    wait_for(lambda: system.blazz.value("SELECT count(*) FROM chats WHERE message_key LIKE %s", f"%{key}"),
             lambda: f"Acme's own message is stored\n{system.chat_sync.log_tail(20)}", 30)


# Values that PostgreSQL rejects

def order_of(account, item, n):
    return json.dumps(meta_value(account, "messages", messages=[{
        "from": "16505551234", "id": f"wamid.O{i}{n}", "timestamp": str(T0), "type": "order",
        "order": {"catalog_id": "1", "product_items": [HERE]}} for i in range(n)])).replace(f'"{HERE}"', item).encode()


def of_type(kind):
    def make(account, number, n):
        return json.dumps(meta_value(account, "messages", messages=[{
            "from": "16505551234", "id": f"wamid.T{kind}{i}", "timestamp": str(T0), "type": kind, kind: {"a": [HERE]}}
            for i in range(n)])).replace(f'"{HERE}"', number).encode()
    return make


def evolution_items(event, item):
    def make(account, number, n):
        body = evolution(account, event, [item(i) for i in range(n)])
        return json.dumps(body).replace(f'"{HERE}"', number).encode()
    return make


def evolution_message(i):
    return {"key": {"remoteJid": "16505551234@s.whatsapp.net", "fromMe": False, "id": f"3EB0NUM{i}"}, "messageType": "orderMessage",
            "message": {"orderMessage": {"orderId": "1", "itemCount": HERE, "totalAmount1000": HERE}}, "messageTimestamp": T0}


def evolution_location(i):
    return {"key": {"remoteJid": "16505551234@s.whatsapp.net", "fromMe": False, "id": f"3EB0LOC{i}"}, "messageType": "locationMessage",
            "message": {"locationMessage": {"degreesLatitude": HERE, "degreesLongitude": HERE, "more": {"x": HERE}}}, "messageTimestamp": T0}


def meta_statuses(account, number, n):
    return json.dumps(meta_value(account, "messages", statuses=[{
        "id": f"wamid.S{i}", "status": "sent", "timestamp": str(T0), "recipient_id": "16505551234", "pricing": {"x": HERE},
        "conversation": {"id": "1", "expiration_timestamp": HERE}} for i in range(n)])).replace(f'"{HERE}"', number).encode()


def meta_notices(account, number, n):
    return json.dumps(meta_value(account, "account_update", event="X", **{f"member{i}": {"x": HERE} for i in range(n)})).replace(
        f'"{HERE}"', number).encode()


def waha_body(account, number, n):
    return json.dumps(waha(account, "message", waha_message(location={"latitude": HERE, "longitude": HERE}, _data={"x": HERE}, vCards=[],
                                                            order={"x": HERE}))).replace(f'"{HERE}"', number).encode()


def wwebjs_body(account, number, n):
    return json.dumps(wwebjs_sync(account, [wwebjs_chat(messages=[
        wwebjs_message(id={"fromMe": False, "remote": "16505551234@c.us", "id": f"3EB0Q{i}", "_serialized": f"false_16505551234@c.us_3EB0Q{i}"},
                       type="order", orderId="1", order={"x": HERE}, location={"latitude": HERE, "longitude": HERE})
        for i in range(n)])])).replace(f'"{HERE}"', number).encode()


def bridge_body(account, number, n):
    return json.dumps(bridge_sync(account, [{
        "type": "group", "group_jid": "120363012345678901@g.us", "group_name": "x", "participants": [{"phone": "16505551234", "x": HERE}],
        "unread_count": HERE, "timestamp": HERE, "messages": []} for _ in range(min(n, 50))])).replace(f'"{HERE}"', number).encode()


def meta_orders(account, number, n):
    return order_of(account, f'{{"product_retailer_id":"x","quantity":1,"item_price":{number},"currency":"USD"}}', n)


BIG, LONG, SMALL = "1e999999", "9" * 140000, "1e-999999"


@pytest.mark.parametrize("dialect, make, number, count", [
    ("meta", meta_orders, BIG, 60), pytest.param("meta", meta_orders, "-" + BIG, 1000, marks=siblings),
    pytest.param("meta", meta_orders, "1E+131073", 60, marks=siblings), pytest.param("meta", meta_orders, SMALL, 60, marks=siblings),
    pytest.param("meta", meta_orders, "0." + "0" * 20000 + "1", 60, marks=siblings), pytest.param("meta", meta_orders, LONG, 12, marks=siblings),
    pytest.param("meta", of_type("interactive"), BIG, 60, marks=siblings), pytest.param("meta", of_type("novel"), BIG, 60, marks=siblings),
    pytest.param("meta", of_type("contacts"), BIG, 60, marks=siblings), pytest.param("meta", of_type("location"), BIG, 60, marks=siblings),
    pytest.param("meta", of_type("system"), BIG, 60, marks=siblings), pytest.param("meta", meta_statuses, BIG, 60, marks=siblings),
    pytest.param("meta", meta_notices, BIG, 60, marks=siblings),
    pytest.param("evolution", evolution_items("messages.upsert", evolution_message), BIG, 60, marks=siblings),
    pytest.param("evolution", evolution_items("messages.set", evolution_location), BIG, 60, marks=siblings),
    pytest.param("waha", waha_body, BIG, 1, marks=siblings), pytest.param("webjs-raw", wwebjs_body, BIG, 60, marks=siblings),
    pytest.param("bridge", bridge_body, BIG, 50, marks=siblings),
], ids=lambda v: str(v)[:12] if isinstance(v, (str, int)) else getattr(v, "__name__", ""))
def test_values_that_postgresql_rejects_do_not_stop_others(system, beta, dialect, make, number, count):
    """They are more than half of a batch of more than fifty records, which must not be treated as an outage."""
    (acme,) = system.tenant(dialect)
    at = len(system.chat_sync.log())
    with beta.served(1.0):
        answer = system.post(acme, make(acme, number, count), path=path_of(acme, "chats" if dialect == "bridge" else ""))
        assert answer.status in ACCEPTED, answer
    wait_all_consumed(system, 20)
    check_valid_message(system, acme)
    lines = system.log_of(system.chat_sync, at).count("\n")
    assert lines < 40, f"{lines} lines in chat-sync's log"


# Rejected items

def evolution_shared(account):
    """A body with a long member, which the envelope of each rejected item repeats."""
    return json.dumps(evolution(account, "contacts.update", HERE, sender="s" * MIB)).replace(f'"{HERE}"', "[" + ",".join(["{}"] * 600) + "]")


def meta_shared(account, member="statuses", count=2000):
    body = meta_value(account, "messages", **{member: HERE})
    body["entry"][0]["changes"][0]["value"]["metadata"]["more"] = "m" * MIB
    return json.dumps(body).replace(f'"{HERE}"', "[" + ",".join(["{}"] * count) + "]")


REJECTED = {
    "a chat of 30,000 messages": ("webjs-raw", lambda a: body_of(a, "messages of a chat", times(b"1", 60000))),
    "600 contacts and a long sender": ("evolution", evolution_shared),
    "2,000 statuses and long metadata": ("meta", meta_shared),
    "a million contacts": ("evolution", lambda a: body_of(a, "contacts.update", times(b"{}", 3_000_000 - 1000))),
}
MORE_REJECTED = {
    "a chat of 2,000 messages": ("webjs-raw", lambda a: body_of(a, "messages of a chat", times(b"1", 4000))),
    "300 statuses and long metadata": ("meta", lambda a: meta_shared(a, count=300)),
    "a million messages": ("evolution", lambda a: body_of(a, "messages.upsert", times(b"{}", 3_000_000 - 1000))),
    "groups": ("evolution", lambda a: body_of(a, "groups.upsert", times(b"1", 1_000_000))),
    "participants": ("evolution", lambda a: body_of(a, "participants", times(b"{}", 1_000_000))),
    "chats of a batch": ("webjs-raw", lambda a: body_of(a, "chats", times(b"{}", 9_000_000))),
    "participants of a chat": ("webjs-raw", lambda a: body_of(a, "participants of a chat", times(b"1", 3_000_000))),
    "messages with long names": ("webjs-raw", lambda a: body_of(a, "messages of a chat", times(b'{"x":"%s"}' % (b"x" * 1000), 5 * MIB))),
    "echoes and long metadata": ("meta", lambda a: meta_shared(a, "message_echoes")),
    "groups and long metadata": ("meta", lambda a: meta_shared(a, "groups")),
    "calls and long metadata": ("meta", lambda a: meta_shared(a, "calls")),
    "history": ("meta", lambda a: body_of(a, "history messages", times(b"{}", 2_500_000))),
    "entries": ("meta", lambda a: body_of(a, "entries", times(b"{}", 2_500_000))),
    "changes": ("meta", lambda a: body_of(a, "changes", times(b"{}", 2_500_000))),
    "messages of a bridge's chat": ("bridge", lambda a: body_of(a, "messages of a chat", times(b"1", 9_000_000))),
    "50 chats of many messages": ("bridge", lambda a: whole(bridge_sync(a, HERE), b"[" + b",".join([
        b'{"type":"private","contact_phone":"16505551234","messages":' + times(b"1", 100_000) + b"}"] * 50) + b"]")),
    "WAHA's people": ("waha", lambda a: body_of(a, "participants", times(b"{}", 2_500_000))),
}


@pytest.mark.parametrize("dialect, make", [*(pytest.param(*v, id=k) for k, v in REJECTED.items()),
                                           *(pytest.param(*v, id=k, marks=siblings) for k, v in MORE_REJECTED.items())])
def test_rejected_items_cost_a_bounded_number_of_bytes(system, beta, dialect, make):
    (acme,) = system.tenant(dialect)
    body = make(acme)
    body = body if isinstance(body, bytes) else body.encode()
    process = system.ingest.process.pid
    path = acme.sync_path if b'"chats"' in body[:400] else acme.path
    before_records = system.records()
    reset_peak(process)
    before = peak(process)
    with beta.served(0.5):
        answer = system.post(acme, body, path=path)
        assert answer.status in ACCEPTED, answer
    grown = peak(process) - before
    assert grown <= MEMORY_FACTOR * len(body) + MEMORY_SLACK, f"{grown / MIB:.0f} MiB for a body of {len(body) / MIB:.2f} MiB"
    dead = system.records()["http.ingest.dlq"] - before_records["http.ingest.dlq"]
    assert dead <= REJECTED_MAX, f"{dead} dead letters"
    size = sum(len(r.value or b"") for r in system.blazz.read("http.ingest.dlq")[-dead:]) if dead else 0
    assert size <= REJECTED_BYTES_MAX + 2 * len(body), f"dead letters of {size / MIB:.1f} MiB"
    check_valid_message(system, acme)


def first_byte_at(s, times, name):
    s.recv(1, socket.MSG_PEEK)
    times[name] = time.monotonic()


def test_a_large_body_does_not_block_small_requests(system):
    """Both are received completely while ingest is stopped, the large one first. It takes several turns; the small one is answered in between."""
    (acme,) = system.tenant("webjs-raw")
    large = signed(acme, whole(wwebjs(acme, "message", HERE), times(b'{"a":1}', 3_000_000)).replace(b'"dataType"', b'"dataKind"'))
    small, at = head(acme.path, Content_Length=2) + b"{}", {}
    with connect(system.port) as a, connect(system.port) as b:
        send(a, large[:-1])
        send(b, small[:-1])
        time.sleep(0.5)
        os.kill(system.ingest.process.pid, signal.SIGSTOP)
        try:
            send(a, large[-1:])
            send(b, small[-1:])
        finally:
            os.kill(system.ingest.process.pid, signal.SIGCONT)
        threads = [threading.Thread(target=first_byte_at, args=(s, at, n)) for s, n in ((a, "large"), (b, "small"))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert (status(a), status(b)) == (400, 401)
    assert at["small"] < at["large"], f"the small request was answered {1000 * (at['small'] - at['large']):.0f} ms after the large one"


# Many valid items

@pytest.mark.parametrize("dialect, make", [("evolution", evolution_messages), pytest.param("meta", meta_messages, marks=siblings)])
def test_many_events_in_few_requests_are_charged_as_many_events(system, beta, dialect, make):
    """The rate limit of an account counts the events of its bodies: a large batch is accepted once, then the answer is 429."""
    (acme,) = system.tenant(dialect)
    bodies = [make(acme, 17000, f"M{n}") for n in range(6)]
    answers = []
    with beta.served(0.5):
        for body in bodies:
            answers.append(system.post(acme, body).status)
    assert answers[0] in ACCEPTED - {413, 429} and answers[-1] == 429, answers
    wait_all_consumed(system)


# Rows that grow with bodies

def unknown_members(account, n, count=4000):
    return json.dumps(meta_value(account, "messages", **{f"member_{n}_{i}": {"x": "y" * 380} for i in range(count)})).encode()


def unknown_fields(account, n, count=1500):
    body = meta_value(account, "x")
    change = body["entry"][0]["changes"][0]
    body["entry"][0]["changes"] = [{"field": f"field_{n}_{i}", "value": change["value"]} for i in range(count)]
    return json.dumps(body).encode()


@pytest.mark.parametrize("make", [unknown_members, pytest.param(unknown_fields, marks=siblings)])
def test_notices_have_a_bounded_number_of_kinds(system, beta, make):
    (acme,) = system.tenant("meta")
    with beta.served(0.5):
        for n in range(6):
            assert system.post(acme, make(acme, n), patience_s=20).status == 200
    wait_all_consumed(system)
    kinds = system.blazz.value("SELECT count(*) FROM whatsapp_accounts a, jsonb_object_keys(a.notices) WHERE a.uuid = %s", acme.uuid)
    size = system.blazz.value("SELECT pg_column_size(notices) FROM whatsapp_accounts WHERE uuid = %s", acme.uuid)
    assert kinds <= KINDS_MAX and size < MIB, f"{kinds} kinds, {size} bytes"


WIDEST_JSONB = """SELECT c.table_name || '.' || c.column_name AS name FROM information_schema.columns c JOIN information_schema.tables t
    USING (table_schema, table_name) WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.data_type IN ('jsonb', 'text', 'ARRAY')"""


def reactions(account, n):
    key = {"remoteJid": "120363012345678901@g.us", "fromMe": False, "id": "3EB0TARGET", "participant": "16505551234@s.whatsapp.net"}
    return evolution(account, "messages.upsert", [{
        "key": {"remoteJid": "120363012345678901@g.us", "fromMe": False, "id": f"3EB0RE{n}x{i}", "participant": f"1650{n * 1500 + i:07}@s.whatsapp.net"},
        "message": {"reactionMessage": {"key": key, "text": "👍"}}, "messageType": "reactionMessage", "messageTimestamp": T0 + i}
        for i in range(1500)])


def receipts(account, n):
    return evolution(account, "messages.update", [{
        "key": {"remoteJid": "120363012345678901@g.us", "fromMe": True, "id": "3EB0TARGET", "participant": f"1650{n * 1500 + i:07}@s.whatsapp.net"},
        "status": "READ"} for i in range(1500)])


def group_names(account, n):
    return evolution(account, "groups.upsert", [{"id": "120363012345678901@g.us", "subject": f"{n} {i} " + "s" * 900} for i in range(1000)])


def participants(account, n):
    return evolution(account, "group-participants.update", {
        "id": "120363012345678901@g.us", "action": "add", "participants": [f"1650{n * 5000 + i:07}@s.whatsapp.net" for i in range(5000)]})


@pytest.mark.parametrize("make", [reactions, receipts, group_names, participants], ids=lambda m: m.__name__)
@siblings
def test_no_row_grows_without_a_bound(system, beta, make):
    """All values belong to one row: of a message, a group or a contact."""
    (acme,) = system.tenant("evolution")
    target = {"key": {"remoteJid": "120363012345678901@g.us", "fromMe": True, "id": "3EB0TARGET"}, "message": {"conversation": "x"},
              "messageType": "conversation", "messageTimestamp": T0}
    assert system.post(acme, evolution(acme, "messages.upsert", target)).status == 202
    with beta.served(0.5):
        for n in range(5):
            assert system.post(acme, make(acme, n), patience_s=30).status in (202, 422)
    wait_all_consumed(system)
    for column in (r["name"] for r in system.blazz.sql(WIDEST_JSONB)):
        table, _, name = column.partition(".")
        size = system.blazz.value(f"SELECT coalesce(max(pg_column_size(t.{name}::text)), 0) FROM {table} t")
        assert size <= 2 * MIB, f"{column} has a value of {size} bytes"


SYNCS_KEPT = 10000  # services/chat-sync/README.md, Bounds


@siblings
def test_syncs_that_never_end_do_not_stop_others(system, beta):
    """The account is at its limit, so that each new sync deletes the oldest one."""
    (acme,) = system.tenant("bridge")
    system.blazz.sql("""INSERT INTO account_syncs (workspace_id, account_id, sync_id, index, open) SELECT workspace_id, id, 'earlier-' || n, 0, false
        FROM whatsapp_accounts, generate_series(1, %s) n WHERE uuid = %s""", SYNCS_KEPT, acme.uuid)
    with beta.served(0.5):
        for n in range(300):
            system.post(acme, bridge_sync(acme, [], sync_id=f"sync-{n}", last=False, total=1000), path=acme.sync_path)
    wait_all_consumed(system)
    kept = system.blazz.sql("""SELECT DISTINCT sync_id FROM account_syncs s JOIN whatsapp_accounts a
        ON (a.workspace_id, a.id) = (s.workspace_id, s.account_id) WHERE a.uuid = %s""", acme.uuid)
    assert len(kept) == SYNCS_KEPT and {f"sync-{n}" for n in range(300)} <= {r["sync_id"] for r in kept}


# Repeated deliveries, names, log

def test_a_repeated_delivery_of_standard_webhooks_is_one_event(system):
    """The body has no time, so the id of the delivery identifies the event."""
    (acme,) = system.tenant("webjs-raw")
    states = [json.dumps(wwebjs(acme, kind, {})).encode() for kind in ("ready", "disconnected")]
    client = Client(system.port)
    try:
        for body in states * 3:
            headers = standard_webhook(acme.secret, body, f"msg_{len(body)}")
            assert client.post(acme.path, body, headers).status == 202
    finally:
        client.close()
    wait_all_consumed(system)
    assert len({e.event_id for _, e in system.blazz.inbound() if e.account_id == acme.uuid}) == 2


def test_a_session_named_like_another_tenants_account_gets_none_of_its_events(system, beta):
    """The name may be rejected when it is added. Beta's syncs that name the account by its id are accepted, Acme's are not."""
    workspace = system.blazz.add_workspace("acme-names")
    for name in (beta.account, beta.account.upper()):
        system.blazz.ctl_run("accounts", "add", "--workspace", workspace, "--session", name, "--provider", "webjs", "--bridge", "blazz",
                             "--secret-file", "-", stdin="acme's secret")
    body = {"whatsapp_account_id": beta.account, "sync_id": "s", "index": 0, "total": 1, "last": True, "chats": [
        {"type": "private", "contact_phone": "16505551234", "contact_name": "x", "timestamp": T0, "last_message": "x"}]}
    client, data = Client(system.port), json.dumps(body).encode()
    try:
        answer = client.post("/api/webhooks/chats/sync", data, signature("bridge", data, BETAS_SECRET))
        assert answer.status == 202, answer
        assert client.post("/api/webhooks/chats/sync", data, signature("bridge", data, "acme's secret")).status == 401
    finally:
        client.close()


def test_an_account_beyond_its_rate_does_not_fill_the_log(system, beta, proxied):
    (acme,) = system.tenant("bridge")
    one, count, log = signed(acme, bridge(acme)), 400, system.proxied.log
    began, at = time.monotonic(), len(log())
    with beta.served(0.2), connect(proxied, "127.6.0.1") as s:
        threading.Thread(target=send, args=(s, one * count), daemon=True).start()
        heads = (line.partition(b"HTTP/1.1 ")[2] for line in s.makefile("rb") if b"HTTP/1.1 " in line)
        answers = [int(head[:3]) for _, head in zip(range(count), heads)]
    lines = log()[at:].count("\n")
    assert answers.count(429) > 300, "the account exceeds its rate"
    assert lines <= 10 + 5 * (time.monotonic() - began), f"{lines} lines for {answers.count(429)} refusals"


# Notifications in PostgreSQL

READ = """SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_user_tables
    WHERE relname = 'whatsapp_accounts'"""
COUNTED_S = 1.5  # PostgreSQL's statistics are delayed by up to a second
NOTIFIED_S = 3


def accounts_read(system, beta, notify):
    """(rows of accounts that all services read in NOTIFIED_S seconds in which notify() is called again and again, how often it was)."""
    time.sleep(COUNTED_S)
    before, until, count = system.blazz.value(READ), time.monotonic() + NOTIFIED_S, 0
    with beta.served(0.2):
        while time.monotonic() < until:
            notify()
            count += 1
            time.sleep(0.002)
    time.sleep(COUNTED_S)
    return system.blazz.value(READ) - before, count


def test_notifications_do_not_make_ingest_reload_everything(system, beta):
    """Any role may NOTIFY, and an update without a change notifies, too. Where PostgreSQL scans the table to find one
    account, ordinary traffic reads all of them: what it reads without notifications does not count."""
    acme = system.tenant(*["bridge"] * 40)[0]
    workspace = system.blazz.value("SELECT id FROM workspaces WHERE uuid = %s", acme.workspace)
    accounts = system.blazz.value("SELECT count(*) FROM whatsapp_accounts")
    system.blazz.sql("ANALYZE whatsapp_accounts")
    connection = psycopg2.connect(system.blazz.conninfo("blazz_gateway"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('blazz.workspace_id', %s, false)", (str(workspace),))

        def notify():
            cursor.execute("UPDATE workspaces SET settings = settings")
            cursor.execute("NOTIFY blazz_intake, 'all'")
            cursor.execute("NOTIFY blazz_intake")

        quiet, _ = accounts_read(system, beta, lambda: None)
        read, count = accounts_read(system, beta, notify)
    connection.close()
    loads = (read - quiet) / accounts
    assert count > 200 and loads < count / 10, f"all accounts were read about {loads:.0f} times for {count} rounds of notifications"
