"""The expected final state of the tables: a small model of the rules, independent of the services and their terms.

It takes the set of items that were taken in, in any order, and says what becomes of them; plan.py sends only what has one end.
"""
from collections import defaultdict
from dataclasses import dataclass, field

RANK = {"pending": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4, "played": 5}
MESSAGE, UPDATES = "message", ("status", "edit", "revoke", "reaction", "delete")


@dataclass
class Message:
    """One row: (account, conversation, key)."""
    account: str
    peer: tuple
    key: str
    copies: list = field(default_factory=list)
    status: str = "pending"
    body: str = ""
    edited_at: int = None
    revoked_at: int = None
    deleted: bool = False
    receipts: dict = field(default_factory=dict)   # participant, a representative: status
    reactions: dict = field(default_factory=dict)  # sender: (at, emoji)
    delivered_at: int = None
    read_at: int = None

    def content(self):
        """The copy that wins: a real one wins over a placeholder, a live one over one from history."""
        return max(self.copies, key=lambda c: (not c.get("placeholder"), c.get("origin", "live") == "live"))

    def origin(self):
        origins = {c.get("origin", "live") for c in self.copies}
        return next(o for o in ("live", "sync", "history") if o in origins)

    def emojis(self):
        return sorted(emoji for _, emoji in self.reactions.values() if emoji)

    def payload(self):
        """The values that are hashed and compared."""
        c = self.content()
        return (self.key, "outbound" if c["out"] else "inbound", "text", self.body, c["at"] // 1000, self.origin(),
                bool(c.get("placeholder")))


@dataclass
class Conversation:
    account: str
    peer: tuple
    messages: list = field(default_factory=list)
    read_at: int = None
    unread: int = 0


class People:
    """Identities in one workspace: all aliases of one person resolve to one representative."""

    def __init__(self):
        self.parent, self.moved = {}, set()

    def find(self, name):
        self.parent.setdefault(name, name)
        while self.parent[name] != name:
            name = self.parent[name]
        return name

    def who(self, chat):
        """Of a person who may be unknown to the tables; every known one was sent."""
        name = self.name(chat)
        return self.find(name) if name in self.parent else name

    def unite(self, a, b):
        self.parent[self.find(a)] = self.find(b)

    def of(self, chat):
        return self.find(self.name(chat))

    @staticmethod
    def name(chat):
        return ("lid", chat["lid"]) if "lid" in chat else ("phone", chat["phone"])


class Model:
    """accounts: {account: workspace}; items: those that were consumed, each once."""

    def __init__(self, accounts, items):
        self.accounts = accounts
        self.people = defaultdict(People)
        self.messages, self.conversations, self.waiting = {}, {}, []
        self.groups = defaultdict(dict)        # (workspace, jid): {"name": (at, text), phone: (at, in)}
        self.sessions, self.syncs = {}, {}     # account: (at, state); (account, sync, index): [ranks, end]
        self.by_key = defaultdict(list)
        self.said = defaultdict(set)           # (workspace, name): the names that messages had for them
        ordered = sorted(items, key=lambda i: i["n"])
        for kind in (("alias", "number"), ("message", "sync_chat"), UPDATES, ("group", "session", "sync_end", "read")):
            for item in ordered:
                if item["kind"] in kind:
                    getattr(self, "take_" + item["kind"])(item)
        for m in self.messages.values():
            self.settle(m)
        for v in self.conversations.values():
            self.count(v)

    def peer(self, account, chat):
        if "group" in chat:
            return ("group", chat["group"])
        return ("person", self.people[self.accounts[account]].of(chat))

    def conversation(self, account, chat):
        peer = self.peer(account, chat)
        return self.conversations.setdefault((account, peer), Conversation(account, peer))

    # Identities

    def take_alias(self, item):
        people = self.people[self.accounts[item["account"]]]
        people.unite(("lid", item["lid"]), ("phone", item["phone"]))

    def take_number(self, item):
        people = self.people[self.accounts[item["account"]]]
        people.unite(("phone", item["old"]), ("phone", item["new"]))
        people.moved.add(item["old"])

    # Messages

    def take_message(self, item):
        v = self.conversation(item["account"], item["chat"])
        if item.get("sender") and not item["out"]:
            self.people[self.accounts[item["account"]]].of(item["sender"])
        who = item["chat"] if item["out"] else item.get("sender") or item["chat"]
        if "group" not in who:
            self.said[self.accounts[v.account], People.name(who)].add(item["name"])
        m = self.messages.get((v.account, v.peer, item["key"]))
        if m is None:
            m = self.messages[v.account, v.peer, item["key"]] = Message(v.account, v.peer, item["key"])
            v.messages.append(m)
            self.by_key[v.account, item["key"]].append(m)
        m.copies.append(item)
        self.advance(m, item["status"] if item["out"] else "delivered", item["at"])

    def take_sync_chat(self, item):
        v = self.conversation(item["account"], item["chat"])
        for m in item["messages"]:
            self.take_message(m | {"account": item["account"]})
        read = [m["at"] for m in item["messages"] if not m["out"]]
        self.read(v, max(read, default=None))
        self.syncs.setdefault((item["account"], item["sync"], item["index"]), [set(), None])[0].add(item["rank"] % 50)

    def take_sync_end(self, item):
        self.syncs.setdefault((item["account"], item["sync"], item["index"]), [set(), None])[1] = item

    @staticmethod
    def advance(m, status, at):
        """Forward only; skipped steps get their times, the earliest evidence counts."""
        if RANK[status] > RANK[m.status]:
            m.status = status
        if RANK[status] >= RANK["delivered"]:
            m.delivered_at = at if m.delivered_at is None else min(m.delivered_at, at)
        if RANK[status] >= RANK["read"]:
            m.read_at = at if m.read_at is None else min(m.read_at, at)

    # Updates

    def target(self, item):
        found = self.by_key[item["account"], item["key"]]
        if not found:
            self.waiting.append(item)
        return found[0] if found else None

    def take_status(self, item):
        m = self.target(item)
        if m is None:
            return
        self.advance(m, item["status"], item["at"])
        if item.get("participant"):
            who = self.people[self.accounts[m.account]].who({"phone": item["participant"]})
            m.receipts[who] = max(m.receipts.get(who, "pending"), item["status"], key=RANK.get)

    def take_edit(self, item):
        m = self.target(item)
        if m is not None and (m.edited_at is None or (item["at"], item["body"]) > (m.edited_at, m.body)):
            m.edited_at, m.body = item["at"], item["body"]

    def take_revoke(self, item):
        m = self.target(item)
        if m is not None:
            m.revoked_at = item["at"] if m.revoked_at is None else min(m.revoked_at, item["at"])

    def take_delete(self, item):
        m = self.target(item)
        if m is not None:
            m.deleted = True

    def take_reaction(self, item):
        m = self.target(item)
        if m is not None:
            sender = "me" if item["out"] else self.people[self.accounts[m.account]].who(item.get("sender") or item["chat"])
            m.reactions[sender] = max(m.reactions.get(sender, (0, "")), (item["at"], item["emoji"]))

    # The rest

    @staticmethod
    def read(v, at):
        if at is not None and (v.read_at is None or at > v.read_at):
            v.read_at = at

    def take_read(self, item):
        self.read(self.conversation(item["account"], item["chat"]), item["read_at"])

    def take_group(self, item):
        group = self.groups[self.accounts[item["account"]], item["chat"]["group"]]
        self.conversation(item["account"], item["chat"])
        if item["action"] == "subject":
            group["name"] = max(group.get("name", (0, "")), (item["at"], item["text"]))
        for phone in item.get("participants", ()):
            group[phone] = max(group.get(phone, (0, False)), (item["at"], item["action"] == "add"))

    def take_session(self, item):
        self.sessions[item["account"]] = max(self.sessions.get(item["account"], (0, "")), (item["at"], item["state"]))

    @staticmethod
    def settle(m):
        if m.edited_at is None:
            m.body = m.content()["body"]

    @staticmethod
    def count(v):
        v.unread = sum(1 for m in v.messages if m.origin() == "live" and not m.deleted and not m.content()["out"]
                       and (v.read_at is None or m.content()["at"] > v.read_at))

    # Queries of the ledger

    def called(self):
        """{(workspace, representative): the names of the person}"""
        out = defaultdict(set)
        for (workspace, name), texts in self.said.items():
            out[workspace, self.people[workspace].find(name)] |= texts
        return out

    def persons(self, workspace):
        """{representative: {("phone"|"lid", value)}}: the aliases that resolve to each person that was seen."""
        people, out = self.people[workspace], defaultdict(set)
        for name in list(people.parent):
            if name[0] == "lid" or name[1] not in people.moved:  # an abandoned number has no holder
                out[people.find(name)].add(name)
        return out
