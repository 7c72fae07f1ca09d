#!/usr/bin/python3
"""Has cleanup manage sessions on bridges that the provider stub plays, as operators, phones and accidents would: tools/demo/sessions.py BIN DIR WORKSPACE INGEST

Leaves the names of the sessions in DIR/sessions, which reconciled.py reads. Every wait has a deadline.
"""
import json
import subprocess
import sys
import time

from shared import BIN, DIR, ctl, query, secret_make, stub, stub_url, wait_for

WORKSPACE, INGEST = sys.argv[3], sys.argv[4]
INSTANCES = {  # name: (kind, more of it at the stub, options of blazzctl)
    "waha": ("waha", {}, []),
    "evolution": ("evolution", {}, []),
    "wwebjs": ("wwebjs", {"starts_as": "qr"}, []),
    "blazz-a": ("blazz", {}, ["--storage-group", "disk-1"]),
    "blazz-b": ("blazz", {}, ["--storage-group", "disk-1"]),
}
EAST, WEST, HELP, EVENTS, OFFICE, FRONT = SESSIONS = [f"acme-{n}" for n in ("east", "west", "help", "events", "office", "front")]
KINDS = {EAST: "blazz", WEST: "blazz", HELP: "waha", EVENTS: "waha", OFFICE: "evolution", FRONT: "wwebjs"}
DIALECTS = {"blazz": "webjs-raw", "wwebjs": "webjs-raw", "waha": "waha", "evolution": "evolution"}
# What was observed where an account was before says nothing: it has no time.
STATE = """SELECT a.status, CASE WHEN c.observed_at IS NOT NULL THEN c.observed END, c.reason, i.url, a.deleted_at IS NOT NULL, c.gone_at IS NOT NULL FROM whatsapp_accounts a
    LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)
    LEFT JOIN instances i ON i.index = a.assigned_instance_index WHERE a.session_id = %s"""
QR = "2@ExampleQrPayloadNotReal,AAAA==,BBBB==,CCCC==,1"


def say(text):
    print(f"demo: {text}", flush=True)


def state(session):
    return dict(zip(("status", "observed", "reason", "url", "deleted", "gone"), query(STATE, [session])[0]))


def uuid_of(session):
    return query("SELECT uuid::text FROM whatsapp_accounts WHERE session_id = %s", [session])[0][0]


def await_state(session, **wanted):
    wait_for(f"{session}: {wanted}", lambda: wanted.items() <= state(session).items())


def instance_of(session):
    return state(session)["url"].rpartition("~")[2]


def phone_set(session, observed):
    """What happens at the phone, as the session's bridge sees it."""
    stub("/_instances", [{"name": instance_of(session), "sessions": [{"name": session, "state": observed}]}])


# Webhooks of bridges

def webjs(session, event, **more):
    return {"dataType": event, "sessionId": session} | more


def waha_connected(session):
    return {"id": f"evt_{session}_{time.time_ns()}", "timestamp": int(time.time() * 1000), "event": "session.status", "session": session,
            "payload": {"name": session, "status": "WORKING"}}


def evolution(session, bridge_state, reason):
    return {"event": "connection.update", "instance": session, "data": {"instance": session, "state": bridge_state, "statusReason": reason},
            "date_time": time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())}


def connected(session):
    kind = KINDS[session]
    return waha_connected(session) if kind == "waha" else evolution(session, "open", 200) if kind == "evolution" else webjs(session, "ready")


def post(session, body):
    file = DIR / "webhook.json"
    file.write_text(json.dumps(body))
    ctl("send", "--url", INGEST, "--dialect", DIALECTS[KINDS[session]], "--account", uuid_of(session), "--secret-file", DIR / "secrets" / session, file)


# The steps

def instances_add():
    for name, (kind, more, options) in INSTANCES.items():
        key = f"instance-{name}"
        stub("/_instances", [{"name": name, "provider": kind, "key": secret_make(key)} | more])
        ctl("instances", "add", "--kind", kind, "--url", f"{stub_url()}/~{name}", "--key-file", DIR / "secrets" / key, *options)


def accounts_add():
    for n, session in enumerate(SESSIONS):
        secret_make(session)
        ref = [] if KINDS[session] == "blazz" else ["--ref", session]
        ctl("accounts", "add", "--workspace", WORKSPACE, "--session", session, "--provider", "webjs", "--bridge", KINDS[session], *ref,
            "--phone", f"62812777700{n:02}", "--secret-file", DIR / "secrets" / session)
    (DIR / "sessions").write_text("\n".join(SESSIONS))


def all_connect():
    """The webhook of one is lost: what cleanup sees is reported half a minute later."""
    for session in SESSIONS:
        if session != FRONT:
            await_state(session, observed="connected")
    for session in (EAST, WEST, EVENTS, OFFICE):
        post(session, connected(session))
        await_state(session, status="connected")


def code_scan():
    await_state(FRONT, observed="starting")
    post(FRONT, webjs(FRONT, "qr", data={"qr": QR}))
    await_state(FRONT, status="qr_scanning", reason="qr")
    say(f"blazzctl accounts qr {FRONT}\n")
    print(subprocess.run([BIN / "blazzctl", "-c", DIR / "blazzctl.cfg", "accounts", "qr", "--once", FRONT], capture_output=True, text=True,
                         check=True).stdout, flush=True)
    phone_set(FRONT, "connected")
    post(FRONT, webjs(FRONT, "ready"))
    await_state(FRONT, status="connected", observed="connected")


def log_out():
    phone_set(OFFICE, "stopped")
    post(OFFICE, evolution(OFFICE, "close", 401))
    await_state(OFFICE, status="disconnected", reason="suspended")


def delete_and_return():
    ctl("accounts", "delete", EVENTS)
    await_state(EVENTS, deleted=True, gone=True)
    ctl("accounts", "connect", EVENTS)
    await_state(EVENTS, deleted=False, observed="connected")
    post(EVENTS, connected(EVENTS))


def instance_die(name):
    stub("/_instances", [{"name": name, "dead": True}])


def moved_await(former):
    wait_for(f"{EAST} runs elsewhere", lambda: instance_of(EAST) != former and state(EAST)["observed"] == "connected")
    post(EAST, connected(EAST))


def main():
    say("five instances of four kinds of bridges, and six accounts that connect through them")
    instances_add()
    accounts_add()
    all_connect()
    former = instance_of(EAST)
    say(f"instance {former} dies: {EAST} moves to another that shares its files, once the lease of {former} has expired")
    instance_die(former)
    code_scan()
    say(f"{OFFICE} logs out on its phone")
    log_out()
    say(f"{EVENTS} is deleted, and comes back")
    delete_and_return()
    moved_await(former)


if __name__ == "__main__":
    main()
