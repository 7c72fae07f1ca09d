#!/usr/bin/python3
"""Prints the conversations of each account as an inbox: tools/demo/inbox.py BIN DIR

Untrusted text is last on its line, so that no alignment depends on the width of an emoji. It is wrapped in a bidi
isolate; characters that would move the terminal's cursor or end the isolate are removed.
"""
import unicodedata

from shared import accounts, query, senders

WIDTH = 108
CHATS, LATEST, TOUCHED = 5, 4, 3  # conversations shown per account; messages per conversation
TICKS = {"pending": "…", "sent": "✓", "delivered": "✓✓", "read": "✓✓ read", "played": "✓✓ played", "failed": "✗ failed"}
ISOLATE, END = "\u2068", "\u2069"
HIDDEN = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\u200e", "\u200f", "\u061c", "\u2028", "\u2029"}

CONVERSATIONS = """
SELECT v.id, coalesce(g.name, c.full_name, c.phone, i.value, '?'), coalesce(g.group_jid, c.phone, i.kind || ' ' || i.value),
       v.group_id IS NOT NULL, v.unread_messages, n.messages, to_char(v.last_message_at, 'YYYY-MM-DD HH24:MI'),
       g.participants_count, v.archived
FROM conversations v
JOIN whatsapp_accounts a ON a.workspace_id = v.workspace_id AND a.id = v.account_id
LEFT JOIN contacts c ON c.workspace_id = v.workspace_id AND c.id = v.contact_id
LEFT JOIN whatsapp_groups g ON g.workspace_id = v.workspace_id AND g.id = v.group_id
LEFT JOIN LATERAL (SELECT kind, value FROM contact_aliases i WHERE i.workspace_id = v.workspace_id
    AND i.contact_id = v.contact_id ORDER BY kind LIMIT 1) i ON true
CROSS JOIN LATERAL (SELECT count(*) AS messages FROM chats m WHERE m.workspace_id = v.workspace_id AND m.conversation_id = v.id) n
WHERE a.uuid = %s::uuid AND v.merged_into IS NULL
ORDER BY v.last_message_at DESC NULLS LAST, v.id"""

# The latest messages, and a few that were changed.
MESSAGES = """
WITH m AS (SELECT m.*, r.emojis, m.edited_at IS NOT NULL OR m.revoked_at IS NOT NULL OR r.emojis IS NOT NULL AS touched
    FROM chats m LEFT JOIN LATERAL (SELECT string_agg(emoji, ' ' ORDER BY at) AS emojis FROM chat_reactions r
        WHERE r.workspace_id = m.workspace_id AND r.chat_id = m.id) r ON true
    WHERE m.conversation_id = %(conversation)s)
SELECT to_char(m.sent_at, 'MM-DD HH24:MI'), m.type = 'outbound', m.message_status, m.message_type, m.metadata ->> 'body',
       jsonb_exists(m.metadata, 'quoted'), m.metadata ->> 'sender_name', m.sender, m.edited_at IS NOT NULL, m.revoked_at IS NOT NULL, m.emojis
FROM m
WHERE m.id IN (SELECT id FROM m ORDER BY sent_at DESC, id DESC LIMIT %(latest)s)
   OR m.id IN (SELECT id FROM m WHERE touched ORDER BY sent_at DESC, id DESC LIMIT %(touched)s)
ORDER BY m.sent_at, m.id"""


def columns_of(character):
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" or ord(character) >= 0x1F000 else 1


def cut(text, width):
    """One line of at most `width` columns; each part of a joined emoji counts, so it may be shorter."""
    text = " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text if c not in HIDDEN).split())
    used = 0
    for i, c in enumerate(text):
        used += columns_of(c)
        if used > width:
            return text[:i].rstrip("\u200d ") + "…"
    return text


def isolated(text, width):
    return f"{ISOLATE}{cut(text, width)}{END}" if text else ""


def count(n, noun):
    return f"{n} {noun}" + ("" if n == 1 else "s")


def chat_line(name, address, is_group, unread, messages, at, members, archived):
    badge = f"({unread})" if unread else ""
    about = ["group" + (f" of {members}" if members else "")] if is_group else [address] if address != name else []
    about += [count(messages, "message")] + (["archived"] if archived else [])
    return f"{badge:>6}  {at or '':<16}  {isolated(name, 40)} · {' · '.join(about)}"


def message_line(at, outbound, status, kind, body, is_reply, sender_name, sender, edited, revoked, emojis):
    author = f"{isolated(sender_name or sender, 24)}: " if sender and not outbound else ""
    what = ("↩ " if is_reply else "") + ("" if kind == "text" else f"[{kind}] ")
    marks = ("  (edited)" if edited else "") + ("  (revoked)" if revoked else "") + (f"  {isolated(emojis, 12)}" if emojis else "")
    text = isolated(body, WIDTH - 36 - len(author + what + marks))
    return f"          {at}  {'you ' + TICKS[status] if outbound else '':<13} {author}{what}{text}{marks}".rstrip()


def account_print(name, account):
    conversations = query(CONVERSATIONS, [account])
    if not conversations:
        return
    (session, phone, status), = query(
        "SELECT session_id, phone_number, status FROM whatsapp_accounts WHERE uuid = %s::uuid", [account])
    title = f"{session} · {name} · {phone} · {status} · {count(len(conversations), 'conversation')}"
    print(f"\n── {title} {'─' * (WIDTH - 4 - len(title))}")
    for conversation, *row in conversations[:CHATS]:
        print("\n" + chat_line(*row))
        for message in query(MESSAGES, {"conversation": conversation, "latest": LATEST, "touched": TOUCHED}):
            print(message_line(*message))
    if len(conversations) > CHATS:
        print(f"\n        and {len(conversations) - CHATS} more")


def main():
    print("\nThe inbox: newest conversations first, (unread); their latest messages, and some that were edited, revoked or reacted to")
    for item in (*accounts().items(), *senders().items()):
        account_print(*item)


if __name__ == "__main__":
    main()
