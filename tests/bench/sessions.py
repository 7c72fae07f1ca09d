#!/usr/bin/python3
"""120 sessions of 20 workspaces, with all dialects: the sustained rate, its latency, and whether workspaces are treated alike.

even     all sessions post at the same rate.
loud     the same, while one workspace posts ten times as much in addition.

Load is open, as in latency.py. Stored means committed: the time of the commit in PostgreSQL, counted from when ingest accepted the
message. Fairness is the slowest workspace's p99 divided by the median workspace's; the effect of the loud one is the others' p99 with it
divided by theirs without it.

usage: tests/bench/sessions.py [--rate N] [--seconds S]
"""
import argparse
import statistics
import sys
from collections import defaultdict

import live
import setting
from harness.client import SECRETS, signature

sys.path.append(str(setting.ROOT / "tests/chaos"))

from dialects import body_of  # noqa: E402 (found by the line above)
from load import Target  # noqa: E402

WORKSPACES, SESSIONS = 20, 120
DIALECTS = ("meta", "webjs-raw", "waha", "evolution", "bridge", "bridge")  # of the sessions of a workspace
BRIDGES = {"webjs-raw": "wwebjs", "waha": "waha", "evolution": "evolution", "bridge": "blazz"}
LOUDER = 10
T0_MS = 1767225600_000
STORED = """SELECT a.uuid::text AS account, m.message_key AS key, extract(epoch FROM pg_xact_commit_timestamp(m.xmin)) * 1000 AS at
    FROM chats m JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (m.workspace_id, m.account_id)"""


def add_sessions(blazz):
    """Returns [Target]; the sessions of a workspace are next to each other."""
    made = []
    for w in range(WORKSPACES):
        workspace = blazz.add_workspace(f"workspace-{w}")
        for dialect in DIALECTS:
            n = len(made)
            session, number, waba = f"session-{n}", f"10654035224{n:04}", f"10229012933{n:04}"
            if dialect == "meta":
                app = blazz.add_app()
                uuid = blazz.add_account(workspace, session=session, provider="meta", app=app, phone_number_id=number, waba=waba)
                path = f"/webhooks/meta/{app}"
            else:
                uuid = blazz.add_account(workspace, SECRETS[dialect], session=session, provider="webjs", bridge=BRIDGES[dialect], ref=session)
                path = "/api/whatsapp/webhook" if dialect == "bridge" else f"/webhooks/{BRIDGES[dialect]}/{uuid}"
            made.append(Target(session, dialect, workspace, uuid, session, SECRETS[dialect], path, phone_number_id=number, waba=waba))
    assert len(made) == SESSIONS
    return made


class Mixed(live.Traffic):
    """Messages of each session's people in its dialect; `turns` is the order of the sessions."""

    def __init__(self, blazz, targets, turns):
        super().__init__(blazz, targets)
        self.turns = turns

    def request(self, i):
        target = self.turns[i % len(self.turns)]
        phone = f"1650{self.accounts.index(target):03}{self.random.randrange(200):04}"
        key = f"3EB0{id(self) % 65536:04X}{self.runs:04X}{i:08X}"
        item = {"n": i, "kind": "message", "at": T0_MS + i * 10, "chat": {"phone": phone}, "out": False, "name": f"Contact {phone}",
                "key": f"wamid.{key}" if target.dialect == "meta" else f"false:{key}", "status": "pending",
                "body": f"{live.MARK}{i:08d} " + live.LETTERS[:self.random.randint(10, 390)]}
        body = body_of(target, [item])
        head = "".join(f"{k}: {v}\r\n" for k, v in signature(target.dialect, body, target.secret).items())
        return (f"POST {target.path} HTTP/1.1\r\nHost: ingest\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"{head}\r\n").encode() + body


def percentile(values, p):
    return sorted(values)[int(len(values) * p / 100)]


def measured(blazz, traffic, targets, rate, seconds):
    before = {e.event_id for _, e in blazz.inbound()}
    found = traffic.run(rate, seconds)
    blazz.wait_processed()
    accepted_ms = {(e.account_id, e.message.key): e.ingest_time_ms for _, e in blazz.inbound() if e.event_id not in before}
    workspace, times = {t.uuid: t.workspace for t in targets}, defaultdict(list)
    for row in blazz.sql(STORED):
        if (row["account"], row["key"]) in accepted_ms:
            times[workspace[row["account"]]].append(float(row["at"]) - accepted_ms[row["account"], row["key"]])
    assert sum(map(len, times.values())) == len(accepted_ms) and found["chat-event"]["missing"] == 0, "messages are missing"
    return found, {w: percentile(ms, 99) for w, ms in times.items()}


def row(name, rate, found, p99):
    ms = [f"{found['answer']['p50']:.1f}", f"{found['answer']['p99']:.1f}", f"{found['chat-event']['read']['p50']:.1f}",
          f"{found['chat-event']['read']['p99']:.1f}"]
    middle = statistics.median(p99)
    return [name, rate, *ms, f"{middle:.1f}", f"{max(p99):.1f}", f"{max(p99) / middle:.2f}"]


def sustained(blazz, traffic):
    rate, best = 500, 0
    while True:
        found = traffic.run(rate, 5)
        blazz.wait_processed()
        if found["chat-event"]["missing"] or found["chat-event"]["end"]["p50"] > 250:
            assert best, "not even the first rate is sustained"
            return best
        best, rate = rate, int(rate * 1.3)


def run(options):
    with setting.stack() as blazz:
        live.start(blazz, {"limits.account_rate": 0})
        targets = add_sessions(blazz)
        even = Mixed(blazz, targets, targets)
        even.run(500, 10)
        blazz.wait_processed()
        blazz.sql("ANALYZE")
        highest = options.rate or sustained(blazz, even)
        rate = highest // 2
        first = measured(blazz, even, targets, rate, options.seconds)
        # The sessions of one workspace post ten times as often as the others, which post as often as before.
        own = len(DIALECTS)
        turns = [t for n, other in enumerate(targets[own:]) for t in (other, *(targets[(n * LOUDER + i) % own] for i in range(
            LOUDER * own // (SESSIONS - own) + 1)))]
        louder = int(rate * len(turns) / SESSIONS)
        second = measured(blazz, Mixed(blazz, targets, turns), targets, louder, options.seconds)
        blazz.check_invariants()
    print(f"{setting.machine()}; {SESSIONS} sessions of {WORKSPACES} workspaces sustain {highest} messages a second")
    others = [p99 for w, p99 in second[1].items() if w != targets[0].workspace]
    setting.table(["ms", "messages a second", "answer p50", "p99", "chat event p50", "p99", "stored: median workspace's p99",
                   "slowest workspace's", "ratio"], row("even", rate, first[0], list(first[1].values())),
                  row("loud: the others", louder, second[0], others))
    print(f"the others' p99 beside a loud workspace, of theirs without it: "
          f"{statistics.median(others) / statistics.median(first[1].values()):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, help="messages a second that count as sustained, instead of a ramp; half of it is posted")
    parser.add_argument("--seconds", type=int, default=15)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
