"""Fixtures of the end to end tests: real PostgreSQL, real Kafka, real programs (BLAZZ_BIN), one stack per test or module."""
import sys

import pytest

from harness.servers import ROOT, Kafka, Postgres

sys.path.insert(0, str(ROOT / "build/gen/python"))

from harness.blazz import Blazz  # noqa: E402 (needs the generated modules)
from harness.cleanup import Cleanup  # noqa: E402
from harness.hooks import Chat  # noqa: E402
from harness.provider_stub import ProviderStub  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.sending import Sending  # noqa: E402


# The files that take longest, longest first.
SLOWEST = ("test_faults", "test_backup", "test_sending", "test_campaign_pauses", "test_campaigns_kill", "test_campaign_limits",
           "test_campaign_faults", "test_sending_unknown", "test_cleanup_instances")


def pytest_collection_modifyitems(items):
    """The slowest files come first, so that no process is left with a long one when the others have ended."""
    places = {name: i for i, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def kafka():
    server = Kafka()
    yield server
    server.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


def failed(request):
    report = getattr(request.node, "report_call", None)
    return report is not None and report.failed


def close(stack, show_logs):
    if show_logs:
        for service in stack.services:
            print(service.log_tail())
    wrong = stack.close()
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def make_blazz(postgres, kafka, tmp_path, request):
    """Makes stacks, each with a database and topics of its own."""
    stacks = []

    def make(**options):
        folder = tmp_path / f"stack{len(stacks)}"
        folder.mkdir()
        stacks.append(Blazz(postgres, kafka, folder, **options))
        return stacks[-1]

    yield make
    for stack in stacks:
        close(stack, failed(request))


@pytest.fixture
def blazz(make_blazz):
    """One stack, without tenants or running services."""
    return make_blazz()


@pytest.fixture(scope="module")
def shared(postgres, kafka, tmp_path_factory):
    """One stack for all tests of a file, seeded and running: for tests that assert no totals."""
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("shared"), partitions=1)
    stack.seed(sync={"window_days": 0})  # the fixtures are older than the window
    try:
        stack.start(limits__failures_per_minute=100000)
        yield stack
    finally:
        close(stack, False)


@pytest.fixture(scope="module")
def idle_stack(postgres, kafka, tmp_path_factory):
    """One stack for all tests of a file, without running services."""
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("stack"), partitions=1)
    yield stack
    close(stack, False)


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    """One stub of Meta and the bridges for all tests of a file, unless the file has others."""
    stub = ProviderStub(tmp_path_factory.mktemp("stub")).start()
    yield stub
    wrong = stub.close()
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def cleanup(idle_stack, stub):
    """Replicas of cleanup, instances and accounts of one test, unless the file has others; at its end nothing is left to do about them."""
    before = len(idle_stack.services)
    yield Cleanup(idle_stack, stub)
    wrong = [w for service in idle_stack.services[before:] for w in service.close()]
    stub.rules()
    idle_stack.sql("UPDATE instances SET removed_at = now() WHERE removed_at IS NULL")
    idle_stack.sql("UPDATE whatsapp_accounts SET deleted_at = now(), desired_state = 'deleted' WHERE deleted_at IS NULL")
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def shared_logs(shared, request):
    """Prints what the shared services wrote, when the test fails."""
    yield
    if failed(request):
        for service in shared.services:
            print(service.log_tail(30))


@pytest.fixture
def chat(running, request):
    """A workspace of its own in the file's stack, `running`."""
    yield Chat(running)
    if failed(request):
        print(running.dispatcher.log_tail(100))


@pytest.fixture
def receive():
    """Receivers that are closed after the test."""
    receivers = []

    def make(answer=lambda d: 200):
        receivers.append(Receiver(answer))
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.close()


@pytest.fixture
def make_provider_stub(tmp_path, request):
    """Starts stubs of Meta and the bridges, without sessions and rules; they end after the test."""
    stubs = []

    def make(**settings):
        stubs.append(ProviderStub(tmp_path / f"provider{len(stubs)}", **settings).start())
        return stubs[-1]

    yield make
    if failed(request):
        for stub in stubs:
            print(stub.log())
    wrong = [w for s in stubs for w in s.close()]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture(scope="module")
def sending_stack(postgres, kafka, tmp_path_factory, request):
    """One stack for all tests of a file, with one stub as every provider. SENDING of the file has settings of campaign-sender."""
    folder = tmp_path_factory.mktemp("sending")
    stub = ProviderStub(folder).start()
    stack = Blazz(postgres, kafka, folder)
    try:
        yield Sending(stack, stub).start(**getattr(request.module, "SENDING", {}))
    finally:
        wrong = stub.close()
        close(stack, False)
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def sending(sending_stack):
    """The file's stack, with a stub without rules."""
    sending_stack.stub.rules()
    return sending_stack
