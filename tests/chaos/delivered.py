"""I4: published events, the endpoints whose filters match, and the results of the deliveries. See ledger.py."""
import base64
import hashlib
import hmac
import json
import re
from collections import Counter, defaultdict
from functools import cached_property

from blazz.v1 import common_pb2

from case import ms

ACQUIRED = re.compile(r" service=webhook-dispatcher event=consuming topic=\S+ partitions=([\d,]+) epoch=(\d+)")
UNKNOWN_RESULT = ("timeout", "broken", "aborted")  # outcomes of attempts that the receiver may have accepted


class Webhooks:
    """The deliveries of a case by endpoint and event."""

    def __init__(self, case):
        self.c, self.hooks = case, case.s.setup["hooks"]

    @cached_property
    def rows(self):
        """{endpoint uuid: its row}"""
        return {r["uuid"]: r for r in self.c.table("webhook_endpoints")}

    @cached_property
    def uuid_of(self):
        return {r["id"]: r["uuid"] for r in self.c.table("webhook_endpoints")}

    def is_live(self, endpoint):
        r = self.rows[endpoint]
        return r["enabled"] and (r["disabled_at"] is None or r["disabled_at"] < r["enabled_at"])

    @cached_property
    def received(self):
        """{(endpoint, event): [delivery]} in the order of arrival"""
        out = defaultdict(list)
        for d in self.c.s.deliveries:
            out[d["endpoint"], json.loads(d["body"])["id"]].append(d)
        return out

    @cached_property
    def accepted(self):
        return {place: ok for place, ds in self.received.items() if (ok := [d for d in ds if 200 <= d["status"] < 300])}

    @cached_property
    def wanted(self):
        """{(endpoint, event): record} of the published events that the endpoint's filters match"""
        out = {}
        for r, e in self.c.published[0]:
            for endpoint, hook in self.hooks.items():
                if self.wants(endpoint, hook, r, e):
                    out[endpoint, e.event_id] = r
        return out

    def wants(self, endpoint, hook, r, e):
        variant = e.WhichOneof("event")
        origin = common_pb2.Origin.Name(e.origin).removeprefix("ORIGIN_").lower()
        return (e.workspace_id == hook["workspace"] and (not hook["types"] or variant.replace("_", ".", 1) in hook["types"])
                and origin in hook["origins"] and r.at_ms >= self.active_from_ms[endpoint]
                and not (variant == "endpoint" and e.endpoint.endpoint_id == endpoint))

    @cached_property
    def active_from_ms(self):
        return {uuid: ms(r["active_from"]) for uuid, r in self.rows.items()}

    @cached_property
    def dead_letters(self):
        """{(endpoint, partition, offset): [reason]}"""
        out = defaultdict(list)
        for r in self.c.s.topics["chat-event.webhook-dispatcher.dlq"]:
            place = (r.headers.get("x-dlq-endpoint"), int(r.headers["__dlq.errors.partition"]), int(r.headers["__dlq.errors.offset"]))
            out[place].append(r.headers.get("x-dlq-reason") and r.headers.get("__dlq.errors.message"))
        return out

    @cached_property
    def queued(self):
        """{(endpoint, event): row} of pending rows of the retry queue"""
        return {(self.uuid_of[r["endpoint_id"]], r["event_id"]): r for r in self.c.table("webhook_retry_queue")
                if r["status"] in ("pending", "retrying")}

    @cached_property
    def positions(self):
        """{(endpoint, partition): row} of lanes in catch-up"""
        return {(self.uuid_of[r["endpoint_id"]], r["partition"]): r for r in self.c.table("webhook_positions")}

    def is_missed(self, endpoint, record):
        r = self.positions.get((endpoint, record.partition))
        return bool(r) and record.offset >= r["next_offset"] and (r["live_from"] is None or record.offset < r["live_from"])

    def is_pending(self, endpoint, event, record):
        return (endpoint, event) in self.queued or self.is_missed(endpoint, record)

    @cached_property
    def acquisitions(self):
        """{partition: [epoch]} of each time that a replica logged that it reads them; a line names the lowest epoch of its partitions"""
        out = defaultdict(list)
        for text in self.c.s.logs.values():
            for partitions, epoch in ACQUIRED.findall(text):
                for partition in partitions.split(","):
                    out[int(partition)].append(int(epoch))
        return out

    @cached_property
    def sampled_epochs(self):
        """{partition: {epoch}} as they were seen during the faults; programs of 0.2.0 do not log them"""
        out = defaultdict(set)
        for stream, partition, _, epoch, _ in self.c.s.watch:
            if stream == "chat-event":
                out[partition].add(epoch)
        return out

    def acquired(self, partition, before, after):
        """How often replicas have acquired the partition since epoch `before`, up to `after`. Samples may miss some, and a log lacks those of 0.2.0."""
        logged, sampled = self.acquisitions[partition], self.sampled_epochs[partition] | {after}
        return max(len([epoch for epoch in epochs if before < epoch <= after]) for epochs in (logged, sampled))

    @cached_property
    def publications(self):
        """{event: number of its records in chat-event}, late ones included; events about endpoints may have several that are not late"""
        return Counter(e.event_id for published in self.c.in_time for _, e in published)

    @cached_property
    def unknown_results(self):
        return Counter((self.uuid_of[r["endpoint_id"]], r["event_id"]) for r in self.c.table("webhook_attempts")
                       if r["outcome"] in UNKNOWN_RESULT)


def is_signed(delivery, secret):
    """Whether the delivery has valid signatures of Standard Webhooks and of the older contract."""
    h, key = delivery["headers"], base64.b64decode(secret.removeprefix("whsec_"))
    body = delivery["body"].encode()
    whole = hmac.new(key, f"{h.get('webhook-id')}.{h.get('webhook-timestamp')}.".encode() + body, hashlib.sha256).digest()
    return (f"v1,{base64.b64encode(whole).decode()}" in h.get("webhook-signature", "").split(" ")
            and h.get("x-whatsapp-signature") == hmac.new(key, body, hashlib.sha256).hexdigest())


def nothing_is_lost(w):
    for (endpoint, event), r in w.wanted.items():
        if (endpoint, event) in w.accepted or w.is_pending(endpoint, event, r):
            continue
        reasons = w.dead_letters.get((endpoint, r.partition, r.offset))
        if not reasons:
            yield f"{w.hooks[endpoint]['name']}: {event} ({r.partition}/{r.offset}) is neither delivered nor exhausted nor pending"
        elif not all(reasons):
            yield f"{w.hooks[endpoint]['name']}: {event} is a dead letter without a reason"


def nothing_else_is_delivered(w):
    for endpoint, event in w.received.keys() - w.wanted.keys():
        yield f"{w.hooks[endpoint]['name']}: {event} is delivered, but its filters do not match"


def each_is_signed_under_one_id(w):
    owners = {}
    for (endpoint, event), deliveries in w.received.items():
        name = w.hooks[endpoint]["name"]
        ids = {d["headers"].get("webhook-id") for d in deliveries}
        if len(ids) != 1 or None in ids:
            yield f"{name}: {event} was delivered as {ids}"
        for one in ids:
            if owners.setdefault(one, (endpoint, event)) != (endpoint, event):
                yield f"{name}: {one} is {event} and {owners[one][1]}"
        if not all(is_signed(d, w.hooks[endpoint]["secret"]) for d in deliveries):
            yield f"{name}: {event} has no valid signature"


def conversations_are_in_order(w):
    """By the order of first acknowledgements."""
    seen, last = set(), defaultdict(int)  # after a restore the conversation's events may be numbered in another order
    for d in w.c.s.deliveries:
        e = json.loads(d["body"])
        place = (d["endpoint"], e["id"])
        chat = (d["endpoint"], e["conversation_id"], w.c.era(w.wanted[place]) if place in w.wanted else 0)
        if not 200 <= d["status"] < 300 or place in seen or not e["conversation_id"] or not w.hooks[d["endpoint"]]["ordered"]:
            continue
        seen.add(place)
        if e["sequence"] <= last[chat]:
            yield f"{w.hooks[d['endpoint']]['name']}: {e['conversation_id']}: {e['sequence']} after {last[chat]}"
        last[chat] = max(last[chat], e["sequence"])


def duplicates_are_explained(w):
    """An event is delivered again only when its partition was acquired, when an attempt ended before its answer was read, or when
    the event was published again. A reader that starts after the first record cannot know that the second is late. An event about an
    endpoint is published again when another replica acquired the partition of the delivery that caused it."""
    for (endpoint, event), accepted in w.accepted.items():
        r = w.wanted.get((endpoint, event))
        if r is None or len(accepted) == 1:
            continue
        before, after = (w.c.s.epochs[d["cycle"] - i].get(r.partition, 0) for d, i in ((accepted[0], 1), (accepted[-1], 0)))
        acquisitions = w.acquired(r.partition, before, after)
        # Once by the new owner, and once by the previous one, which was stopped in between.
        if len(accepted) > 2 * acquisitions + w.unknown_results[endpoint, event] + w.publications[event]:
            yield f"{w.hooks[endpoint]['name']}: {event} was acknowledged {len(accepted)} times, its partition was acquired {acquisitions} times"


def deliveries_differ(w):
    yield from nothing_is_lost(w)
    yield from nothing_else_is_delivered(w)
    yield from each_is_signed_under_one_id(w)
    yield from conversations_are_in_order(w)
    yield from duplicates_are_explained(w)


def pending_differ(w):
    """When all events are processed, only deliveries to inactive endpoints may be pending."""
    for (endpoint, event), r in w.queued.items():
        if w.is_live(endpoint):
            yield f"{w.hooks[endpoint]['name']}: {event} is in the retry queue, {r['status']} until {r['next_retry_at']}"
        elif r["status"] == "retrying":
            yield f"{w.hooks[endpoint]['name']}: {event} is leased to {r['lease_owner']}, but not in flight"
    for (endpoint, partition), r in w.positions.items():
        if w.is_live(endpoint):
            yield f"{w.hooks[endpoint]['name']}: is in catch-up in partition {partition}, at {r['next_offset']}"
