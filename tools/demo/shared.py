"""Shared by the demo's scripts: its programs, its database, its accounts."""
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psycopg2

BIN, DIR = Path(sys.argv[1]), Path(sys.argv[2])
WAIT_S = 60


def ctl(*arguments):
    """The parsed output of blazzctl --json; None of a command without any."""
    done = subprocess.run([BIN / "blazzctl", "-c", DIR / "blazzctl.cfg", "--json", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"blazzctl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout else None


def query(sql, parameters=None):
    """Rows as tuples, read as the role of operators."""
    connection = psycopg2.connect((DIR / "conninfo").read_text().strip() + " user=blazz_ops")
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    connection.close()
    return rows


def stub_url():
    return f"http://127.0.0.1:{(DIR / 'stub.port').read_text().strip()}"


def stub(path, value=None):
    request = urllib.request.Request(stub_url() + path, None if value is None else json.dumps(value).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
    return json.loads(body) if body else None


def wait_for(what, condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {WAIT_S} s")
        time.sleep(0.05)


def secret(name):
    return (DIR / "secrets" / name).read_text().strip()


def secret_make(name):
    (DIR / "secrets" / name).write_text(secrets.token_hex(16))
    return secret(name)


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
