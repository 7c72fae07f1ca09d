#!/usr/bin/python3
"""Checks the includes between folders.

A library includes itself and lower floors of libs/LAYERS; a service or tool includes libraries and itself; generated
protobuf headers are included in libs/wire only. Within a service that has a LAYERS, a folder includes itself and lower
floors.
"""
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.M)


def read_floors(file):
    """{name: floor}; words after a colon are for tools/call-graph.py."""
    floors, floor = {}, 0
    for line in Path(file).read_text().splitlines():
        names = line.split("#")[0].split(":")[0].split()
        floor += bool(names)
        floors.update((name, floor) for name in names)
    return floors


def part_of(path):
    """The part of a service that a file belongs to: its folder, or the file itself."""
    return path.parts[0] if len(path.parts) > 1 else path.stem


def complaint(owner, name, included, floors):
    """Why a file of owner/name ("libs", "kafka") may not include `included`, or None."""
    first = included.split("/")[0]
    if included.endswith(".pb-c.h") and (owner, name) != ("libs", "wire"):
        return "only libs/wire includes generated protobuf code"
    if owner != "tests" and ".." in included.split("/") or first in ("libs", "services", "tools"):
        return "name the header as seen from libs/ or the own folder"
    if owner == "libs" and first in floors and first != name and floors[first] >= floors[name]:
        return f"{first} does not stand on a lower floor than {name}"
    if owner in ("services", "tools") and "/" in included and Path("services", first).is_dir() and first not in (name, *floors):
        return f"services/{first} is another program"
    return None


def complaint_inside(service, path, included, floors):
    """The same between the floors of a service; path is relative to services/<service>."""
    seen = Path(included)
    seen = seen.relative_to(service) if seen.parts[0] == service else seen
    mine, other = part_of(path), part_of(seen)
    if not Path("services", service, seen).exists() or mine == other:
        return None
    for part in (mine, other):
        if part not in floors:
            return f"{part} is not in services/{service}/LAYERS"
    return None if floors[other] < floors[mine] else f"{other} does not stand on a lower floor than {mine}"


def main():
    floors = read_floors("libs/LAYERS")
    inside = {f.parent.name: read_floors(f) for f in Path("services").glob("*/LAYERS")}
    complaints = [f"libs/{d.name}: not in libs/LAYERS" for d in Path("libs").iterdir()
                  if d.is_dir() and d.name not in floors]
    sources = [p for root in ("libs", "services", "tools", "tests") for p in sorted(Path(root).rglob("*"))
               if p.suffix in (".c", ".h", ".cc")]
    for path in sources:
        owner, name = path.parts[:2]
        if owner == "libs" and name not in floors:
            continue
        text = path.read_text()
        for found in INCLUDE.finditer(text):
            why = complaint(owner, name, found.group(1), floors)
            if not why and owner == "services" and name in inside:
                why = complaint_inside(name, path.relative_to(owner, name), found.group(1), inside[name])
            if why:
                line = text.count("\n", 0, found.start(1)) + 1
                complaints.append(f"{path}:{line}: {found.group(1)}: {why}")
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
