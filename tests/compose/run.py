#!/usr/bin/python3
"""The compose stack from nothing to its end, and after each step a count: every accepted message is stored once and delivered, signed.

    tests/compose/run.py [--keep]        needs Docker, its compose plugin and the right to use them; ports from COMPOSE_PORT (18080)

Everything is of a project of its own (blazz-test-...), which is removed at the end. docker/README.md has what a run showed.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from harness.waiting import wait_for  # noqa: E402 (found by the line above)
from load import Load  # noqa: E402
from stack import JOBS, Stack  # noqa: E402

SERVICES = ("webhook-dispatcher", "campaign-sender", "chat-sync", "ingest", "cleanup")  # consumers before producers
STOPS_WITH = {"kafka": 143}  # Java's exit code for SIGTERM; every other program exits with 0
OUTCOMES = ("applied", "no_effect", "filtered", "parked", "dead_lettered", "skipped")
SETTLE_S = 120.0
PORTS = range(int(os.environ.get("COMPOSE_PORT", "18080")), int(os.environ.get("COMPOSE_PORT", "18080")) + 4)
WORKSPACE, APP = str(uuid.uuid4()), str(uuid.uuid4())
ACCOUNTS = {d: str(uuid.uuid4()) for d in ("meta", "webjs-raw", "waha", "evolution", "bridge")}
ADDED = {  # as the fixtures name them
    "meta": "--session acme-meta --provider meta --app {app} --phone-number-id 106540352242922 --waba 102290129340398 "
            "--phone 15550783881 --primary",
    "webjs-raw": "--session acme-wwebjs --provider webjs --bridge wwebjs --ref acme-support-1 --phone 6281234567890",
    "waha": "--session acme-waha --provider webjs --bridge waha --ref acme-support-1 --phone 6281234567890",
    "evolution": "--session acme-evolution --provider webjs --bridge evolution --ref acme-support-1 --phone 6281234567890",
    "bridge": "--session acme-support-1 --provider webjs --bridge blazz --phone 6281234567890",
}
SECRET = "compose-test-" + uuid.uuid4().hex  # of every sender

# The networks and the secrets of each container.
HAS = {
    "postgres": ({"inside"}, {"postgres_password"}),
    "kafka": ({"inside"}, {"kafka_users"}),
    "backup-first": ({"inside"}, {"postgres_password", "backup_recipients", "kafka_backup", "keyring"}),
    "backup": ({"inside"}, {"backup_conninfo", "backup_recipients", "kafka_backup", "keyring"}),
    "migrate": ({"inside"}, {"postgres_password", "roles.sql"}),
    "topics": ({"inside"}, {"kafka_topics"}),
    "ingest": ({"inside", "outside"}, {"ingest_conninfo", "kafka_ingest", "keyring"}),
    "chat-sync": ({"inside"}, {"chat_sync_conninfo", "kafka_chat_sync"}),
    "webhook-dispatcher": ({"inside", "outside"}, {"webhook_dispatcher_conninfo", "kafka_webhook_dispatcher", "keyring"}),
    "campaign-sender": ({"inside", "outside"}, {"campaign_sender_conninfo", "kafka_campaign_sender", "keyring"}),
    "cleanup": ({"inside", "outside"}, {"cleanup_conninfo", "kafka_cleanup", "keyring"}),
    "hook-receiver": ({"outside"}, {"hook_secret"}),
}
ADMIN = {"ingest": 9101, "chat-sync": 9102, "webhook-dispatcher": 9103, "campaign-sender": 9104, "cleanup": 9105}
INBOUND, BULK, CHAT_EVENT = "blazz.inbound.v1", "blazz.inbound.bulk.v1", "blazz.chat-event.v1"
OUTBOUND, COMMANDS, ERASURE = "blazz.outbound.v1", "blazz.campaign-command.v1", "blazz.erasure.v1"
DEAD = (f"{INBOUND}.chat-sync.dlq", f"{BULK}.chat-sync.dlq", f"{CHAT_EVENT}.webhook-dispatcher.dlq", "blazz.http.v1.ingest.dlq",
        *(f"{t}.campaign-sender.dlq" for t in (OUTBOUND, COMMANDS, CHAT_EVENT)))
# The rights of each user in Kafka; others on these topics are refused.
RIGHTS = {
    "ingest": {INBOUND: "write", BULK: "write", DEAD[3]: "write"},
    "chat-sync": {INBOUND: "read write", BULK: "read", CHAT_EVENT: "write", DEAD[0]: "write", DEAD[1]: "write"},
    "webhook-dispatcher": {CHAT_EVENT: "read write", DEAD[2]: "write"},
    "campaign-sender": {OUTBOUND: "read", COMMANDS: "read write", CHAT_EVENT: "read write", INBOUND: "write"} | {d: "write" for d in DEAD[4:]},
    "cleanup": {INBOUND: "write", CHAT_EVENT: "write", ERASURE: "read write"},
    "backup": {},
    "ops": {INBOUND: "read write", BULK: "read write", CHAT_EVENT: "read write", OUTBOUND: "read write", COMMANDS: "read write",
            ERASURE: "read"} | {d: "read" for d in DEAD},
    "topics": {},
}


class Test:
    def __init__(self, stack):
        self.stack, self.receiver, self.began = stack, stack, time.monotonic()
        self.accepted, self.delivered, self.sequence = set(), set(), {}
        self.fixtures = 0  # events in them

    def say(self, text):
        print(f"compose: {time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    # The steps

    def build(self):
        subprocess.run([ROOT / "docker/base.sh"], check=True, timeout=600)
        self.stack.compose("build", timeout_s=3000)
        sizes = self.stack.docker("images", "--filter", "reference=blazz/*", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}")
        self.say("images: " + ", ".join(sorted(sizes.splitlines())))

    def start(self):
        self.stack.up()
        self.say("everything is healthy")

    def seed(self):
        ctl = self.stack.ctl
        ctl("workspaces", "add", "Acme", "--id", WORKSPACE, "--settings", '{"sync":{"window_days":0}}')
        ctl("apps", "add", "--id", APP, "--name", "Test", "--secret-file", "-", stdin=SECRET)
        for dialect, words in ADDED.items():
            secret = [] if dialect == "meta" else ["--secret-file", "-"]
            ctl("accounts", "add", "--workspace", WORKSPACE, "--id", ACCOUNTS[dialect], *words.format(app=APP).split(), *secret,
                stdin=SECRET)
        ctl("webhook", "add", "--workspace", WORKSPACE, "--url", "http://hook-receiver:8090/events", "--origins", "live,history,sync",
            "--secret-file", "-", stdin=self.stack.secret("hook_secret"))

    def post_fixtures(self):
        """Some are invalid on purpose: blazzctl exits with 1 for those."""
        results = []
        for dialect in ACCOUNTS:
            route = {"meta": ["--app", APP], "bridge": ["--workspace", WORKSPACE]}.get(dialect, ["--account", ACCOUNTS[dialect]])
            results += json.loads(self.stack.ctl("--json", "send", "--url", "http://ingest:8080", "--dialect", dialect, *route,
                                                 "--secret-file", "-", f"/fixtures/{dialect}", stdin=SECRET, check=False,
                                                 mount=["-v", f"{ROOT}/tests/fixtures:/fixtures:ro"]))
        accepted = [r for r in results if 200 <= r["status"] < 300]
        assert len(accepted) > 100, f"{len(accepted)} of {len(results)} fixtures were accepted"
        self.fixtures = sum(json.loads(r["answer"])["events"] for r in accepted)
        self.settle()
        self.say(f"fixtures: {len(accepted)} of {len(results)} bodies accepted, {self.count('chats')} messages stored, "
                 f"{len(self.delivered)} events delivered")

    def disturb(self):
        """Under load: each container restarted, each service killed, scaled up and down, then another release, one service at a time."""
        load = Load("LOAD1", WORKSPACE, "acme-support-1", SECRET, PORTS)
        load.start()
        for service in (*SERVICES, "kafka", "postgres"):
            self.stack.compose("restart", service)
            self.stack.wait_healthy(service)
            self.say(f"restarted {service}, {len(load.accepted)} accepted")
        for service in SERVICES:
            self.stack.kill(service)
            self.say(f"killed {service}, {len(load.accepted)} accepted")
        for service in SERVICES:
            for n in (3, 1):
                self.stack.up(service, scale=n)
                self.say(f"{n} of {service}, {len(load.accepted)} accepted")
        self.say("memory under load: " + ", ".join(self.stack.memory()))
        self.upgrade(load)
        self.accepted |= load.finish()
        self.settle()
        self.say(f"load: {len(self.accepted)} accepted of {load.tries} tries, each stored once; "
                 f"{len(self.delivered)} events delivered in order")

    def upgrade(self, load):
        self.stack.version = "test-2"
        self.stack.compose("build", timeout_s=3000)
        self.say("built another release")
        self.stack.compose("run", "--rm", "-T", "--no-deps", "migrate")
        for service in SERVICES:
            self.stack.up(service)
            shown = self.stack.compose("exec", "-T", service, f"blazz-{service}", "--version").split()[-1]
            assert shown == "test-2", f"{service} is {shown}"
            self.say(f"{service} is the other release, {len(load.accepted)} accepted")

    def stop(self):
        self.remember()
        at = time.monotonic()
        self.stack.compose("stop")
        self.say(f"stopped in {time.monotonic() - at:.1f} s")
        for service in self.stack.services():
            for c in self.stack.containers(service):
                code = c["State"]["ExitCode"]
                assert code == STOPS_WITH.get(service, 0), f"{service} ended with {code}"

    def start_again(self):
        """New containers on the old volumes."""
        self.stack.compose("down")
        self.stack.up()
        self.settle()
        self.say(f"started again: {self.count('chats')} messages are there")
        self.some_more("LOAD2")

    def restore(self):
        """The procedure of docs/operations.md: what was accepted after the backup is read again from Kafka."""
        backup = self.blazz_backup("backup", "create").split(":")[0]
        self.some_more("LOAD3")
        self.remember()
        self.stack.compose("stop", *SERVICES, "backup")
        self.blazz_backup("restore", "restore", backup)
        lost = len(self.accepted - self.stored().keys())
        assert lost > 0, "the backup has what was accepted after it"
        self.sequence.clear()  # numbers since the backup are given again
        self.stack.up()
        wait_for(self.is_accepted, "the restore is accepted", SETTLE_S, 1.0)
        self.settle()
        self.say(f"restored a backup, and accepted that: {lost} messages were not in it, and are there")

    def is_accepted(self):
        self.blazz_backup("restore", "accept", check=False)
        return self.stack.query("SELECT count(*) FROM restores WHERE accepted_at IS NULL") == [["0"]]

    def blazz_backup(self, service, *arguments, check=True):
        """The output of blazz-backup, in a container of that service."""
        return self.stack.compose("--profile", "ops", "run", "--rm", "-T", "--no-deps", service, *arguments, check=check)

    def alone(self, folder):
        """The services as a project of their own, with the first one's Kafka and PostgreSQL as the existing ones."""
        self.remember()
        self.stack.compose("stop", *SERVICES, "hook-receiver")
        other = Stack(self.stack.project + "-alone", folder, PORTS, ("compose.yaml", "compose.external.yaml"),
                      PGHOST="postgres", KAFKA_SERVERS="kafka:9092", KAFKA_REPLICATION="1", INSIDE_SUBNET="10.213.79.0/24")
        other.version = self.stack.version
        try:
            other.compose("up", "--no-start", "--no-build")
            for broker in ("kafka", "postgres"):
                self.stack.docker("network", "connect", "--alias", broker, other.project + "_inside",
                                  self.stack.containers(broker)[0]["Id"])
            other.up()
            self.receiver = other
            self.say(f"alone: {', '.join(sorted(other.services()))} run against brokers of another project")
            self.some_more("LOAD4")
        finally:
            for broker in ("kafka", "postgres"):
                self.stack.docker("network", "disconnect", other.project + "_inside", self.stack.containers(broker)[0]["Id"], check=False)
            other.compose("down", "--volumes")

    def some_more(self, name):
        load = Load(name, WORKSPACE, "acme-support-1", SECRET, PORTS)
        load.start()
        wait_for(lambda: len(load.accepted) >= 200 or load.failure, "some messages are accepted", 60)
        more = load.finish()
        self.accepted |= more
        self.settle()
        self.say(f"{len(more)} more accepted, stored and delivered")

    # Checks

    def confined(self):
        """As the specification asks of containers; and nothing but ingest is reached from outside."""
        for service in (*self.stack.services(), *JOBS):
            for c in self.stack.containers(service):
                host, user = c["HostConfig"], c["Config"]["User"]
                assert user == ("postgres" if service == "postgres" else "10001:10001"), f"{service} runs as {user}"
                assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"], service
                assert "no-new-privileges:true" in host["SecurityOpt"], service
                assert host["Memory"] > 0 and host["PidsLimit"] > 0 and host["NanoCpus"] > 0, f"{service} has no limit"
                networks = {n.removeprefix(self.stack.project + "_") for n in c["NetworkSettings"]["Networks"]}
                secrets = {Path(m["Destination"]).name for m in c["Mounts"] if m["Destination"].startswith("/run/secrets/")}
                assert (networks, secrets) == HAS[service], f"{service} has {networks}, {secrets}"
                assert (host["RestartPolicy"]["Name"] == "unless-stopped") == (service not in JOBS), service
                published = [p for p in (c["NetworkSettings"]["Ports"] or {}).values() if p]
                assert bool(published) == (service == "ingest"), f"{service} publishes {published}"
                assert all(p["HostIp"] == "127.0.0.1" for ports in published for p in ports), f"{service} publishes {published}"
        self.say("confined: no root, nothing writable, no capabilities, limits; its own networks and secrets; only ingest is published")

    def admin_is_private(self):
        """Admin ports answer on `inside` alone, also those of services that are on `outside`."""
        for service, port in ADMIN.items():
            networks = self.stack.containers(service)[0]["NetworkSettings"]["Networks"]
            for name, network in networks.items():
                inside = name.endswith("_inside")
                code = self.stack.connects("kafka" if inside else "hook-receiver", network["IPAddress"], port)
                assert code == inside, f"{service} {'does not answer' if inside else 'answers'} on {name}"
        self.say("admin ports answer inside only")

    def rights(self, folder):
        """For every user and topic: the broker grants exactly the rights that the user needs. Attempts are made on empty topics;
        the volumes are new ones afterwards."""
        pairs = [f"{user}:{topic}" for user in RIGHTS for topic in (INBOUND, BULK, CHAT_EVENT, OUTBOUND, COMMANDS, ERASURE, *DEAD)]
        lines = self.stack.java(ROOT / "tests/compose/Rights.java", folder / "secrets", pairs).splitlines()
        found = {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in lines if " " in line}
        wanted = {(user, topic): RIGHTS[user].get(topic, "") for user, topic in (p.split(":") for p in pairs)}
        assert lines[-1] == "done" and found == wanted, {k: (found.get(k), v) for k, v in wanted.items() if found.get(k) != v}
        self.say(f"Kafka lets each user do what it needs, and no more: {len(pairs)} pairs of user and topic tried")
        self.stack.compose("down", "--volumes")
        self.stack.up()

    def secrets_kept(self, folder):
        """No log and no environment has any of them."""
        shown = self.stack.compose("logs") + "".join(str(c["Config"]) for s in self.stack.services() for c in self.stack.containers(s))
        for file in (folder / "secrets").iterdir():
            for word in re.findall(r"[0-9a-f]{48}|[0-9A-Za-z+/]{43}=|AGE-SECRET-KEY-\w+", file.read_text()):
                assert word not in shown, f"{file.name} is shown"
        assert SECRET not in shown, "a sender's secret is shown"
        self.say("no log and no environment has a secret")

    def count(self, table):
        return int(self.stack.query(f"SELECT count(*) FROM {table}")[0][0])

    def stored(self):
        """The load's messages, by their id: how many rows each has."""
        return {key: int(n) for key, n in self.stack.query(
            "SELECT substring(message_key FROM 'LOAD[0-9]+$'), count(*) FROM chats WHERE message_key ~ 'LOAD[0-9]+$' GROUP BY 1")}

    def remember(self):
        """The receiver's log so far; the log of a container is removed with it."""
        for line in self.receiver.log("hook-receiver").splitlines():
            entry = json.loads(line)
            if entry["event"] == "delivery":
                assert entry["status"] == 204, f"the receiver refused {entry}"
                self.delivery(entry)

    def delivery(self, entry):
        """The first delivery of each event comes in order per conversation; a crash repeats, and never reorders."""
        if entry["event_id"] not in self.delivered:
            last = self.sequence.get(entry["conversation"], 0)
            assert not entry["conversation"] or entry["sequence"] > last, f"{entry} came after {last}"
            self.sequence[entry["conversation"]] = entry["sequence"]
        self.delivered.add(entry["event_id"])

    def missing(self):
        """The differences from the expected final state; empty: none."""
        self.remember()
        stored = self.stored()
        told = {json.loads(line)["event"]["event_id"] for line in self.stack.ctl("events").splitlines()}
        progress = [p for p in json.loads(self.stack.ctl("--json", "progress", "show")) if p["consumer"] == "chat-sync"]
        behind = (sum(p["lag"] or 0 for p in progress)  # none of a partition that nothing was read of
                  or max(0, self.fixtures + len(self.accepted) - sum(p[o] for p in progress for o in OUTCOMES)))
        found = {"not stored": self.accepted - stored.keys(), "never accepted": stored.keys() - self.accepted,
                 "stored twice": {k for k, n in stored.items() if n > 1}, "not delivered": told - self.delivered,
                 "delivered, never published": self.delivered - told}
        return {k: f"{len(v)}, as {sorted(v)[:3]}" for k, v in found.items() if v} | ({"behind": behind} if behind else {})

    def settle(self):
        wait_for(lambda: not self.missing(), lambda: f"all is stored and delivered: {self.missing()}", SETTLE_S, 1.0)


def run(test, folder):
    test.build()
    test.start()
    test.confined()
    test.admin_is_private()
    test.rights(folder)
    test.seed()
    test.post_fixtures()
    test.disturb()
    test.stop()
    test.start_again()
    test.restore()
    test.secrets_kept(folder)
    test.alone(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    keep = parser.parse_args().keep
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        sys.exit("compose: no Docker daemon answers (docker info)")
    folder = Path(tempfile.mkdtemp(prefix="blazz-compose-"))
    stack = Stack(f"blazz-test-{os.getpid()}", folder, PORTS)
    try:
        subprocess.run([ROOT / "docker/init-secrets.sh", folder / "secrets"], check=True, stdout=subprocess.DEVNULL)
        run(Test(stack), folder)
    except AssertionError as e:
        print(f"compose: FAILED: {e}", file=sys.stderr)
        return 1
    finally:
        if keep:
            print(f"compose: project {stack.project} is left, its secrets are in {folder}")
        else:
            stack.remove()
            shutil.rmtree(folder)
    print("compose: everything held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
