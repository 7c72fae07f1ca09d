"""Sessions of bridges: cleanup brings each to what is desired, at stubs of all four kinds, and says what it found."""
import pytest
from harness.cleanup import Account, Cleanup, Instance
from harness.provider_stub import ProviderStub

KINDS = ("blazz", "waha", "evolution", "wwebjs")
CHANGES = ("create", "update", "start", "stop", "restart", "logout", "delete")


@pytest.fixture
def stub(tmp_path):
    stub = ProviderStub(tmp_path).start()
    yield stub
    stub.close()


@pytest.fixture
def cleanup(blazz, stub):
    blazz.start()
    return Cleanup(blazz, stub).start()


def changes(instance, **filters):
    return [c["act"] for c in instance.calls(**filters) if c["act"] in CHANGES]


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_follows_what_is_desired(cleanup, kind):
    instance = Instance(cleanup, kind)
    instance.wait("up")
    account = Account(cleanup, kind)
    account.wait_reached()
    assert account.row()["assigned_instance_index"] == instance.index
    assert instance.sessions() == {account.session: "connected"}
    account.desire("disconnected")
    account.wait_reached()
    assert "connected" not in instance.sessions().values()
    account.desire("connected")
    account.wait_reached()
    account.desire("deleted")
    account.wait(lambda c: c["gone_at"], "the bridge has no session of it")
    assert instance.sessions() == {} and account.row()["deleted_at"]
    account.desire("connected")
    account.wait_reached()
    assert account.row()["deleted_at"] is None and instance.sessions() == {account.session: "connected"}
