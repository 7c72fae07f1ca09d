/* Answers of bridges to calls about sessions. Input: a line of three characters that choose the kind, the call and the
 * HTTP status; then the body. Whatever the body is, only a success can be an observation other than absence, what is
 * kept is bounded and can be stored, and a QR code is kept only if it was asked for.
 */
#include "base/utf8.h"
#include "bridge/answer.h"
#include "input.h"

static const int statuses[] = { 100, 200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 502, 599 };

static size_t choice(struct str line, size_t at, size_t n)
{
	return at < line.n ? (unsigned char)line.p[at] % n : 0;
}

static void text_check(struct str text, size_t most)
{
	assert(text.n <= most && utf8_storable(text));
}

static void observation_check(const struct bridge_answer *o)
{
	bool success = o->outcome == BRIDGE_OK || o->outcome == BRIDGE_ALREADY_DONE;

	assert((o->observed == OBSERVED_ABSENT) == (o->outcome == BRIDGE_GONE));
	assert(success || o->observed == OBSERVED_NONE || o->observed == OBSERVED_ABSENT);
	assert(o->oddity != ODDITY_OTHER_SESSION || o->outcome == BRIDGE_BUSY);
	assert(o->oddity != ODDITY_TOO_MANY || o->outcome == BRIDGE_BUSY);
	assert(success || (o->n_list == 0 && !o->token.p));
}

static void answer_check(const struct bridge_answer *o, enum bridge_action action)
{
	text_check(o->phone, 20);
	text_check(o->qr, BRIDGE_QR_BYTES);
	text_check(o->token, WIRE_MAX_ID_BYTES);
	text_check(o->error, BRIDGE_ERROR_BYTES);
	assert(o->phone.n == 0 || str_all_digits(o->phone));
	assert((o->qr.n > 0) == (action == BRIDGE_FETCH_QR && o->outcome == BRIDGE_OK));
	assert(o->capacity >= -1 && o->sessions >= -1 && o->n_list <= BRIDGE_LIST_MAX);
	for (size_t i = 0; i < o->n_list; i++) {
		assert(o->list[i].name.n > 0);
		text_check(o->list[i].name, WIRE_MAX_ID_BYTES);
		text_check(o->list[i].phone, 20);
		assert(o->list[i].observed != OBSERVED_ABSENT);
	}
	observation_check(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = input_of(data, size), line = line_take(&body);
	enum bridge_kind kind = (enum bridge_kind)(BRIDGE_BLAZZ + choice(line, 0, 4));
	const struct bridge_call call = {
		.action = (enum bridge_action)choice(line, 1, BRIDGE_ACTIONS),
		.session = { .name = STR("sales-1") },
	};
	const struct exchange_result r = {
		.failure = EXCHANGE_ANSWERED,
		.begun = true,
		.status = statuses[choice(line, 2, sizeof(statuses) / sizeof(statuses[0]))],
		.retry_after_ms = -1,
		.body = body,
	};
	struct arena *a = arena_new(0);
	struct bridge_answer o;

	bridge_answer_read(kind, &call, &r, a, &o);
	assert(bridge_has(kind, call.action) || o.outcome == BRIDGE_REJECTED);
	answer_check(&o, bridge_has(kind, call.action) ? call.action : BRIDGE_LOOK);
	arena_free(a);
	return 0;
}
