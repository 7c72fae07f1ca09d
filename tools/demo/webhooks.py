#!/usr/bin/python3
"""Prints the deliveries and responses of each webhook receiver: tools/demo/webhooks.py BIN DIR"""
import json
from collections import Counter, defaultdict

from shared import DIR, table_print

COLUMNS = ("receiver", "events", "attempts", "204", "503", "duplicates", "signatures", "order")


def deliveries(receiver):
    """The receiver's log entries, in the order of arrival."""
    lines = (DIR / "log" / f"receiver-{receiver}").read_text().splitlines()
    return [d for d in map(json.loads, lines) if d["event"] == "delivery"]


def in_order(accepted):
    """Whether the events of each conversation came in the order of their sequence."""
    last = defaultdict(int)
    for d in accepted:
        if d["conversation"] and d["sequence"] <= last[d["conversation"]]:
            return False
        last[d["conversation"]] = d["sequence"]
    return True


def row(receiver, received):
    accepted = {}
    for d in received:
        if d["status"] == 204:
            accepted.setdefault(d["id"], d)
    answers = Counter(d["status"] for d in received)
    return (receiver, len(accepted), len(received), answers[204], answers[503], answers[204] - len(accepted),
            "all verified" if answers[401] == 0 else f"{answers[401]} wrong", "kept" if in_order(accepted.values()) else "BROKEN")


def main():
    endpoints = dict(line.split() for line in (DIR / "endpoints").read_text().splitlines())
    received = {receiver: deliveries(receiver) for receiver in endpoints}
    print("\nWebhooks: deliveries to the two receivers, their answers, signatures and order\n")
    table_print([COLUMNS, *(row(*item) for item in received.items())])
    types = {receiver: Counter({d["id"]: d["type"] for d in of if d["status"] == 204}.values()) for receiver, of in received.items()}
    print("\nEvents by type\n")
    table_print([("type", *endpoints), *((t, *(types[r][t] for r in endpoints)) for t in sorted(set().union(*types.values())))])
    attempts = {receiver: Counter(Counter(d["id"] for d in of).values()) for receiver, of in received.items()}
    counts = sorted(set().union(*attempts.values()))
    print("\nEvents by number of attempts\n")
    table_print([("attempts", *counts), *((r, *(attempts[r][n] for n in counts)) for r in endpoints)])


if __name__ == "__main__":
    main()
