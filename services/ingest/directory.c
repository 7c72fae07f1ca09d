/* The cache and its misses; see directory.h. Misses are read in batches, one batch at a time: names requested while a
 * batch is in flight form the next one, so that a flood of unknown names costs PostgreSQL no more than one connection's
 * work.
 *
 *   directory_ask ──► asked ──batch_send──► under_way ──reader thread──► PostgreSQL
 *                                               │ NEWS_ACCOUNT, NEWS_APP: found, cached in the catalogue
 *                                               └ NEWS_ANSWER: the rest is absent; waits are called back; next batch
 */
#include "ingest/directory.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"

#define ASKED_MAX      4096
#define ABSENT_MAX     16384
#define ABSENT_KEEP_MS 1000

TAILQ_HEAD(wait_list, directory_wait);

struct directory {
	struct reader *reader;
	struct loop_io *io;
	struct loop_timer *forget; /* expires absent names */
	struct catalogue *catalogue;
	bool loaded;
	int64_t alive_mono_ms;

	struct map *absent; /* negative cache: name keys that PostgreSQL recently did not have */
	struct map *asked, *under_way; /* name keys of the next batch, and of the one in flight */
	bool busy; /* a batch is in flight */
	uint64_t batch; /* number of the batch in flight, or of the last one */
	struct wait_list waits; /* in order of their batches */

	void (*changed)(void *ctx);
	void *ctx;
};

bool directory_loaded(const struct directory *d)
{
	return d->loaded;
}

const struct catalogue *directory_catalogue(const struct directory *d)
{
	return d->catalogue;
}

int64_t directory_age_ms(const struct directory *d)
{
	return clock_mono_ms() - d->alive_mono_ms;
}

/* Any non-NULL pointer: the maps are used as sets. */
static void *mark(struct directory *d)
{
	return d;
}

enum knowledge directory_knows(const struct directory *d, const struct name *name)
{
	struct name_key storage;
	struct str key = name_key(name, &storage);

	if (key.n == 0)
		return KNOWN_ABSENT;
	if (catalogue_has(d->catalogue, name))
		return KNOWN;
	return map_get(d->absent, key) ? KNOWN_ABSENT : UNKNOWN;
}

static void absent_forget(void *directory)
{
	struct directory *d = directory;

	map_clear(d->absent);
}

static void absent_put(struct directory *d, struct str key)
{
	if (map_count(d->absent) >= ABSENT_MAX)
		map_clear(d->absent);
	if (map_count(d->absent) == 0)
		loop_timer_set(d->forget, ABSENT_KEEP_MS);
	*map_slot(d->absent, key) = mark(d);
}

static void batch_send(struct directory *d)
{
	struct map *asked = d->asked;
	struct str *keys;
	void *value;
	size_t i = 0, n = 0;

	if (d->busy || map_count(asked) == 0)
		return;
	keys = mem_calloc(map_count(asked), sizeof(*keys));
	while (map_each(asked, &i, &keys[n], &value))
		n++;
	reader_look(d->reader, keys, n);
	free(keys);
	d->asked = d->under_way;
	d->under_way = asked;
	d->batch++;
	d->busy = true;
}

int directory_ask(struct directory *d, const struct name *names, size_t n, struct directory_wait *wait, struct err *err)
{
	struct name_key storage;

	if (map_count(d->asked) + n > ASKED_MAX)
		return err_set(err, ERR_BUSY, "directory", "too many lookups are waiting");
	for (size_t i = 0; i < n; i++) {
		struct str key = name_key(&names[i], &storage);

		if (key.n > 0)
			*map_slot(d->asked, key) = mark(d);
	}
	wait->batch = d->batch + 1;
	TAILQ_INSERT_TAIL(&d->waits, wait, link);
	batch_send(d);
	return 0;
}

void directory_leave(struct directory *d, struct directory_wait *wait)
{
	if (wait->batch == 0)
		return;
	TAILQ_REMOVE(&d->waits, wait, link);
	wait->batch = 0;
}

/* The batch is complete. A callback may ask again, which adds to the next batch. */
static void answered(struct directory *d, bool available)
{
	struct directory_wait *w;
	struct str key;
	void *value;
	size_t i = 0;

	while (available && map_each(d->under_way, &i, &key, &value)) {
		struct name name = name_of_key(key);

		if (!catalogue_has(d->catalogue, &name))
			absent_put(d, key);
	}
	map_clear(d->under_way);
	while ((w = TAILQ_FIRST(&d->waits)) && w->batch <= d->batch) {
		directory_leave(d, w);
		w->done(w->ctx, available);
	}
	d->busy = false;
	batch_send(d);
}

static void catalogue_swap(struct directory *d, struct news *n)
{
	reader_discard(d->reader, &d->catalogue);
	d->catalogue = n->catalogue;
	n->catalogue = NULL;
	d->loaded = true;
	map_clear(d->absent);
	if (d->changed)
		d->changed(d->ctx);
}

static void news_apply(struct directory *d, struct news *n)
{
	switch (n->kind) {
	case NEWS_ALL:
		catalogue_swap(d, n);
		break;
	case NEWS_ACCOUNT:
		catalogue_put_account(d->catalogue, &n->account);
		break;
	case NEWS_ACCOUNT_GONE:
		catalogue_drop_account(d->catalogue, &n->id);
		break;
	case NEWS_APP:
		catalogue_put_app(d->catalogue, &n->app);
		break;
	case NEWS_APP_GONE:
		catalogue_drop_app(d->catalogue, &n->id);
		break;
	case NEWS_ANSWER:
		answered(d, n->available);
		return; /* without updating alive_mono_ms: PostgreSQL may be unavailable */
	case NEWS_ALIVE:
		break;
	}
	d->alive_mono_ms = clock_mono_ms();
}

static void news_take(void *directory)
{
	struct directory *d = directory;
	struct news *n;

	while ((n = reader_receive(d->reader))) {
		news_apply(d, n);
		news_free(n);
	}
}

int directory_open(struct directory **out, struct loop *loop, const struct reader_options *options,
	struct keyring **keyring, void (*changed)(void *ctx), void *ctx, struct err *err)
{
	struct directory *d = mem_calloc(1, sizeof(*d));

	d->catalogue = catalogue_new();
	d->absent = map_new();
	d->asked = map_new();
	d->under_way = map_new();
	TAILQ_INIT(&d->waits);
	d->alive_mono_ms = clock_mono_ms();
	d->changed = changed;
	d->ctx = ctx;
	d->forget = loop_timer_new(loop, absent_forget, d);
	if (reader_start(&d->reader, options, keyring, err) < 0) {
		directory_close(&d);
		return -1;
	}
	d->io = loop_io_new(loop, reader_fd(d->reader), true, false, news_take, d);
	*out = d;
	return 0;
}

void directory_close(struct directory **directory)
{
	struct directory *d = *directory;

	*directory = NULL;
	if (!d)
		return;
	loop_io_free(d->io);
	loop_timer_free(d->forget);
	reader_stop(&d->reader);
	catalogue_free(d->catalogue);
	map_free(d->absent);
	map_free(d->asked);
	map_free(d->under_way);
	free(d);
}

void directory_put_qr(struct directory *d, const struct catalogue_account *account, struct str code)
{
	reader_put_qr(d->reader, account, code);
}

void directory_set_keyring(struct directory *d, struct keyring **keyring)
{
	reader_use_keyring(d->reader, keyring);
}
