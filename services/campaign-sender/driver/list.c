/* The campaigns that the driver works on; see private.h. Invariant: sorted by key, and none twice. */
#include "campaign-sender/driver/private.h"

#include <string.h>

#include "base/vec.h"
#include "store/campaign_driver.h"

#define RETRY_PREFIX  "retry:"
#define ENDED_KEPT_MS (7LL * 24 * 3600 * 1000) /* as long as store_campaigns_of_driver() reads them */

bool retry_cursor(const struct campaign_row *row, int64_t *after_id)
{
	struct str s = row->audience_cursor;

	return row->prepared_us != PG_NO_TIME && str_starts(s, STR(RETRY_PREFIX)) &&
		str_to_i64(str_slice(s, sizeof(RETRY_PREFIX) - 1, s.n), after_id);
}

struct str retry_cursor_text(int64_t after_id, struct arena *a)
{
	return arena_printf(a, RETRY_PREFIX "%lld", (long long)after_id);
}

int campaign_key_cmp(const struct campaign_key *a, const struct campaign_key *b)
{
	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* The place of the first campaign that is not before the key. */
static size_t place_of(const struct driver *d, const struct campaign_key *key)
{
	size_t low = 0, high = d->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (campaign_key_cmp(&d->at[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct driven *list_find(const struct driver *d, const struct campaign_key *key)
{
	size_t i = place_of(d, key);

	return i < d->n && campaign_key_cmp(&d->at[i].key, key) == 0 ? &d->at[i] : NULL;
}

bool driven_is_ended(const struct driven *c)
{
	return c->status == CAMPAIGN_COMPLETED || c->status == CAMPAIGN_CANCELLED;
}

struct driven driven_of(const struct driving *w, const struct campaign_row *row)
{
	int64_t after;

	return (struct driven){ .key = { row->workspace_id, row->id },
		.workspace = row->workspace,
		.uuid = row->uuid,
		.partition = row->partition,
		.status = row->status,
		.prepared = row->prepared_us != PG_NO_TIME,
		.retrying = retry_cursor(row, &after),
		.moved_mono_ms = w->mono_ms,
		.due_mono_ms = w->mono_ms + row->scheduled_in_ms,
		.ended_mono_ms = w->mono_ms };
}

static void list_remove(struct driver *d, size_t i)
{
	d->n--;
	memmove(&d->at[i], &d->at[i + 1], (d->n - i) * sizeof(d->at[0]));
}

void list_put(const struct driving *w, const struct campaign_row *row)
{
	struct driver *d = w->d;
	struct driven put = driven_of(w, row);
	size_t i = place_of(d, &put.key);
	bool found = i < d->n && campaign_key_cmp(&d->at[i].key, &put.key) == 0;

	if (put.status == CAMPAIGN_DRAFT || put.status == CAMPAIGN_FAILED) {
		if (found)
			list_remove(d, i);
		return;
	}
	if (!found) {
		d->at = vec_grow(d->at, d->n, &d->cap, sizeof(d->at[0]));
		memmove(&d->at[i + 1], &d->at[i], (d->n - i) * sizeof(d->at[0]));
		d->n++;
	}
	d->at[i] = put;
}

void list_forget(const struct driving *w)
{
	struct driver *d = w->d;
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++)
		if (!driven_is_ended(&d->at[i]) || w->mono_ms - d->at[i].ended_mono_ms < ENDED_KEPT_MS)
			d->at[kept++] = d->at[i];
	d->n = kept;
}

static void row_put(void *ctx, const struct campaign_row *row)
{
	list_put(ctx, row);
}

int list_refresh(struct driving *w, const struct topic_partition *partitions, size_t n, struct err *err)
{
	int32_t *numbers = ARENA_ARRAY(w->arena, int32_t, n);
	size_t mine = 0;

	if (!w->d->stale)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (partitions[i].topic == w->shared->commands)
			numbers[mine++] = partitions[i].number;
	w->d->n = 0;
	w->d->stale = false; /* before the statements: partitions may be revoked while they wait */
	if (store_campaigns_of_driver(w->pg, numbers, mine, w->arena, row_put, w, err) < 0) {
		w->d->stale = true;
		return -1;
	}
	return 0;
}
