"""The schedule of the load: a pure function of the seed, so that a run can be repeated.

The planner gets no feedback. It plans only loads whose final state does not depend on the order of arrival, because the model (model.py)
has sets, not orders: an item that depends on the state of a conversation (a read marker, a number change) comes a cycle after that
conversation certainly exists.
"""
import random
from dataclasses import dataclass, field

from dialects import HTTP
from records import SPOILERS
from bridging_plan import BridgingPlanner
from keeping_plan import KeepingPlanner
from sending_plan import SendingPlanner

T0_MS = 1767225600_000      # live items: one second apart from here on
SYNC_T0_MS = T0_MS - 20 * 86400_000  # items of initial syncs are older than all live ones
EMOJIS = ("👍", "🙏", "❤️", "")
STATUSES = ("sent", "delivered", "read", "failed", "played")
STAYING = 5  # people of a tenant who keep their number: a read marker of an abandoned number has no holder
# The kinds of items of an account whose producer writes to Kafka.
KAFKA = ("message", "status", "edit", "revoke", "reaction", "group", "delete", "read", "sync", "session", "bad", "number",
         "placeholder", "history")
WEIGHTS = {"message": 46, "status": 18, "edit": 7, "revoke": 3, "reaction": 7, "group": 2, "delete": 1, "read": 3, "sync": 1,
           "session": 2, "bad": 4, "number": 1, "placeholder": 2, "history": 3}
# (tenant, dialect); two tenants share dialects with the others.
ACCOUNTS = ((0, "meta"), (0, "webjs-raw"), (0, "kafka"), (1, "waha"), (1, "evolution"), (1, "kafka"), (2, "bridge"), (2, "kafka"),
            (2, "kafka"))


@dataclass
class Account:
    name: str
    tenant: int
    dialect: str
    messages: list = field(default_factory=list)  # to which updates may refer
    state: str = "disconnected"

    def over_http(self):
        return self.dialect != "kafka"

    def kinds(self):
        return tuple(HTTP[self.dialect]) if self.over_http() else KAFKA


@dataclass
class Tenant:
    marker: str  # in every text of this tenant, and in none of another
    phones: list
    arriving: list = field(default_factory=list)  # numbers in use from the next cycle on
    known: set = field(default_factory=set)  # (account, phone) of conversations since an earlier cycle
    new: set = field(default_factory=set)
    pairs: list = field(default_factory=list)  # (phone, lid, cycle) of contacts that are merged


@dataclass
class Delivery:
    """Items that are sent together: one record, or one POST."""
    due: float  # seconds after the start of the cycle
    account: str
    items: list
    patient: bool = True  # repeats until it is acknowledged
    forged: bool = False  # with a wrong signature


def people_name(chat):
    return chat.get("lid") or chat.get("phone")


class Planner:
    def __init__(self, seed, span_s=3.0, per_account=(12, 28)):
        self.random = random.Random(f"{seed}/load")
        self.span_s, self.per_account = span_s, per_account
        self.n = self.clock = self.sync_clock = 0
        self.cycle_n = -1
        self.accounts = [Account(f"t{t}.{d}.{i}", t, d) for i, (t, d) in enumerate(ACCOUNTS)]
        # Tenants have the same people and groups, so that no number distinguishes them.
        self.tenants = [Tenant("Mk" + "".join(self.random.choices("bcdfghjklmnpqrstvwxz", k=10)), [self.phone(i) for i in range(9)])
                        for _ in range(3)]
        self.fresh_phone = 100
        self.carried = []
        self.sending = SendingPlanner(seed, span_s)
        self.bridging = BridgingPlanner(seed, span_s)
        self.keeping = KeepingPlanner(seed, span_s)

    @staticmethod
    def phone(i):
        return f"1650555{i:04}"

    # Numbers

    def number(self):
        self.n += 1
        return self.n

    def tick(self):
        self.clock += 1
        return T0_MS + self.clock * 1000

    def sync_tick(self):
        self.sync_clock += 1
        return SYNC_T0_MS + self.sync_clock * 1000

    def new_phone(self):
        self.fresh_phone += 1
        return self.phone(self.fresh_phone)

    # A cycle

    def cycle(self):
        """[Delivery] in the order of due times."""
        self.cycle_n += 1
        for t in self.tenants:
            t.known |= t.new
            t.phones += t.arriving
            t.new, t.arriving = set(), []
        out, self.carried = self.carried, []
        for delivery in out:
            self.note_conversations(delivery)
        for tenant in self.tenants:
            self.plan_pair(tenant)
        for account in self.accounts:
            count = self.random.randint(*self.per_account)
            for i in range(count):
                due = self.span_s * min(1.0, max(0.0, (i + self.random.random()) / count + self.random.gauss(0, 0.04)))
                for items in self.draw(account):
                    out += self.deliver(account, items, due)
            for m in self.pair_items(account):
                out += self.deliver(account, [m], self.span_s * self.random.random())
        return sorted(out, key=lambda d: d.due)

    def deliver(self, account, items, due):
        """The deliveries of these items in this cycle: usually one; sometimes it is late, or repeated."""
        one = Delivery(due, account.name, items, not items[0].get("lonely"), items[0].get("forged", False))
        once = items[0]["kind"] == "bad" or items[0].get("introduces") or not one.patient
        dice = 1.0 if once else self.random.random()
        if dice < 0.05:
            self.carried.append(one)
            return []
        self.note_conversations(one)
        if dice < 0.10:
            again = Delivery(self.span_s * self.random.random(), account.name, items)
            if self.random.random() < 0.5:
                self.carried.append(again)
                return [one]
            return [one, again]
        return [one]

    def note_conversations(self, delivery):
        """From the next cycle on the conversations of these messages certainly exist."""
        for m in delivery.items:
            if m["kind"] == "message" and "phone" in m["chat"] and delivery.patient:
                tenant = next(a.tenant for a in self.accounts if a.name == delivery.account)
                self.tenants[tenant].new.add((delivery.account, m["chat"]["phone"]))

    def draw(self, account):
        """[items that are sent together]: nearly always one list with one item."""
        kinds = [k for k in account.kinds() if k in WEIGHTS]
        kind = self.random.choices(kinds, [WEIGHTS[k] for k in kinds])[0]
        made = getattr(self, "make_" + kind)(account, self.tenants[account.tenant])
        return made if made is not None else self.make_message(account, self.tenants[account.tenant])

    # Items

    def item(self, account, kind, **fields):
        return {"n": self.number(), "kind": kind, "account": account.name, "at": self.tick()} | fields

    def text(self, tenant, what="says"):
        return f"{tenant.marker} {what} {self.n} " + "".join(self.random.choices("abcdefghij é🙂", k=self.random.randint(4, 60)))

    def new_message(self, account, tenant, chat, out=None, sender=None, **fields):
        out = self.random.random() < 0.4 if out is None else out
        item = self.item(account, "message", chat=chat, out=out, name=f"{tenant.marker} {chat.get('phone', 'somebody')}", **fields)
        item["key"] = (f"wamid.{item['n']:012}" if account.dialect == "meta"
                       else f"{'true' if out else 'false'}:3EB0{item['n']:016X}")
        item["body"] = self.text(tenant)
        item["status"] = "pending"
        if out:  # an echo of Meta has no ack: it was written on the phone, so it is sent
            item["status"] = "sent" if account.dialect == "meta" else self.random.choice(("pending", "sent"))
        if sender:
            item["sender"], item["name"] = sender, f"{tenant.marker} {sender['phone']}"
        return item

    def chat(self, account, tenant):
        """(chat, sender)"""
        if account.dialect in ("webjs-raw", "bridge", "kafka") and self.random.random() < 0.2:
            return ({"group": f"12036301234567{self.random.randint(0, 1):04}@g.us"},
                    {"phone": self.random.choice(tenant.phones)})
        return {"phone": self.random.choice(tenant.phones)}, None

    def make_message(self, account, tenant):
        chat, sender = self.chat(account, tenant)
        item = self.new_message(account, tenant, chat, sender=sender)
        dice = self.random.random()
        if account.over_http() and dice < 0.06:
            item["lonely"] = True  # no update refers to it, as it may be lost
            item["forged"] = dice < 0.02
            return [[item]]
        account.messages.append(item)
        if dice > 0.97 and account.dialect != "meta":
            # Senders choose stanza ids: a message of another sender may have the same one.
            del account.messages[-1]
            other = dict(item, n=self.number(), at=self.tick(), chat={"phone": self.new_phone()},
                         body=self.text(tenant, "also says"))
            other.pop("sender", None)
            return [[item], [other]]
        return [[item]]

    def update(self, account, kind, test=lambda m: True, **fields):
        """An item about one of the account's latest messages; None when no message passes the test."""
        fitting = [m for m in account.messages[-30:] if test(m)]
        if not fitting:
            return None
        m = self.random.choice(fitting)
        item = self.item(account, kind, chat=m["chat"], key=m["key"], **fields)
        if m.get("sender"):
            item["sender"] = m["sender"]
        return item

    @staticmethod
    def one(item):
        return None if item is None else [[item]]

    def make_status(self, account, tenant):
        statuses = STATUSES[:4] if account.dialect == "meta" else STATUSES
        item = self.update(account, "status", lambda m: m["out"], status=self.random.choice(statuses))
        if item and "group" in item["chat"]:
            if account.dialect != "kafka":
                return None
            item["participant"] = self.random.choice(tenant.phones)
        return self.one(item)

    def make_edit(self, account, tenant):
        item = self.update(account, "edit", lambda m: not m["out"] and "group" not in m["chat"])
        if item:
            item["body"] = self.text(tenant, "corrects")
        return self.one(item)

    def make_revoke(self, account, tenant):
        return self.one(self.update(account, "revoke", lambda m: not m["out"] and "group" not in m["chat"]))

    def make_reaction(self, account, tenant):
        out = self.random.random() < 0.3 and account.dialect != "meta"
        other = {name: names for phone, lid, _ in tenant.pairs for name, names in ((phone, {"lid": lid}), (lid, {"phone": phone}))}
        in_use = {*tenant.phones, *other}
        item = self.update(account, "reaction", lambda m: people_name(m.get("sender") or m["chat"]) in in_use, out=out,
                           emoji=self.random.choice(EMOJIS))
        if item and account.dialect == "kafka" and self.random.random() < 0.5:
            item["chat"] = other.get(people_name(item["chat"]), item["chat"])  # with the person's other alias
        return self.one(item)

    def make_delete(self, account, tenant):
        stored = [m for m in account.messages[-30:] if not m.get("deleted")]
        if not stored:
            return None
        stored[-1]["deleted"] = True
        return self.one(self.item(account, "delete", chat=stored[-1]["chat"], key=stored[-1]["key"]))

    def make_group(self, account, tenant):
        item = self.item(account, "group", chat={"group": f"12036301234567{self.random.randint(0, 1):04}@g.us"})
        if account.over_http() or self.random.random() < 0.4:
            return [[item | {"action": "subject", "text": self.text(tenant, "team")}]]
        return [[item | {"action": self.random.choice(("add", "remove")),
                         "participants": self.random.sample(tenant.phones, self.random.randint(1, 3))}]]

    def make_read(self, account, tenant):
        known = sorted(p for a, p in tenant.known if a == account.name and p in tenant.phones[:STAYING])
        if not known:
            return None
        return [[self.item(account, "read", chat={"phone": self.random.choice(known)}, read_at=T0_MS + self.clock * 1000)]]

    def make_session(self, account, tenant):
        account.state = self.random.choice([s for s in ("connected", "disconnected", "qr_scanning") if s != account.state])
        return [[self.item(account, "session", state=account.state)]]

    def make_placeholder(self, account, tenant):
        item = self.new_message(account, tenant, {"phone": self.random.choice(tenant.phones)}, out=False)
        return [[dict(item, n=self.number(), body="", placeholder=True)], [item]]

    def make_history(self, account, tenant):
        """A duplicate of a live message from history, once: live content wins in any order, but of two histories the first that arrives."""
        live = [m for m in account.messages[-30:] if "group" not in m["chat"] and "history" not in m]
        if not live:
            return None
        m = self.random.choice(live)
        m["history"] = True
        return [[dict(m, n=self.number(), origin="history", body=self.text(tenant, "once said"))]]

    def make_sync(self, account, tenant):
        """An initial sync of one or two batches; over HTTP a batch is one POST, and one chat of it may be invalid."""
        sync, total, out = f"sync-{self.number()}", self.random.randint(1, 2), []
        for index in range(total):
            chats = [self.sync_chat(account, tenant, sync, index, place) for place in range(self.random.randint(2, 4))]
            end = self.item(account, "sync_end", origin="sync", sync=sync, index=index, total=total, last=index == total - 1, chats=len(chats),
                            rejected=0, mark=f"{tenant.marker} nobody {self.n}")
            if account.over_http():
                end["rejected"] = int(self.random.random() < 0.3)
                out.append([*chats, end])
            else:
                out += [[c] for c in chats] + [[end]]
        return out

    def sync_chat(self, account, tenant, sync, index, place):
        chat = {"phone": self.random.choice(tenant.phones) if self.random.random() < 0.5 else self.new_phone()}
        item = self.item(account, "sync_chat", sync=sync, index=index, rank=index * 50 + place, chat=chat, messages=[],
                         origin="sync", name=f"{tenant.marker} {chat['phone']}")
        for _ in range(self.random.randint(1, 4)):
            m = self.new_message(account, tenant, chat, origin="sync")
            m["at"] = self.sync_tick()
            item["messages"].append(m)
        item["at"] = item["messages"][-1]["at"]
        return item

    def make_bad(self, account, tenant):
        """In Kafka the whole record is invalid; a POST has an invalid item beside a valid one."""
        more = {} if account.over_http() else self.random.choice(({}, {"origin": "history"}))
        good = self.new_message(account, tenant, {"phone": self.random.choice(tenant.phones)}, **more)
        how = "no id" if account.over_http() else self.random.choice(list(SPOILERS))
        return [[self.item(account, "bad", good=good, how=how, mark=f"{tenant.marker} bad {self.n}",
                           reason="rule" if account.over_http() else SPOILERS[how][0])]]

    # Contacts that are merged, and number changes

    def plan_pair(self, tenant):
        if self.cycle_n % 2 == 0:
            tenant.pairs.append((self.new_phone(), f"98765432{self.number():06}", self.cycle_n))
        tenant.pairs = [p for p in tenant.pairs if self.cycle_n - p[2] < 4]

    def pair_items(self, account):
        """Messages with both aliases, before, during and after the merge."""
        tenant, out = self.tenants[account.tenant], []
        first = account is next(a for a in self.accounts if a.tenant == account.tenant and not a.over_http())
        for phone, lid, since in tenant.pairs:
            for chat in ({"phone": phone}, {"lid": lid})[:1 if account.dialect == "meta" else 2]:
                for _ in range(self.random.randint(0, 2) if self.cycle_n > since else int(first)):
                    item = self.new_message(account, tenant, chat)
                    item["name"] = f"{tenant.marker} {phone}"
                    item["introduces"] = self.cycle_n == since  # neither late nor repeated: the contacts must exist before the merge
                    account.messages.append(item)
                    out.append(item)
            if self.cycle_n == since + 1 and first:
                out.append(self.item(account, "alias", phone=phone, lid=lid))
        return out

    def make_number(self, account, tenant):
        """A known person changes the number. The old one is not used again; the new one is used at once, or from the next cycle on."""
        known = sorted({p for _, p in tenant.known} & set(tenant.phones[STAYING:]))
        if not known:
            return None
        old, new = self.random.choice(known), self.new_phone()
        tenant.phones.remove(old)
        (tenant.phones if self.random.random() < 0.5 else tenant.arriving).append(new)
        for a in self.accounts:
            if a.tenant == account.tenant:
                a.messages = [m for m in a.messages if m["chat"].get("phone") != old]
        return [[self.item(account, "number", old=old, new=new)]]
