#!/usr/bin/python3
"""Prints the outcome of the bodies that the demo posted, by dialect: tools/demo/counts.py BIN DIR"""
import json
from collections import Counter

from shared import DIR, accounts, ctl, query, table_print

COLUMNS = ("dialect", "bodies", "accepted", "rejected", "events", "messages", "parked", "dead letters")


def answer_of(result):
    try:
        return json.loads(result["answer"])
    except ValueError:
        return {}


def header(record, name):
    return next((h.get("value", "") for h in record["headers"] if h["name"] == name), "")


def dialect_of(record, by_account):
    """By the account in the key; without a known account, by the route to which the body was posted (/webhooks/meta/...)."""
    route = header(record, "x-http-route").split("/")
    return by_account.get((record["key"] or "").rpartition(":")[2]) or (route[2] if len(route) > 2 else "?")


def rows_by_account(table):
    return dict(query(f"SELECT a.uuid::text, count(*) FROM {table} t JOIN whatsapp_accounts a"
                      " ON a.workspace_id = t.workspace_id AND a.id = t.account_id GROUP BY a.uuid"))


def rejected_print(sent):
    for dialect, results in sent.items():
        for r in results:
            if not 200 <= r["status"] < 300:
                answer = answer_of(r)
                detail = (answer.get("details") or [{}])[0].get("message", "")
                print(f"  {r['status']}  {dialect}/{r['file'].rpartition('/')[2]}: "
                      + (detail or answer.get("error", ""))[:100 - len(r["file"].rpartition("/")[2])])


def dead_letters_print(records, by_account):
    kinds = Counter((dialect_of(d, by_account), d["reason"], d["message"]) for d in records)
    for (dialect, reason, message), n in sorted(kinds.items()):
        print(f"  {n:>3}  {dialect}, {reason}: {message}"[:110])


def main():
    account = accounts()
    by_account = {v: k for k, v in account.items()}
    sent = {d: json.loads((DIR / "sent" / f"{d}.json").read_text()) for d in account if (DIR / "sent" / f"{d}.json").exists()}
    messages, parked = rows_by_account("chats"), rows_by_account("parked_updates")
    dead_letters = ctl("dlq", "show", "--limit", "100000")
    dead = Counter(dialect_of(d, by_account) for d in dead_letters)

    rows = [COLUMNS]
    for dialect, results in sent.items():
        accepted = sum(200 <= r["status"] < 300 for r in results)
        events = sum(answer_of(r).get("events", 0) for r in results)
        rows.append((dialect, len(results), accepted, len(results) - accepted, events,
                     messages.get(account[dialect], 0), parked.get(account[dialect], 0), dead[dialect]))
    rows.append(("all", *(sum(column) for column in zip(*(r[1:] for r in rows[1:])))))
    print("\nOutcome of the bodies\n")
    table_print(rows)

    if any(r[3] for r in rows[1:]):
        print("\nRejected\n")
        rejected_print(sent)
    if dead_letters:
        print("\nDead letters\n")
        dead_letters_print(dead_letters, by_account)


if __name__ == "__main__":
    main()
