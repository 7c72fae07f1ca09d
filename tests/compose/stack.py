"""A compose project of the test's own: its secrets, its ports, its volumes. Nothing of another project is touched."""
import json
import os
import subprocess
from pathlib import Path

from harness.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
JOBS = ("backup-first", "migrate", "topics")  # which exit
# The network of the sample receiver, to which the dispatcher may deliver: any that Docker assigns to its networks.
PRIVATE = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


class Stack:
    """`version` is that of the next build and the next container."""

    def __init__(self, project, folder, ports, files=("compose.yaml",), **variables):
        self.project, self.files, self.version, self.folder = project, files, "test-1", folder
        self.variables = {"SECRETS": str(folder / "secrets"), "INGEST_PORTS": f"127.0.0.1:{ports[0]}-{ports[-1]}", "INSIDE_SUBNET": "10.213.78.0/24",
                          "WEBHOOKS_ALLOW_HTTP": "true", "WEBHOOKS_ALLOWED_NETWORKS": PRIVATE} | variables

    def docker(self, *arguments, stdin=None, check=True, timeout_s=240):
        done = subprocess.run(["docker", *arguments], cwd=ROOT, text=True, input=stdin, capture_output=True, timeout=timeout_s,
                              stdin=None if stdin is not None else subprocess.DEVNULL,
                              env=os.environ | self.variables | {"VERSION": self.version})
        if check and done.returncode:
            raise AssertionError(f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def compose(self, *arguments, **more):
        files = [word for f in self.files for word in ("-f", f)]
        return self.docker("compose", "-p", self.project, *files, "--profile", "example", *arguments, **more)

    def ctl(self, *arguments, stdin=None, mount=(), check=True):
        """The output of blazzctl, in a container of its own."""
        return self.compose("--profile", "ops", "run", "--rm", "-T", "--no-deps", *mount, "blazzctl", *arguments, stdin=stdin, check=check)

    def query(self, sql):
        """Rows as lists of text, from the stack's own PostgreSQL."""
        command = 'PGPASSWORD=$(cat /run/secrets/postgres_password) exec psql -h 127.0.0.1 -U postgres -d blazz -AtF "\t"'
        return [line.split("\t") for line in self.compose("exec", "-T", "postgres", "bash", "-c", command, stdin=sql).splitlines()]

    def secret(self, name):
        return (self.folder / "secrets" / name).read_text().strip()

    def connects(self, service, address, port):
        """Whether a container of the service reaches that port."""
        done = self.compose("exec", "-T", service, "bash", "-c",
                            f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{port}' 2>/dev/null && echo yes || echo no")
        return done.strip() == "yes"

    def java(self, program, secrets, arguments):
        """The output of a Java program that runs beside Kafka, with its jars."""
        image = "blazz/kafka-build:test"
        self.docker("build", "-q", "-f", "docker/kafka/Dockerfile", "--target", "jars", "-t", image, ".", timeout_s=600)
        return self.docker("run", "--rm", "--network", f"{self.project}_inside", "-v", f"{secrets}:/secrets:ro",
                           "-v", f"{program}:/program/{program.name}:ro", image, "bash", "-c",
                           f'exec java -cp "/src/kafka-4.3.0/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=off /program/{program.name} "$@"',
                           "bash", "/secrets", *arguments)

    def containers(self, service):
        """The output of `docker inspect` for each."""
        ids = self.compose("ps", "-aq", service).split()
        return json.loads(self.docker("inspect", *ids)) if ids else []

    def memory(self):
        """Each container's name and its use of its limit."""
        ids = self.compose("ps", "-q").split()
        lines = self.docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *ids).splitlines()
        return sorted(line.removeprefix(f"{self.project}-") for line in lines)

    def log(self, service):
        """Of its one container, whole."""
        done = subprocess.run(["docker", "logs", self.containers(service)[0]["Id"]], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=True)
        return done.stdout

    def up(self, *services, scale=None):
        more = ["--scale", f"{services[0]}={scale}"] if scale else []
        self.compose("up", "-d", "--no-build", *(["--no-deps"] if services else []), *more, *services)
        for service in services or self.services():
            self.wait_healthy(service, scale)

    def kill(self, service):
        """As in a crash: SIGKILL from outside the container, after which its restart policy starts it again."""
        before = self.containers(service)[0]
        self.docker("run", "--rm", "--pid", "host", "debian:trixie-slim", "bash", "-c", f"kill -9 {before['State']['Pid']}")
        wait_for(lambda: self.containers(service)[0]["RestartCount"] > before["RestartCount"], f"{service} is started again")
        self.wait_healthy(service)

    def remove(self):
        """With the images of the test's own versions."""
        self.compose("down", "--volumes", "--remove-orphans")
        images = self.docker("images", "--filter", "reference=blazz/*:test*", "--format", "{{.Repository}}:{{.Tag}}")
        self.docker("rmi", *images.split(), check=False)

    def services(self):
        return [s for s in self.compose("config", "--services").split() if s not in JOBS]

    def wait_healthy(self, service, n=None):
        def healthy():
            states = [c["State"] for c in self.containers(service)]
            return len(states) >= (n or 1) and all(s["Running"] and s["Health"]["Status"] == "healthy" for s in states)
        wait_for(healthy, lambda: f"{service} is healthy\n{self.compose('logs', '--tail', '20', service)}", 120, 0.5)
