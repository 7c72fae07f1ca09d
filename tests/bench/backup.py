#!/usr/bin/python3
"""What a backup costs beside pg_dump, and a restore beside pg_restore: the same database, in turns; medians of ratios of their time.

create counts all rows meanwhile, encrypts, hashes and flushes; a restore decrypts, verifies, recounts, analyses and renames.

usage: tests/bench/backup.py [--messages N] [--rounds N]
"""
import argparse
import statistics
import subprocess
import time

import setting
from harness.backup import Vault

# As much text in a message as most have, and a counter of unread messages that a recount confirms.
FILL = """
    INSERT INTO contacts (workspace_id, id, source_type, first_name, phone) SELECT w.id, g, 'webjs', 'Name ' || md5(g::text), '+62' || 81000000000 + g
        FROM workspaces w, generate_series(1, %(n)s / 20) g;
    INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_message_at, unread_messages)
        SELECT a.workspace_id, g, a.id, g, now(), 20 FROM whatsapp_accounts a, generate_series(1, %(n)s / 20) g;
    INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)
        SELECT a.workspace_id, g, a.id, 1 + g %% (%(n)s / 20), 'false:' || g, 'inbound', 'text', 'delivered', 'live',
            jsonb_build_object('body', md5(g::text) || ' ' || md5((g + 1)::text)), now() - g * interval '1 s'
        FROM whatsapp_accounts a, generate_series(1, %(n)s) g"""


def timed(run):
    began = time.monotonic()
    run()
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with setting.stack() as blazz:
        blazz.seed(dialects=("waha",))
        blazz.sql(FILL % {"n": options.messages})
        blazz.sql("ANALYZE")
        vault = Vault(blazz, blazz.folder)
        file, conninfo = blazz.folder / "bare", blazz.conninfo("postgres")

        def dump():
            with open(file, "wb") as out:
                subprocess.run(["pg_dump", "-Fc", "--dbname", conninfo], stdout=out, check=True)

        def restore():
            blazz.postgres.run("postgres", "DROP DATABASE IF EXISTS bare")
            blazz.postgres.run("postgres", "CREATE DATABASE bare TEMPLATE template0")
            subprocess.run(["pg_restore", "--dbname", blazz.postgres.conninfo("bare", "postgres"), file], check=True)

        seconds = {"pg_dump": [], "create": [], "pg_restore": [], "restore": []}
        for _ in range(options.rounds):
            seconds["pg_dump"].append(timed(dump))
            seconds["create"].append(timed(vault.create))
            seconds["pg_restore"].append(timed(restore))
            seconds["restore"].append(timed(lambda: vault.do("restore", vault.names()[-1])))
            for former in vault.former():
                blazz.postgres.drop_database(former)
        print(f"{setting.machine()}, {options.messages} messages\n")
        setting.table(["", "seconds", "rate beside it"], *(
            [f"{ours} beside {bare}", f"{statistics.median(seconds[ours]):.1f}", setting.ratio(seconds[bare], seconds[ours])]
            for ours, bare in (("create", "pg_dump"), ("restore", "pg_restore"))))


if __name__ == "__main__":
    main()
