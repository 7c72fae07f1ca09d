"""The order in which a run draws its faults from the catalogue."""
from random import Random

# Each module adds its faults to the catalogue. The order is part of what a seed means.
import service_faults  # noqa: F401
import client_faults  # noqa: F401
import server_faults  # noqa: F401
import sending_faults  # noqa: F401
import bridging_faults  # noqa: F401
import keeping_faults  # noqa: F401
from catalogue import CATALOGUE, are_apart


PAIRS = 0.8  # the share of cycles with two faults


def draw_faults(seed, names, root):
    """Yields [(fault, delay, seed)] for each cycle, without end. All faults are equally frequent; two of a cycle have different targets."""
    random, deck = Random(f"{seed}/faults"), []
    faults = [f for name, f in CATALOGUE.items() if (not names or name in names) and (root or not f.needs_root)]
    while True:
        if not deck:
            deck = random.sample(faults, len(faults))
        first = deck.pop()
        second = next((f for f in reversed(deck) if are_apart(f, first)), None) if random.random() < PAIRS else None
        if second:
            deck.remove(second)
        yield [(f, random.uniform(0.1, 0.8), random.getrandbits(32)) for f in (first, second) if f]
