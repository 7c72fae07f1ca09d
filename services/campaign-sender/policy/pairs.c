/* See pairs.h. A pair is one timestamp of pacing/gcra, with the burst of single messages; a campaign's message waits until that
 * burst is available in full again. Invariant: `recent` and `by_key` have the same pairs, at most max_pairs. */
#include "campaign-sender/policy/pairs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "pacing/gcra.h"

static const struct gcra_limit limit = { .interval_us = INT64_C(6000000), .burst = 45 };

struct pair {
	TAILQ_ENTRY(pair) in_recent;
	int64_t at_us; /* state of gcra */
	size_t key_bytes;
	char key[];
};
TAILQ_HEAD(pair_list, pair);

struct pairs {
	struct map *by_key;
	struct pair_list recent; /* that used last first */
	size_t max_pairs;
	struct buf key; /* scratch */
};

struct pairs *pairs_new(size_t max_pairs)
{
	struct pairs *p = mem_calloc(1, sizeof(*p));

	assert(max_pairs > 0);
	p->by_key = map_new();
	p->max_pairs = max_pairs;
	TAILQ_INIT(&p->recent);
	return p;
}

static struct str pair_key(const struct pair *pair)
{
	return (struct str){ pair->key, pair->key_bytes };
}

static void pair_forget(struct pairs *p, struct pair *pair)
{
	TAILQ_REMOVE(&p->recent, pair, in_recent);
	map_del(p->by_key, pair_key(pair));
	free(pair);
}

void pairs_free(struct pairs *p)
{
	struct pair *next;

	if (!p)
		return;
	for (struct pair *pair = TAILQ_FIRST(&p->recent); pair; pair = next) {
		next = TAILQ_NEXT(pair, in_recent);
		free(pair);
	}
	map_free(p->by_key);
	buf_fini(&p->key);
	free(p);
}

/* Valid until the next call. */
static struct str key_of(struct pairs *p, int64_t account_id, struct str address)
{
	buf_clear(&p->key);
	buf_add_be64(&p->key, (uint64_t)account_id);
	buf_add_str(&p->key, address);
	return buf_str(&p->key);
}

static struct pair *pair_add(struct pairs *p, struct str key)
{
	struct pair *pair = mem_calloc(1, sizeof(*pair) + key.n);

	if (map_count(p->by_key) >= p->max_pairs)
		pair_forget(p, TAILQ_LAST(&p->recent, pair_list));
	pair->key_bytes = key.n;
	memcpy(pair->key, key.p, key.n);
	*map_slot(p->by_key, key) = pair;
	TAILQ_INSERT_HEAD(&p->recent, pair, in_recent);
	return pair;
}

bool pairs_admit(struct pairs *p, int64_t account_id, struct str address, bool campaign, int64_t now_us,
	int64_t *again_us)
{
	struct pair *pair = map_get(p->by_key, key_of(p, account_id, address));
	bool room;

	if (!pair)
		return true;
	room = gcra_room(&pair->at_us, limit, now_us, again_us) > 0;
	if (!campaign || pair->at_us <= now_us)
		return room;
	*again_us = pair->at_us;
	return false;
}

void pairs_take(struct pairs *p, int64_t account_id, struct str address, bool campaign, int64_t now_us)
{
	struct str key = key_of(p, account_id, address);
	struct pair *pair = map_get(p->by_key, key);
	int64_t again_us;

	(void)campaign; /* both kinds use up the same */
	if (pair) {
		TAILQ_REMOVE(&p->recent, pair, in_recent);
		TAILQ_INSERT_HEAD(&p->recent, pair, in_recent);
	} else {
		pair = pair_add(p, key);
	}
	if (gcra_room(&pair->at_us, limit, now_us, &again_us) > 0)
		gcra_take(&pair->at_us, limit, 1, now_us);
}

void pairs_give_back(struct pairs *p, int64_t account_id, struct str address)
{
	struct pair *pair = map_get(p->by_key, key_of(p, account_id, address));

	if (pair) /* it may have been forgotten since */
		pair->at_us -= limit.interval_us;
}
