"""The schedule of what is wanted of sessions: a pure function of the seed."""
import random
from dataclasses import dataclass

# (kind, storage group); the three of kind blazz share the files of their sessions, as do the two of WAHA.
INSTANCES = (("blazz", "files"), ("blazz", "files"), ("blazz", "files"), ("waha", "waha"), ("waha", "waha"), ("evolution", ""), ("wwebjs", ""))
ACCOUNTS = ("blazz",) * 6 + ("waha",) * 3 + ("evolution",) * 2 + ("wwebjs",) * 2  # their kinds
MOVABLE = ("blazz", "waha")


@dataclass
class Wish:
    """desire: a state; ask: "restart" or "relink"; move: the number of an instance."""
    due: float  # seconds after the start of the cycle
    what: str
    account: int
    value: object


class BridgingPlanner:
    def __init__(self, seed, span_s):
        self.random, self.span_s = random.Random(f"{seed}/bridging"), span_s
        self.marker = "Mk" + "".join(self.random.choices("bcdfghjklmnpqrstvwxz", k=10))
        self.desired = ["connected"] * len(ACCOUNTS)

    def cycle(self):
        """Sorted by time. Each account has at most one wish."""
        accounts = self.random.sample(range(len(ACCOUNTS)), self.random.randint(3, 6))
        return sorted((self.wish(a) for a in accounts), key=lambda w: w.due)

    def wish(self, account):
        due, dice = self.random.uniform(0, self.span_s), self.random.random()
        if self.desired[account] != "connected" or dice < 0.45:
            return Wish(due, "desire", account, self.next_state(account))
        if dice < 0.65 and ACCOUNTS[account] in MOVABLE:
            return Wish(due, "move", account, self.random.choice([i for i, (kind, _) in enumerate(INSTANCES) if kind == ACCOUNTS[account]]))
        return Wish(due, "ask", account, self.random.choice(("restart", "relink")))

    def next_state(self, account):
        """Most come back soon."""
        others = ["disconnected", "deleted"] if self.desired[account] == "connected" else ["connected"] * 4 + ["disconnected", "deleted"]
        self.desired[account] = self.random.choice(others)
        return self.desired[account]
