/* See journal.h. Invariant: every text of a result is in the arena of the journal that has it, and storable. */
#include "campaign-sender/journal/journal.h"

#include <stdlib.h>

#include "base/utf8.h"

#define ARENA_BYTES (1 << 16)

struct journal *journal_new(void)
{
	struct journal *j = mem_calloc(1, sizeof(*j));

	j->arena = arena_new(ARENA_BYTES);
	j->effects = effects_new();
	return j;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	effects_free(j->effects);
	arena_free(j->arena);
	free(j->results);
	free(j);
}

void journal_clear(struct journal *j)
{
	j->n = 0;
	effects_clear(j->effects);
	arena_reset(j->arena);
}

/* NUL and what is not UTF-8 become U+FFFD. */
static struct str storable(struct arena *a, struct str s)
{
	struct buf out = BUF_INIT;
	struct str kept;

	if (!s.p || utf8_storable(s))
		return arena_str(a, s);
	while (s.n > 0) {
		size_t n = s.p[0] ? utf8_next(s) : 0;

		if (n > 0)
			buf_add(&out, s.p, n);
		else
			buf_add_str(&out, STR("\xEF\xBF\xBD"));
		s = str_slice(s, n > 0 ? n : 1, s.n);
	}
	kept = arena_str(a, buf_str(&out));
	buf_fini(&out);
	return kept;
}

static void answer_copy(struct arena *a, struct provider_answer *to)
{
	struct str *const texts[] = { &to->provider_id, &to->key, &to->wa_id, &to->status, &to->error.code,
		&to->error.title, &to->error.details, &to->trace };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = storable(a, *texts[i]);
}

void journal_add(struct journal *j, const struct journal_result *r)
{
	struct journal_result *kept;

	j->results = vec_grow(j->results, j->n, &j->cap, sizeof(*j->results));
	kept = &j->results[j->n++];
	*kept = *r;
	answer_copy(j->arena, &kept->outcome.answer);
	kept->outcome.excerpt = storable(j->arena, r->outcome.excerpt);
}

void journal_put_back(struct journal *to, struct journal *from, int64_t now_ms,
	void (*expired)(void *ctx, struct journal_result *r), void *ctx)
{
	struct journal later = *to;

	to->arena = arena_new(ARENA_BYTES);
	to->results = NULL;
	to->n = to->cap = 0;
	for (size_t i = 0; i < from->n; i++) {
		if (now_ms - from->results[i].answered_ms > JOURNAL_KEEP_MS)
			expired(ctx, &from->results[i]);
		else
			journal_add(to, &from->results[i]);
	}
	for (size_t i = 0; i < later.n; i++)
		journal_add(to, &later.results[i]);
	arena_free(later.arena);
	free(later.results);
	journal_clear(from);
}
