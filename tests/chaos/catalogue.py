"""The catalogue of faults, which the modules *_faults.py fill.

A fault does its damage and repairs it, also when it is interrupted. It is a function of the system and of a random generator of its own,
from which all its parameters come; it returns False when it had no effect (no load reached its failpoint). Two faults of different targets (a
service, a server) can be active at once.
"""
import time
from dataclasses import dataclass

from harness.waiting import wait_for

CATALOGUE = {}
EVERYTHING = "everything"  # the target of a fault that stops all services
OUTSIDE = ("receivers", "poison", "strangers", "provider", "provider-stub")  # targets that may be changed beside it


@dataclass(frozen=True)
class Fault:
    name: str
    target: str
    needs_root: bool
    run: callable
    about: str


def are_apart(a, b):
    """Whether two faults may be active at once."""
    if EVERYTHING in (a.target, b.target):
        return a.target in OUTSIDE or b.target in OUTSIDE
    return a.target != b.target


def fault(name, target, about, needs_root=False):
    def add(run):
        CATALOGUE[name] = Fault(name, target, needs_root, run, about)
        return run
    return add


def hold(random, low_s, high_s):
    """Waits while the damage lasts."""
    time.sleep(random.uniform(low_s, high_s))


def happens(condition, deadline_s):
    """Whether the condition becomes true in time."""
    try:
        return wait_for(condition, "the condition holds", deadline_s, 0.02)
    except AssertionError:
        return False
