"""tools/pg-temp.sh: a migrated server is copied from a kept one until db/ changes, and no server outlives the process that owns it."""
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg2
import pytest
from harness.servers import ROOT, running
from harness.waiting import wait_for


@pytest.fixture
def tree(tmp_path):
    """A copy of the tool, with a db/ of its own."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/pg-temp.sh", tmp_path / "tools")
    shutil.copytree(ROOT / "db", tmp_path / "db")
    return tmp_path


@pytest.fixture
def folder():
    """A folder that the user postgres can reach."""
    path = Path(tempfile.mkdtemp(prefix="blazz-", dir="/tmp"))
    yield path
    subprocess.run([ROOT / "tools/pg-temp.sh", "remove", path], check=True, timeout=60)


def start(tree, *arguments):
    done = subprocess.run([tree / "tools/pg-temp.sh", *map(str, arguments)], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tables(conninfo):
    connection = psycopg2.connect(f"{conninfo} dbname=blazz_template")
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = {name for name, in cursor}
    connection.close()
    return found


def kept(tree):
    return {p.name: p.stat().st_ino for p in tree.glob("build/pg/*") if p.name != "lock"}


def test_a_migrated_server_is_kept_until_db_changes(tree, folder):
    assert {"workspaces", "chats"} <= tables(start(tree, "migrated", folder))
    first = kept(tree)
    start(tree, "remove", folder)
    assert {"workspaces", "chats"} <= tables(start(tree, "migrated", folder))
    assert kept(tree) == first and len(first) == 1
    start(tree, "remove", folder)
    with (tree / "db/deploy/version.sql").open("a") as file:
        file.write("CREATE TABLE added (id bigint);\n")
    assert "added" in tables(start(tree, "migrated", folder))
    assert len(kept(tree)) == 1 and not kept(tree).keys() & first.keys()


def test_a_failing_migration_is_reported_and_no_server_is_kept(tree, folder):
    with (tree / "db/deploy/version.sql").open("a") as file:
        file.write("SELECT 1 / 0;\n")
    done = subprocess.run([tree / "tools/pg-temp.sh", "migrated", folder], capture_output=True, text=True, timeout=180)
    assert done.returncode != 0 and "division by zero" in done.stderr
    assert not kept(tree)


def test_a_server_is_removed_when_its_owner_ends(folder):
    owner = subprocess.Popen(["sleep", "600"])
    start(ROOT, "start", folder, owner.pid)
    postmaster = int((folder / "data/postmaster.pid").read_text().split()[0])
    assert running(postmaster)
    owner.kill()
    owner.wait()
    wait_for(lambda: not running(postmaster) and not folder.exists(), "the server has ended")
