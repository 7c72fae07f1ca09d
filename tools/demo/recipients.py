#!/usr/bin/python3
"""Prints what became of the messages and the campaign that the demo sent: tools/demo/recipients.py BIN DIR"""
import json
from collections import Counter

from shared import DIR, query, senders, table_print

RECIPIENTS = """SELECT s.status, coalesce(s.error_code, ''), coalesce(a.uuid::text, '') FROM sends s
    JOIN campaigns c ON c.workspace_id = s.workspace_id AND c.id = s.campaign_id
    LEFT JOIN whatsapp_accounts a ON a.workspace_id = s.workspace_id AND a.id = s.sent_by
    WHERE c.uuid = %s::uuid"""
MESSAGES = """SELECT s.request_id::text, s.address, s.status, coalesce(s.error_code, ''), coalesce(s.resolved_by, ''),
        (SELECT count(*) FROM chats m WHERE m.workspace_id = s.workspace_id AND m.client_message_id = s.request_id::text)
    FROM sends s WHERE s.request_id = ANY (%s::uuid[])"""
ORDER = ("read", "delivered", "sent", "failed", "unknown", "skipped", "pending")


def campaign_print(campaign, paused_at):
    account = {v: k for k, v in senders().items()}
    found = Counter((status, code, account.get(by, "none")) for status, code, by in query(RECIPIENTS, [campaign]))
    columns = [name for name in (*senders(), "none") if any(by == name for _, _, by in found)]
    rows = [("status", "reason", "recipients", *columns)]
    for status, code in sorted({(s, c) for s, c, _ in found}, key=lambda k: (ORDER.index(k[0]), k[1])):
        by = [found[status, code, name] for name in columns]
        rows.append((status, code, sum(by), *by))
    rows.append(("all", "", *(sum(column) for column in zip(*(r[2:] for r in rows[1:])))))
    print(f"\nThe campaign's recipients, by the account that sent to them (paused when {paused_at} had been sent to, then resumed)\n")
    table_print(rows, left=2)


def messages_print(messages):
    rows = [("account", "recipient", "status", "resolved by", "in the inbox")]
    for request, address, status, code, resolved_by, shown in query(MESSAGES, [list(messages)]):
        rows.append((messages[request], address, f"{status} {code}".strip(), resolved_by or "its answer", f"{shown} time" + "s" * (shown != 1)))
    print("\nSingle messages; the answer to the one of promo-2 was cut off, and its status shows that it was sent\n")
    table_print([rows[0], *sorted(rows[1:])], left=5)


def main():
    sending = json.loads((DIR / "sending.json").read_text())
    campaign_print(sending["campaign"], sending["paused_at"])
    messages_print(sending["messages"])


if __name__ == "__main__":
    main()
