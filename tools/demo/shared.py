"""Shared by the demo's scripts: its programs, its database, its accounts."""
import json
import subprocess
import sys
from pathlib import Path

import psycopg2

BIN, DIR = Path(sys.argv[1]), Path(sys.argv[2])


def ctl(*arguments):
    """The parsed output of blazzctl --json."""
    done = subprocess.run([BIN / "blazzctl", "-c", DIR / "blazzctl.cfg", "--json", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"blazzctl {' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def query(sql, parameters=None):
    """Rows as tuples, read as the role of operators."""
    connection = psycopg2.connect((DIR / "conninfo").read_text().strip() + " user=blazz_ops")
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    connection.close()
    return rows


def listed(file):
    return dict(line.split() for line in (DIR / file).read_text().splitlines())


def accounts():
    """{dialect: the account's public id}, in the order of posting."""
    return listed("accounts")


def senders():
    """{name: public id} of the accounts that messages and the campaign are sent through."""
    return listed("senders")


def table_print(rows, left=1):
    """Aligns the first columns to the left, the others to the right."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    for row in rows:
        cells = [f"{c:<{w}}" if i < left else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths))]
        print(("  " + "  ".join(cells)).rstrip())
