#!/usr/bin/python3
"""Checks links and references between documents.

Every relative link of a Markdown file names a file that exists, and its anchor a heading of that file, spelled as GitHub does.
A comment that names a rule's source ("services/ingest/README.md, Routes"; "README.md" alone is the nearest one above the file)
names a heading or a bold lead of that document. A log line that a document quotes (log `partition stopped`) is a string of a program, and a
path of the tree in backticks (`libs/wire`, `libs/store/*.c`; capitals are placeholders) exists.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(```|~~~).*?^\1\s*?$", re.M | re.S)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.M)
LEAD = re.compile(r"\*\*([^*\n]+?)\.?\*\*")
SOURCE = re.compile(r"([\w./-]*(?:README|design|operations|install)\.md),[\s*/#]+([A-Z][\w'-]+)")
LOGGED = re.compile(r"\b(?:log|line|lines) ((?:(?:, | and )?`[a-z][a-z ]+`)+)")
NAMED = re.compile(r"`((?:libs|services|tests|tools|db|docker|proto|docs)/[][\w./*-]+)[`: ]")
GENERATED = {"docker/secrets", "docker/kafka/jars"}
SOURCES = {".c", ".h", ".cc", ".py", ".sh", ".sql", ".yaml", ".proto"}


def without_fences(text):
    return FENCE.sub(lambda m: "\n" * m.group().count("\n"), text)


def anchors(text):
    """The anchors that GitHub makes; a repeated heading gets a number."""
    seen = {}
    for title in HEADING.findall(without_fences(text)):
        title = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        slug = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        seen[slug] = seen.get(slug, -1) + 1
        yield f"{slug}-{seen[slug]}" if seen[slug] else slug


def subjects(text):
    text = without_fences(text)
    return {t.split()[0].strip(",.:").lower() for t in HEADING.findall(text) + LEAD.findall(text) if t.split()}


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def wrong_links(path, text):
    prose = CODE.sub(lambda m: "x" * len(m.group()), without_fences(text))
    for link in LINK.finditer(prose):
        name, _, anchor = link.group(1).partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        target = (path.parent / name).resolve() if name else path
        where = f"{path.relative_to(ROOT)}:{line_of(prose, link.start())}: {link.group(1)}"
        if not target.exists():
            yield f"{where}: no such file"
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target.read_text())):
            yield f"{where}: no such heading"


def document(path, name):
    """The document that a comment of `path` names."""
    if name != "README.md":
        return ROOT / name
    return next((d / name for d in path.parents if (d / name).exists() and d.is_relative_to(ROOT)), ROOT / name)


def wrong_sources(path, text):
    for source in SOURCE.finditer(text):
        target = document(path, source.group(1))
        where = f"{path.relative_to(ROOT)}:{line_of(text, source.start())}: {source.group(1)}, {source.group(2)}"
        if not target.exists():
            yield f"{where}: no such document"
        elif source.group(2).lower() not in subjects(target.read_text()):
            yield f"{where}: no heading or bold lead begins so"


def wrong_log_lines(path, text, strings):
    for quoted in LOGGED.finditer(text):
        for line in re.findall(r"`([^`]+)`", quoted.group(1)):
            if f'"{line}"' not in strings:
                yield f"{path.relative_to(ROOT)}:{line_of(text, quoted.start())}: {line}: no program logs this"


def wrong_paths(path, text):
    for named in NAMED.finditer(text):
        name = named.group(1).rstrip("/.")
        if not re.search(r"NAME|DIALECT", name) and name not in GENERATED and not any(ROOT.glob(name)):
            yield f"{path.relative_to(ROOT)}:{line_of(text, named.start())}: {name}: not in the tree"


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [p for p in (ROOT / name for name in listed.stdout.split("\0") if name) if p.is_file()]
    strings = "".join(p.read_text() for p in files if p.suffix == ".c" and p.relative_to(ROOT).parts[0] in ("libs", "services", "tools"))
    found = []
    for path in files:
        if path.suffix == ".md":
            text = path.read_text()
            found += [*wrong_links(path, text), *wrong_log_lines(path, text, strings), *wrong_paths(path, text)]
        elif path.suffix in SOURCES and "corpus" not in path.parts and path != Path(__file__).resolve():
            found += wrong_sources(path, path.read_text(errors="replace"))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
