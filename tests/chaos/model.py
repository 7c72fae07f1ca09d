"""The expected final state of the tables: a small model of the rules, independent of the services.

Its input is the set of consumed items, without an order; plan.py sends only items whose final state does not depend on the order.
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
    receipts: dict = field(default_factory=dict)   # {representative of the participant: status}
    reactions: dict = field(default_factory=dict)  # {sender: (at, emoji)}
    delivered_at: int = None
    read_at: int = None

    def content(self):
        """The copy that is stored: content wins over a placeholder, and live content over content from history."""
        return max(self.copies, key=lambda c: (not c.get("placeholder"), c.get("origin", "live") == "live"))

    def origin(self):
        origins = {c.get("origin", "live") for c in self.copies}
        return next(o for o in ("live", "sync", "history") if o in origins)

    def emojis(self):
        return sorted(emoji for _, emoji in self.reactions.values() if emoji)

    def payload(self):
        """The values that the ledger hashes and compares."""
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

    def lookup(self, chat):
        """The representative, or the alias itself when no item has introduced the person."""
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
    """accounts: {account: workspace}; items: the consumed items, each once."""

    def __init__(self, accounts, items):
        self.accounts = accounts
        self.people = defaultdict(People)
        self.messages, self.conversations, self.parked = {}, {}, []
        self.groups = defaultdict(dict)        # (workspace, jid): {"name": (at, text), phone: (at, in)}
        self.sessions, self.syncs = {}, {}     # account: (at, state); (account, sync, index): [ranks, end]
        self.by_key = defaultdict(list)
        self.names = defaultdict(set)          # (workspace, alias): the names that messages had for the person
        ordered = sorted(items, key=lambda i: i["n"])
        for kind in (("alias", "number"), ("message", "sync_chat"), UPDATES, ("group", "session", "sync_end", "read")):
            for item in ordered:
                if item["kind"] in kind:
                    getattr(self, "apply_" + item["kind"])(item)
        for m in self.messages.values():
            self.set_body(m)
        for v in self.conversations.values():
            self.count_unread(v)

    def peer(self, account, chat):
        if "group" in chat:
            return ("group", chat["group"])
        return ("person", self.people[self.accounts[account]].of(chat))

    def conversation(self, account, chat):
        peer = self.peer(account, chat)
        return self.conversations.setdefault((account, peer), Conversation(account, peer))

    # Identities

    def apply_alias(self, item):
        people = self.people[self.accounts[item["account"]]]
        people.unite(("lid", item["lid"]), ("phone", item["phone"]))

    def apply_number(self, item):
        people = self.people[self.accounts[item["account"]]]
        people.unite(("phone", item["old"]), ("phone", item["new"]))
        people.moved.add(item["old"])

    # Messages

    def apply_message(self, item):
        v = self.conversation(item["account"], item["chat"])
        if item.get("sender") and not item["out"]:
            self.people[self.accounts[item["account"]]].of(item["sender"])
        person = item["chat"] if item["out"] else item.get("sender") or item["chat"]
        if "group" not in person:
            self.names[self.accounts[v.account], People.name(person)].add(item["name"])
        m = self.messages.get((v.account, v.peer, item["key"]))
        if m is None:
            m = self.messages[v.account, v.peer, item["key"]] = Message(v.account, v.peer, item["key"])
            v.messages.append(m)
            self.by_key[v.account, item["key"]].append(m)
        m.copies.append(item)
        self.advance(m, item["status"] if item["out"] else "delivered", item["at"])

    def apply_sync_chat(self, item):
        v = self.conversation(item["account"], item["chat"])
        for m in item["messages"]:
            self.apply_message(m | {"account": item["account"]})
        read = [m["at"] for m in item["messages"] if not m["out"]]
        self.read(v, max(read, default=None))
        self.syncs.setdefault((item["account"], item["sync"], item["index"]), [set(), None])[0].add(item["rank"] % 50)

    def apply_sync_end(self, item):
        self.syncs.setdefault((item["account"], item["sync"], item["index"]), [set(), None])[1] = item

    @staticmethod
    def advance(m, status, at):
        """Moves the status forward only. A later step sets the times of skipped ones; the earliest time counts."""
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
            self.parked.append(item)
        return found[0] if found else None

    def apply_status(self, item):
        m = self.target(item)
        if m is None:
            return
        self.advance(m, item["status"], item["at"])
        if item.get("participant"):
            name = self.people[self.accounts[m.account]].lookup({"phone": item["participant"]})
            m.receipts[name] = max(m.receipts.get(name, "pending"), item["status"], key=RANK.get)

    def apply_edit(self, item):
        m = self.target(item)
        if m is not None and (m.edited_at is None or (item["at"], item["body"]) > (m.edited_at, m.body)):
            m.edited_at, m.body = item["at"], item["body"]

    def apply_revoke(self, item):
        m = self.target(item)
        if m is not None:
            m.revoked_at = item["at"] if m.revoked_at is None else min(m.revoked_at, item["at"])

    def apply_delete(self, item):
        m = self.target(item)
        if m is not None:
            m.deleted = True

    def apply_reaction(self, item):
        m = self.target(item)
        if m is not None:
            sender = "me" if item["out"] else self.people[self.accounts[m.account]].lookup(item.get("sender") or item["chat"])
            m.reactions[sender] = max(m.reactions.get(sender, (0, "")), (item["at"], item["emoji"]))

    # Read markers, groups and sessions

    @staticmethod
    def read(v, at):
        if at is not None and (v.read_at is None or at > v.read_at):
            v.read_at = at

    def apply_read(self, item):
        self.read(self.conversation(item["account"], item["chat"]), item["read_at"])

    def apply_group(self, item):
        group = self.groups[self.accounts[item["account"]], item["chat"]["group"]]
        self.conversation(item["account"], item["chat"])
        if item["action"] == "subject":
            group["name"] = max(group.get("name", (0, "")), (item["at"], item["text"]))
        for phone in item.get("participants", ()):
            group[phone] = max(group.get(phone, (0, False)), (item["at"], item["action"] == "add"))

    def apply_session(self, item):
        self.sessions[item["account"]] = max(self.sessions.get(item["account"], (0, "")), (item["at"], item["state"]))

    @staticmethod
    def set_body(m):
        if m.edited_at is None:
            m.body = m.content()["body"]

    @staticmethod
    def count_unread(v):
        v.unread = sum(1 for m in v.messages if m.origin() == "live" and not m.deleted and not m.content()["out"]
                       and (v.read_at is None or m.content()["at"] > v.read_at))

    # Queries of the ledger

    def names_of_people(self):
        """{(workspace, representative): the names of the person}"""
        out = defaultdict(set)
        for (workspace, name), texts in self.names.items():
            out[workspace, self.people[workspace].find(name)] |= texts
        return out

    def persons(self, workspace):
        """{representative: {("phone"|"lid", value)}}: the aliases of each person that an item introduced."""
        people, out = self.people[workspace], defaultdict(set)
        for name in list(people.parent):
            if name[0] == "lid" or name[1] not in people.moved:  # an abandoned number has no holder
                out[people.find(name)].add(name)
        return out
