/* See journal.h. Invariant: what is collected stays valid until journal_clear(), as texts are copied and events are referenced. */
#include "webhook-dispatcher/journal/journal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/utf8.h"

struct journal *journal_new(void)
{
	struct journal *j = mem_calloc(1, sizeof(*j));

	j->arena = arena_new(1 << 16);
	TAILQ_INIT(&j->ends);
	return j;
}

void journal_clear(struct journal *j)
{
	struct items *const lists[] = { &j->attempts, &j->dead, &j->findings, &j->endpoints, &j->results,
		&j->result_partitions, &j->releases };

	assert(TAILQ_EMPTY(&j->ends) && j->spills.n == 0);
	for (size_t i = 0; i < j->dead.n; i++)
		event_unref(ITEMS(&j->dead, struct dead)[i].event);
	for (size_t i = 0; i < j->findings.n; i++)
		event_unref(ITEMS(&j->findings, struct finding)[i].event);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		lists[i]->n = 0;
	arena_reset(j->arena);
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	journal_clear(j);
	items_fini(&j->spills);
	items_fini(&j->attempts);
	items_fini(&j->dead);
	items_fini(&j->findings);
	items_fini(&j->endpoints);
	items_fini(&j->results);
	items_fini(&j->result_partitions);
	items_fini(&j->releases);
	arena_free(j->arena);
	free(j);
}

struct str journal_text(struct arena *a, struct str s, size_t max)
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

void journal_add_attempt(struct journal *j, const struct attempt_row *row)
{
	struct attempt_row *kept = ITEMS_ADD(&j->attempts, struct attempt_row);

	*kept = *row;
	kept->event_type = arena_str(j->arena, row->event_type);
	kept->excerpt = row->excerpt.n ? journal_text(j->arena, row->excerpt, EXCERPT_BYTES) : STR_NONE;
	kept->error = arena_str(j->arena, row->error);
}

void journal_add_spill(struct journal *j, struct delivery *d)
{
	*ITEMS_ADD(&j->spills, struct delivery *) = d;
}

void journal_add_dead(struct journal *j, struct event *e, const struct err *why)
{
	*ITEMS_ADD(&j->dead, struct dead) = (struct dead){ event_ref(e), *why };
}

void journal_add_finding(struct journal *j, const struct endpoint *e, int32_t partition, enum endpoint_finding finding,
	int64_t at_us, const char *reason, struct event *event)
{
	struct finding *f = ITEMS_ADD(&j->findings, struct finding);

	f->change = (struct endpoint_change){ .workspace_id = e->row.workspace_id,
		.id = e->row.id,
		.finding = finding,
		.at_us = at_us,
		.reason = reason ? journal_text(j->arena, str_of(reason), EXCERPT_BYTES).p : NULL };
	f->partition = partition;
	f->workspace = e->row.workspace;
	f->endpoint = e->row.uuid;
	f->event = event ? event_ref(event) : NULL;
}

void journal_add_disable(struct journal *j, const struct endpoint *e, int32_t partition, const char *reason,
	int64_t failing_ms, int64_t at_us)
{
	journal_add_finding(j, e, partition, ENDPOINT_DISABLE, at_us, reason, NULL);
	ITEMS(&j->findings, struct finding)[j->findings.n - 1].change.failing_ms = failing_ms;
}

void journal_add_endpoint(struct journal *j, struct endpoint_key endpoint, bool deleted)
{
	for (size_t i = 0; i < j->endpoints.n; i++) {
		const struct endpoint_update *update = &ITEMS(&j->endpoints, struct endpoint_update)[i];

		if (update->key.endpoint_id == endpoint.endpoint_id && update->deleted == deleted)
			return;
	}
	*ITEMS_ADD(&j->endpoints, struct endpoint_update) = (struct endpoint_update){ endpoint, deleted };
}

void journal_add_result(struct journal *j, const struct retry_row *row, enum retry_status status, int64_t delay_ms,
	const char *error)
{
	*ITEMS_ADD(&j->results, struct retry_result) = (struct retry_result){ .workspace_id = row->workspace_id,
		.id = row->id,
		.status = status,
		.retry_count = row->retry_count,
		.delay_ms = delay_ms,
		.last_error = error ? arena_str(j->arena, str_of(error)) : STR_NONE };
	*ITEMS_ADD(&j->result_partitions, int32_t) = row->partition;
	if (status == RETRY_FAILED)
		journal_add_release(j, row);
}

void journal_add_release(struct journal *j, const struct retry_row *row)
{
	*ITEMS_ADD(&j->releases, struct retry_key) =
		(struct retry_key){ row->workspace_id, row->endpoint_id, row->ordering_key };
}
