"""Faults of cleanup's jobs, and of the rotation of secrets."""
from bridging_faults import kill_leader_at, stop_leader_at
from catalogue import fault

STEPS = ("row_step_before_commit", "row_step_after_commit")
STAGES = ("start", "identity", "wait", "bulk", "rest", "verify")
ERASED_S = 25.0  # in which an erasure reaches its last stage


def at_step(run, point):
    return lambda system, random: run(system, random, point)


def at_stage(run, stage):
    """The new leader reaches its failpoint with the erasure of a further person."""
    def erase_and_run(system, random):
        return run(system, random, f"erasure_{stage}", nth=1, reached_s=ERASED_S, meanwhile=system.keeping.erase_next)
    return erase_and_run


for names, at, prefix in ((STEPS, at_step, ""), (STAGES, at_stage, "erasure_")):
    for name in names:
        fault(f"kill_at_{prefix}{name}", "cleanup", f"kill -9 of a new leader at {prefix}{name} of a job")(at(kill_leader_at, name))
        fault(f"stop_at_{prefix}{name}", "cleanup", f"SIGSTOP of a new leader at {prefix}{name} of a job; another one leads, and it resumes as a fenced one")(
            at(stop_leader_at, name))


@fault("rotate_secrets", "secrets", "the other key seals from now on; the rotation is killed half-way, and run again")
def rotate_secrets(system, random):
    system.keeping.turn(system.blazz.services)
    return system.keeping.rotate(random)
