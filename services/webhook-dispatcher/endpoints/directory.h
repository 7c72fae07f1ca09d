/* A cache of every endpoint of every workspace, as in PostgreSQL, with its secrets opened.
 *
 * An endpoint stays the same object for as long as the directory lives, whatever changes in its row; a deleted one is kept and not live.
 */
#ifndef WEBHOOK_DISPATCHER_DIRECTORY_H
#define WEBHOOK_DISPATCHER_DIRECTORY_H

#include "crypto/seal.h"
#include "webhook-dispatcher/endpoints/endpoint.h"
#include "webhook-dispatcher/endpoints/sink.h"

struct directory;

/* Takes the keyring; guard and sinks (one for each kind of endpoint) are borrowed. changed() is called for each endpoint that becomes live or
 * stops being live, but not for a new one that is live from the start. */
struct directory *directory_new(struct keyring **keyring, const struct guard *guard, const struct sink *const *sinks,
	void (*changed)(void *ctx, struct endpoint *e), void *ctx);
void directory_free(struct directory *d); /* accepts NULL */
/* Reads all endpoints, or (n > 0) these. */
int directory_load(struct directory *d, struct pg *pg, const struct uuid *uuids, size_t n,
	struct err *err) ERR_MUST_USE;
/* Removes and frees all endpoints. */
void directory_clear(struct directory *d);
/* Opens secrets with these keys from now on. Takes the keyring. */
void directory_use_keyring(struct directory *d, struct keyring **keyring);

size_t directory_live(const struct directory *d); /* how many endpoints are live */
struct endpoint *directory_find(const struct directory *d, int64_t id); /* NULL: not known */
/* The endpoints of a workspace, linked by next; NULL: none. */
struct endpoint *directory_of_workspace(const struct directory *d, const struct uuid *workspace);
/* size_t i = 0; while ((e = directory_each(d, &i))) … */
struct endpoint *directory_each(const struct directory *d, size_t *i);
/* Marks the endpoint as not live, until its row is read again: the dispatcher has decided to disable it. */
void endpoint_turn_off(struct directory *d, struct endpoint *e);

#endif
