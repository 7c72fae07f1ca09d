/* Texts by which contacts stop and resume marketing: the workspace's words, in any case. */
#include "campaign-sender/status/private.h"

#include "campaign-sender/events/records.h"
#include "message/lower.h"

#define CATEGORY STR("marketing_messages")

static bool contains(const struct str *words, size_t n, struct str text)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(words[i], text))
			return true;
	return false;
}

bool word_match(struct status_event *e, const struct sending_settings *settings, struct arena *a)
{
	struct str body = str_trim(e->record->event.u.message_created.message.body), text;
	struct buf lower = { 0 };

	if (!settings || settings->n_opt_out_words + settings->n_opt_in_words == 0)
		return false;
	lower_text(&lower, body);
	text = arena_str(a, buf_str(&lower));
	buf_fini(&lower);
	e->stops = contains(settings->opt_out_words, settings->n_opt_out_words, text);
	return e->stops || contains(settings->opt_in_words, settings->n_opt_in_words, text);
}

void words_apply(struct status_work *w)
{
	for (size_t i = 0; i < w->n_events; i++) {
		const struct status_event *e = &w->events[i];
		struct record_target to = event_target(w, e);

		if (e->record->use != USE_WORD || e->conversation->n_addresses == 0)
			continue;
		record_opt_out(&to, e->account, e->conversation->addresses[0], CATEGORY, e->stops,
			record_at_ms(e->record), w->arena);
		e->item->outcome = OUTCOME_APPLIED;
	}
}
