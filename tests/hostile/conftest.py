"""One system for all tests. After a failure the next test gets a new one, as the old one may be broken."""
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
os.environ["BLAZZ_BIN"] = os.environ.get("HOSTILE_BIN") or str(ROOT / "build/release/bin")
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "build/gen/python")]

from harness.servers import Kafka, Postgres  # noqa: E402 (found by the lines above)
from system import System  # noqa: E402


@pytest.fixture(scope="session")
def servers():
    postgres, kafka = Postgres(), Kafka()
    yield postgres, kafka
    kafka.close()
    postgres.close()


@pytest.fixture(scope="session")
def kept(servers, tmp_path_factory):
    """Starts a system on demand, and a new one when the last one was discarded."""
    class Kept:
        system = None

        def get(self):
            if not self.system:
                self.system = System(*servers, tmp_path_factory.mktemp("hostile"))
            return self.system

        def drop(self):
            if self.system:
                self.system.close()
            self.system = None

    kept = Kept()
    yield kept
    kept.drop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


@pytest.fixture
def system(kept, request):
    system = kept.get()
    yield system
    report, wrong = getattr(request.node, "report_call", None), system.wrong()
    if wrong or (report and report.failed):
        for service in system.services:
            print(service.log_tail(15))
        kept.drop()
    if wrong and report and report.passed:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def proxied(system):
    """The port of another ingest, behind a local proxy and with a rate limit that one client can exceed."""
    if not hasattr(system, "proxied"):
        system.proxied = system.another_ingest("proxied", http__trusted_proxies=["127.0.0.0/8"], limits__account_rate=10,
                                               limits__account_burst=10)
    return system.proxied.port("http.port_file")


@pytest.fixture
def beta(system):
    return system.beta


def pytest_terminal_summary(terminalreporter):
    """The cost of each drawn shape."""
    costs = sys.modules.get("test_cost")
    if costs and costs.ROWS:
        terminalreporter.section(f"cost per byte sent, seed {costs.SEED}")
        for row in [["shape", "answer", "memory", "rows", "CPU of plain", "s"], *costs.ROWS]:
            terminalreporter.line("| " + " | ".join(map(str, row)) + " |")
