#!/usr/bin/python3
"""campaign-sender beside a loud workspace: how long the single messages of others take. Ratios within one run.

Each of 20 workspaces sends single messages through an account of Meta of its own, at an even rate: alone, and beside one workspace that
sends a hundred times as many as each of them, in turns. A latency is from being handed to the producer to the request at the stub, which
answers at once and posts no statuses.

usage: tests/bench/crowd.py [--seconds N] [--rounds R] [--rate N] [--set KEY=VALUE]
"""
import argparse
import itertools
import json
import statistics
import time

import setting
from sends import PARTITIONS, PER_SECOND, provider_stub, sender

from harness.sending import Sending, Tenant
from harness.waiting import wait_for

OTHERS, LOUDER = 20, 100
recipients = itertools.count(1)


def publish(sending, messages, per_second, seconds):
    """Publishes what the iterator `messages` yields, (workspace, account, whether it is measured), at an even rate. Returns when each of the
    measured ones was handed to the producer, in ms, and how many there are in all."""
    sent, began, n = {}, time.time(), int(per_second * seconds)
    for i, (tenant, account, measured) in zip(range(n), messages):
        while (left := began + i / per_second - time.time()) > 0:
            sending.producer.poll(left)
        m = tenant.message(account, to=f"62823{next(recipients):08}")
        if measured:
            sent[m.request_id] = time.time() * 1000
        sending.producer.produce(sending.blazz.topic("outbound"), m.SerializeToString(), f"{tenant.workspace}:{m.account_id}")
    assert sending.producer.flush(30) == 0
    return sent, n


def round_of(sending, messages, per_second, seconds):
    """Sorted latencies in ms."""
    stub = sending.stub
    offset, before = stub.journal_file.stat().st_size, stub.stats()["accepted"]
    sent, n = publish(sending, messages, per_second, seconds)
    wait_for(lambda: stub.stats()["accepted"] == before + n, lambda: f"{n} messages are accepted: {stub.stats()}", 60 + seconds)
    with open(stub.journal_file, "rb") as file:
        file.seek(offset)
        found = {line["client_message_id"]: line["at_ms"] for line in map(json.loads, file)}
    return sorted(found[request] - at for request, at in sent.items())


def quantile(late, share):
    return late[int(len(late) * share)]


def run(options):
    print(setting.machine(), flush=True)
    with setting.stack(PARTITIONS) as blazz:
        sending = Sending(blazz, provider_stub(blazz.folder / "quiet", journal__bodies=False))
        sending.stub.rules({"webhooks": {"statuses": []}})
        others, loud = [Tenant(sending, "meta") for _ in range(OTHERS)], Tenant(sending)
        loud.add("meta", metadata=json.dumps({"sending": {"per_second": PER_SECOND}}))
        quiet = [(t, t.accounts[0], True) for t in others]
        # Between two messages of the others, five of the loud workspace.
        crowd = [m for one in quiet for m in (one, *[(loud, loud.accounts[0], False)] * (LOUDER // OTHERS))]
        service = sender(sending, **dict(options.set)).start()
        round_of(sending, itertools.cycle(crowd), options.rate * (OTHERS + LOUDER), 5)  # lanes and connections are there then
        found = []
        for _ in range(options.rounds):
            alone = round_of(sending, itertools.cycle(quiet), options.rate * OTHERS, options.seconds)
            found.append((alone, round_of(sending, itertools.cycle(crowd), options.rate * (OTHERS + LOUDER), options.seconds)))
            print(*(f"p99 {quantile(late, 0.99):.0f} ms" for late in found[-1]), flush=True)
        service.stop()
    for share in (0.5, 0.99):
        ratios = [quantile(beside, share) / quantile(alone, share) for alone, beside in found]
        middle = [statistics.median(quantile(late, share) for late in side) for side in zip(*found)]
        print(f"others' p{share * 100:.0f}: alone {middle[0]:.0f} ms, beside {middle[1]:.0f} ms: "
              f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="of each side of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=2, help="messages a second of each of the others")
    parser.add_argument("--set", action="append", default=[], type=setting.key_value, help="a setting of campaign-sender: flush.interval=50ms")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
