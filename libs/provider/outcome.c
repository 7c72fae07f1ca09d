/* See outcome.h. Invariant: only an exchange that has not begun, and an error that the provider itself states, count as
 * not sent; everything else that is no success is unknown. */
#include "provider/outcome.h"

#include "base/utf8.h"
#include "provider/answer.h"

const char *outcome_class_word(enum outcome_class c)
{
	static const char *const words[OUTCOME_CLASSES] = {
		[OUTCOME_NOT_SENT] = "not_sent",
		[OUTCOME_DECIDED] = "decided",
		[OUTCOME_ACCEPTED] = "accepted",
		[OUTCOME_UNKNOWN] = "unknown",
	};

	return words[c];
}

static enum outcome_class answer_class(const struct provider_answer *answer)
{
	if (answer->accepted)
		return OUTCOME_ACCEPTED;
	return answer->decided && answer->decision.row != ROW_UNKNOWN ? OUTCOME_DECIDED : OUTCOME_UNKNOWN;
}

static void answer_read(const struct provider_api *api, enum provider_act act, const struct exchange_result *result,
	struct arena *a, struct attempt_outcome *out)
{
	struct json_doc *doc = NULL;

	if (json_parse(&doc, result->body, NULL) < 0)
		doc = NULL; /* decided by its status alone, or not at all */
	api->read(doc ? json_root(doc) : NULL, result->status, act, a, &out->answer);
	json_free(doc);
	out->class = answer_class(&out->answer);
	if (out->class != OUTCOME_ACCEPTED && utf8_storable(result->body))
		out->excerpt = arena_str(a, utf8_truncate(result->body, PROVIDER_EXCERPT_BYTES));
}

static struct decision decision_of(const struct attempt_outcome *o, const struct exchange_result *result)
{
	bool counts = result->failure != EXCHANGE_ABORTED;

	switch (o->class) {
	case OUTCOME_NOT_SENT:
		return code_of_not_sent(counts);
	case OUTCOME_ACCEPTED:
		return code_of_sent();
	case OUTCOME_DECIDED:
		return o->answer.decision;
	case OUTCOME_UNKNOWN:
	case OUTCOME_CLASSES:
		break;
	}
	return code_of_unknown(counts);
}

void outcome_read(const struct provider_api *api, enum provider_act act, const struct exchange_result *result,
	struct arena *a, struct attempt_outcome *out)
{
	*out = (struct attempt_outcome){
		.class = result->begun ? OUTCOME_UNKNOWN : OUTCOME_NOT_SENT,
		.answer = answer_none(),
		.retry_after_ms = -1,
	};
	if (result->begun && result->failure == EXCHANGE_ANSWERED) {
		out->retry_after_ms = result->retry_after_ms;
		answer_read(api, act, result, a, out);
	}
	out->decision = decision_of(out, result);
}
