"""A consistent snapshot as it is after a restore, and corruptions of that, by the invariant that must report them."""
from blazz.v1 import chat_event_pb2

EPOCH = 1_000_000  # of what is published after the restore


def restored(s):
    """The last event of each conversation was published after the backup, and is published again after the restore."""
    last = {}
    for r in s.topics["chat-event"]:
        e = chat_event_pb2.ChatEvent.FromString(r.value)
        if e.source.producer == "chat-sync" and e.conversation_id:
            last[r.partition, e.conversation_id] = r, e
    highs = {p: high for p, (_, high) in s.watermarks["chat-event"].items()}
    s.restores.append({"backup": {p: min([r.offset for r, _ in last.values() if r.partition == p], default=high) for p, high in highs.items()},
                       "restored": dict(highs), "watched": len(s.watch), "at_ms": 1})
    for n, (r, e) in enumerate(last.values()):
        e.source.epoch, e.source.seq = EPOCH, n + 1
        s.topics["chat-event"].append(type(r)(r.partition, highs[r.partition], r.key, e.SerializeToString(), {}, r.at_ms))
        highs[r.partition] += 1
    for stream in ("chat-event", "chat-event of sending"):
        for p, high in highs.items():
            s.watermarks[stream][p][1] = s.committed[stream][p] = high
    for row in s.tables["consumer_progress"]:
        if row["topic"] == "blazz.chat-event.v1":
            more = highs[row["partition"]] - row["next_offset"]
            row["next_offset"], row["applied"] = row["next_offset"] + more, row["applied"] + more
    return s


def again(s):
    """(record, event) of the last that came again"""
    r = s.topics["chat-event"][-1]
    return r, chat_event_pb2.ChatEvent.FromString(r.value)


def numbers_skipped(s):
    r, e = again(s)
    e.sequence += 2
    r.value = e.SerializeToString()


def conversation_changed(s):
    r, e = again(s)
    e.conversation_id = "00000000-0000-8000-8000-000000000001"
    r.value = e.SerializeToString()


def published_before_the_backup(s):
    r, _ = again(s)
    s.restores[0]["backup"][r.partition] = s.restores[0]["restored"][r.partition]


def offset_goes_back_without_a_restore(s):
    stream, partition, offset, epoch, seq = s.watch[-1]
    s.watch += [[stream, partition, offset, epoch, seq], [stream, partition, offset - 1, epoch, seq]]


def recipient_sent_again(s):
    """Under the number of the row that was written anew, and under that of the lost one before."""
    campaigns = {r["id"]: r["uuid"] for r in s.tables["campaigns"]}
    row = next(r for r in s.tables["sends"] if r["campaign_id"] and r["status"] == "sent")
    post = next(p for p in s.sending["posts"] if p.get("client_message_id") == f"{campaigns[row['campaign_id']]}.{row['id']}")
    s.sending["posts"].append(dict(post, client_message_id=f"{campaigns[row['campaign_id']]}.987654321"))


def row_not_written_anew(s):
    recipient_sent_again(s)
    s.sending["posts"][-1]["recipient"] = "628990000000"


def unknown_message_sent(s):
    post = next(p for p in s.sending["posts"] if p["act"] == "send" and p["accepted"])
    s.sending["posts"].append(dict(post, client_message_id="00000000-0000-4000-8000-000000000001"))


RESTORE_CORRUPTIONS = [("I6", (numbers_skipped, conversation_changed, published_before_the_backup, offset_goes_back_without_a_restore)),
                       ("I8", (recipient_sent_again, row_not_written_anew, unknown_message_sent))]
