/* The endpoints in memory; see endpoint_cache.h. Invariant: an endpoint is live only while its row is enabled and its secrets could be
 * opened. */
#include "webhook-dispatcher/endpoints/endpoint_cache.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "crypto/sealed_row.h"
#include "webhook-dispatcher/endpoints/subscription.h"
#include "webhook-dispatcher/policy/retry_schedule.h"

struct endpoint_cache {
	struct keyring *keyring;
	const struct guard *guard;
	const struct sink *const *sinks;
	struct map *by_id, *by_workspace;
	size_t live;
	void (*changed)(void *ctx, struct endpoint *e);
	void *ctx;
};

struct endpoint_cache *endpoint_cache_new(struct keyring **keyring, const struct guard *guard,
	const struct sink *const *sinks, void (*changed)(void *ctx, struct endpoint *e), void *ctx)
{
	struct endpoint_cache *c = mem_calloc(1, sizeof(*c));

	c->keyring = *keyring;
	*keyring = NULL;
	c->guard = guard;
	c->sinks = sinks;
	c->by_id = map_new();
	c->by_workspace = map_new();
	c->changed = changed;
	c->ctx = ctx;
	return c;
}

static struct str id_key(const int64_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

/* Frees what was read from the endpoint's row; the object itself stays. */
static void endpoint_fini(struct endpoint *e)
{
	if (e->sink)
		e->sink->secrets_free(e->secrets);
	arena_free(e->arena);
}

void endpoint_cache_clear(struct endpoint_cache *c)
{
	struct endpoint *e;
	struct str key;
	void *workspace;
	size_t i = 0;

	while ((e = endpoint_cache_each(c, &i))) {
		endpoint_fini(e);
		free(e);
	}
	for (i = 0; map_each(c->by_workspace, &i, &key, &workspace);)
		free(workspace);
	map_clear(c->by_id);
	c->live = 0;
	map_clear(c->by_workspace);
}

void endpoint_cache_free(struct endpoint_cache *c)
{
	if (!c)
		return;
	endpoint_cache_clear(c);
	map_free(c->by_id);
	map_free(c->by_workspace);
	keyring_free(c->keyring);
	free(c);
}

void endpoint_cache_use_keyring(struct endpoint_cache *c, struct keyring **keyring)
{
	keyring_free(c->keyring);
	c->keyring = *keyring;
	*keyring = NULL;
}

struct uuid *endpoint_cache_unopened(const struct endpoint_cache *c, size_t *n)
{
	struct uuid *out = NULL;
	struct endpoint *e;
	size_t cap = 0;

	*n = 0;
	for (size_t i = 0; (e = endpoint_cache_each(c, &i));) {
		if (e->secrets || e->row.deleted)
			continue;
		out = vec_grow(out, *n, &cap, sizeof(*out));
		out[(*n)++] = e->row.uuid;
	}
	return out;
}

static int secrets_open(const struct endpoint_cache *c, struct endpoint *e, struct str sealed, struct err *err)
{
	struct buf plain = BUF_INIT;
	int rc = row_unseal(c->keyring, SEALED_ENDPOINT, &e->row.uuid, sealed, &plain, err);

	if (rc == 0)
		rc = e->sink->secrets_parse(&e->row, buf_str(&plain), &e->secrets, err);
	buf_wipe(&plain);
	buf_fini(&plain);
	return rc;
}

/* Validates URL and headers here as well, whatever program wrote the row: an endpoint with invalid ones is never sent a request. */
static void wire_read(const struct endpoint_cache *c, struct endpoint *e, const struct endpoint_row *row)
{
	static char *none[] = { NULL };
	struct err err = { 0 };

	e->headers = none;
	if (guard_host(c->guard, row->url, &e->host, &err) == 0 &&
		headers_parse(row->headers, e->arena, &e->headers, &err) == 0)
		return;
	e->misconfigured = arena_cstr(e->arena, str_of(err.msg));
	log_warn("endpoint is misconfigured", LOG_I("endpoint_id", row->id), LOG_ERR(&err));
}

static void endpoint_read(struct endpoint_cache *c, struct endpoint *e, const struct endpoint_row *row)
{
	struct arena *a = arena_new(1024);
	struct err err = { 0 };

	*e = (struct endpoint){ .workspace = e->workspace, .next = e->next, .arena = a, .row = *row };
	e->sink = c->sinks[row->kind];
	e->row.name = arena_str(a, row->name);
	e->row.disabled_reason = arena_str(a, row->disabled_reason);
	e->row.event_types = ARENA_ARRAY(a, struct str, row->n_event_types + 1);
	for (size_t i = 0; i < row->n_event_types; i++)
		e->row.event_types[i] = arena_str(a, row->event_types[i]);
	e->row.schedule_ms = ARENA_ARRAY(a, int64_t, row->n_schedule + 1);
	for (size_t i = 0; i < row->n_schedule; i++)
		e->row.schedule_ms[i] = row->schedule_ms[i];
	e->schedule = retry_schedule_default;
	if (row->n_schedule > 0)
		e->schedule = (struct schedule){ .delays_ms = e->row.schedule_ms, .n = row->n_schedule };
	e->schedule.max_retries = row->max_retries;
	e->row.secrets = STR_NONE;
	e->url = arena_cstr(a, row->url);
	e->row.url = str_of(e->url);
	wire_read(c, e, row);
	e->row.headers = STR_NONE;
	e->kinds = subscription_kinds(&e->row);
	if (e->sink->narrow)
		e->sink->narrow(e);
	e->live = store_endpoint_is_live(row);
	if (secrets_open(c, e, row->secrets, &err) < 0) {
		e->live = false;
		log_error("endpoint's secrets cannot be opened", LOG_I("endpoint_id", row->id), LOG_ERR(&err));
	}
}

static struct endpoint *endpoint_new(struct endpoint_cache *c, const struct uuid *workspace_id)
{
	void **slot = map_slot(c->by_workspace, uuid_bytes(workspace_id));
	struct endpoint *e = mem_calloc(1, sizeof(*e));

	if (!*slot) {
		struct workspace *w = *slot = mem_calloc(1, sizeof(*w));

		fair_tenant_init(&w->tenant);
	}
	e->workspace = *slot;
	e->next = e->workspace->endpoints;
	e->workspace->endpoints = e;
	return e;
}

static void endpoint_load(void *ctx, const struct endpoint_row *row)
{
	struct endpoint_cache *c = ctx;
	void **slot = map_slot(c->by_id, id_key(&row->id));
	struct endpoint *e = *slot;
	bool known = e != NULL, was_live = e && e->live, was_deleted = e && e->row.deleted;

	if (!known)
		*slot = e = endpoint_new(c, &row->workspace);
	endpoint_fini(e);
	endpoint_read(c, e, row);
	c->live = c->live - was_live + e->live;
	if (known ? e->live != was_live || e->row.deleted != was_deleted : !e->live && !e->row.deleted)
		c->changed(c->ctx, e);
}

int endpoint_cache_load(struct endpoint_cache *c, struct pg *pg, const struct uuid *uuids, size_t n, struct err *err)
{
	struct arena *a = arena_new(16384);
	int rc = store_endpoints_read(pg, uuids, n, a, endpoint_load, c, err);

	arena_free(a);
	return rc;
}

size_t endpoint_cache_live(const struct endpoint_cache *c)
{
	return c->live;
}

struct endpoint *endpoint_cache_find(const struct endpoint_cache *c, int64_t id)
{
	return map_get(c->by_id, id_key(&id));
}

struct endpoint *endpoint_cache_of_workspace(const struct endpoint_cache *c, const struct uuid *workspace)
{
	const struct workspace *w = map_get(c->by_workspace, uuid_bytes(workspace));

	return w ? w->endpoints : NULL;
}

struct endpoint *endpoint_cache_each(const struct endpoint_cache *c, size_t *i)
{
	struct str key;
	void *e;

	return map_each(c->by_id, i, &key, &e) ? e : NULL;
}

void endpoint_cache_disable(struct endpoint_cache *c, struct endpoint *e)
{
	if (!e->live)
		return;
	e->live = false;
	c->live--;
	c->changed(c->ctx, e);
}
