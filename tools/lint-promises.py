#!/usr/bin/python3
"""Each row of the tables in SECURITY.md is a promise: it names at least one test as `file: test`, and these tests exist."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`(tests/[\w./-]+): (\w+)`")


def defined(text, name):
    """Whether the file has a test of that name, in C or Python."""
    return re.search(rf"^(?:static void|\s*def) {name}\(", text, re.M)


def wrong(line):
    found = NAMED.findall(line)
    if not found:
        return ["it names no test"]
    files = {file: ROOT / file for file, _ in found}
    return [f"{file} has no test {name}" for file, name in found
            if not files[file].exists() or not defined(files[file].read_text(), name)]


def promises(text):
    """The rows of the tables without their heads."""
    lines = text.splitlines()
    return [(n, line) for n, line in enumerate(lines, 1) if line.startswith("|") and not line.startswith("|---")
            and not (n < len(lines) and lines[n].startswith("|---"))]


def main():
    rows = promises((ROOT / "SECURITY.md").read_text())
    found = [f"SECURITY.md:{n}: {what}" for n, line in rows for what in wrong(line)] if rows else ["SECURITY.md: no promise"]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
