/* A cache of every endpoint of every workspace, as in PostgreSQL, with its secrets opened.
 *
 * An endpoint stays the same object for as long as the cache lives, whatever changes in its row; a deleted one is kept and not live.
 */
#ifndef WEBHOOK_DISPATCHER_ENDPOINT_CACHE_H
#define WEBHOOK_DISPATCHER_ENDPOINT_CACHE_H

#include "crypto/seal.h"
#include "webhook-dispatcher/endpoints/endpoint.h"
#include "webhook-dispatcher/endpoints/sink.h"

struct endpoint_cache;

/* Takes the keyring; guard and sinks (one for each kind of endpoint) are borrowed. changed() is called for each endpoint that becomes live or
 * stops being live, but not for a new one that is live from the start. */
struct endpoint_cache *endpoint_cache_new(struct keyring **keyring, const struct guard *guard,
	const struct sink *const *sinks, void (*changed)(void *ctx, struct endpoint *e), void *ctx);
void endpoint_cache_free(struct endpoint_cache *c); /* accepts NULL */
/* Reads all endpoints, or (n > 0) these. */
int endpoint_cache_load(struct endpoint_cache *c, struct pg *pg, const struct uuid *uuids, size_t n,
	struct err *err) ERR_MUST_USE;
/* Removes and frees all endpoints. */
void endpoint_cache_clear(struct endpoint_cache *c);
/* Opens secrets with these keys from now on. Takes the keyring. Endpoints whose secrets could not be opened stay as they are until they are
 * read again. */
void endpoint_cache_use_keyring(struct endpoint_cache *c, struct keyring **keyring);
/* Those endpoints, to be freed; NULL: none. */
struct uuid *endpoint_cache_unopened(const struct endpoint_cache *c, size_t *n);

size_t endpoint_cache_live(const struct endpoint_cache *c); /* how many endpoints are live */
struct endpoint *endpoint_cache_find(const struct endpoint_cache *c, int64_t id); /* NULL: not known */
/* The endpoints of a workspace, linked by next; NULL: none. */
struct endpoint *endpoint_cache_of_workspace(const struct endpoint_cache *c, const struct uuid *workspace);
/* size_t i = 0; while ((e = endpoint_cache_each(c, &i))) … */
struct endpoint *endpoint_cache_each(const struct endpoint_cache *c, size_t *i);
/* Marks the endpoint as not live, until its row is read again: the dispatcher has decided to disable it. */
void endpoint_cache_disable(struct endpoint_cache *c, struct endpoint *e);

#endif
