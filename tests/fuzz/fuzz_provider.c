/* Answers of Meta and the bridges. Input: a line of three characters that choose the provider, the act and the HTTP
 * status; then the body. Whatever the body is, only a success with an id is accepted, what is kept of it is bounded and
 * can be stored, and nothing of unknown outcome fails over.
 */
#include <string.h>

#include "base/utf8.h"
#include "input.h"
#include "provider/blazz.h"
#include "provider/outcome.h"

static const int statuses[] = { 100, 200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 463, 475, 500, 502, 599 };

static const struct provider_api *const apis[] = { &provider_meta, &provider_blazz, &provider_waha, &provider_evolution,
	&provider_wwebjs };

static size_t choice(struct str line, size_t at, size_t n)
{
	return at < line.n ? (unsigned char)line.p[at] % n : 0;
}

static void text_check(struct str text, size_t most)
{
	assert(text.n <= most && utf8_storable(text));
}

static void answer_check(const struct provider_answer *a)
{
	text_check(a->provider_id, WIRE_MAX_ID_BYTES);
	text_check(a->key, WIRE_MAX_ID_BYTES + strlen("true:"));
	text_check(a->wa_id, WIRE_MAX_ID_BYTES);
	text_check(a->status, WIRE_MAX_ID_BYTES);
	text_check(a->trace, WIRE_MAX_ID_BYTES);
	text_check(a->error.code, WIRE_MAX_ID_BYTES);
	text_check(a->error.title, PROVIDER_EXCERPT_BYTES);
	text_check(a->error.details, PROVIDER_EXCERPT_BYTES);
	assert((a->provider_id.n > 0) == (a->key.n > 0));
}

static void outcome_check(const struct attempt_outcome *o, enum provider_act act, const struct exchange_result *r)
{
	bool success = r->status >= 200 && r->status < 300;

	answer_check(&o->answer);
	text_check(o->excerpt, PROVIDER_EXCERPT_BYTES);
	assert(o->class != OUTCOME_NOT_SENT);
	assert(o->class != OUTCOME_ACCEPTED || (success && (act != ACT_SEND || o->answer.key.n > 0)));
	assert((o->class == OUTCOME_UNKNOWN) == (o->decision.row == ROW_UNKNOWN));
	assert(o->class != OUTCOME_UNKNOWN || o->decision.failover == FAILOVER_NEVER);
	assert(o->decision.reason && (o->decision.hold != HOLD_TIMED || o->decision.hold_ms > 0));
	assert((o->decision.row == ROW_RETRIED) == (o->decision.retry != RETRY_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = input_of(data, size), line = line_take(&body);
	const struct provider_api *api = apis[choice(line, 0, sizeof(apis) / sizeof(apis[0]))];
	enum provider_act act = (enum provider_act)choice(line, 1, 3);
	const struct exchange_result r = {
		.failure = EXCHANGE_ANSWERED,
		.begun = true,
		.status = statuses[choice(line, 2, sizeof(statuses) / sizeof(statuses[0]))],
		.retry_after_ms = -1,
		.body = body,
	};
	struct arena *a = arena_new(0);
	struct provider_answer found;
	struct attempt_outcome o;

	outcome_read(api, act, &r, a, &o);
	outcome_check(&o, act, &r);
	if (blazz_lookup_read(&r, a, &found) == LOOKUP_SENT)
		assert(found.key.n > 0);
	answer_check(&found);
	arena_free(a);
	return 0;
}
