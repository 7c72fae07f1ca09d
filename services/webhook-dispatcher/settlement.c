/* Collecting what has happened; see settlement.h. */
#include "webhook-dispatcher/settlement_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

void *items_add(struct items *l, size_t size)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->at = mem_realloc(l->at, l->cap * size);
	}
	memset((char *)l->at + l->n * size, 0, size);
	return (char *)l->at + l->n++ * size;
}

struct settlement *settlement_new(void)
{
	struct settlement *s = mem_calloc(1, sizeof(*s));

	s->arena = arena_new(1 << 16);
	TAILQ_INIT(&s->ends);
	return s;
}

/* Written or not: nobody waits for these rows any more. */
static void spills_clear(struct settlement *s)
{
	for (size_t i = 0; i < s->spills.n; i++) {
		struct delivery *d = ITEMS(&s->spills, struct delivery *)[i];

		d->row_coming = false;
		if (!d->lane && d->state == DELIVERY_ENDED)
			delivery_free(d);
	}
	s->spills.n = 0;
}

static void ends_clear(struct settlement *s)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&s->ends))) {
		TAILQ_REMOVE(&s->ends, d, in_list);
		if (d->row_coming)
			delivery_detach(d); /* freed by the settlement that writes the row */
		else
			delivery_free(d);
	}
}

void settlement_clear(struct settlement *s)
{
	struct items *const lists[] = { &s->attempts, &s->dead, &s->findings, &s->endpoints, &s->results,
		&s->result_partitions, &s->rows, &s->releases, &s->positions, &s->steps, &s->included,
		&s->replay_positions, &s->replays_through };

	spills_clear(s);
	ends_clear(s);
	for (size_t i = 0; i < s->dead.n; i++)
		event_unref(ITEMS(&s->dead, struct dead)[i].event);
	for (size_t i = 0; i < s->findings.n; i++)
		event_unref(ITEMS(&s->findings, struct finding)[i].event);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		lists[i]->n = 0;
	arena_reset(s->arena);
}

void settlement_free(struct settlement *s)
{
	if (!s)
		return;
	settlement_clear(s);
	free(s->spills.at);
	free(s->attempts.at);
	free(s->dead.at);
	free(s->findings.at);
	free(s->endpoints.at);
	free(s->results.at);
	free(s->result_partitions.at);
	free(s->rows.at);
	free(s->releases.at);
	free(s->positions.at);
	free(s->steps.at);
	free(s->replay_positions.at);
	free(s->replays_through.at);
	free(s->included.at);
	arena_free(s->arena);
	free(s);
}

struct str settlement_text(struct arena *a, struct str s, size_t max)
{
	struct buf out = BUF_INIT;
	struct str kept;

	while (s.n > 0 && out.n < max) {
		size_t n = utf8_next(s);

		if (n == 0 || s.p[0] == '\0')
			buf_add_str(&out, STR("\xEF\xBF\xBD"));
		else
			buf_add(&out, s.p, n);
		s = str_slice(s, n ? n : 1, s.n);
	}
	kept = arena_str(a, utf8_truncate(buf_str(&out), max));
	buf_fini(&out);
	return kept;
}

static int32_t phase_us(int64_t us)
{
	return us > INT32_MAX ? INT32_MAX : (int32_t)us;
}

void settlement_add_attempt(struct settlement *s, const struct delivery *d, enum exchange_class class,
	const struct exchange_result *r)
{
	*ITEMS_ADD(&s->attempts, struct attempt_row) = (struct attempt_row){
		.workspace_id = d->lane->endpoint->row.workspace_id,
		.endpoint_id = d->lane->endpoint->row.id,
		.event_id = d->event->id,
		.event_type = arena_str(s->arena, str_of(d->event->type)),
		.message_id = d->event->message_id,
		.attempt = d->retries + 1,
		.outcome = exchange_class_word(class),
		.status = r->status,
		.at_us = clock_now_us() - (r->total_us > 0 ? r->total_us : 0),
		.dns_us = phase_us(r->dns_us),
		.connect_us = phase_us(r->connect_us),
		.tls_us = phase_us(r->tls_us),
		.first_byte_us = phase_us(r->first_byte_us),
		.total_us = phase_us(r->total_us),
		.excerpt = r->body.n ? settlement_text(s->arena, r->body, EXCERPT_BYTES) : STR_NONE,
		.error = r->failure == EXCHANGE_ANSWERED ? STR_NONE : arena_str(s->arena, str_of(r->detail)),
	};
}

void settlement_add_end(struct settlement *s, struct delivery *d)
{
	TAILQ_INSERT_TAIL(&s->ends, d, in_list);
}

void settlement_add_spill(struct settlement *s, struct delivery *d)
{
	*ITEMS_ADD(&s->spills, struct delivery *) = d;
}

void settlement_add_dead(struct settlement *s, struct event *e, const struct err *why)
{
	*ITEMS_ADD(&s->dead, struct dead) = (struct dead){ event_ref(e), *why };
}

static struct finding *finding_add(struct settlement *s, const struct lane *l, enum endpoint_finding finding,
	const char *reason)
{
	struct finding *f = ITEMS_ADD(&s->findings, struct finding);

	f->change = (struct endpoint_change){ .workspace_id = l->endpoint->row.workspace_id,
		.id = l->endpoint->row.id,
		.finding = finding,
		.at_us = clock_now_us(),
		.reason = reason ? settlement_text(s->arena, str_of(reason), EXCERPT_BYTES).p : NULL };
	f->partition = l->partition->number;
	f->workspace = l->endpoint->row.workspace;
	f->endpoint = l->endpoint->row.uuid;
	return f;
}

void settlement_add_finding(struct settlement *s, struct lane *l, enum endpoint_finding finding, int64_t at_us,
	const char *reason, struct event *event)
{
	struct finding *f = finding_add(s, l, finding, reason);

	f->change.at_us = at_us;
	f->event = event ? event_ref(event) : NULL;
}

void settlement_add_disable(struct settlement *s, struct lane *l, const char *reason, int64_t failing_ms)
{
	finding_add(s, l, ENDPOINT_DISABLE, reason)->change.failing_ms = failing_ms;
}

void settlement_add_endpoint(struct settlement *s, struct endpoint_key endpoint, bool deleted)
{
	for (size_t i = 0; i < s->endpoints.n; i++) {
		const struct endpoint_news *news = &ITEMS(&s->endpoints, struct endpoint_news)[i];

		if (news->key.endpoint_id == endpoint.endpoint_id && news->deleted == deleted)
			return;
	}
	*ITEMS_ADD(&s->endpoints, struct endpoint_news) = (struct endpoint_news){ endpoint, deleted };
}

void settlement_give_back(struct settlement *s, const struct retry_row *row, enum retry_status status, int64_t delay_ms,
	const char *error)
{
	*ITEMS_ADD(&s->results, struct retry_result) = (struct retry_result){ .workspace_id = row->workspace_id,
		.id = row->id,
		.status = status,
		.retry_count = row->retry_count,
		.delay_ms = delay_ms,
		.last_error = error ? arena_str(s->arena, str_of(error)) : STR_NONE };
	*ITEMS_ADD(&s->result_partitions, int32_t) = row->partition;
	if (status == RETRY_FAILED)
		settlement_add_release(s, row);
}

void settlement_add_release(struct settlement *s, const struct retry_row *row)
{
	*ITEMS_ADD(&s->releases, struct retry_key) =
		(struct retry_key){ row->workspace_id, row->endpoint_id, row->ordering_key };
}
