/* How exchanges end: with an answer, at once or later, or without one. Invariant: each request ends exactly once. */
#include <stdio.h>
#include <stdlib.h>

#include "exchange.h"

struct late {
	struct agenda_item item;
	struct http_request *http;
	struct outcome outcome;
};

void stub_respond(struct http_request *r, const struct stub_answer *answer)
{
	char seconds[24];
	const struct http_extra_header retry_after = { "Retry-After", seconds };

	snprintf(seconds, sizeof(seconds), "%lld", (long long)answer->retry_after_s);
	http_respond(r, answer->status, answer->content_type, buf_str(&answer->body), &retry_after,
		answer->retry_after_s >= 0 ? 1 : 0);
}

static void finish(struct http_request *r, struct outcome *o)
{
	if (o->end == RULE_ANSWER)
		stub_respond(r, &o->answer);
	else
		http_abort(r, o->end == RULE_RESET);
	buf_fini(&o->answer.body);
}

static void late_run(struct agenda_item *item)
{
	struct late *late = (struct late *)item;

	finish(late->http, &late->outcome);
	free(late);
}

/* The server is closed by now. */
static void late_drop(struct agenda_item *item)
{
	struct late *late = (struct late *)item;

	buf_fini(&late->outcome.answer.body);
	free(late);
}

void stub_conclude(struct stub *s, struct http_request *r, struct outcome *o)
{
	struct late *late;

	s->stats.ends[o->end]++;
	if (o->delay_ms == 0) {
		finish(r, o);
		return;
	}
	late = mem_calloc(1, sizeof(*late));
	late->item.run = late_run;
	late->item.drop = late_drop;
	late->http = r;
	late->outcome = *o;
	agenda_add(s->agenda, &late->item, o->delay_ms);
}
