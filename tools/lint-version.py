#!/usr/bin/python3
"""Checks that everything that repeats the release of the file VERSION agrees with it: tools/lint-version.py [PROGRAM...]

.env.example (the tag of the images), the latest release of CHANGELOG.md, images that documents name, and the programs, which print the
release with the commit that they were built from, if it is known.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGE = re.compile(r"\bblazz/([a-z-]+):(\d+\.\d+\.\d+)")


def repeated():
    """(where, version)"""
    env = re.search(r"^VERSION=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    yield ".env.example", env and env.group(1)
    release = re.search(r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    yield "CHANGELOG.md", release and release.group(1)
    for path in sorted([ROOT / "compose.yaml", ROOT / "README.md", *ROOT.glob("docs/*.md")]):
        for image, version in IMAGE.findall(path.read_text()):
            if image != "kafka":
                yield f"{path.relative_to(ROOT)}: {image}", version


def printed(programs):
    for program in programs:
        words = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout.split()
        yield f"{program} --version", words[1].partition("+")[0]


def main(programs):
    release = (ROOT / "VERSION").read_text().rstrip("\n")
    found = [] if re.fullmatch(r"\d+\.\d+\.\d+", release) else [f"VERSION: {release} is no release"]
    found += [f"{where}: {version}, but VERSION is {release}" for where, version in [*repeated(), *printed(programs)] if version != release]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
