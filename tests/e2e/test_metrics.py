"""The table of metrics in docs/operations.md lists exactly what the services expose, as Prometheus' own parser reads it."""
import re

import pytest
from harness import fixtures, hooks
from harness.blazz import KEYRING
from harness.cleanup import CLEANUP
from harness.servers import ROOT
from harness.waiting import wait_for
from prometheus_client.openmetrics.parser import text_string_to_metric_families

SUFFIX = {"counter": "_total", "info": "_info"}  # of the sample that the table names
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|\d{6}")


def documented():
    """{name: labels}"""
    table = (ROOT / "docs/operations.md").read_text().partition("## What to watch")[2].partition("\n#")[0]
    found = {}
    for line in table.splitlines():
        cell = line.split(" | ")[0] if line.startswith("| `") else ""
        for name, _, labels in re.findall(r"`(\w+)(\{([a-z_,]+)\})?`", cell):
            assert name not in found, f"{name} is in the table twice"
            found[name] = set(labels.split(",")) - {""}
    return found


def families(service):
    """{name as in the table: samples}"""
    text = service.get("/metrics")[1]
    return {f.name + SUFFIX.get(f.type, ""): f.samples for f in text_string_to_metric_families(text)}


@pytest.fixture(scope="module")
def exposed(shared, receive_all):
    """{name: samples} of all services together, after traffic."""
    shared.dispatcher = hooks.dispatcher(shared).start()
    sender = shared.service("campaign-sender", {"secrets.keyring": KEYRING}).start()
    cleanup = shared.service("cleanup", CLEANUP).start()
    hooks.add_webhook(shared, shared.workspace, receive_all.url())
    for f in fixtures.load():
        shared.post(f.dialect, f.body(shared.workspace))
    shared.wait_processed()
    wait_for(lambda: receive_all.deliveries, "an event is delivered")
    found = {}
    for service in (shared.in_, shared.sync, shared.dispatcher, sender, cleanup):
        for name, samples in families(service).items():
            found.setdefault(name, []).extend(samples)
    return found


@pytest.fixture(scope="module")
def receive_all():
    from harness.receiver import Receiver
    receiver = Receiver(lambda d: 200)
    yield receiver
    receiver.close()


def test_every_metric_is_documented_and_every_documented_one_is_exposed(exposed):
    assert exposed.keys() - documented().keys() == set(), "not in the table"
    assert documented().keys() - exposed.keys() == set(), "exposed by no service"


def test_labels_are_the_documented_ones(exposed):
    wrong = {name: (labels, sorted(sample.labels)) for name, labels in documented().items() for sample in exposed[name]
             if sample.labels.keys() - {"le"} != labels}
    assert not wrong
    seen = sum(1 for name, labels in documented().items() if labels and exposed[name])
    assert seen > 12, f"only {seen} metrics with labels have samples"


def test_no_label_names_a_tenant_or_a_number(exposed):
    for name, samples in exposed.items():
        for sample in samples:
            shown = [v for k, v in sample.labels.items() if (name, k) not in (("blazz_build_info", "version"), )]
            # The topics' prefix of a test is random.
            assert not [v for v in shown if ID.search(re.sub(r"^e2e-\w+", "", v))], f"{name} {sample.labels}"
