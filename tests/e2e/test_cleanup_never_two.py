"""No two instances of kind blazz ever run one session, whatever becomes of them, of the network and of the leader. Each seed is a group of four
instances and their sessions, with faults of its own; the stub says at each call whether its session then runs at two of them.

Ten seeds share a fleet. SEED is the first, SEEDS how many."""
import json
import os
import random
import time

import pytest
from harness.cleanup import Account, Cleanup, Instance
from harness.provider_stub import ProviderStub
from harness.waiting import wait_for
from harness.wire import Wire

SEED, SEEDS = int(os.environ.get("SEED") or 1), int(os.environ.get("SEEDS") or 20)
TOGETHER = 10
SECONDS = 15
ACTS = ("probe", "health", "list", "look", "create", "stop")
LEASES = {"lease__ttl": "1500ms", "lease__renew": "300ms", "lease__session_ttl": "2s", "list__interval": "500ms"}


class Group:
    """Four instances that share the files of three sessions, and a plan of what happens to them."""

    def __init__(self, cleanup, seed):
        self.cleanup, self.random, self.log = cleanup, random.Random(seed), [f"seed {seed}"]
        self.instances = [Instance(cleanup, "blazz", storage_group=f"group {seed}") for _ in range(4)]
        self.wires = [Wire(cleanup.stub.port) for _ in self.instances]
        for instance, wire in zip(self.instances, self.wires):
            instance.change(url=f"http://127.0.0.1:{wire.port}/~{instance.name}")
            instance.put(start_ms=self.random.choice((0, 0, 300, 1500)))
        self.accounts = [Account(cleanup, "blazz", self.random.choice(self.instances)) for _ in range(3)]
        self.faults = [None] * 4
        self.draining = None

    def next_event(self):
        return self.random.uniform(0.2, 2.5)

    def fault(self, i):
        self.faults[i] = self.random.choice(("dead", "dead", "frozen", "frozen", "unheard", "flapping", "slow"))
        if self.faults[i] == "dead":
            self.instances[i].put(dead=True)
        elif self.faults[i] == "frozen":
            self.wires[i].freeze()
        return self.faults[i]

    def heal(self, i):
        self.faults[i] = None
        self.instances[i].put(dead=False)
        self.wires[i].thaw()
        return "healed"

    def drain(self):
        if self.draining is not None:
            self.instances[self.draining].change(desired="active")
            self.draining = None
            return "undrained"
        self.draining = self.random.randrange(4)
        self.instances[self.draining].change(desired="draining")
        return f"drains {self.draining}"

    def move(self):
        account, to = self.random.choice(self.accounts), self.random.randrange(4)
        self.cleanup.sql("UPDATE whatsapp_accounts SET move_to = %s, move_at = clock_timestamp() WHERE uuid = %s", self.instances[to].index,
                         account.uuid)
        return f"moves {account.session} to {to}"

    def happen(self):
        """One event. At most half of the group is at fault at a time."""
        i, what = self.random.randrange(4), self.random.random()
        if what < 0.15:
            done = self.drain()
        elif what < 0.3:
            done = self.move()
        elif self.faults[i]:
            done = f"{i} {self.heal(i)}"
        elif sum(f is not None for f in self.faults) < 2:
            done = f"{i} {self.fault(i)}"
        else:
            return
        self.log.append(f"{time.time():.3f} {done}")

    def rules(self):
        """Of the faults that are the stub's: done but not answered, every other one lost, answered late."""
        how = {"unheard": {"end": "cut"}, "flapping": {"every": 2, "end": "reset"}, "slow": {"delay_ms": 700}}
        return [{"instance": at.name, "act": act} | how[f] for at, f in zip(self.instances, self.faults) if f in how for act in ACTS]

    def calm(self):
        for i in range(4):
            self.heal(i)
        if self.draining is not None:
            self.drain()

    def running(self):
        """{session: the instances that run it}"""
        found = {}
        for instance in self.instances:
            for session, state in instance.sessions().items():
                if state != "stopped":
                    found.setdefault(session, []).append(instance.index)
        return found

    def settled(self):
        return self.running() == {a.session: [a.row()["assigned_instance_index"]] for a in self.accounts}

    def close(self):
        for wire in self.wires:
            wire.close()


class Leaders:
    """Two replicas, of which the one that leads may be killed or paused beyond its lease."""

    def __init__(self, cleanup, random_, ends):
        self.cleanup, self.random, self.ends, self.n, self.n_ended = cleanup, random_, ends, 0, 0
        self.replicas = [self.start(), self.start()]
        self.paused, self.next_s = None, 3.0

    def start(self):
        self.n += 1
        return self.cleanup.replica(f"cleanup{self.n}", **LEASES).start(wait_ready=False)

    def leader(self):
        holder = self.cleanup.sql("SELECT owner FROM leases WHERE name = 'cleanup'")[0]["owner"]
        return next((r for r in self.replicas if f":{r.process.pid}:" in holder), self.replicas[0])

    def turn(self, elapsed_s):
        if not self.ends or elapsed_s < self.next_s:
            return
        self.next_s = elapsed_s + self.random.uniform(2, 3.5)
        if self.paused:
            self.paused.resume()
            self.paused = None
            return
        leader = self.leader()
        self.n_ended += 1
        if self.n_ended % 2 == 0:
            leader.pause()
            self.paused = leader
            return
        leader.kill()
        self.replicas[self.replicas.index(leader)] = self.start()

    def calm(self):
        if self.paused:
            self.paused.resume()


class Watch:
    """Reads the journal as it grows."""

    def __init__(self, cleanup):
        self.cleanup, self.after, self.doubles, self.starts = cleanup, 0, [], 0

    def turn(self):
        for line in self.cleanup.stub.get("/_calls", after=self.after, limit=10000).body.splitlines():
            call = json.loads(line)
            self.after = call["seq"]
            self.starts += call["act"] == "create" and call["status"] == 200
            if "also_at" in call:
                self.doubles.append(call)


def history(cleanup, groups, doubles):
    """What became of the sessions that ran twice."""
    lines = [json.dumps(d) for d in doubles]
    for session in {d["session"] for d in doubles}:
        at = {d["instance"] for d in doubles if d["session"] == session} | {d["also_at"] for d in doubles if d["session"] == session}
        lines += [line for name in at for line in cleanup.stub.get("/_calls", instance=name, limit=10000).body.decode().splitlines()
                  if f'"{session}"' in line or '"probe"' in line]
        lines += [entry for g in groups if at & {i.name for i in g.instances} for entry in g.log]
    return "\n".join(lines)


def wait_settled(cleanup, groups):
    """Until each session runs where its account is assigned, and nowhere else."""
    def unsettled():
        return [(g.log, g.running(), [(a.row(), a.control()) for a in g.accounts]) for g in groups if not g.settled()]

    wait_for(lambda: all(g.settled() for g in groups), lambda: f"{unsettled()}\n{cleanup.logs()}", 120, 0.5)


def run(cleanup, seeds, ends):
    """Lets faults happen to one group for each seed, at once, and with `ends` to the leader. Afterwards each session runs at one instance."""
    groups = [Group(cleanup, seed) for seed in seeds]
    leaders = Leaders(cleanup, random.Random(seeds[0]), ends)
    watch = Watch(cleanup)
    try:
        wait_settled(cleanup, groups)
        began = time.monotonic()
        due = [g.next_event() for g in groups]
        while (elapsed := time.monotonic() - began) < SECONDS:
            leaders.turn(elapsed)
            late = [i for i, at in enumerate(due) if at <= elapsed]
            for i in late:
                groups[i].happen()
                due[i] = elapsed + groups[i].next_event()
            if late:
                cleanup.stub.rules(*(rule for g in groups for rule in g.rules()))
            watch.turn()
            assert not watch.doubles, history(cleanup, groups, watch.doubles)
            time.sleep(0.02)
        leaders.calm()
        cleanup.stub.rules()
        for group in groups:
            group.calm()
        wait_settled(cleanup, groups)
        watch.turn()
        assert not watch.doubles, history(cleanup, groups, watch.doubles)
        moved = cleanup.sql("SELECT sum(instance_migration_count) AS n FROM whatsapp_accounts")[0]["n"]
        print(f"seeds {seeds[0]} to {seeds[-1]}: {watch.starts} starts, {moved} moves, {leaders.n_ended} leaders killed or paused")
        assert moved * 2 >= len(groups), "too little has happened"
    finally:
        for group in groups:
            group.close()


@pytest.mark.parametrize("batch", range(SEEDS // TOGETHER))
def test_no_two_instances_run_one_session(blazz, tmp_path, batch):
    stub = ProviderStub(tmp_path).start()
    try:
        first = SEED + batch * TOGETHER
        run(Cleanup(blazz, stub), range(first, first + TOGETHER), ends=batch % 2 == 1)
    finally:
        stub.close()
