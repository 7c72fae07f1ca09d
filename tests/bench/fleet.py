#!/usr/bin/python3
"""cleanup beside a fleet of instances, which one provider-stub plays, of kind blazz and waha in halves.

Settled: every account is connected and stays so; what cleanup costs then, as a share of a core, and what PostgreSQL costs for it. Desired:
from the commit of a change of what is desired to the beginning of the first call about it. Leader: from a kill -9 to the first probe of
the next leader. Failover: an instance dies with all its sessions; from its last lease until all of them were started elsewhere, against
the 70 s that the fence takes and one start a second of each other instance.

usage: tests/bench/fleet.py [--accounts N] [--instances N] [--seconds S] [--changes N]
"""
import argparse
import random
import statistics
import time
import uuid

import setting
from harness.cleanup import Cleanup, Instance
from harness.provider_stub import ProviderStub
from harness.sending import sealed
from harness.waiting import wait_for

SPEC = {"probe__interval": "10s", "list__interval": "55s"}  # the service's own; the harness shortens them
LOST_AFTER_S = 70


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--instances", type=int, default=34)
    parser.add_argument("--seconds", type=int, default=120, help="of the settled fleet")
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--failover", action="store_true", help="also the failover, which takes two minutes")
    return parser.parse_args()


def fill(cleanup, instances, accounts):
    """Accounts that are connected, as many on each instance."""
    names = {i: [f"bench-{n}" for n in range(accounts) if n % len(instances) == place] for place, i in enumerate(instances)}
    for instance, on_it in names.items():
        instance.put(sessions=[{"name": name, "state": "connected"} for name in on_it])
        ids = [str(uuid.uuid4()) for _ in on_it]
        cleanup.sql("""INSERT INTO whatsapp_accounts (workspace_id, uuid, session_id, provider_type, bridge_kind, desired_state, status,
                status_since, status_at, first_connected_at, secrets, assigned_instance_index, assigned_instance_url)
            SELECT w.id, r.id, r.name, 'webjs', i.kind, 'connected', 'connected', now(), now(), now(), r.secrets, i.index, i.url
            FROM workspaces w, instances i, unnest(%s::uuid[], %s::text[], %s::bytea[]) AS r (id, name, secrets)
            WHERE w.uuid = %s AND i.index = %s""", ids, on_it, [sealed(i, {"signing_keys": ["a secret of sixteen"]}) for i in ids],
                    cleanup.workspace, instance.index)
    cleanup.sql("ANALYZE")


def wait_leased(instances):
    """Instances of kind blazz stop sessions before the second request for their lease."""
    wait_for(lambda: all(len([c for c in i.calls() if c["act"] == "probe"]) > 1 for i in instances), "every instance was probed twice", 60)


def states(cleanup):
    return cleanup.sql("SELECT observed, reason, outcome, error, count(*) AS n FROM account_control GROUP BY 1, 2, 3, 4")


def settled(cleanup):
    rows = cleanup.sql("SELECT observed, reason, count(*) AS n FROM account_control GROUP BY 1, 2")
    return len(rows) == 1 and rows[0]["observed"] == "connected" and rows[0]["reason"] is None and rows[0]["n"]


def postgres_cpu_s(cleanup):
    pids = [r["pid"] for r in cleanup.sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'blazz-cleanup%%'")]
    return sum(setting.cpu_s(pid) for pid in pids)


def measure_settled(cleanup, seconds):
    ours, servers, began = setting.cpu_s(cleanup.service.process), postgres_cpu_s(cleanup), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return (setting.cpu_s(cleanup.service.process) - ours) / took, (postgres_cpu_s(cleanup) - servers) / took


def measure_changes(cleanup, instances, count):
    """Seconds from each commit to the first call about the session, looks included."""
    names = [r["session_id"] for r in cleanup.sql("SELECT session_id FROM whatsapp_accounts ORDER BY id LIMIT 5000")]
    found = []
    for name in random.sample(names, count):
        row = cleanup.sql("""UPDATE whatsapp_accounts SET desired_state = 'disconnected', desired_at = clock_timestamp() WHERE session_id = %s
            RETURNING assigned_instance_index AS index, extract(epoch FROM clock_timestamp()) AS at""", name)[0]
        instance = next(i for i in instances if i.index == row["index"])
        calls = wait_for(lambda: [c for c in instance.calls(session=name) if c["act"] == "stop"] and instance.calls(session=name),
                         f"a call about {name}", 30)
        found.append(min(c["at_ms"] for c in calls if c["at_ms"] >= row["at"] * 1000 - 50) / 1000 - float(row["at"]))
        time.sleep(0.05)
    found.sort()
    return statistics.median(found), found[int(len(found) * 0.99)], found[-1]


def measure_leader(cleanup, instances):
    other = cleanup.replica("cleanup-2", **SPEC).start()
    time.sleep(2)
    cleanup.service.kill()
    killed_ms = time.time() * 1000
    probes = wait_for(lambda: [c["at_ms"] for i in instances for c in i.calls() if c["act"] == "probe" and c["at_ms"] > killed_ms + 100],
                      "the next leader probes", 60)
    cleanup.service = other
    return (min(probes) - killed_ms) / 1000


def measure_failover(cleanup, instances):
    dead = next(i for i in instances if i.kind == "blazz")
    lost = [name for name, state in dead.sessions().items() if state == "connected"]
    dead.put(dead=True)
    began = time.monotonic()
    wait_for(lambda: cleanup.sql("SELECT count(*) AS n FROM whatsapp_accounts WHERE assigned_instance_index = %s AND desired_state = 'connected'",
                                 dead.index)[0]["n"] == 0, "all accounts have another instance", 300)
    assigned = time.monotonic() - began
    others = [i for i in instances if i.kind == "blazz" and i is not dead]

    def all_connected():
        running = {name for i in others for name, state in i.sessions().items() if state == "connected"}
        return running.issuperset(lost)

    wait_for(all_connected, "all sessions run again", 300)
    return len(lost), assigned, time.monotonic() - began


def main():
    o = options()
    with setting.stack() as blazz:
        stub = ProviderStub(blazz.folder, journal__bodies=False).start()
        try:
            print(f"{setting.machine()}; {o.accounts} accounts on {o.instances} instances\n")
            blazz.start()
            cleanup = Cleanup(blazz, stub)
            instances = [Instance(cleanup, "blazz" if n % 2 else "waha", storage_group="bench", capacity=1000) for n in range(o.instances)]
            cleanup.start(**SPEC)
            wait_leased(instances)
            fill(cleanup, instances, o.accounts)
            cleanup.service.stop()
            cleanup.sql("DELETE FROM account_control")  # what the next leader has seen
            began = time.monotonic()
            cleanup.start(**SPEC)
            wait_for(lambda: settled(cleanup) == o.accounts, lambda: f"all accounts are settled: {states(cleanup)}\n{cleanup.logs()}", 60)
            ready = time.monotonic() - began
            ours, servers = measure_settled(cleanup, o.seconds)
            setting.table(["", "figure", "bar"],
                          ["from a restart until all accounts were looked at", f"{ready:.1f} s", ""],
                          ["settled: cleanup, of a core", f"{ours:.2%}", "2 %"],
                          ["settled: its PostgreSQL sessions, of a core", f"{servers:.2%}", ""],
                          ["settled: memory of cleanup", f"{setting.resident_mib(cleanup.service.process):.0f} MiB", ""])
            median, p99, worst = measure_changes(cleanup, instances, o.changes)
            setting.table(["desired to the first call", "median", "p99", "longest", "bar of p99"],
                          ["", f"{median * 1000:.0f} ms", f"{p99 * 1000:.0f} ms", f"{worst * 1000:.0f} ms", "1 s"])
            setting.table(["kill -9 of the leader to the first probe of the next", "bar"], [f"{measure_leader(cleanup, instances):.1f} s", "20 s"])
            if o.failover:
                lost, assigned, running = measure_failover(cleanup, instances)
                starts = lost / (sum(i.kind == "blazz" for i in instances) - 1)
                setting.table([f"failover of {lost} sessions", "seconds", "at best"],
                              ["until all have another instance", f"{assigned:.0f}", LOST_AFTER_S],
                              ["until all run again", f"{running:.0f}", f"{LOST_AFTER_S + starts:.0f}"])
        finally:
            stub.close()


if __name__ == "__main__":
    main()
