#!/usr/bin/python3
"""Prints instances, and what is desired, reported and observed of the sessions of sessions.py, and why it differs: tools/demo/reconciled.py BIN DIR"""
from shared import DIR, query, table_print

ACCOUNTS = """SELECT a.session_id, a.bridge_kind, a.assigned_instance_index || coalesce(', before ' || a.previous_instance_index, ''),
        a.desired_state, a.status || CASE WHEN a.status = 'disconnected' THEN coalesce(' (' || a.disconnect_reason || ')', '') ELSE '' END,
        c.observed, coalesce(c.reason, ''), coalesce(c.action, '')
    FROM whatsapp_accounts a JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)
    WHERE a.session_id = ANY(%s) ORDER BY array_position(%s, a.session_id)"""
INSTANCES = """SELECT i.index, i.kind, i.storage_group, i.state, count(a.id), i.sessions, coalesce(i.error, '') FROM instances i
    LEFT JOIN whatsapp_accounts a ON a.assigned_instance_index = i.index AND a.deleted_at IS NULL GROUP BY i.index ORDER BY i.index"""


def main():
    sessions = (DIR / "sessions").read_text().split()
    print("\nInstances, as cleanup has probed them\n")
    table_print([("instance", "kind", "files", "state", "accounts", "sessions", "error"), *query(INSTANCES)], left=7)
    print("\nSessions: the account that logged out waits for a new login, the webhook of acme-help was lost\n")
    table_print([("account", "bridge", "instance", "desired", "reported", "observed", "why", "last call"),
                 *query(ACCOUNTS, [sessions, sessions])], left=8)


if __name__ == "__main__":
    main()
