"""One Blazz program as a process: it is started with its own configuration, monitored, stopped or killed."""
import http.client
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from harness.servers import ROOT
from harness.waiting import wait_for

BIN = Path(os.environ.get("BLAZZ_BIN") or ROOT / "build/asan/bin")
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")


def config_text(settings):
    """{"a.b.c": value} in libconfig's syntax."""
    tree = {}
    for key, value in settings.items():
        at = tree
        *groups, name = key.split(".")
        for group in groups:
            at = at.setdefault(group, {})
        at[name] = value

    def write(node):
        if isinstance(node, dict):
            return "{ " + " ".join(f"{k} = {write(v)};" for k, v in node.items()) + " }"
        if isinstance(node, list):
            return "[ " + ", ".join(write(v) for v in node) + " ]"
        if isinstance(node, bool):
            return "true" if node else "false"
        if isinstance(node, int):
            return str(node)
        return '"' + str(node).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    return "".join(f"{k} = {write(v)};\n" for k, v in tree.items())


class Service:
    def __init__(self, name, settings, folder, label=None, failpoint=None, env=None):
        self.name, self.label = name, label or name
        self.folder = Path(folder) / self.label
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings | {"admin.listen": "127.0.0.1:0", "admin.port_file": str(self.folder / "admin.port")}
        self.log_path = self.folder / "log"
        self.failpoint, self.env = failpoint, env or {}
        self.programs = BIN  # the folder of the program
        self.prefix = []  # arguments before the path of the program
        self.process = None
        self.killed = False

    def start(self, wait_ready=True, failpoint=None):
        config = self.folder / "conf"
        config.write_text(config_text(self.settings))
        for file in self.port_files():
            file.unlink(missing_ok=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith("BLAZZ_")} | self.env
        if failpoint or self.failpoint:
            env["FAILPOINT"] = failpoint or self.failpoint
        self.killed = False
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*self.prefix, self.programs / f"blazz-{self.name}", "-c", config], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=env)
        if wait_ready:
            self.wait_ready()
        return self

    def port_files(self):
        return [Path(v) for k, v in self.settings.items() if k.endswith("port_file")]

    def port(self, key="admin.port_file"):
        file = Path(self.settings[key])

        def read():
            assert self.running(), f"{self.label} ended with {self.process.returncode}\n{self.log_tail()}"
            return file.exists() and file.read_text().strip()

        return int(wait_for(read, lambda: f"{self.label} writes {file}\n{self.log_tail()}"))

    def running(self):
        return self.process is not None and self.process.poll() is None

    def get(self, path, timeout_s=5.0):
        """(status, text) of the admin port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self):
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def wait_ready(self, deadline_s=40.0):
        wait_for(self.ready, lambda: f"{self.label} is ready\n{self.log_tail()}", deadline_s)

    def wait_unready(self, deadline_s=30.0):
        wait_for(lambda: not self.ready(), f"{self.label} is no longer ready", deadline_s)

    def metrics(self):
        """{"name{labels}": value}"""
        values = {}
        for line in self.get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def wait_end(self, deadline_s=30.0):
        """The exit code; negative when a signal ended the program."""
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.label} has not ended within {deadline_s:g} s\n{self.log_tail()}") from None

    def stop(self, deadline_s=30.0):
        """Sends SIGTERM; the program must end with 0 in time. Returns the seconds that it took."""
        if not self.running():
            return 0.0
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.wait_end(deadline_s)
        assert code == 0, f"{self.label} ended with {code}\n{self.log_tail()}"
        return time.monotonic() - began

    def kill(self):
        """kill -9."""
        self.killed = True
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stopped(self):
        """Whether the program is stopped, by SIGSTOP."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] == "T"

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=60):
        return "\n".join([f"--- log of {self.label}", *self.log().splitlines()[-lines:]])

    def close(self):
        """Ends the program at the end of a test, in whatever state it is. Returns the errors found."""
        wrong = []
        if self.running():
            self.process.send_signal(signal.SIGCONT)
            try:
                self.stop()
            except AssertionError as e:
                wrong.append(str(e))
                self.kill()
        if SANITIZER.search(self.log()):
            wrong.append(f"{self.label}: a sanitizer report or a failed assertion\n{self.log_tail(200)}")
        return wrong
