"""Corruptions of what the consistent snapshot has about messages to send, by the invariant that must report them."""
import json

from blazz.v1 import outbound_pb2


def single(s, nth=0):
    """A single message that was sent, and its line in the stub's journal."""
    row = [r for r in s.tables["sends"] if r["request_id"]][nth]
    return row, next(p for p in s.sending["posts"] if p["client_message_id"] == row["request_id"])


def recipient(s, status, nth=0):
    return [r for r in s.tables["sends"] if r["campaign_id"] and r["status"] == status][nth]


def post_of(s, row):
    """Of a recipient that was sent."""
    return next(p for p in s.sending["posts"] if p["client_message_id"].endswith(f".{row['id']}"))


def add_post(s, row, at_ms=None, **changes):
    """Another POST, a second before the first."""
    campaign = next(r for r in s.tables["campaigns"] if r["id"] == row["campaign_id"])
    first = s.sending["posts"][0]
    s.sending["posts"].append(first | {"client_message_id": f"{campaign['uuid']}.{row['id']}", "recipient": row["address"],
                                       "at_ms": at_ms or first["at_ms"] - 1000} | changes)


def accepted_twice(s):
    s.sending["posts"].append(dict(single(s)[1]))


def accepted_under_another_generation(s):
    """RETRY_FAILED has added none."""
    row = recipient(s, "sent")
    add_post(s, row, client_message_id=post_of(s, row)["client_message_id"] + "#2")


def unknown_message_accepted(s):
    s.sending["posts"].append(single(s)[1] | {"client_message_id": "00000000-0000-4000-8000-000000000001"})


def sent_without_post(s):
    s.sending["posts"].remove(single(s)[1])


def sent_though_refused(s):
    single(s)[1]["accepted"] = False


def address_twice_in_campaign(s):
    row = recipient(s, "sent")
    s.tables["sends"].append(row | {"id": 90_000})


def request_lost(s):
    s.tables["sends"].remove(single(s)[0])


def request_stored_twice(s):
    s.tables["sends"].append(single(s)[0] | {"id": 90_000})


def request_invented(s):
    s.tables["sends"].append(single(s)[0] | {"id": 90_000, "request_id": "00000000-0000-4000-8000-000000000001", "status": "failed"})


def dead_letter_of_request_lost(s):
    s.topics["outbound.campaign-sender.dlq"].pop()


def valid_request_is_dead_letter(s):
    good = next(r for r in s.topics["outbound"] if not r.value.startswith(b"garbage"))
    letter = s.topics["outbound.campaign-sender.dlq"][0]
    s.topics["outbound.campaign-sender.dlq"].append(type(letter)(0, 999, good.key, good.value, letter.headers | {
        "__dlq.errors.partition": str(good.partition), "__dlq.errors.offset": str(good.offset)}))


def wrong_reason_of_request(s):
    s.topics["outbound.campaign-sender.dlq"][0].headers["x-dlq-reason"] = "data_error"


def recipient_missing(s):
    s.tables["sends"].remove(recipient(s, "failed"))


def excluded_recipient_written(s):
    plan = next(line for line in s.sending["journal"] if line["what"] == "campaign")
    s.tables["sends"].append(recipient(s, "failed") | {"id": 90_000, "address": plan["excluded"][0]})


def audience_not_written(s):
    s.tables["campaigns"][0]["prepared_at"] = None


def skipped_recipient_posted(s):
    add_post(s, recipient(s, "skipped"))


def skipped_recipient_accepted(s):
    recipient(s, "read")["status"] = "skipped"


def recipient_never_begun_posted(s):
    recipient(s, "sent").update(status="pending", attempt=0, next_attempt_at="infinity")


def recipient_passed_over(s):
    recipient(s, "failed").update(status="pending", id=1)


def paused_campaign_posted(s):
    """Ten seconds before the POST it was seen paused, and behind it still."""
    row = recipient(s, "sent")
    at, campaign = post_of(s, row)["at_ms"], s.tables["campaigns"][row["campaign_id"] - 1]["uuid"]
    s.sending["watch"] += [[at - 10_000, campaign, "paused"], [at + 10_000, campaign, "paused"]]


def counter_too_high(s):
    s.tables["campaigns"][0]["messages_delivered"] += 1


def count_of_writer_too_high(s):
    s.tables["campaign_counts"][0]["read"] += 1


def completed_with_pending(s):
    row = recipient(s, "skipped")
    row["status"] = "pending"
    for table, name in (("campaigns", "messages_skipped"), ("campaign_counts", "skipped")):
        next(r for r in s.tables[table] if r["campaign_id" if table == "campaign_counts" else "id"] == row["campaign_id"])[name] -= 1


def recipients_miscounted(s):
    s.tables["campaigns"][0]["recipients"] += 1


def limit_passed(s):
    post = single(s)[1]
    s.sending["posts"] += [post | {"client_message_id": f"x{n}", "accepted": False, "at_ms": post["at_ms"] + n} for n in range(100)]


def limit_passed_slowly(s):
    """No second has too many, but a longer time."""
    post = single(s)[1]
    s.sending["posts"] += [post | {"client_message_id": f"x{n}", "accepted": False, "at_ms": post["at_ms"] + n * 25} for n in range(800)]


def opted_out_recipient_posted(s):
    row = recipient(s, "skipped")
    add_post(s, row, at_ms=s.sending["posts"][-1]["at_ms"])


def posted_outside_window(s):
    next(line for line in s.sending["journal"] if line["what"] == "campaign")["closed"] = True


def posted_after_deadline(s):
    row, post = single(s)
    post["at_ms"] += 60_000


def unknown_left(s):
    recipient(s, "failed")["status"] = "unknown"


def unknown_waits_for_ever(s):
    row, _ = single(s)
    row |= {"status": "unknown", "next_attempt_at": "2030-01-01T00:00:00+00:00"}


def unknown_although_its_status_came(s):
    chat = next(r for r in s.tables["chats"] if r.get("client_message_id"))
    row = next(r for r in s.tables["sends"] if r["request_id"] == chat["client_message_id"])
    row |= {"status": "failed", "error_code": "unknown_outcome"}


def status_not_applied(s):
    next(r for r in s.tables["chats"] if r.get("client_message_id"))["message_status"] = "read"


def later_message_sent_first(s):
    """Swaps two messages of one account to one recipient."""
    places = {}
    for r in s.topics["outbound"]:
        if r.value.startswith(b"garbage"):
            continue
        m = outbound_pb2.SendMessage.FromString(r.value)
        if m.allow_other_number:
            continue
        other = places.setdefault((m.account_id, m.address.phone), m.request_id)
        if other != m.request_id:
            one, two = (next(p for p in s.sending["posts"] if p["client_message_id"] == i) for i in (other, m.request_id))
            i, j = s.sending["posts"].index(one), s.sending["posts"].index(two)
            s.sending["posts"][i], s.sending["posts"][j] = two, one
            return


def text_to_send_in_log(s):
    s.logs["ingest"] += f"level=info body=\"{next(iter(s.sending['setup']['tenants'].values()))} offer\"\n"


def token_in_log(s):
    s.logs["ingest"] += f"level=info token={s.sending['setup']['secrets'][0]}\n"


def recipient_in_metrics(s):
    s.metrics["ingest"] += f'blazz_sends{{to="{single(s)[0]["address"]}"}} 1\n'


def row_of_sending_with_foreign_text(s):
    markers = list(s.sending["setup"]["tenants"].values())
    s.tables["campaigns"][0]["error_message"] = json.dumps(markers)


SENDING_CORRUPTIONS = [
    ("I8", (accepted_twice, accepted_under_another_generation, unknown_message_accepted, sent_without_post, sent_though_refused,
            address_twice_in_campaign)),
    ("I9", (row_of_sending_with_foreign_text,)),
    ("I12", (text_to_send_in_log, token_in_log, recipient_in_metrics)),
    ("I13", (request_lost, request_stored_twice, request_invented, dead_letter_of_request_lost, valid_request_is_dead_letter,
             wrong_reason_of_request, recipient_missing, excluded_recipient_written, audience_not_written)),
    ("I14", (skipped_recipient_posted, skipped_recipient_accepted, recipient_never_begun_posted, recipient_passed_over, paused_campaign_posted)),
    ("I15", (counter_too_high, count_of_writer_too_high, completed_with_pending, recipients_miscounted)),
    ("I16", (limit_passed, limit_passed_slowly)),
    ("I17", (opted_out_recipient_posted, posted_outside_window, posted_after_deadline)),
    ("I18", (unknown_left, unknown_waits_for_ever, unknown_although_its_status_came, status_not_applied, later_message_sent_first)),
]
