"""I8 and I13 to I18: what was asked of campaign-sender, its rows, and what the stub of the providers has accepted. See ledger.py."""
import re
from collections import Counter, defaultdict
from functools import cached_property

from blazz.v1 import outbound_pb2

from case import ms, parse

SENT = ("sent", "delivered", "read")
OUTCOMES = {"sent": SENT, "delivered": ("delivered", "read"), "read": ("read",), "failed": ("failed",), "skipped": ("skipped",),
            "unknown": ("unknown",)}  # counter: the statuses that it counts
SLACK_MS = 700  # of the harness: between the check of a message and its line in the stub's journal beyond dispatch.max_delay
WINDOWS_S = (1, 5, 20)


class Sent:
    """The part of a case that is about messages to send; empty when the system had no campaign-sender."""

    def __init__(self, case):
        s = case.s.sending
        self.c, self.journal, self.posts, self.setup = case, s.get("journal", []), s.get("posts", []), s.get("setup", {})
        self.tenants, self.accounts = case.sending_tenants, self.setup.get("accounts", {})
        self.max_delay_ms = self.setup.get("max_delay_ms", 0) + SLACK_MS
        self.secrets = self.setup.get("secrets", [])

    def table(self, name):
        return [r for r in self.c.s.tables.get(name, ()) if r["workspace_id"] in self.c.sending_workspaces]

    @cached_property
    def phones(self):
        return {r["address"] for r in self.table("sends") if r["address"].isdigit()}

    @cached_property
    def plans(self):
        """{campaign uuid: its line of the journal}"""
        return {line["campaign"]: line for line in self.journal if line["what"] == "campaign"}

    @cached_property
    def campaigns(self):
        """{row id: row}"""
        return {r["id"]: r for r in self.table("campaigns")}

    @cached_property
    def account_uuid(self):
        return {r["id"]: r["uuid"] for r in self.c.s.tables.get("whatsapp_accounts", ())}

    @cached_property
    def account_ids(self):
        """{account as the provider knows it: row id}"""
        ids = {uuid: id_ for id_, uuid in self.account_uuid.items()}
        return {a["ref"]: ids[uuid] for uuid, a in self.accounts.items()}

    @cached_property
    def sends(self):
        """[row] of all messages, with `ids`: the client_message_id of each generation"""
        out = []
        for r in self.table("sends"):
            if r["request_id"]:
                ids = [r["request_id"]]
            else:
                first = f"{self.campaigns[r['campaign_id']]['uuid']}.{r['id']}"
                ids = [first, *(f"{first}#{n + 1}" for n in range(1, r["generation"] + 1))]
            out.append(r | {"ids": ids})
        return out

    @cached_property
    def messages(self):
        """[line of the stub's journal] about messages, in its order"""
        return [p for p in self.posts if p["act"] == "send"]

    @cached_property
    def posted(self):
        """{client_message_id: [line]}, accepted or refused"""
        out = defaultdict(list)
        for p in self.messages:
            out[p.get("client_message_id")].append(p)
        return out

    @cached_property
    def accepted(self):
        """{client_message_id: [line]} of what counts as sent"""
        return {i: lines for i, all_ in self.posted.items() if (lines := [p for p in all_ if p["accepted"]])}

    @cached_property
    def renewed(self):
        """{(campaign, address): [line]} of what was accepted for rows that a restore has lost: the address has a row of another id"""
        known, campaigns, out = {i for r in self.sends for i in r["ids"]}, {r["uuid"]: id_ for id_, r in self.campaigns.items()}, defaultdict(list)
        for id_, lines in self.accepted.items() if self.c.s.restores else ():
            if id_ not in known and id_.partition(".")[0] in campaigns:
                out[campaigns[id_.partition(".")[0]], bare(lines[0]["recipient"])] += lines
        return out

    def kind_of(self, row):
        return self.accounts[self.account_uuid[row["sent_by"]]]["kind"] if row["sent_by"] else None

    def posts_of(self, row):
        return [p for i in row["ids"] for p in self.posted.get(i, ())]

    def accepted_of(self, row):
        return [p for i in row["ids"] for p in self.accepted.get(i, ())] + self.renewed.get((row["campaign_id"], row["address"]), [])

    @cached_property
    def requests(self):
        """[(record, SendMessage or None, whether it is a dead letter)] of outbound"""
        dead = {place for place, _ in self.dead_letters}
        return [(r, parse(outbound_pb2.SendMessage, r.value), (r.partition, r.offset) in dead) for r in self.c.s.topics.get("outbound", ())]

    @cached_property
    def dead_letters(self):
        return [((int(r.headers["__dlq.errors.partition"]), int(r.headers["__dlq.errors.offset"])), r)
                for r in self.c.s.topics.get("outbound.campaign-sender.dlq", ())]

    def in_jump(self, at_ms):
        """Whether a sender's clock was wrong at that time, or shortly before."""
        return any(begin <= at_ms <= end + 2 * self.max_delay_ms for begin, end in self.c.s.sending.get("jumps", ()))


def bare(recipient):
    return re.sub(r"@.*", "", recipient)


# The invariants

def nothing_is_sent_twice(c):
    """I8: at most one POST is accepted for each client_message_id, and for each address of a campaign and generation; what is sent has one."""
    s = Sent(c)
    known = {i for r in s.sends for i in r["ids"]} | {p["client_message_id"] for lines in s.renewed.values() for p in lines}
    for id_, lines in s.accepted.items():
        if len(lines) > 1:
            yield f"{id_} was accepted {len(lines)} times: {lines}"
        if id_ not in known:
            yield f"{id_} was accepted, and is no message: {lines[0]}"
    by_address = defaultdict(list)
    for r in s.sends:
        if r["campaign_id"]:
            by_address[r["campaign_id"], r["address"]].append(r)
        accepted = s.accepted_of(r)
        if not accepted and r["status"] in SENT:
            yield f"{r['ids'][-1]} is {r['status']}, and no provider has accepted it: {s.posts_of(r)}"
    for place in s.renewed.keys() - by_address.keys():
        yield f"{place} has no row, and was accepted: {s.renewed[place]}"
    for place, rows in by_address.items():
        if len(rows) > 1 or sum(len(s.accepted_of(r)) for r in rows) > 1 + max(r["generation"] for r in rows):
            yield f"{place}: {len(rows)} rows, accepted: {[p for r in rows for p in s.accepted_of(r)]}"


def every_request_has_a_row(c):
    """I13: each record of outbound is one message, a repeat of its request_id, or a dead letter; a started campaign has each address once."""
    s = Sent(c)
    rows = Counter((r["workspace_id"], r["request_id"]) for r in s.sends if r["request_id"])
    ids = {uuid: id_ for id_, uuid in c.workspaces.items()}
    wanted = set()
    for r, m, dead in s.requests:
        if not dead and m is None:
            yield f"outbound {r.partition}/{r.offset} cannot be read, and is no dead letter"
        elif not dead:
            wanted.add((ids.get(m.workspace_id), m.request_id))
            if rows[ids.get(m.workspace_id), m.request_id] != 1:
                yield f"outbound {r.partition}/{r.offset}: {m.request_id} has {rows[ids.get(m.workspace_id), m.request_id]} rows"
    for place in rows.keys() - wanted:
        yield f"{place} is stored, and was never asked for"
    yield from spoiled_differ(s)
    yield from audiences_differ(s)


def spoiled_differ(s):
    spoiled = {line["request"]: line for line in s.journal if line["what"] == "spoiled"}
    found = defaultdict(list)
    records = {(r.partition, r.offset): r for r, _, _ in s.requests}
    for place, letter in s.dead_letters:
        request = next((i for i in spoiled if i.encode() in records[place].value), None)
        found[request].append(letter.headers["x-dlq-reason"])
        if request is None:
            yield f"outbound {place}: a dead letter ({letter.headers['x-dlq-reason']}: {letter.headers['__dlq.errors.message']}) of a valid record"
    for line in s.journal:
        if line["what"] == "acknowledged" and line.get("request") in spoiled and set(found[line["request"]]) != {spoiled[line["request"]]["reason"]}:
            yield f"{spoiled[line['request']]['how']} became {found[line['request']] or 'no dead letter'}, not {spoiled[line['request']]['reason']}"
    for topic in ("campaign-command", "chat-event"):
        for r in s.c.s.topics.get(f"{topic}.campaign-sender.dlq", ()):
            yield f"{topic}: a dead letter ({r.headers['x-dlq-reason']}: {r.headers['__dlq.errors.message']}) of a valid record"


def audiences_differ(s):
    for id_, row in s.campaigns.items():
        plan = s.plans[row["uuid"]]
        wanted = {p for group in plan["groups"] for p, _ in group} - set(plan["excluded"])
        have = Counter(r["address"] for r in s.sends if r["campaign_id"] == id_)
        if row["prepared_at"] is None:
            if row["status"] in ("running", "completed"):
                yield f"{row['name']} is {row['status']}, and its audience is not written"
            missing = set()
        else:
            missing = wanted - have.keys()
        if missing or have.keys() - wanted or max(have.values(), default=0) > 1:
            yield f"{row['name']}: {len(missing)} of its audience are missing, {sorted(have.keys() - wanted)} were not in it, " \
                f"{[a for a, n in have.items() if n > 1]} are there twice"


def nothing_unmarked_is_posted(c):
    """I14: no POST of a recipient that was never begun, and of a paused campaign; none is passed over by the cursor of its segment."""
    s = Sent(c)
    cursors = {(r["campaign_id"], r["segment"]): r["cursor_id"] for r in s.table("campaign_segments")}
    for r in s.sends:
        posts = [p for p in s.posts_of(r) if p["at_ms"] > c.restored_ms]  # a restore takes back that others were begun
        if not r["campaign_id"]:
            continue
        # One that was refused, and waited for its retry, may be skipped; so may one whose earlier generation was accepted, and failed then.
        if r["status"] == "skipped" and s.accepted.get(r["ids"][-1]) or r["status"] in ("skipped", "pending") and posts and r["attempt"] == r["generation"] == 0:
            yield f"{r['ids'][-1]} is {r['status']} ({r['error_code']}) after {r['attempt']} attempts, and was posted: {posts[0]}"
        if r["status"] == "pending" and r["next_attempt_at"] is None and r["id"] <= cursors.get((r["campaign_id"], r["segment"]), 0):
            yield f"{r['ids'][-1]} is pending below the cursor {cursors[r['campaign_id'], r['segment']]}"
    yield from posted_while_paused(s)


def posted_while_paused(s):
    seen, commands, posts = defaultdict(list), defaultdict(list), defaultdict(list)
    for at, campaign, _ in s.c.s.sending.get("watch", ()):
        seen[campaign].append(at)
    for line in s.journal:
        if line["what"] == "command" and line["action"] in ("RESUME", "RETRY_FAILED"):
            commands[line["campaign"]].append(line["at_ms"])
    for p in s.messages:
        posts[p.get("client_message_id", "").partition(".")[0]].append(p)
    for campaign, times in seen.items():
        for p in posts[campaign]:
            before = [t for t in times if t < p["at_ms"] - s.max_delay_ms]
            if before and any(t > p["at_ms"] for t in times) and not s.in_jump(p["at_ms"]) \
                    and not any(before[-1] - s.max_delay_ms <= t <= p["at_ms"] for t in commands[campaign]):
                yield f"{campaign} has been paused since {before[-1]}, and was posted: {p}"


def campaign_counts_equal_a_recount(c):
    """I15: recipients = sent + failed + skipped + unknown (+ pending); the counters equal those of campaign_counts and a recount."""
    s = Sent(c)
    counted = defaultdict(Counter)
    for r in s.table("campaign_counts"):
        counted[r["campaign_id"]].update({k: r[k] for k in ("recipients", *OUTCOMES)})
    for id_, row in s.campaigns.items():
        statuses = Counter(r["status"] for r in s.sends if r["campaign_id"] == id_)
        recount = {"recipients": sum(statuses.values())} | {k: sum(statuses[x] for x in words) for k, words in OUTCOMES.items()}
        shown = {"recipients": row["recipients"]} | {k: row[f"messages_{k}"] for k in OUTCOMES}
        sums = {k: counted[id_][k] for k in recount}
        if not recount == shown == sums:
            yield f"{row['name']} ({row['status']}): shown {shown}, counted {sums}, recounted {recount}"
        if row["status"] == "completed" and statuses["pending"]:
            yield f"{row['name']} is completed, and {statuses['pending']} are pending"


def accounts_keep_their_limits(c):
    """I16: in no window of the journal an account has more POSTs than its limit allows."""
    s = Sent(c)
    rate, by_account = s.setup.get("per_second", 0), defaultdict(list)
    for p in s.messages:
        if not s.in_jump(p["at_ms"]):
            by_account[p["provider"], p["account"]].append(p["at_ms"])
    for account, times in by_account.items():
        times.sort()
        for window in WINDOWS_S:
            # A request may begin max_delay after it was admitted, so the window may have what was admitted before it.
            most, first = rate * (window + s.max_delay_ms / 1000), 0
            for last, at in enumerate(times):
                while at - times[first] >= window * 1000:
                    first += 1
                if last - first + 1 > most:
                    yield f"{account}: {last - first + 1} requests in {window} s before {at}, allowed are {rate} a second"
                    break


def nothing_is_sent_out_of_its_time(c):
    """I17: no campaign's POST to an address that had opted out, outside its send window, and none after a deadline."""
    s = Sent(c)
    opted = opted_out_at(s)
    for r in s.sends:
        plan = s.plans[s.campaigns[r["campaign_id"]]["uuid"]] if r["campaign_id"] else None
        for p in s.posts_of(r):
            late = p["at_ms"] - s.max_delay_ms
            stops = opted.get((r["workspace_id"], r["address"]), {})
            stopped = min((stops[a] for a in (None, s.account_ids[p["account"]]) if a in stops), default=late)
            if plan and stopped < late:
                yield f"{r['ids'][-1]} was posted at {p['at_ms']}, and {r['address']} had opted out at {stopped}"
            if plan and plan["closed"]:
                yield f"{r['ids'][-1]} was posted outside the send window of its campaign: {p}"
            if r["deadline"] and ms(r["deadline"]) < late and not s.in_jump(p["at_ms"]):
                yield f"{r['ids'][-1]} was posted at {p['at_ms']}, its deadline was {ms(r['deadline'])}"


def opted_out_at(s):
    """{(workspace, phone): {account, None for all: when it was certainly stored}}"""
    names = defaultdict(list)
    for a in s.table("contact_aliases"):
        names[a["workspace_id"], a["contact_id"]].append(a["value"])
    out = defaultdict(dict)
    for workspace, contact, account, at in s.c.s.sending.get("opt_outs", ()):
        for name in names[workspace, contact]:
            out[workspace, name][account] = at
    return out


def unknowns_are_resolved(c):
    """I18: no unknown outlives its policy, and none whose status came; single messages to a recipient are sent in the order of the topic."""
    s = Sent(c)
    chats = {r["client_message_id"]: r for r in s.table("chats") if r.get("client_message_id")}
    for r in s.sends:
        if r["next_attempt_at"] is not None and (not r["campaign_id"] or s.campaigns[r["campaign_id"]]["status"] not in ("cancelled", "paused", "running")):
            yield f"{r['ids'][-1]} is {r['status']} until {r['next_attempt_at']}"
        chat = chats.get(r["ids"][-1])
        # Of a bridge's message the statuses that come before its Dispatch have no id of ours.
        least = chat and (chat["message_status"] if s.kind_of(r) == "meta" else "sent")
        if chat and chat["message_status"] in SENT and r["status"] not in OUTCOMES[least]:
            yield f"{r['ids'][-1]} is {r['status']} ({r['error_code']}), its message in the conversation {chat['message_status']}"
        if r["status"] == "unknown" and not (r["campaign_id"] and s.plans[s.campaigns[r["campaign_id"]]["uuid"]]["assume"]):
            yield f"{r['ids'][-1]} is unknown, and its policy is to fail"
    yield from out_of_order(s)


def out_of_order(s):
    """A message whose outcome was unknown, also only because its replica was replaced, or that another account may send, may come later."""
    unknown = {(r["workspace_id"], r["send_id"]) for r in s.table("send_attempts") if r["class"] == "unknown"}
    unknown |= {tuple(place) for place in s.c.s.sending.get("unknown", ())}
    # A restore takes back that a row was unknown.
    broken = {p.get("client_message_id") for p in s.messages if not p["accepted"] and p["end"] != "answer"} if s.c.s.restores else ()
    rows = {r["request_id"]: r for r in s.sends if r["request_id"]}
    place, last = {}, {}
    for r, m, dead in s.requests:
        if m and not dead and m.account_id and not m.allow_other_number:
            place.setdefault(m.request_id, (r.partition, r.offset))
    for p in s.messages:
        row = rows.get(p.get("client_message_id"))
        if not row or not p["accepted"] or row["request_id"] not in place or (row["workspace_id"], row["id"]) in unknown \
                or row["resolved_by"] or row["request_id"] in broken:
            continue
        chat, at = (p["provider"], p["account"], bare(p["recipient"])), place[row["request_id"]]
        if last.get(chat, at) > at:
            yield f"{row['request_id']} at {at} was accepted after the message at {last[chat]}, to the same recipient"
        last[chat] = max(at, last.get(chat, at))


SENDING_INVARIANTS = {"I8": nothing_is_sent_twice, "I13": every_request_has_a_row, "I14": nothing_unmarked_is_posted,
                      "I15": campaign_counts_equal_a_recount, "I16": accounts_keep_their_limits, "I17": nothing_is_sent_out_of_its_time,
                      "I18": unknowns_are_resolved}
