/* See status.h; private.h lists the steps. */
#include "campaign-sender/status/private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "campaign-sender/stats.h"

#define TYPE_PREFIX "blazz.chat_event."

struct status_worker *status_worker_new(const struct shared *shared, const struct effects_ops *ops)
{
	struct status_worker *s = mem_alloc(sizeof(*s));

	*s = (struct status_worker){
		.shared = shared, .ops = *ops, .effects = effects_new(), .stoppers = map_new(), .index = map_new()
	};
	return s;
}

void status_worker_free(struct status_worker *s)
{
	if (!s)
		return;
	stoppers_clear(s);
	map_free(s->stoppers);
	map_free(s->index);
	effects_free(s->effects);
	free(s);
}

/* By the header, so that most records are never decoded. A record without it may be any event. */
static bool may_concern(const struct kafka_message *m)
{
	struct str type = kafka_message_header(m, "ce_type");

	if (!str_starts(type, STR(TYPE_PREFIX)))
		return type.n == 0;
	switch (chat_event_kind_parse(str_slice(type, sizeof(TYPE_PREFIX) - 1, type.n))) {
	case CE_MESSAGE_CREATED:
	case CE_MESSAGE_STATUS:
	case CE_TEMPLATE_STATUS:
		return true;
	default:
		return false;
	}
}

int status_decode(struct status_worker *s, const struct kafka_message *m, struct arena *a, void **decoded,
	struct err *err)
{
	struct status_record *r;

	(void)s;
	*decoded = NULL;
	if (!may_concern(m))
		return 0;
	r = ARENA_NEW(a, struct status_record);
	if (chat_event_decode(&r->event, m->value, a, err) < 0)
		return -1;
	if (record_read(r))
		*decoded = r;
	return 0;
}

static int events_apply(struct status_work *w, struct err *err)
{
	if (echoes_match(w, err) < 0 || failures_lock(w, err) < 0 || evidence_apply(w, err) < 0 ||
		failures_add(w, err) < 0 || templates_apply(w, err) < 0)
		return -1;
	words_apply(w);
	if (effects_empty(w->worker->effects))
		return 0;
	return effects_write(w->worker->effects,
		&(struct record_target){ w->tx, w->events[0].item->partition, w->shared->topics, w->now_ms },
		w->shared->accounts, &w->worker->ops, err);
}

int status_apply(struct status_worker *s, struct owner_tx *tx, struct batch_item *const *items, size_t n,
	struct err *err)
{
	struct status_work w = { .worker = s,
		.shared = s->shared,
		.tx = tx,
		.pg = owner_tx_pg(tx),
		.arena = owner_tx_arena(tx),
		.now_ms = clock_now_ms() };
	int rc;

	rc = events_find(&w, items, n, err);
	if (rc == 0 && w.n_events > 0)
		rc = events_apply(&w, err);
	effects_clear(s->effects);
	return rc;
}

static void counts_clear(struct status_worker *s)
{
	s->n_duplicates = 0;
	memset(s->resolved, 0, sizeof(s->resolved));
}

void status_committed(struct status_worker *s)
{
	for (size_t i = 0; i < s->resolved[RESOLVED_BY_STATUS]; i++)
		stats_resolved("status");
	for (size_t i = 0; i < s->resolved[RESOLVED_BY_ECHO]; i++)
		stats_resolved("echo");
	for (size_t i = 0; i < s->n_duplicates; i++)
		stats_duplicate();
	counts_clear(s);
}

/* The results of a batch that is applied again would count twice. */
void status_rolled_back(struct status_worker *s)
{
	counts_clear(s);
	stoppers_clear(s);
}

void status_lost(struct status_worker *s)
{
	stoppers_clear(s);
}
