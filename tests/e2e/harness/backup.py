"""tools/blazz-backup for one stack: its keys, its folder, its runs."""
import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

import psycopg2
from harness.service import SANITIZER, config_text
from harness.servers import ROOT
from harness.waiting import wait_for


class Vault:
    def __init__(self, blazz, folder):
        self.blazz, self.folder, self.home = blazz, Path(folder) / "backups", Path(folder)
        self.identity, self.recipients = self.home / "identity", self.home / "recipients"
        subprocess.run(["age-keygen", "-o", self.identity], check=True, capture_output=True)
        self.recipients.write_text(subprocess.run(["age-keygen", "-y", self.identity], check=True, capture_output=True, text=True).stdout)
        self.config = dict(blazz.ctl_config)  # of blazzctl

    def command(self, *words, **env):
        file = self.home / "blazzctl.conf"
        file.write_text(config_text(self.config))
        own = {"DIR": self.folder, "CONNINFO": self.blazz.conninfo("blazz_backup"), "ADMIN_CONNINFO": self.blazz.conninfo("postgres"),
               "RECIPIENTS_FILE": self.recipients, "IDENTITY_FILE": self.identity} | env
        more = {f"BLAZZ_BACKUP_{k}": str(v) for k, v in own.items()} | {
            "BLAZZCTL": str(self.blazz.programs / "blazzctl"), "BLAZZCTL_CONFIG": str(file)}
        return [ROOT / "tools/blazz-backup", *words], {k: v for k, v in os.environ.items() if not k.startswith("BLAZZ_")} | more

    def run(self, *words, **env):
        """(status, standard output, standard error)"""
        self.disconnect()
        command, environment = self.command(*words, **env)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        assert not SANITIZER.search(done.stderr), done.stderr
        return done.returncode, done.stdout, done.stderr

    def start(self, *words, **env):
        self.disconnect()
        command, environment = self.command(*words, **env)
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def do(self, *words, **env):
        """Standard output of a run that succeeds."""
        code, out, err = self.run(*words, **env)
        assert code == 0, f"blazz-backup {words}: {code}\n{out}{err}"
        return out

    def refusal(self, *words, **env):
        """Why it refused, with what it printed."""
        before = self.databases()
        code, out, err = self.run(*words, **env)
        assert code == 1 and "refused: " in err and "Traceback" not in err, f"blazz-backup {words}: {code}\n{out}{err}"
        assert self.databases() == before
        return out + err.partition("refused: ")[2]

    def create(self, **env):
        """The name of a new backup."""
        names = set(self.names())
        if names:  # names have seconds
            wait_for(lambda: self.seconds() not in names, "another second")
        self.do("create", **env)
        return next(iter(set(self.names()) - names))

    @staticmethod
    def seconds():
        return time.strftime("blazz_backup_%Y%m%d_%H%M%S", time.gmtime())

    def names(self):
        return sorted(p.name.removesuffix(".sha256") for p in self.folder.glob("blazz_backup_*.sha256"))

    def file(self, name, end):
        return self.folder / f"{name}{end}"

    def manifest(self, name):
        return json.loads(self.file(name, ".json").read_text())

    def manifest_change(self, name, **members):
        """As if the backup had been made so: with right checksums."""
        json_file = self.file(name, ".json")
        json_file.write_text(json.dumps(self.manifest(name) | members))
        self.file(name, ".sha256").write_text("".join(
            f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in (self.file(name, ".dump.age"), json_file)))

    def disconnect(self):
        """The harness's own session is one, too."""
        if self.blazz.connection:
            self.blazz.connection.close()

    def databases(self):
        """Those of this stack: itself, former and scratch ones."""
        connection = psycopg2.connect(self.blazz.postgres.conninfo("postgres", "postgres"))
        with connection.cursor() as cursor:
            cursor.execute(r"SELECT datname FROM pg_database WHERE datname = %s OR datname LIKE %s ORDER BY 1",
                           (self.blazz.database, self.blazz.database + r"\_%"))
            found = [r[0] for r in cursor.fetchall()]
        connection.close()
        return found

    def former(self):
        return [d for d in self.databases() if "_before_" in d]
