"""cleanup and the instances of bridges that tools/provider-stub plays: instances, accounts on them, and what became of both."""
import base64
import itertools
import json
import os
import uuid

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness.blazz import KEYRING
from harness.client import SECRETS
from harness.provider_stub import DIALECTS, KEY
from harness.sending import sealed
from harness.waiting import wait_for

# Providers are on loopback, and changes that bridges do not report are noticed within a second.
CLEANUP = {"secrets.keyring": KEYRING, "providers.allow_http": True, "providers.allowed_networks": ["127.0.0.0/8"],
           "probe.interval": "200ms", "list.interval": "1s"}

serials = itertools.count(1)


def sealed_instance(instance, secrets):
    """As libs/crypto/sealed_row.h."""
    name, _, key = KEYRING.partition(":")
    head, nonce = bytes([1, len(name)]) + name.encode(), os.urandom(12)
    return head + nonce + AESGCM(base64.b64decode(key)).encrypt(nonce, json.dumps(secrets).encode(), head + f"instance:{instance}".encode())


def leads(replica):
    try:
        return replica.running() and not replica.stopped() and replica.metrics().get("blazz_cleanup_leader") == 1
    except (OSError, AssertionError):  # it ends, or has no port yet
        return False


class Cleanup:
    """A stack whose instances are one stub."""

    def __init__(self, blazz, stub):
        self.blazz, self.stub, self.sql = blazz, stub, blazz.sql
        self.workspace = blazz.add_workspace(f"cleanup {next(serials)}")

    def replica(self, label="cleanup", failpoint=None, **settings):
        """A replica that is not started yet. Webhooks lead to the stack's ingest, if it has one."""
        base = f"http://127.0.0.1:{self.blazz.in_.port('http.port_file')}" if hasattr(self.blazz, "in_") else "http://127.0.0.1:9"
        return self.blazz.service("cleanup", CLEANUP | {"bridges.webhook_base": base} | {k.replace("__", "."): v for k, v in settings.items()},
                                  label, failpoint=failpoint)

    def start(self, **settings):
        self.service = self.replica(**settings).start()
        return self

    def logs(self):
        return "\n".join(s.log_tail(12) for s in self.blazz.services if s.name == "cleanup")


class Instance:
    """An instance that is registered, and played by the stub unless `stub` says otherwise; `key` is that of both, or only of the row."""

    def __init__(self, cleanup, kind, key=KEY, stub=None, **columns):
        self.cleanup, self.kind, self.uuid, self.name = cleanup, kind, str(uuid.uuid4()), f"i{next(serials)}"
        self.put(provider=kind, key=KEY, **(stub or {}))
        secrets = {"signing_keys": [key]} if kind == "blazz" else {"access_token": key}
        row = {"uuid": self.uuid, "kind": kind, "url": cleanup.stub.url(f"/~{self.name}"),
               "secrets": sealed_instance(self.uuid, secrets)} | columns
        self.index = cleanup.sql(f"""INSERT INTO instances ({", ".join(row)}) VALUES ({", ".join(["%s"] * len(row))})
            RETURNING index""", *row.values())[0]["index"]

    def put(self, **members):
        """Changes the stub's instance: "sessions", "dead", "starts_as", ..."""
        self.cleanup.stub.put("/_instances", [{"name": self.name} | members])

    def set(self, session, state, **members):
        """The session's state from now on, as if the phone or the bridge had changed it."""
        self.put(sessions=[{"name": session, "state": state} | members])

    def state(self):
        """What the stub itself says of the instance: "leased", "sessions", ..."""
        return next(i for i in self.cleanup.stub.get("/_instances").json() if i["name"] == self.name)

    def sessions(self):
        """{name: state}, as the stub itself says, without sessions that are absent."""
        return {s["name"]: s["state"] for s in self.state()["sessions"] if s["state"] != "absent"}

    def calls(self, **filters):
        """The stub's journal of this instance, oldest first; filters are session, act, after."""
        return [json.loads(line) for line in self.cleanup.stub.get("/_calls", instance=self.name, limit=10000, **filters).body.splitlines()]

    def change(self, **columns):
        self.cleanup.sql(f"UPDATE instances SET {', '.join(f'{c} = %s' for c in columns)} WHERE index = %s", *columns.values(), self.index)

    def row(self):
        return self.cleanup.sql("SELECT * FROM instances WHERE index = %s", self.index)[0]

    def wait(self, state, deadline_s=30.0):
        def reached():
            row = self.row()
            return row["state"] == state and row

        return wait_for(reached, lambda: f"instance {self.index} is {state}: {self.row()}\n{self.cleanup.logs()}", deadline_s)


class Account:
    """An account of a bridge, for cleanup to assign, unless it is inserted on an instance."""

    def __init__(self, cleanup, kind, instance=None, **columns):
        self.cleanup, self.uuid, self.session = cleanup, str(uuid.uuid4()), f"session-{next(serials)}"
        secret = "tokens" if kind == "evolution" else "signing_keys"
        row = {"uuid": self.uuid, "session_id": self.session, "provider_type": "webjs", "bridge_kind": kind, "provider_ref": self.session,
               "desired_state": "connected", "secrets": sealed(self.uuid, {secret: [SECRETS[DIALECTS[kind]]]})}
        if instance:
            row |= {"assigned_instance_index": instance.index, "assigned_instance_url": instance.row()["url"]}
        row |= columns
        cleanup.sql(f"""INSERT INTO whatsapp_accounts (workspace_id, {", ".join(row)}) SELECT id, {", ".join(["%s"] * len(row))}
            FROM workspaces WHERE uuid = %s""", *row.values(), cleanup.workspace)

    def desire(self, state):
        self.cleanup.sql("UPDATE whatsapp_accounts SET desired_state = %s, desired_at = clock_timestamp() WHERE uuid = %s", state, self.uuid)

    def ask(self, what):
        """"restart" or "relink"."""
        self.cleanup.sql(f"UPDATE whatsapp_accounts SET {what}_at = clock_timestamp() WHERE uuid = %s", self.uuid)

    def row(self):
        return self.cleanup.blazz.account_row(self.uuid)

    def control(self):
        """The row of account_control; None while there is none."""
        rows = self.cleanup.sql("""SELECT c.* FROM account_control c JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (c.workspace_id, c.account_id)
            WHERE a.uuid = %s""", self.uuid)
        return rows[0] if rows else None

    def wait(self, condition, what, deadline_s=30.0):
        """The row of account_control, as soon as condition(row) holds."""
        def reached():
            row = self.control()
            return row and condition(row) and row

        return wait_for(reached, lambda: f"{what}: {self.control()}\n{self.row()}\n{self.cleanup.logs()}", deadline_s)

    def wait_observed(self, *states, deadline_s=30.0):
        return self.wait(lambda c: c["observed"] in states, f"observed {' or '.join(states)}", deadline_s)

    def wait_reached(self, deadline_s=30.0):
        """Until the desired state is reached, as cleanup itself says, and the session was observed in it."""
        def reached(control):
            observed = {"connected": ("connected",), "disconnected": ("stopped", "absent"), "deleted": ("absent",)}
            return control["reason"] is None and control["observed"] in observed[self.row()["desired_state"]]

        return self.wait(reached, "the desired state is reached", deadline_s)


class JobRequest:
    """A request to run a job, as blazzctl writes it."""

    def __init__(self, cleanup, job, dry_run=False, workspace=None):
        self.cleanup, self.job = cleanup, job
        request = {"dry_run": dry_run} | ({"workspace": workspace} if workspace else {})
        self.at = cleanup.sql("""INSERT INTO cleanup_jobs (name, requested_at, requested_by, request) VALUES (%s, clock_timestamp(), 'e2e', %s)
            ON CONFLICT (name) DO UPDATE SET requested_at = excluded.requested_at, request = excluded.request RETURNING requested_at AS at""",
                              job, json.dumps(request))[0]["at"]

    def answer(self, deadline_s=60.0):
        def answered():
            rows = self.cleanup.sql("SELECT answer FROM cleanup_jobs WHERE name = %s AND answered_at = %s", self.job, self.at)
            return rows and rows[0]["answer"]

        return wait_for(answered, lambda: f"{self.job} is answered\n{self.cleanup.logs()}", deadline_s)
