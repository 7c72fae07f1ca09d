/* Which instances there are, and what follows from their state; see fleet.h. */
#include "cleanup/fleet/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "store/secrets.h"

#define SUSPECT_MS 60000

struct fleet *fleet_new(const struct fleet_options *options)
{
	struct fleet *f = mem_calloc(1, sizeof(*f));

	f->options = *options;
	return f;
}

static void instance_free(struct instance *at)
{
	signing_keys_free(at->signing);
	arena_free(at->arena);
	free(at);
}

void fleet_clear(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++)
		instance_free(f->all[i]);
	f->n = 0;
	while (f->n_retired > 0)
		signing_keys_free(f->retired[--f->n_retired]);
}

void fleet_free(struct fleet *f)
{
	if (!f)
		return;
	fleet_clear(f);
	free(f->all);
	free(f->retired);
	free(f);
}

void fleet_use_keyring(struct fleet *f, const struct keyring *keyring)
{
	f->options.keyring = keyring;
}

void fleet_lead(struct fleet *f)
{
	f->lead_mono_ms = clock_mono_ms();
}

struct instance *fleet_each(const struct fleet *f, size_t *i)
{
	while (*i < f->n) {
		struct instance *at = f->all[(*i)++];

		if (!at->row.removed)
			return at;
	}
	return NULL;
}

struct instance *fleet_find(const struct fleet *f, int64_t index)
{
	struct instance *at;
	size_t i = 0;

	while ((at = fleet_each(f, &i)))
		if (at->row.index == index)
			return at;
	return NULL;
}

struct instance *fleet_find_url(const struct fleet *f, enum bridge_kind kind, struct str url)
{
	struct instance *at;
	size_t i = 0;

	while ((at = fleet_each(f, &i)))
		if (at->row.kind == kind && str_eq(at->row.url, url))
			return at;
	return NULL;
}

/* Loading */

/* Requests in flight borrow the former keys. */
static void signing_retire(struct instance *at)
{
	struct fleet *f = at->fleet;

	if (!at->signing)
		return;
	f->retired = vec_grow(f->retired, f->n_retired, &f->cap_retired, sizeof(*f->retired));
	f->retired[f->n_retired++] = at->signing;
	at->signing = NULL;
}

static int secrets_use(struct instance *at, const struct secrets *s, struct err *err)
{
	signing_retire(at);
	if (at->row.kind == BRIDGE_BLAZZ) {
		if (s->signing_keys.n == 0)
			return err_set(err, ERR_INPUT, "instance", "it has no signing key");
		if (signing_keys_of(&at->signing, s->signing_keys.items, s->signing_keys.n, err) < 0)
			return -1;
		at->bridge.signing = at->signing;
		return 0;
	}
	if (s->access_token.n == 0)
		return err_set(err, ERR_INPUT, "instance", "it has no API key");
	at->bridge.key = s->access_token;
	return 0;
}

static void secrets_open(struct instance *at, const struct keyring *keyring)
{
	struct secrets secrets;
	struct err err;

	if (at->row.removed ||
		(store_secrets_open(&secrets, keyring, SEALED_INSTANCE, &at->row.uuid, at->row.secrets, SECRETS_SEND,
			 at->arena, &err) == 0 &&
			secrets_use(at, &secrets, &err) == 0))
		return;
	log_error("instance cannot be called", LOG_I("instance", at->row.index), LOG_ERR(&err));
	at->error = STR("its key cannot be opened");
}

/* Keeps what was observed. */
static void row_use(struct instance *at, const struct instance_row *row, struct arena *a)
{
	int64_t fenced_us = at->arena ? at->row.fenced_us : row->fenced_us;

	arena_free(at->arena);
	at->arena = a;
	at->row = *row;
	at->row.fenced_us = fenced_us;
	at->error = STR_NONE;
	at->bridge = (struct bridge_instance){ .kind = row->kind, .uuid = row->uuid, .url = row->url };
	secrets_open(at, at->fleet->options.keyring);
}

static struct instance *instance_new(struct fleet *f, const struct instance_row *row)
{
	struct instance *at = mem_calloc(1, sizeof(*at));

	at->fleet = f;
	at->probe.state = instance_state_parse(row->state);
	at->state_since_us = row->state_since_us;
	at->probed_us = PG_NO_TIME;
	f->all = vec_grow(f->all, f->n, &f->cap, sizeof(*f->all));
	f->all[f->n++] = at;
	return at;
}

static struct instance *instance_of(struct fleet *f, const struct instance_row *row)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->all[i]->row.index == row->index)
			return f->all[i];
	return instance_new(f, row);
}

static struct str copy(struct arena *a, struct str s)
{
	return s.n > 0 ? arena_str(a, s) : s;
}

static void on_row(void *ctx, const struct instance_row *row)
{
	struct arena *a = arena_new(1024);
	struct instance_row own = *row;

	own.url = copy(a, row->url);
	own.storage_group = copy(a, row->storage_group);
	own.storage_path = copy(a, row->storage_path);
	own.secrets = copy(a, row->secrets);
	own.desired = copy(a, row->desired);
	own.state = copy(a, row->state);
	row_use(instance_of(ctx, row), &own, a);
}

int fleet_load(struct fleet *f, struct pg *pg, struct err *err)
{
	struct arena *a = arena_new(1 << 14);
	int rc = store_cleanup_instances(pg, a, on_row, f, err);

	arena_free(a);
	return rc;
}

/* Reporting */

bool fleet_has_report(const struct fleet *f)
{
	struct instance *at;
	size_t i = 0;

	while ((at = fleet_each(f, &i)))
		if (at->changed)
			return true;
	return false;
}

int fleet_report(struct fleet *f, struct pg *pg, struct err *err)
{
	struct instance_report *rows = mem_calloc(f->n + 1, sizeof(*rows));
	struct instance *at;
	size_t i = 0, n = 0;
	int rc;

	while ((at = fleet_each(f, &i))) {
		if (!at->changed)
			continue;
		at->changed = false;
		rows[n++] = (struct instance_report){ .index = at->row.index,
			.state = str_of(instance_state_word(at->probe.state)),
			.error = at->error,
			.state_since_us = at->state_since_us,
			.probed_us = at->probed_us,
			.fenced_us = at->row.fenced_us,
			.failures = at->probe.failures,
			.sessions = at->sessions };
	}
	rc = n > 0 ? store_cleanup_instances_report(pg, rows, n, err) : 0;
	free(rows);
	return rc;
}

/* What follows */

bool instance_is_usable(const struct instance *at)
{
	return at->probe.state == INSTANCE_UP && !str_is(at->row.desired, "off");
}

int64_t fleet_fence_ms(const struct fleet *f)
{
	return f->options.session_ttl_ms * 7 / 6;
}

bool instance_is_fenced(const struct instance *at, int64_t now_mono_ms)
{
	int64_t last = at->lease_mono_ms > at->fleet->lead_mono_ms ? at->lease_mono_ms : at->fleet->lead_mono_ms;

	if (at->row.kind == BRIDGE_EVOLUTION)
		return false; /* whatever starts in its place loads its sessions by itself */
	if (str_is(at->row.desired, "off"))
		return true;
	return at->row.kind == BRIDGE_BLAZZ && at->probe.state == INSTANCE_DOWN &&
		now_mono_ms - last >= fleet_fence_ms(at->fleet);
}

/* An instance that the operator has switched off is no longer part of the fleet. */
static bool counts_as_down(const struct instance *at)
{
	return at->probe.state == INSTANCE_DOWN && !str_is(at->row.desired, "off");
}

/* How many of those that are down went down within SUSPECT_MS from this one. Of those that were down when this replica began to lead the time
 * is not known: it is taken to be the same. */
static int64_t down_with(const struct fleet *f, const struct instance *first)
{
	struct instance *at;
	size_t i = 0;
	int64_t n = 0;

	while ((at = fleet_each(f, &i)))
		n += counts_as_down(at) && at->down_mono_ms >= first->down_mono_ms &&
			at->down_mono_ms - first->down_mono_ms < SUSPECT_MS;
	return n;
}

bool fleet_is_suspect(const struct fleet *f)
{
	int64_t down = 0, total = 0;
	struct instance *at;
	size_t i = 0;

	while ((at = fleet_each(f, &i))) {
		int64_t n = counts_as_down(at) ? down_with(f, at) : 0;

		down = n > down ? n : down;
		total += !str_is(at->row.desired, "off");
	}
	return probe_is_mass_outage(down, total);
}

size_t fleet_rooms(const struct fleet *f, struct instance_room **rooms)
{
	struct instance *at;
	size_t i = 0, n = 0;

	*rooms = mem_calloc(f->n + 1, sizeof(**rooms));
	while ((at = fleet_each(f, &i)))
		(*rooms)[n++] = (struct instance_room){ .index = at->row.index,
			.kind = at->row.kind,
			.state = at->probe.state,
			.active = str_is(at->row.desired, "active"),
			.storage_group = at->row.storage_group,
			.capacity = at->row.capacity,
			.assigned = at->assigned };
	return n;
}
