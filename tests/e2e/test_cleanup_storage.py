"""The files of sessions: their size is known, and one that is connected without files is noticed."""
import pytest
from harness.cleanup import Account, Cleanup, Instance
from harness.waiting import wait_for


@pytest.fixture
def cleanup(blazz, make_provider_stub, tmp_path):
    (tmp_path / "files").mkdir()
    blazz.start()
    return Cleanup(blazz, make_provider_stub()).start(storage__root=str(tmp_path / "files"), storage__interval="1s")


def test_files_of_sessions_are_looked_for(cleanup, tmp_path):
    Instance(cleanup, "waha", storage_path="workspace_{workspace}/session_{session}")
    account = Account(cleanup, "waha")
    account.wait_reached()
    wait_for(lambda: "storage_missing" in account.row()["notices"], lambda: account.row(), 30)
    folder = tmp_path / "files" / f"workspace_{cleanup.workspace}" / f"session_{account.session}"
    folder.mkdir(parents=True)
    (folder / "creds.json").write_text("x" * 1000)
    wait_for(lambda: account.row()["session_file_size_bytes"] == 1000, lambda: account.row(), 30)
    row = account.row()
    assert row["session_storage_verified_at"] and row["session_storage_path"] == f"workspace_{cleanup.workspace}/session_{account.session}"
