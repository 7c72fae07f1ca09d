#!/usr/bin/python3
"""The calls between the files of a program, from its objects: listed, drawn, or checked against LAYERS.

usage: tools/call-graph.py services/NAME [OBJECTS]            edges, and the cycles among them; OBJECTS: build/dev/obj
       tools/call-graph.py --dot services/NAME [OBJECTS]      for dot(1), a box for each folder
       tools/call-graph.py --check [OBJECTS]                  services with a LAYERS: no cycle, and pure floors are pure

A call through a function pointer does not count: a higher file may pass a function to a lower one.
"""
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

IMPURE = re.compile(r"^(clock_(now|mono)|rng_|failpoint)")


def symbols(objects, folder):
    """({file of the folder: symbols it defines}, {file: symbols it needs}); objects without a source do not count."""
    defines, needs = defaultdict(set), defaultdict(set)
    for path in sorted((objects / folder).rglob("*.o")):
        source, name = path.relative_to(objects), path.relative_to(objects / folder).with_suffix("")
        if not any(source.with_suffix(ending).exists() for ending in (".c", ".cc")):
            continue
        for line in subprocess.run(["gcc-nm", "-P", path], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
            symbol, kind = line.split()[:2]
            if kind == "U":
                needs[name].add(symbol)
            elif kind.isupper():
                defines[name].add(symbol)
    return defines, needs


def calls(defines, needs):
    """{file: {file: names}}"""
    home = {symbol: name for name, all_of_it in defines.items() for symbol in all_of_it}
    graph = {name: defaultdict(set) for name in {*defines, *needs}}
    for name, wanted in needs.items():
        for symbol in wanted & home.keys():
            graph[name][home[symbol]].add(symbol)
    return graph


def cycles(graph):
    """Strongly connected components (Tarjan) of more than one file, each as a sorted list."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(sorted(map(str, stack[at:])))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return [c for c in found if len(c) > 1]


def graph_of(program, objects):
    if not any((objects / program).rglob("*.o")):
        sys.exit(f"{objects / program}: no objects; build them first")
    return calls(*symbols(objects, program))


def libraries(objects):
    """{symbol: library}"""
    return {s: name.parts[0] for name, all_of_it in symbols(objects, "libs")[0].items() for s in all_of_it}


def pure_floors(layers):
    """{folder of a pure floor: the libraries that it may call}"""
    lines = (line.split("#")[0].partition(":") for line in layers.read_text().splitlines())
    return {name.strip(): set(allowed.split()) for name, colon, allowed in lines if colon}


def check(objects):
    library, wrong = libraries(objects), []
    for layers in sorted(Path("services").glob("*/LAYERS")):
        program = layers.parent
        wrong += [f"{program}: calls go round: {' '.join(c)}" for c in cycles(graph_of(program, objects))]
        for folder, allowed in pure_floors(layers).items():
            for name, wanted in symbols(objects, program / folder)[1].items():
                wrong += [f"{program}/{folder}/{name}: calls {s} of {library[s]}" for s in sorted(wanted)
                          if s in library and (library[s] not in allowed or IMPURE.match(s))]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


def draw(program, objects):
    graph = graph_of(program, objects)
    print("digraph calls {\n\trankdir=TB; node [shape=box, fontname=sans, fontsize=10]; edge [arrowsize=0.6];")
    for folder in sorted({n.parent for n in graph}):
        print(f'\tsubgraph "cluster_{folder}" {{ label="{"" if folder == Path() else folder}";')
        print(*(f'\t\t"{n}" [label="{n.name}"];' for n in sorted(graph) if n.parent == folder), sep="\n")
        print("\t}")
    print(*(f'\t"{a}" -> "{b}";' for a in sorted(graph) for b in sorted(graph[a])), sep="\n")
    print("}")


def list_calls(program, objects):
    graph = graph_of(program, objects)
    for name in sorted(graph):
        for other, names in sorted(graph[name].items()):
            print(f"{name} -> {other}: {' '.join(sorted(names))}")
    found = cycles(graph)
    print(f"{len(graph)} files, {sum(map(len, graph.values()))} edges, {len(found)} cycles", *(" ".join(c) for c in found), sep="\n  ")


def main(arguments):
    option = arguments.pop(0) if arguments and arguments[0].startswith("--") else None
    program = None if option == "--check" else Path(arguments.pop(0))
    objects = Path(arguments[0] if arguments else "build/dev/obj")
    if option == "--check":
        return check(objects)
    return draw(program, objects) if option == "--dot" else list_calls(program, objects)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
