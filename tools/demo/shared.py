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


def accounts():
    """{dialect: the account's public id}, in the order of posting."""
    return dict(line.split() for line in (DIR / "accounts").read_text().splitlines())


def table_print(rows):
    """Aligns the first column to the left, the others to the right."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    for row in rows:
        cells = [f"{c:<{w}}" if i == 0 else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells))
