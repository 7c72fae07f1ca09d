/* Meta's calls: one event for each step. The steps of outgoing calls arrive as statuses. Invariant: an unknown word for
 * a step is kept as the call's outcome, not rejected. */
#include "base/utf8.h"
#include "ingest/dialects/meta.h"

static struct str outcome_of(struct str word)
{
	static const struct {
		const char *word, *outcome;
	} words[] = {
		{ "connect", "offered" },
		{ "RINGING", "offered" },
		{ "ACCEPTED", "accepted" },
		{ "REJECTED", "rejected" },
		{ "FAILED", "missed" }, /* not answered, or not connected */
		{ "COMPLETED", "ended" },
		{ "terminate", "ended" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(word, words[i].word))
			return str_of(words[i].outcome);
	return utf8_truncate(word, WIRE_MAX_ID_BYTES);
}

static int32_t duration_of(const struct meta_item *it)
{
	int64_t seconds;

	return json_to_i64(json_get(it->v, "duration"), &seconds) && seconds > 0 && seconds <= INT32_MAX
		? (int32_t)seconds
		: 0;
}

static void call_add(struct meta_item *it, enum direction direction, struct party other, struct str outcome)
{
	struct inbound_event *e = meta_event(it, IN_CALL, json_get(it->v, "timestamp"));
	struct in_call *c = &e->u.call;

	c->call_id = json_str(json_get(it->v, "id"));
	c->chat.contact = other;
	c->direction = direction;
	c->outcome = outcome;
	c->duration_s = duration_of(it);
	meta_add(it, e, c->call_id, outcome);
}

void meta_call(struct meta_item *it)
{
	bool outbound = it->echo || str_is(json_str(json_get(it->v, "direction")), "BUSINESS_INITIATED");
	struct str word = json_str(json_get(it->v, "status"));

	if (word.n == 0)
		word = json_str(json_get(it->v, "event"));
	call_add(it, outbound ? DIR_OUTBOUND : DIR_INBOUND,
		outbound ? meta_party_of(it, "to", "to_user_id") : meta_party_of(it, "from", "from_user_id"),
		outcome_of(word));
}

void meta_call_status(struct meta_item *it)
{
	call_add(it, DIR_OUTBOUND, meta_party_of(it, "recipient_id", "recipient_user_id"),
		outcome_of(json_str(json_get(it->v, "status"))));
}
