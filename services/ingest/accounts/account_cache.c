/* The cache and its misses; see account_cache.h. Invariant: one batch of names is in flight at a time. Names requested
 * meanwhile form the next one, so that a flood of unknown names costs PostgreSQL no more than one connection's work.
 *
 *   account_cache_fetch ──► requested ──batch_send──► in_flight ──account_loader──► PostgreSQL
 *                                                        │ UPDATE_ACCOUNT, UPDATE_APP: put into the catalogue
 *                                                        └ UPDATE_FETCHED: the other names are absent; waits are called
 *                                                          back; next batch
 */
#include "ingest/accounts/account_cache.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"

#define REQUESTED_MAX  4096
#define ABSENT_MAX     16384
#define ABSENT_KEEP_MS 1000

TAILQ_HEAD(wait_list, account_cache_wait);

struct account_cache {
	struct account_loader *loader;
	struct loop_io *io;
	struct loop_timer *forget; /* expires absent names */
	struct catalogue *catalogue;
	bool loaded;
	int64_t alive_mono_ms;

	struct map *absent; /* negative cache: name keys that PostgreSQL recently did not have */
	struct map *requested, *in_flight; /* name keys of the next batch, and of the one in flight */
	bool busy; /* a batch is in flight */
	uint64_t batch; /* number of the batch in flight, or of the last one */
	struct wait_list waits; /* in order of their batches */

	void (*changed)(void *ctx);
	void *ctx;
};

bool account_cache_loaded(const struct account_cache *c)
{
	return c->loaded;
}

const struct catalogue *account_cache_catalogue(const struct account_cache *c)
{
	return c->catalogue;
}

int64_t account_cache_age_ms(const struct account_cache *c)
{
	return clock_mono_ms() - c->alive_mono_ms;
}

/* Any non-NULL pointer: the maps are used as sets. */
static void *mark(struct account_cache *c)
{
	return c;
}

enum knowledge account_cache_knows(const struct account_cache *c, const struct name *name)
{
	struct name_key storage;
	struct str key = name_key(name, &storage);

	if (key.n == 0)
		return KNOWN_ABSENT;
	if (catalogue_has(c->catalogue, name))
		return KNOWN;
	return map_get(c->absent, key) ? KNOWN_ABSENT : UNKNOWN;
}

static void absent_forget(void *cache)
{
	struct account_cache *c = cache;

	map_clear(c->absent);
}

static void absent_put(struct account_cache *c, struct str key)
{
	if (map_count(c->absent) >= ABSENT_MAX)
		map_clear(c->absent);
	if (map_count(c->absent) == 0)
		loop_timer_set(c->forget, ABSENT_KEEP_MS);
	*map_slot(c->absent, key) = mark(c);
}

static void batch_send(struct account_cache *c)
{
	struct map *requested = c->requested;
	struct str *keys;
	void *value;
	size_t i = 0, n = 0;

	if (c->busy || map_count(requested) == 0)
		return;
	keys = mem_calloc(map_count(requested), sizeof(*keys));
	while (map_each(requested, &i, &keys[n], &value))
		n++;
	account_loader_fetch(c->loader, keys, n);
	free(keys);
	c->requested = c->in_flight;
	c->in_flight = requested;
	c->batch++;
	c->busy = true;
}

int account_cache_fetch(struct account_cache *c, const struct name *names, size_t n, struct account_cache_wait *wait,
	struct err *err)
{
	struct name_key storage;

	if (map_count(c->requested) + n > REQUESTED_MAX)
		return err_set(err, ERR_BUSY, "account_cache", "too many lookups are waiting");
	for (size_t i = 0; i < n; i++) {
		struct str key = name_key(&names[i], &storage);

		if (key.n > 0)
			*map_slot(c->requested, key) = mark(c);
	}
	wait->batch = c->batch + 1;
	TAILQ_INSERT_TAIL(&c->waits, wait, link);
	batch_send(c);
	return 0;
}

void account_cache_cancel(struct account_cache *c, struct account_cache_wait *wait)
{
	if (wait->batch == 0)
		return;
	TAILQ_REMOVE(&c->waits, wait, link);
	wait->batch = 0;
}

/* A callback may fetch further names, which are added to the next batch. */
static void batch_done(struct account_cache *c, bool available)
{
	struct account_cache_wait *w;
	struct str key;
	void *value;
	size_t i = 0;

	while (available && map_each(c->in_flight, &i, &key, &value)) {
		struct name name = name_of_key(key);

		if (!catalogue_has(c->catalogue, &name))
			absent_put(c, key);
	}
	map_clear(c->in_flight);
	while ((w = TAILQ_FIRST(&c->waits)) && w->batch <= c->batch) {
		account_cache_cancel(c, w);
		w->done(w->ctx, available);
	}
	c->busy = false;
	batch_send(c);
}

static void catalogue_swap(struct account_cache *c, struct account_update *u)
{
	account_loader_discard(c->loader, &c->catalogue);
	c->catalogue = u->catalogue;
	u->catalogue = NULL;
	c->loaded = true;
	map_clear(c->absent);
	if (c->changed)
		c->changed(c->ctx);
}

static void update_apply(struct account_cache *c, struct account_update *u)
{
	switch (u->kind) {
	case UPDATE_CATALOGUE:
		catalogue_swap(c, u);
		break;
	case UPDATE_ACCOUNT:
		catalogue_put_account(c->catalogue, &u->account);
		break;
	case UPDATE_ACCOUNT_GONE:
		catalogue_drop_account(c->catalogue, &u->id);
		break;
	case UPDATE_APP:
		catalogue_put_app(c->catalogue, &u->app);
		break;
	case UPDATE_APP_GONE:
		catalogue_drop_app(c->catalogue, &u->id);
		break;
	case UPDATE_FETCHED:
		batch_done(c, u->available);
		return; /* without updating alive_mono_ms: PostgreSQL may be unavailable */
	case UPDATE_ALIVE:
		break;
	}
	c->alive_mono_ms = clock_mono_ms();
}

static void updates_receive(void *cache)
{
	struct account_cache *c = cache;
	struct account_update *u;

	while ((u = account_loader_receive(c->loader))) {
		update_apply(c, u);
		account_update_free(u);
	}
}

int account_cache_open(struct account_cache **out, struct loop *loop, const struct account_loader_options *options,
	struct keyring **keyring, void (*changed)(void *ctx), void *ctx, struct err *err)
{
	struct account_cache *c = mem_calloc(1, sizeof(*c));

	c->catalogue = catalogue_new();
	c->absent = map_new();
	c->requested = map_new();
	c->in_flight = map_new();
	TAILQ_INIT(&c->waits);
	c->alive_mono_ms = clock_mono_ms();
	c->changed = changed;
	c->ctx = ctx;
	c->forget = loop_timer_new(loop, absent_forget, c);
	if (account_loader_start(&c->loader, options, keyring, err) < 0) {
		account_cache_close(&c);
		return -1;
	}
	c->io = loop_io_new(loop, account_loader_fd(c->loader), true, false, updates_receive, c);
	*out = c;
	return 0;
}

void account_cache_close(struct account_cache **cache)
{
	struct account_cache *c = *cache;

	*cache = NULL;
	if (!c)
		return;
	loop_io_free(c->io);
	loop_timer_free(c->forget);
	account_loader_stop(&c->loader);
	catalogue_free(c->catalogue);
	map_free(c->absent);
	map_free(c->requested);
	map_free(c->in_flight);
	free(c);
}

void account_cache_put_qr(struct account_cache *c, const struct catalogue_account *account, struct str code,
	bool pairing)
{
	account_loader_put_qr(c->loader, account, code, pairing);
}

void account_cache_set_keyring(struct account_cache *c, struct keyring **keyring)
{
	account_loader_set_keyring(c->loader, keyring);
}
