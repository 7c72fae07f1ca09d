"""Faults of cleanup, and of the instances on which sessions run."""
import signal

from bridging_plan import INSTANCES
from catalogue import fault, happens, hold
from service_faults import REACHED_S, rebalance_storm, restart_at, rolling_restart

POINTS = ("call_started", "call_answered", "call_recorded", "cleanup_before_commit", "cleanup_after_commit")
LEASE_S = 3.0  # lease.ttl
FAILED_OVER_S = 6.0  # in which an instance is found down, and seven sixths of lease.session_ttl pass
CALLS = ("probe", "health", "list", "look", "create", "update", "start", "stop", "restart", "logout", "delete", "fetch_qr")
CHANGES = ("create", "start", "stop", "restart", "logout", "delete")


def leader(system):
    """None while no replica leads."""
    for one in system.replicas["cleanup"]:
        try:
            if one.running() and not one.stopped() and one.metrics().get("blazz_cleanup_leader") == 1:
                return one
        except (OSError, AssertionError):  # it ends, or has no port yet
            pass
    return None


def pick_leader(system):
    return happens(lambda: leader(system), LEASE_S) or system.replicas["cleanup"][0]


def next_leader(system, failpoint):
    """Lets the other replica lead, started with the failpoint. Returns (it, the former leader, which has ended)."""
    former = pick_leader(system)
    one = next(r for r in system.replicas["cleanup"] if r is not former)
    restart_at(one, failpoint)
    happens(one.ready, LEASE_S)
    former.stop()
    return one, former


@fault("kill_cleanup_leader", "cleanup", "kill -9 of the replica that leads, at any moment")
def kill_leader(system, random):
    one = pick_leader(system)
    one.kill()
    hold(random, 0.0, 1.0)
    one.start(wait_ready=False)


@fault("stop_cleanup_leader", "cleanup", "SIGSTOP of the replica that leads until another one does, then SIGCONT")
def stop_leader(system, random):
    one = pick_leader(system)
    one.pause()
    try:
        hold(random, LEASE_S + 0.2, LEASE_S + 1.2)
    finally:
        one.resume()


def kill_leader_at(system, random, point, nth=None, reached_s=REACHED_S, meanwhile=None):
    """meanwhile: what makes the new leader reach the failpoint."""
    one, former = next_leader(system, f"{point}:kill@{nth or random.randint(1, 12)}")
    if meanwhile:
        meanwhile()
    hit = happens(lambda: not one.running(), reached_s)
    if not hit:
        one.kill()
    for replica in (former, one):
        replica.start(wait_ready=False)
    return hit


def stop_leader_at(system, random, point, nth=None, reached_s=REACHED_S, meanwhile=None):
    one, former = next_leader(system, f"{point}:stop@{nth or random.randint(1, 12)}")
    try:
        if meanwhile:
            meanwhile()
        hit = happens(one.stopped, reached_s)
        former.start(wait_ready=False)
        if hit:
            hold(random, LEASE_S + 0.2, LEASE_S + 1.2)
    finally:
        one.resume()
    if not hit or random.random() < 0.5:  # otherwise the failpoint may stop it in a later cycle
        one.kill()
        one.start(wait_ready=False)
    return hit


for point in POINTS:
    fault(f"kill_at_{point}", "cleanup", f"kill -9 of a new leader when it passes {point} for the nth time")(
        lambda s, r, point=point: kill_leader_at(s, r, point))
    fault(f"stop_at_{point}", "cleanup", f"SIGSTOP of a new leader at {point}; another one leads, and it resumes as a fenced one")(
        lambda s, r, point=point: stop_leader_at(s, r, point))
fault("rebalance_storm_of_cleanup", "cleanup", "two more replicas join and leave, by SIGTERM and kill -9")(
    lambda s, r: rebalance_storm(s, "cleanup", r))
fault("rolling_restart_of_cleanup", "cleanup", "each replica ends by SIGTERM, with 0, and starts again")(
    lambda s, r: rolling_restart(s, "cleanup", r))


# Instances

def dead(instances, random, low_s, high_s):
    for i in instances:
        i.put(dead=True)
    try:
        hold(random, low_s, high_s)
    finally:
        for i in instances:
            i.put(dead=False)


@fault("instance_blinks", "bridges", "an instance closes all connections for a short time")
def instance_blinks(system, random):
    dead([random.choice(system.bridging.instances)], random, 0.3, 2.0)


@fault("instance_dies", "bridges", "an instance of kind blazz closes all connections until its sessions move, then comes back")
def instance_dies(system, random):
    one = random.choice([i for i in system.bridging.instances if i.kind == "blazz"])
    before = migrations(system)
    dead([one], random, FAILED_OVER_S, FAILED_OVER_S + 1.0)
    return migrations(system) > before


def migrations(system):
    return sum(r["migrations"] for r in system.bridging.rows())


@fault("instances_die", "bridges", "all instances close all connections: no session moves")
def instances_die(system, random):
    dead(system.bridging.instances, random, 0.5, 4.0)


def add_bridge_fault(name, about, acts, **rule):
    def run(system, random):
        one, share = random.choice(system.bridging.instances), random.choice((0.5, 1.0))
        system.bridging.stub.rules(*({"name": f"{name} {act}", "instance": one.name, "act": act, "share": share} | rule for act in acts))
        try:
            hold(random, 1.0, 3.0)
        finally:
            system.bridging.stub.rules()

    fault(name, "bridges", about)(run)


add_bridge_fault("instance_hangs", "an instance does not answer", CALLS, end="hang")
add_bridge_fault("instance_cuts", "an instance does what it is called for, and closes the connection", CHANGES, end="cut")
add_bridge_fault("instance_fails", "an instance answers 503", CALLS, status=503)
add_bridge_fault("instance_fails_behind_proxy", "an instance does what it is called for, and a proxy answers 502", CHANGES, status=502, accept=True)
add_bridge_fault("instance_talks_nonsense", "the answers of an instance are no JSON", CALLS, status=200, body="<html>")


@fault("sessions_end", "bridges", "an instance stops or forgets sessions, or they fail")
def sessions_end(system, random):
    number = random.randrange(len(INSTANCES))
    one = system.bridging.instances[number]
    running = sorted(one.sessions())
    for name in random.sample(running, min(2, len(running))):
        state = random.choice(("stopped", "failed", "absent"))
        # wwebjs-api has no word for a failed session: cleanup waits for its start for longer than a cycle may take.
        one.set(name, "stopped" if state == "failed" and one.kind == "wwebjs" else state)
    return bool(running)


@fault("pause_bridges", "bridges", "SIGSTOP of all instances, then SIGCONT")
def pause_bridges(system, random):
    process = system.bridging.stub.process
    process.send_signal(signal.SIGSTOP)
    try:
        hold(random, 0.5, 3.0)
    finally:
        process.send_signal(signal.SIGCONT)
