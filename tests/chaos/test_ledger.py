"""The ledger can fail: each invariant reports a corrupted state, and none reports a consistent one."""
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "build/gen/python"), str(Path(__file__).parent)]

from blazz.v1 import chat_event_pb2  # noqa: E402 (found by the line above)

from case import Case  # noqa: E402
from faults import CATALOGUE, dealt  # noqa: E402
from ideal import Ideal  # noqa: E402
from ledger import INVARIANTS, check, verdict_text  # noqa: E402
from plan import Planner  # noqa: E402
from snapshot import Snapshot  # noqa: E402


@pytest.fixture(scope="module")
def ideal():
    return pickle.dumps(Ideal().s)


@pytest.fixture
def snapshot(ideal):
    return pickle.loads(ideal)


def first(rows, **wanted):
    return next(r for r in rows if all(r[k] == v for k, v in wanted.items()))


def drop_message(s):
    s.tables["chats"].pop()


def double_message(s):
    row = s.tables["chats"][0]
    s.tables["chats"].append(dict(row, id=10_000))


def change_body(s):
    s.tables["chats"][0]["metadata"] = {"body": "something else"}


def lose_record(s):
    s.topics["inbound"].pop(0)


def forget_edit(s):
    next(r for r in s.tables["chats"] if r["edited_at"])["edited_at"] = None


def forget_revoke(s):
    next(r for r in s.tables["chats"] if r["revoked_at"])["revoked_at"] = None


def forget_reaction(s):
    s.tables["chat_reactions"].pop()


def rename_group(s):
    s.tables["whatsapp_groups"][0]["name"] = "as it was before"


def forget_session(s):
    next(r for r in s.tables["whatsapp_accounts"] if r["status"] != "disconnected")["status"] = "failed"


def store_unsent_message(s):
    s.tables["chats"].append(dict(s.tables["chats"][0], id=10_000, message_key="false:FORGED"))


def publish_unsent_record(s):
    r = next(r for r in s.topics["inbound"] if b"says" in r.value)
    r.value = r.value.replace(b"says", b"lies")


def split_person(s):
    names = s.tables["contact_aliases"]
    lid = first(names, kind="lid")
    s.tables["contacts"].append({"workspace_id": lid["workspace_id"], "id": 10_000, "merged_into": None, "uuid": "", "full_name": None})
    lid["contact_id"] = 10_000


def unite_persons(s):
    one = s.tables["contact_aliases"][0]
    other = next(a for a in s.tables["contact_aliases"] if a["contact_id"] != one["contact_id"])
    other["contact_id"] = one["contact_id"]


def misname_person(s):
    one, other = [r for r in s.tables["contacts"] if r["full_name"]][:2]
    one["full_name"] = other["full_name"]


def invent_alias(s):
    s.tables["contact_aliases"].append(dict(s.tables["contact_aliases"][0], value="19995550000"))


def published(s, n=0):
    """The nth created event, and its record."""
    found = [(r, chat_event_pb2.ChatEvent.FromString(r.value)) for r in s.topics["chat-event"]]
    return [(r, e) for r, e in found if e.WhichOneof("event") == "message_created"][n]


def tell_twice(s):
    """The same message as two events."""
    r, e = published(s, -1)
    e.event_id, e.source.seq = "00000000-0000-8000-8000-000000000001", 10_000
    s.topics["chat-event"].append(type(r)(r.partition, 10_000, r.key, e.SerializeToString(), {}))


def miscount(s):
    s.tables["consumer_progress"][0]["applied"] += 1


def hide_dead_letter(s):
    s.topics["inbound.chat-sync.dlq"].pop()


def dead_letter_of_good(s):
    r = s.topics["inbound.chat-sync.dlq"][0]
    s.topics["inbound.chat-sync.dlq"].append(type(r)(r.partition, 999, r.key, r.value, r.headers | {"__dlq.errors.offset": "0"}))


def wrong_reason(s):
    s.topics["inbound.chat-sync.dlq"][0].headers["x-dlq-reason"] = "data_error"


def hide_http_dead_letter(s):
    s.topics["http.ingest.dlq"].pop()


def came(s, name, nth=0, status=204):
    """The nth delivery that this receiver answered with that status."""
    endpoint = next(uuid for uuid, h in s.setup["hooks"].items() if h["name"] == name)
    return [d for d in s.deliveries if d["endpoint"] == endpoint and d["status"] == status][nth]


def delivery_lost(s):
    s.deliveries.remove(came(s, "well", 7))


def delivery_refused_and_forgotten(s):
    came(s, "well", 7)["status"] = 503


def letter_of_delivery_lost(s):
    s.topics["chat-event.webhook-dispatcher.dlq"].pop(3)


def letter_without_reason(s):
    s.topics["chat-event.webhook-dispatcher.dlq"][3].headers["__dlq.errors.message"] = ""


def letter_of_another_endpoint(s):
    letter = s.topics["chat-event.webhook-dispatcher.dlq"][3]
    letter.headers["x-dlq-endpoint"] = came(s, "well")["endpoint"]


def row_of_delivery_lost(s):
    s.tables["webhook_retry_queue"].clear()


def position_past_what_was_not_delivered(s):
    s.tables["webhook_positions"][0]["next_offset"] += 5


def position_lost(s):
    s.tables["webhook_positions"].clear()


def signature_of_another_body(s):
    d = came(s, "well", 7)
    d["headers"]["webhook-signature"] = came(s, "well", 8)["headers"]["webhook-signature"]


def older_signature_missing(s):
    del came(s, "well", 7)["headers"]["x-whatsapp-signature"]


def second_id_on_retry(s):
    came(s, "well", 0, 503)["headers"]["webhook-id"] = "msg_another"


def one_id_for_two_events(s):
    came(s, "well", 7)["headers"]["webhook-id"] = came(s, "well", 8)["headers"]["webhook-id"]


def later_one_overtakes(s):
    """Swaps two neighbouring events of one conversation."""
    published = [d for d in s.deliveries if d["endpoint"] == came(s, "well")["endpoint"] and d["status"] == 204]
    for one in published:
        e = json.loads(one["body"])
        other = next((d for d in published if (json.loads(d["body"])["conversation_id"], json.loads(d["body"])["sequence"])
                      == (e["conversation_id"], e["sequence"] + 1)), None)
        if other:
            i, j = s.deliveries.index(one), s.deliveries.index(other)
            s.deliveries[i], s.deliveries[j] = other, one
            return


def delivered_again_for_no_reason(s):
    s.deliveries.append(came(s, "well", 7))


def unwanted_type_came(s):
    published = {chat_event_pb2.ChatEvent.FromString(r.value).event_id: r for r in s.topics["chat-event"]}
    wanted = {json.loads(d["body"])["id"] for d in s.deliveries if d["endpoint"] == came(s, "created")["endpoint"]}
    other = next(d for d in s.deliveries if d["endpoint"] == came(s, "redirecting", 0, 302)["endpoint"]
                 and json.loads(d["body"])["id"] in published.keys() - wanted)
    s.deliveries.append(dict(other, endpoint=came(s, "created")["endpoint"]))


def untold_event_came(s):
    d = came(s, "well", 7)
    s.deliveries.append(dict(d, body=d["body"].replace(json.loads(d["body"])["id"], "00000000-0000-8000-8000-000000000001")))


def unread_too_many(s):
    s.tables["conversations"][0]["unread_messages"] += 1


def unread_moved_with_its_mark(s):
    """Equals a recount, but not the rules."""
    row = next(r for r in s.tables["conversations"] if r["unread_messages"])
    row["unread_messages"], row["last_read_at"] = 0, "2030-01-01T00:00:00+00:00"


def sequence_too_high(s):
    s.tables["conversations"][0]["sequence"] += 1


def last_message_older(s):
    next(r for r in s.tables["conversations"] if r["last_message_at"])["last_message_at"] = "2020-01-01T00:00:00+00:00"


def last_inbound_older(s):
    next(r for r in s.tables["conversations"] if r["last_inbound_at"])["last_inbound_at"] = None


def miscount_participants(s):
    s.tables["whatsapp_groups"][0]["participants_count"] += 1


def forget_receipt(s):
    s.tables["chat_receipts"].pop()


def sync_short_of_a_chat(s):
    s.tables["account_syncs"][0]["synced_mask"] >>= 1


def sync_shows_too_many(s):
    next(r for r in s.tables["whatsapp_accounts"] if r["sync"])["sync"]["synced"] += 1


def offset_goes_back(s):
    s.watch.append(["inbound", 0, 0, 9, 9])


def epoch_goes_back(s):
    s.watch.append(["chat-event", 0, 10_000, 0, 9])


def records_left(s):
    s.watermarks["chat-event"][0][1] += 1


def offsets_skipped(s):
    row = s.tables["consumer_progress"][0]
    row["skipped"], row["applied"] = 1, row["applied"] - 1


def kafka_is_ahead(s):
    s.committed["inbound"][0] += 1


def lose_event(s):
    r, e = published(s)
    s.topics["chat-event"].remove(r)


def zombie_tells_news(s):
    """An event of an older epoch after a newer one: readers discard it, so it is lost."""
    r, e = published(s, -1)
    s.topics["chat-event"].remove(r)
    e.source.epoch = 0
    s.topics["chat-event"].append(type(r)(r.partition, 10_000, r.key, e.SerializeToString(), {}))


def key_of_another_conversation(s):
    published(s)[0].key = published(s, 1)[0].key.split(":")[0] + ":" + "0" * 36


def outbox_left(s):
    s.tables["outbox"].append({"producer": "chat-sync"})


def parked_for_ever(s):
    row = s.tables["chats"][0]
    s.tables["parked_updates"].append({"workspace_id": row["workspace_id"], "id": 1, "account_id": row["account_id"],
                                       "target": row["message_key"], "kind": "message_edit"})


def parked_update_lost(s):
    s.tables["parked_updates"].clear()


def row_left_for_live_endpoint(s):
    s.tables["webhook_endpoints"][3]["enabled"] = True
    s.tables["webhook_positions"].clear()


def left_behind_though_live(s):
    s.tables["webhook_endpoints"][3] |= {"enabled": True, "disabled_at": "1969-01-01T00:00:00+00:00"}
    s.tables["webhook_retry_queue"].clear()


def lease_outlives_its_time(s):
    s.tables["webhook_retry_queue"][0] |= {"status": "retrying", "lease_owner": "somebody:1"}


def transaction_left_open(s):
    s.sessions.append({"role": "blazz_chat_sync", "state": "idle in transaction", "age_s": 3, "waits": "Client", "query": "BEGIN"})


def lock_waited_for(s):
    s.sessions.append({"role": "blazz_chat_sync", "state": "active", "age_s": 3, "waits": "Lock", "query": "UPDATE"})


def sync_never_over(s):
    for r in s.tables["whatsapp_accounts"]:
        if r["sync"]:
            r["sync"]["status"] = "running"


def strangers_marker(s):
    """(workspace, another workspace's marker)"""
    (one, _), (_, marker) = list(s.setup["tenants"].items())[:2]
    return one, marker


def row_with_strangers_text(s):
    first(s.tables["contacts"], workspace_id=1)["first_name"] = strangers_marker(s)[1]


def bytes_with_strangers_text(s):
    first(s.tables["contacts"], workspace_id=1)["kept"] = "\\x" + strangers_marker(s)[1].encode().hex()


def record_under_strangers_key(s):
    r = s.topics["inbound"][0]
    r.key = "00000000-0000-4000-8000-000000000001:" + r.key.partition(":")[2]


def dead_letter_under_strangers_key(s):
    s.topics["http.ingest.dlq"][0].key = "00000000-0000-4000-8000-000000000001:x"


def event_of_strangers_account(s):
    r, e = published(s)
    e.account_id = next(a["uuid"] for a in s.setup["accounts"].values() if a["workspace"] != e.workspace_id)
    r.value = e.SerializeToString()


def receiver_got_strangers_text(s):
    workspace = s.setup["hooks"][came(s, "well")["endpoint"]]["workspace"]
    d = came(s, "well", 7)
    d["body"] += next(m for w, m in s.setup["tenants"].items() if w != workspace)


def endpoint_event_of_stranger(s):
    r, e = published(s)
    e.account_id = ""
    e.endpoint.endpoint_id = next(u for u, h in s.setup["hooks"].items() if h["workspace"] != e.workspace_id)
    r.value = e.SerializeToString()


def log_with_tenants_text(s):
    s.logs["ingest"] += f"level=warn body=\"{strangers_marker(s)[1]} says\"\n"


def status_told_backwards(s):
    r, e = next((r, e) for r in s.topics["chat-event"] for e in [chat_event_pb2.ChatEvent.FromString(r.value)]
                if e.WhichOneof("event") == "message_status")
    e.event_id, e.source.seq, e.message_status.status = "00000000-0000-8000-8000-000000000001", 10_000, 2
    s.topics["chat-event"].append(type(r)(r.partition, 10_000, r.key, e.SerializeToString(), {}))


def status_stored_backwards(s):
    id_ = first(s.tables["chats"], message_status="delivered")["id"]
    s.ranks.insert(0, {id_: "read"})


def status_not_the_furthest(s):
    first(s.tables["chats"], message_status="read")["message_status"] = "delivered"


def delivered_at_lost(s):
    first(s.tables["chats"], type="inbound")["delivered_at"] = None


def sanitizer_spoke(s):
    s.logs["ingest"] += "==1==ERROR: AddressSanitizer: heap-use-after-free\n"


def grow(what, by):
    def tamper(s):
        s.usage = [s.usage[0], {k: dict(v, **{what: v[what] + by}) for k, v in s.usage[1].items()}]
    tamper.__name__ = f"{what}_grow"
    return tamper


def secret_in_log(s):
    s.logs["chat-sync.one"] += "level=info key=a-secret-key\n"


def signing_key_in_log(s):
    s.logs["webhook-dispatcher.one"] += "level=info key=a-secret-key\n"


def phone_in_metrics(s):
    s.metrics["ingest"] += 'blazz_requests{from="16505550001"} 1\n'


def text_in_log(s):
    s.logs["chat-sync.one"] += f"level=info msg=\"{list(s.setup['tenants'].values())[0]} says\"\n"


TAMPERED = [
    ("I1", (drop_message, double_message, change_body, lose_record, forget_edit, forget_revoke, forget_reaction, rename_group,
            forget_session)),
    ("I2", (store_unsent_message, publish_unsent_record, split_person, unite_persons, invent_alias, misname_person, tell_twice)),
    ("I3", (miscount, hide_dead_letter, dead_letter_of_good, wrong_reason, hide_http_dead_letter)),
    ("I4", (delivery_lost, delivery_refused_and_forgotten, letter_of_delivery_lost, letter_without_reason,
            letter_of_another_endpoint, row_of_delivery_lost, position_past_what_was_not_delivered, position_lost,
            signature_of_another_body, older_signature_missing, second_id_on_retry, one_id_for_two_events, later_one_overtakes,
            delivered_again_for_no_reason, unwanted_type_came, untold_event_came)),
    ("I5", (unread_too_many, unread_moved_with_its_mark, sequence_too_high, last_message_older, last_inbound_older,
            miscount_participants, forget_receipt, sync_short_of_a_chat, sync_shows_too_many)),
    ("I6", (offset_goes_back, epoch_goes_back, records_left, offsets_skipped, kafka_is_ahead, lose_event, zombie_tells_news,
            key_of_another_conversation)),
    ("I7", (outbox_left, parked_for_ever, parked_update_lost, row_left_for_live_endpoint, left_behind_though_live,
            lease_outlives_its_time, transaction_left_open, lock_waited_for, sync_never_over)),
    ("I9", (row_with_strangers_text, bytes_with_strangers_text, record_under_strangers_key, dead_letter_under_strangers_key,
            event_of_strangers_account, endpoint_event_of_stranger, receiver_got_strangers_text, log_with_tenants_text)),
    ("I10", (status_told_backwards, status_stored_backwards, status_not_the_furthest, delivered_at_lost)),
    ("I11", (sanitizer_spoke, grow("rss_kb", 200_000), grow("fds", 50), grow("connections", 1))),
    ("I12", (secret_in_log, signing_key_in_log, phone_in_metrics, text_in_log)),
]


def test_a_consistent_state_has_no_violation(snapshot):
    verdicts = check(snapshot)
    assert not any(verdicts.values()), verdict_text(verdicts)
    assert len(snapshot.tables["chats"]) > 200 and snapshot.tables["parked_updates"] and snapshot.tables["account_syncs"]


@pytest.mark.parametrize("invariant, tamper", [(i, t) for i, tampers in TAMPERED for t in tampers],
                         ids=lambda x: getattr(x, "__name__", x))
def test_each_invariant_reports_its_own_violations(snapshot, invariant, tamper):
    tamper(snapshot)
    wrong = list(INVARIANTS[invariant](Case(snapshot)))
    assert wrong and f"{invariant} is broken" in verdict_text({invariant: wrong})


def test_a_saved_snapshot_gives_the_same_verdict(snapshot, tmp_path):
    change_body(snapshot)
    snapshot.save(tmp_path / "snapshot.json")
    assert check(Snapshot.load(tmp_path / "snapshot.json")) == check(snapshot)


REPLAY = """
from test_ledger import Planner, dealt
planner, deal = Planner(5), dealt(5, [], True)
print([planner.cycle() for _ in range(4)], [[(f.name, *rest) for f, *rest in next(deal)] for _ in range(50)])
"""


def test_a_seed_replays_in_another_process():
    """The order of sets of strings differs between processes."""
    runs = [subprocess.run([sys.executable, "-c", REPLAY], cwd=Path(__file__).parent, env=os.environ | {"PYTHONHASHSEED": n},
                           capture_output=True, text=True, check=True).stdout for n in ("1", "2")]
    assert runs[0] == runs[1] != ""


def test_another_seed_is_another_run():
    one, other, another = (Planner(seed) for seed in (5, 5, 6))
    for _ in range(3):
        cycle = one.cycle()
        assert cycle == other.cycle() and cycle != another.cycle()
    deals = [dealt(seed, [], True) for seed in (5, 5, 6)]
    one, other, another = ([next(d) for _ in range(50)] for d in deals)
    assert one == other != another


def test_every_fault_is_drawn_and_simultaneous_faults_have_different_targets():
    deal, seen = dealt(1, [], True), set()
    for _ in range(len(CATALOGUE)):
        faults = [f for f, _, _ in next(deal)]
        assert len({f.touches for f in faults}) == len(faults)
        seen |= {f.name for f in faults}
    assert seen == CATALOGUE.keys()
