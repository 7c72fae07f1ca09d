"""The schedule of what is to be sent: single messages, campaigns and commands, a pure function of the seed."""
import random
import uuid
from dataclasses import dataclass, field

# (name, tenant, provider). Meta's accounts send campaigns; bridges, whose campaigns wait seconds between messages, send single ones only.
ACCOUNTS = (("s0.meta.a", 0, "meta"), ("s0.meta.b", 0, "meta"), ("s0.bridge", 0, "blazz"), ("s1.meta", 1, "meta"), ("s1.bridge", 1, "blazz"))
PER_SECOND = 25  # of each account, so that a campaign lasts longer than its faults
STOP_WORD = "STOP"  # an inbound text that opts out
SPOILED = (("garbage", "decode"), ("no recipient", "rule"), ("unknown type", "unsupported"), ("foreign account", "unknown_reference"))


@dataclass
class Act:
    """Something that happens at a time of a cycle: a message, a spoiled record, a command or an opt-out."""
    due: float  # seconds after the start of the cycle
    what: str
    tenant: int
    fields: dict = field(default_factory=dict)


@dataclass
class Campaign:
    name: str
    tenant: int
    account: str  # "": spread over the tenant's accounts of Meta
    groups: list  # of [(phone, name)]
    excluded: list  # phones
    text: str
    fallback: bool = True  # without it a recipient without a name is skipped
    closed: bool = False  # its send window does not open
    assume: bool = False  # what remains unknown counts as sent


def phone(i):
    """Both tenants write to the same people."""
    return f"62811{i:07}"


class SendingPlanner:
    def __init__(self, seed, span_s=3.0):
        self.random = random.Random(f"{seed}/sending")
        self.span_s, self.cycle_n, self.campaigns = span_s, -1, []
        self.markers = ["Sn" + "".join(self.random.choices("bcdfghjklmnpqrstvwxz", k=10)) for _ in range(2)]
        self.fresh, self.requests = 1000, []

    def uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def cycle(self):
        """([Campaign] to add, [Act] in the order of due times)"""
        self.cycle_n += 1
        new = [self.campaign(t) for t in (0, 1)]
        acts = [a for _ in range(self.random.randint(25, 45)) for a in self.message()]
        acts += [self.spoiled() for _ in range(self.random.randint(0, 2))]
        acts += [a for c in new for a in self.life(c)] + self.commands_for_old_ones()
        self.campaigns += new
        return new, sorted(acts, key=lambda a: a.due)

    def at(self):
        return self.span_s * self.random.random()

    # Single messages

    def message(self):
        """One message: once, or as its producer repeats it under the same id."""
        name, tenant, _ = self.random.choice(ACCOUNTS)
        dice = self.random.random()
        fields = {"request": self.uuid(), "account": name, "phone": phone(self.random.randrange(12)), "deadline_s": 25.0, "other": False}
        if dice < 0.06:
            fields["account"] = ""
        elif dice < 0.12:
            fields["other"] = True
        elif dice < 0.16:
            fields["deadline_s"] = self.random.choice((-1.0, 0.2, 1.0))
        fields["body"] = f"{self.markers[tenant]} message {fields['request'][:8]}"
        due = self.at()
        out = [Act(due, "message", tenant, fields)]
        if self.random.random() < 0.1:
            out.append(Act(min(due + self.random.random(), self.span_s), "message", tenant, dict(fields)))
        if self.requests and self.random.random() < 0.05:  # of an earlier cycle
            out.append(Act(due, "message", *self.random.choice(self.requests)))
        if self.cycle_n >= 0 and self.random.random() < 0.1:
            self.requests.append((tenant, fields))
        return out

    def spoiled(self):
        how, reason = self.random.choice(SPOILED)
        return Act(self.at(), "spoiled", self.random.randrange(2), {"how": how, "reason": reason, "request": self.uuid()})

    # Campaigns

    def campaign(self, tenant):
        """Two groups that overlap, less a few; some of the people have opted out in an earlier cycle."""
        n = self.random.randint(30, 60)
        fresh = [phone(self.fresh + i) for i in range(n)]
        self.fresh += n
        old = [phone(1000 + self.random.randrange(max(1, self.fresh - 1000))) for _ in range(8)]
        people = [(p, "" if self.random.random() < 0.1 else f"Name {i}") for i, p in enumerate(dict.fromkeys(fresh + old))]
        cut = len(people) // 3
        excluded = self.random.sample([p for p, _ in people], 3)
        account = self.random.choice([a for a, t, kind in ACCOUNTS if t == tenant and kind == "meta"] + [""])
        return Campaign(f"{self.markers[tenant]} {self.cycle_n}", tenant, account, [people[:2 * cut], people[cut:]], excluded,
                        f"{self.markers[tenant]} offer {self.cycle_n} for {{{{1}}}}", fallback=self.random.random() < 0.6,
                        closed=self.cycle_n % 5 == 2 and tenant == 1, assume=self.random.random() < 0.5)

    def command(self, due, campaign, action):
        return Act(due, "command", campaign.tenant, {"campaign": campaign.name, "action": action})

    def life(self, c):
        """How it is started, and what its tenant and its people do meanwhile."""
        began, dice = 0.6 * self.span_s * self.random.random(), self.random.random()  # late enough for faults of its preparation
        out = [self.command(began, c, "START")]
        if self.random.random() < 0.2:
            out.append(self.command(began + 0.1, c, "START"))  # repeated
        if dice < 0.4:
            stop = began + 0.2 + 1.0 * self.random.random()
            out += [self.command(stop, c, "PAUSE"), self.command(stop + 1.2 + self.random.random(), c, "RESUME")]
        elif dice < 0.5:
            out.append(self.command(began + 0.2 + 1.5 * self.random.random(), c, "CANCEL"))
        for p, _ in self.random.sample(c.groups[1], 2):
            out.append(Act(self.at(), "opt_out", c.tenant, {"phone": p}))
        return out

    def commands_for_old_ones(self):
        out = []
        if self.campaigns and self.random.random() < 0.5:
            out.append(self.command(self.at(), self.random.choice(self.campaigns), "RETRY_FAILED"))
        out += [self.command(self.at(), c, "CANCEL") for c in self.campaigns[:-2] if c.closed]
        return out
