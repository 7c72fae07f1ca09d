"""Missing packages are installed before tests run; Kafka's jars only with the checksums that the repository lists."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("BLAZZ_CACHE", Path.home() / ".cache/blazz"))
JARS = "kafka-4.3.0"


def deps(cache, word, **environment):
    return subprocess.run([ROOT / "tools/deps.sh", word], env=os.environ | {"BLAZZ_CACHE": str(cache)} | environment,
                          capture_output=True, text=True, timeout=120)


def change(folder):
    jar = folder / "re2j-1.8.jar"
    content = jar.read_bytes()
    jar.unlink()  # a link to the cache's
    jar.write_bytes(content + b"x")


@pytest.mark.parametrize("name, damage", [
    ("re2j-1.8.jar", change),
    ("re2j-1.8.jar", lambda folder: (folder / "re2j-1.8.jar").unlink()),
    ("more.jar", lambda folder: (folder / "more.jar").write_bytes(b"x")),
], ids=["changed", "missing", "added"])
def test_a_jar_with_another_checksum_is_detected(tmp_path, name, damage):
    shutil.copytree(CACHE / JARS, tmp_path / JARS, copy_function=os.symlink)
    assert deps(tmp_path, "verify").returncode == 0
    damage(tmp_path / JARS)
    done = deps(tmp_path, "verify")
    assert done.returncode != 0 and name in done.stderr


def test_jars_that_differ_never_reach_the_cache(tmp_path):
    maven = tmp_path / "bin/mvn"
    maven.parent.mkdir()
    maven.write_text('#!/bin/bash\nfor a in "$@"; do case $a in -DoutputDirectory=*) mkdir "${a#*=}"; echo x >"${a#*=}/kafka.jar" ;; esac; done\n')
    maven.chmod(0o755)
    done = deps(tmp_path / "cache", "kafka", PATH=f"{maven.parent}:{os.environ['PATH']}")
    assert done.returncode != 0 and "kafka.jar" in done.stderr
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("target", ["test", "unit", "e2e", "lint", "fuzz", "hostile", "chaos", "mutants"])
def test_targets_that_run_tests_first_install_missing_packages(target):
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("tools/deps.sh test\n"), done.stdout + done.stderr


def test_without_missing_packages_neither_apt_nor_the_network_is_used(tmp_path):
    for name in ("apt-get", "mvn", "curl", "sudo"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/called-{name}\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    done = deps(CACHE, "test", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    assert not list(tmp_path.glob("called-*"))
