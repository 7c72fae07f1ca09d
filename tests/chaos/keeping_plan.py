"""The schedule of what the jobs of cleanup have to work on: a pure function of the seed."""
import random
from dataclasses import dataclass, field

DAYS = 30  # that the keeper keeps messages; the neighbour, with the same messages, keeps them for ever
DAY_S = 86400
PHONES = [f"1650666{i:04}" for i in range(6)]
GROUP = "120363099999999999@g.us"
MEMBER = PHONES[0]  # of the group, and of no erased person
ERASE_EVERY = 5  # cycles; faults have further people erased
BACKFILL_ROWS = 600  # several steps


@dataclass
class Chore:
    """Something that happens at a time of a cycle."""
    due: float  # seconds after the start of the cycle
    what: str
    fields: dict = field(default_factory=dict)


class KeepingPlanner:
    def __init__(self, seed, span_s):
        self.random, self.span_s = random.Random(f"{seed}/keeping"), span_s
        self.cycle_n, self.n, self.old = -1, 0, []
        self.markers = [self.marker("Kp"), self.marker("Kn")]  # of the keeper and the neighbour
        self.first = self.person()  # who is there from the beginning

    def marker(self, begin):
        return begin + "".join(self.random.choices("bcdfghjklmnpqrstvwxz", k=10))

    def at(self):
        return self.span_s * self.random.random()

    def cycle(self):
        """[Chore] in the order of due times."""
        self.cycle_n += 1
        out = [self.message() for _ in range(self.random.randint(12, 18))] + [self.history() for _ in range(2)]
        out += [self.update() for _ in range(self.random.randint(1, 4)) if self.old] + [Chore(self.at(), "read", {"phone": self.random.choice(PHONES)})]
        out += [Chore(self.at(), "orphans", {"n": self.cycle_n}), Chore(self.at(), "backfill", {"n": self.cycle_n})]
        out.append(Chore(self.at(), "person", self.person()))
        if self.cycle_n % ERASE_EVERY == 0:
            out += [Chore(0.4 * self.random.random(), "erase")] + [Chore(self.at(), "meanwhile") for _ in range(2)]
        return sorted(out, key=lambda c: c.due)

    # Messages, of which both tenants get one each

    def stanza(self):
        self.n += 1
        return f"3EB0{self.n:012X}"

    def message(self):
        """A third is so old that it passes the cutoff a moment later."""
        passes = self.random.uniform(0.5, 4.0) if self.random.random() < 0.4 else None
        age_s = DAYS * DAY_S - passes if passes else self.random.uniform(60, (DAYS - 1) * DAY_S)
        fields = {"stanza": self.stanza(), "phone": self.random.choice(PHONES), "out": self.random.random() < 0.4, "age_s": age_s, "old": bool(passes)}
        if passes:
            self.old.append(fields)
        return Chore(self.at(), "message", fields)

    def history(self):
        return Chore(self.at(), "message", {"stanza": self.stanza(), "phone": self.random.choice(PHONES), "out": self.random.random() < 0.5,
                                            "age_s": (DAYS + self.random.uniform(1, 9)) * DAY_S, "old": True, "history": True})

    def update(self):
        """Of a message that retention deletes, or has deleted."""
        return Chore(self.at(), "update", self.random.choice(self.old[-20:]))

    # People who are erased, later

    def person(self):
        """"again": the text under which the person's number writes once it is erased; "twin": of the same number at the neighbour."""
        self.n += 1
        number = self.n
        return {"n": number, "phone": f"1650777{number:04}", "lid": f"9097{number:08}", "marker": self.marker("Er"), "again": self.marker("Ag"),
                "twin": self.marker("Tw")}
