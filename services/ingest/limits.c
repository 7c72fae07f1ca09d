/* Token buckets; see limits.h. */
#include "ingest/limits.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"

static double tokens_at(const struct bucket *b, struct rate rate, int64_t now_ms)
{
	double tokens;

	if (b->at_ms == 0)
		return rate.burst;
	tokens = b->tokens + (now_ms > b->at_ms ? (double)(now_ms - b->at_ms) / 1000 * rate.per_s : 0);
	return tokens < rate.burst ? tokens : rate.burst;
}

static double cost_at_most(struct rate rate, double cost)
{
	return cost < rate.burst ? cost : rate.burst;
}

int64_t bucket_wait_ms(const struct bucket *b, struct rate rate, double cost, int64_t now_ms)
{
	double missing;

	if (rate.per_s <= 0)
		return 0;
	missing = cost_at_most(rate, cost) - tokens_at(b, rate, now_ms);
	return missing <= 0 ? 0 : (int64_t)ceil(missing / rate.per_s * 1000);
}

bool bucket_take(struct bucket *b, struct rate rate, double cost, int64_t now_ms, int64_t *wait_ms)
{
	int64_t wait = bucket_wait_ms(b, rate, cost, now_ms);

	if (wait > 0) {
		*wait_ms = wait;
		return false;
	}
	if (rate.per_s > 0) {
		b->tokens = tokens_at(b, rate, now_ms) - cost_at_most(rate, cost);
		b->at_ms = now_ms;
	}
	return true;
}

void bucket_charge(struct bucket *b, struct rate rate, double cost, int64_t now_ms)
{
	if (rate.per_s <= 0)
		return;
	b->tokens = tokens_at(b, rate, now_ms) - cost;
	b->at_ms = now_ms;
}

struct limiter {
	size_t max_young;
	struct map *young, *old;
};

struct limiter *limiter_new(size_t max_keys)
{
	struct limiter *l = mem_calloc(1, sizeof(*l));

	l->max_young = max_keys / 2 > 0 ? max_keys / 2 : 1;
	l->young = map_new();
	l->old = map_new();
	return l;
}

static void generation_clear(struct map *m)
{
	struct str key;
	void *bucket;
	size_t i = 0;

	while (map_each(m, &i, &key, &bucket))
		free(bucket);
	map_clear(m);
}

void limiter_free(struct limiter *l)
{
	if (!l)
		return;
	generation_clear(l->young);
	generation_clear(l->old);
	map_free(l->young);
	map_free(l->old);
	free(l);
}

static void generations_turn(struct limiter *l)
{
	struct map *forgotten = l->old;

	generation_clear(forgotten);
	l->old = l->young;
	l->young = forgotten;
}

static struct bucket *young_put(struct limiter *l, struct str key, struct bucket *b)
{
	if (map_count(l->young) >= l->max_young)
		generations_turn(l);
	*map_slot(l->young, key) = b;
	return b;
}

struct bucket *limiter_find(struct limiter *l, struct str key)
{
	struct bucket *b = map_get(l->young, key);

	if (b)
		return b;
	b = map_get(l->old, key);
	if (!b)
		return NULL;
	map_del(l->old, key);
	return young_put(l, key, b);
}

struct bucket *limiter_bucket(struct limiter *l, struct str key)
{
	struct bucket *b = limiter_find(l, key);

	return b ? b : young_put(l, key, mem_calloc(1, sizeof(*b)));
}
