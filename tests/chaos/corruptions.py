"""Corruptions of a consistent snapshot, by the invariant that must report them."""
import json

from blazz.v1 import chat_event_pb2


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
    """(record, event) of the nth message that was published as created."""
    found = [(r, chat_event_pb2.ChatEvent.FromString(r.value)) for r in s.topics["chat-event"]]
    return [(r, e) for r, e in found if e.WhichOneof("event") == "message_created"][n]


def publish_twice(s):
    """Publishes a message again as another event."""
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


def delivery(s, name, nth=0, status=204):
    """The nth delivery that this receiver answered with that status."""
    endpoint = next(uuid for uuid, h in s.setup["hooks"].items() if h["name"] == name)
    return [d for d in s.deliveries if d["endpoint"] == endpoint and d["status"] == status][nth]


def delivery_lost(s):
    s.deliveries.remove(delivery(s, "well", 7))


def failed_delivery_lost(s):
    delivery(s, "well", 7)["status"] = 503


def dead_letter_of_delivery_lost(s):
    s.topics["chat-event.webhook-dispatcher.dlq"].pop(3)


def dead_letter_without_reason(s):
    s.topics["chat-event.webhook-dispatcher.dlq"][3].headers["__dlq.errors.message"] = ""


def dead_letter_of_another_endpoint(s):
    dead_letter = s.topics["chat-event.webhook-dispatcher.dlq"][3]
    dead_letter.headers["x-dlq-endpoint"] = delivery(s, "well")["endpoint"]


def row_of_delivery_lost(s):
    s.tables["webhook_retry_queue"].clear()


def position_past_undelivered_event(s):
    s.tables["webhook_positions"][0]["next_offset"] += 5


def position_lost(s):
    s.tables["webhook_positions"].clear()


def signature_of_another_body(s):
    d = delivery(s, "well", 7)
    d["headers"]["webhook-signature"] = delivery(s, "well", 8)["headers"]["webhook-signature"]


def older_signature_missing(s):
    del delivery(s, "well", 7)["headers"]["x-whatsapp-signature"]


def second_id_on_retry(s):
    delivery(s, "well", 0, 503)["headers"]["webhook-id"] = "msg_another"


def one_id_for_two_events(s):
    delivery(s, "well", 7)["headers"]["webhook-id"] = delivery(s, "well", 8)["headers"]["webhook-id"]


def later_event_overtakes(s):
    """Swaps two neighbouring events of one conversation."""
    published = [d for d in s.deliveries if d["endpoint"] == delivery(s, "well")["endpoint"] and d["status"] == 204]
    for one in published:
        e = json.loads(one["body"])
        other = next((d for d in published if (json.loads(d["body"])["conversation_id"], json.loads(d["body"])["sequence"])
                      == (e["conversation_id"], e["sequence"] + 1)), None)
        if other:
            i, j = s.deliveries.index(one), s.deliveries.index(other)
            s.deliveries[i], s.deliveries[j] = other, one
            return


def duplicate_without_cause(s):
    s.deliveries.append(delivery(s, "well", 7))


def filtered_type_delivered(s):
    published = {chat_event_pb2.ChatEvent.FromString(r.value).event_id: r for r in s.topics["chat-event"]}
    wanted = {json.loads(d["body"])["id"] for d in s.deliveries if d["endpoint"] == delivery(s, "created")["endpoint"]}
    other = next(d for d in s.deliveries if d["endpoint"] == delivery(s, "redirecting", 0, 302)["endpoint"]
                 and json.loads(d["body"])["id"] in published.keys() - wanted)
    s.deliveries.append(dict(other, endpoint=delivery(s, "created")["endpoint"]))


def unpublished_event_delivered(s):
    d = delivery(s, "well", 7)
    s.deliveries.append(dict(d, body=d["body"].replace(json.loads(d["body"])["id"], "00000000-0000-8000-8000-000000000001")))


def unread_too_many(s):
    s.tables["conversations"][0]["unread_messages"] += 1


def unread_and_read_mark_moved(s):
    """A recount agrees, the model does not."""
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


def publish_as_fenced_owner(s):
    """An event of an older epoch after a newer one: readers discard it, so it is lost."""
    r, e = published(s, -1)
    s.topics["chat-event"].remove(r)
    e.source.epoch = 0
    s.topics["chat-event"].append(type(r)(r.partition, 10_000, r.key, e.SerializeToString(), {}))


def key_of_another_conversation(s):
    published(s)[0].key = published(s, 1)[0].key.split(":")[0] + ":" + "0" * 36


def outbox_left(s):
    s.tables["outbox"].append({"producer": "chat-sync"})


def parked_although_stored(s):
    row = s.tables["chats"][0]
    s.tables["parked_updates"].append({"workspace_id": row["workspace_id"], "id": 1, "account_id": row["account_id"],
                                       "target": row["message_key"], "kind": "message_edit"})


def parked_update_lost(s):
    s.tables["parked_updates"].clear()


def row_left_for_live_endpoint(s):
    s.tables["webhook_endpoints"][3]["enabled"] = True
    s.tables["webhook_positions"].clear()


def position_left_for_live_endpoint(s):
    s.tables["webhook_endpoints"][3] |= {"enabled": True, "disabled_at": "1969-01-01T00:00:00+00:00"}
    s.tables["webhook_retry_queue"].clear()


def lease_left(s):
    s.tables["webhook_retry_queue"][0] |= {"status": "retrying", "lease_owner": "replica:1"}


def transaction_left_open(s):
    s.sessions.append({"role": "blazz_chat_sync", "state": "idle in transaction", "age_s": 3, "waits": "Client", "query": "BEGIN"})


def lock_wait_left(s):
    s.sessions.append({"role": "blazz_chat_sync", "state": "active", "age_s": 3, "waits": "Lock", "query": "UPDATE"})


def sync_left_running(s):
    for r in s.tables["whatsapp_accounts"]:
        if r["sync"]:
            r["sync"]["status"] = "running"


def foreign_marker(s):
    """(workspace, the marker of another workspace)"""
    (one, _), (_, marker) = list(s.setup["tenants"].items())[:2]
    return one, marker


def row_with_foreign_text(s):
    first(s.tables["contacts"], workspace_id=1)["first_name"] = foreign_marker(s)[1]


def bytes_with_foreign_text(s):
    first(s.tables["contacts"], workspace_id=1)["kept"] = "\\x" + foreign_marker(s)[1].encode().hex()


def record_with_foreign_key(s):
    r = s.topics["inbound"][0]
    r.key = "00000000-0000-4000-8000-000000000001:" + r.key.partition(":")[2]


def dead_letter_with_foreign_key(s):
    s.topics["http.ingest.dlq"][0].key = "00000000-0000-4000-8000-000000000001:x"


def event_of_foreign_account(s):
    r, e = published(s)
    e.account_id = next(a["uuid"] for a in s.setup["accounts"].values() if a["workspace"] != e.workspace_id)
    r.value = e.SerializeToString()


def delivery_with_foreign_text(s):
    workspace = s.setup["hooks"][delivery(s, "well")["endpoint"]]["workspace"]
    d = delivery(s, "well", 7)
    d["body"] += next(m for w, m in s.setup["tenants"].items() if w != workspace)


def event_of_foreign_endpoint(s):
    r, e = published(s)
    e.account_id = ""
    e.endpoint.endpoint_id = next(u for u, h in s.setup["hooks"].items() if h["workspace"] != e.workspace_id)
    r.value = e.SerializeToString()


def log_with_tenants_text(s):
    s.logs["ingest"] += f"level=warn body=\"{foreign_marker(s)[1]} says\"\n"


def status_published_backwards(s):
    r, e = next((r, e) for r in s.topics["chat-event"] for e in [chat_event_pb2.ChatEvent.FromString(r.value)]
                if e.WhichOneof("event") == "message_status")
    e.event_id, e.source.seq, e.message_status.status = "00000000-0000-8000-8000-000000000001", 10_000, 2
    s.topics["chat-event"].append(type(r)(r.partition, 10_000, r.key, e.SerializeToString(), {}))


def status_stored_backwards(s):
    id_ = first(s.tables["chats"], message_status="delivered")["id"]
    s.ranks.insert(0, {id_: "read"})


def status_not_the_most_advanced(s):
    first(s.tables["chats"], message_status="read")["message_status"] = "delivered"


def delivered_at_lost(s):
    first(s.tables["chats"], type="inbound")["delivered_at"] = None


def sanitizer_report(s):
    s.logs["ingest"] += "==1==ERROR: AddressSanitizer: heap-use-after-free\n"


def grow(what, by):
    def corrupt(s):
        s.usage = [s.usage[0], {k: dict(v, **{what: v[what] + by}) for k, v in s.usage[1].items()}]
    corrupt.__name__ = f"{what}_grow"
    return corrupt


def secret_in_log(s):
    s.logs["chat-sync.one"] += "level=info key=a-secret-key\n"


def signing_key_in_log(s):
    s.logs["webhook-dispatcher.one"] += "level=info key=a-secret-key\n"


def phone_in_metrics(s):
    s.metrics["ingest"] += 'blazz_requests{from="16505550001"} 1\n'


def text_in_log(s):
    s.logs["chat-sync.one"] += f"level=info msg=\"{list(s.setup['tenants'].values())[0]} says\"\n"


CORRUPTIONS = [
    ("I1", (drop_message, double_message, change_body, lose_record, forget_edit, forget_revoke, forget_reaction, rename_group,
            forget_session)),
    ("I2", (store_unsent_message, publish_unsent_record, split_person, unite_persons, invent_alias, misname_person, publish_twice)),
    ("I3", (miscount, hide_dead_letter, dead_letter_of_good, wrong_reason, hide_http_dead_letter)),
    ("I4", (delivery_lost, failed_delivery_lost, dead_letter_of_delivery_lost, dead_letter_without_reason,
            dead_letter_of_another_endpoint, row_of_delivery_lost, position_past_undelivered_event, position_lost,
            signature_of_another_body, older_signature_missing, second_id_on_retry, one_id_for_two_events, later_event_overtakes,
            duplicate_without_cause, filtered_type_delivered, unpublished_event_delivered)),
    ("I5", (unread_too_many, unread_and_read_mark_moved, sequence_too_high, last_message_older, last_inbound_older,
            miscount_participants, forget_receipt, sync_short_of_a_chat, sync_shows_too_many)),
    ("I6", (offset_goes_back, epoch_goes_back, records_left, offsets_skipped, kafka_is_ahead, lose_event, publish_as_fenced_owner,
            key_of_another_conversation)),
    ("I7", (outbox_left, parked_although_stored, parked_update_lost, row_left_for_live_endpoint, position_left_for_live_endpoint,
            lease_left, transaction_left_open, lock_wait_left, sync_left_running)),
    ("I9", (row_with_foreign_text, bytes_with_foreign_text, record_with_foreign_key, dead_letter_with_foreign_key,
            event_of_foreign_account, event_of_foreign_endpoint, delivery_with_foreign_text, log_with_tenants_text)),
    ("I10", (status_published_backwards, status_stored_backwards, status_not_the_most_advanced, delivered_at_lost)),
    ("I11", (sanitizer_report, grow("rss_kb", 200_000), grow("fds", 50), grow("connections", 1))),
    ("I12", (secret_in_log, signing_key_in_log, phone_in_metrics, text_in_log)),
]
