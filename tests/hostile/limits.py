"""The limits of compose.yaml, enforced on a program that runs without Docker.

In order of preference: a cgroup of version 2, of version 1, or a thread that reads /proc and kills the program at the limit.
"""
import os
import re
import threading
import time
import uuid
from pathlib import Path

import yaml

from harness.servers import ROOT

UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
CGROUPS = Path("/sys/fs/cgroup")
WATCH_S = 0.02


def size(text):
    number, unit = re.fullmatch(r"(\d+)([bkmg])b?", str(text).lower()).groups()
    return int(number) * UNITS[unit]


def of_compose(service):
    """(memory in bytes, threads and processes) of the service in compose.yaml"""
    stated = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"][service]
    return size(stated["mem_limit"]), int(stated["pids_limit"])


def own_path(controller):
    """The path of this process in the cgroup hierarchy of a controller; "" is version 2."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.lstrip("/")
    return ""


class Cgroup:
    """A cgroup with limits. OSError when its files cannot be written."""

    def __init__(self, parent, files, events):
        self.folder, self.events = parent / f"blazz-hostile-{uuid.uuid4().hex[:12]}", events
        self.folder.mkdir()
        for name, value in files.items():
            try:
                (self.folder / name).write_text(str(value))
            except OSError:
                self.folder.rmdir()
                raise

    def close(self):
        """Removes the group; its last process may not have ended yet."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                return self.folder.rmdir()
            except OSError:
                time.sleep(WATCH_S)


def version2(memory, pids):
    root = next((p for p in (CGROUPS, CGROUPS / "unified") if (p / "cgroup.controllers").exists()), None)
    if not root or not {"memory", "pids"} <= set((root / "cgroup.subtree_control").read_text().split()):
        return None
    return [Cgroup(root, {"memory.max": memory, "pids.max": pids}, "memory.events")]


def version1(memory, pids):
    made = []
    try:
        for controller, files in (("memory", {"memory.limit_in_bytes": memory}), ("pids", {"pids.max": pids})):
            parent = CGROUPS / controller / own_path(controller)
            made.append(Cgroup(parent if parent.exists() else CGROUPS / controller, files, ""))
    except OSError:
        for group in made:
            group.close()
        return None
    return made


class Cage:
    """The limits of one service. `prefix` precedes its command."""

    def __init__(self, service):
        self.service, (self.memory, self.pids) = service, of_compose(service)
        self.wrong, self.ended = [], threading.Event()
        try:
            self.groups = version2(self.memory, self.pids) or version1(self.memory, self.pids) or []
        except OSError:
            self.groups = version1(self.memory, self.pids) or []
        enter = "".join(f"echo $$ > {g.folder}/cgroup.procs && " for g in self.groups)
        self.prefix = ["sh", "-c", f'{enter}exec "$@"', "sh"]

    def enforce(self, process):
        """Monitors the program unless a cgroup limits it."""
        if not self.groups:
            threading.Thread(target=self.watch, args=(process,), daemon=True).start()

    def watch(self, process):
        while not self.ended.wait(WATCH_S) and process.poll() is None:
            memory, threads = resident(process.pid), threads_of(process.pid)
            if memory > self.memory or threads > self.pids:
                self.wrong.append(f"{self.service}: {memory >> 20} MiB of {self.memory >> 20}, {threads} threads of {self.pids}")
                process.kill()

    def close(self):
        self.ended.set()
        for group in self.groups:
            group.close()


def status_of(pid, name):
    """A number of /proc/PID/status; 0 when the process has ended."""
    try:
        found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found.group(1)) if found else 0


def resident(pid):
    return status_of(pid, "VmRSS") << 10


def peak(pid):
    return status_of(pid, "VmHWM") << 10


def threads_of(pid):
    return status_of(pid, "Threads")


def reset_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_s(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
