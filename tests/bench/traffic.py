"""Prepared InboundEvents: tenants with one account each, and their messages in Kafka.

All events of an account are in one partition, as with the keys of real producers. The partition is chosen here, so that all get the same
number of accounts, which a hash of random ids would not give.
"""
import random

from blazz.v1 import common_pb2 as common
from harness.events import T0, Source, headers

WORDS = "we ship on monday please send the invoice to my office thank you very much is it still there price ok 🙏 size".split()


def body(rng):
    """20 to 400 bytes that compress like real text."""
    text = " ".join(rng.choices(WORDS, k=100))
    return text.encode()[:rng.randint(20, 400)].decode(errors="ignore")


class Tenant:
    def __init__(self, blazz, number, of, partitions):
        self.workspace = blazz.add_workspace(f"tenant {number}")
        self.account = blazz.add_account(self.workspace, session=f"s{number}", provider="webjs", bridge="blazz")
        self.number, self.partition = number, number * partitions // of
        self.source = Source(self.workspace, self.account)

    def phone(self, contact):
        return f"62812{self.number:02}{contact:06}"

    def message(self, serial, contact, rng, out=None):
        """The serial-th message of this tenant, with a time of its own."""
        return self.source.message(f"3EB0{self.number:04X}{serial:012X}", self.phone(contact), body(rng), at=T0 + serial / 100,
                                   out=rng.random() < 0.5 if out is None else out, name=f"Customer {contact}",
                                   status=common.MESSAGE_STATUS_SENT)


def tenants(blazz, count, partitions=8):
    return [Tenant(blazz, number, count, partitions) for number in range(count)]


def record(tenant, event):
    return {"partition": tenant.partition, "key": f"{tenant.workspace}:{tenant.account}", "value": event.SerializeToString(),
            "headers": headers(event)}


def produce(blazz, records):
    """Produces the records until all are acknowledged. Returns their number."""
    producer, topic, failures, count = blazz.producer(), blazz.topic("inbound"), [], 0

    def delivered(error, _):
        if error:
            failures.append(error)

    for r in records:
        while True:
            try:
                producer.produce(topic, on_delivery=delivered, **r)
                break
            except BufferError:
                producer.poll(1)
        producer.poll(0)
        count += 1
    assert producer.flush(60) == 0 and not failures, failures[:3]
    return count


def conversations_first(all_tenants, contacts, count, seed=1):
    """One message of every conversation, then `count` more of random ones, in both directions."""
    rng = random.Random(seed)
    serials = [0] * len(all_tenants)
    for number in range(len(all_tenants) * contacts + count):
        t = all_tenants[number % len(all_tenants)]
        contact = number // len(all_tenants) if number < len(all_tenants) * contacts else rng.randrange(contacts)
        serials[t.number] += 1
        yield record(t, t.message(serials[t.number], contact, rng))
