/* Who wants what: every endpoint of every workspace, as PostgreSQL has it, with its keys opened.
 *
 * An endpoint stays the same object for as long as the directory lives, whatever changes in it; a deleted one is only not live any more.
 */
#ifndef WEBHOOK_DISPATCHER_DIRECTORY_H
#define WEBHOOK_DISPATCHER_DIRECTORY_H

#include "crypto/seal.h"
#include "http/guard.h"
#include "pacing/fair_queue.h"
#include "pacing/schedule.h"
#include "webhook-dispatcher/event.h"
#include "webhook-dispatcher/sink.h"

struct workspace {
	struct endpoint *endpoints; /* linked by next */
	struct fair_tenant tenant;
};

struct endpoint {
	struct workspace *workspace;
	struct endpoint_row row;
	struct arena *arena; /* of the row */
	const struct sink *sink; /* of its kind */
	void *secrets; /* as the sink keeps them; NULL: they cannot be opened, so it is not live */
	struct schedule schedule;
	char *url;
	struct url_host host;
	char **headers;           /* "Name: value" of its own, ended by NULL */
	char *misconfigured; /* why nothing may be sent to it as its row is: its URL, its headers; NULL: nothing is wrong */
	uint64_t kinds; /* a bit of each enum chat_event_kind that may be wanted */
	bool live;
	struct endpoint *next; /* of the same workspace */
};

struct directory;

/* Takes the keyring; guard is borrowed. changed() is called for each endpoint that begins or ceases to be live (a new one that is: not). */
struct directory *directory_new(struct keyring **keyring, const struct guard *guard,
	void (*changed)(void *ctx, struct endpoint *e), void *ctx);
void directory_free(struct directory *d); /* accepts NULL */
/* Reads all endpoints, or (n > 0) these. */
int directory_load(struct directory *d, struct pg *pg, const struct uuid *uuids, size_t n,
	struct err *err) ERR_MUST_USE;
/* Forgets everything. */
void directory_clear(struct directory *d);
/* Opens secrets with these keys from now on. Takes the keyring. */
void directory_use_keyring(struct directory *d, struct keyring **keyring);

struct endpoint *directory_find(const struct directory *d, int64_t id); /* NULL: not known */
/* The endpoints of a workspace, linked by next; NULL: none. */
struct endpoint *directory_of_workspace(const struct directory *d, const struct uuid *workspace);
/* size_t i = 0; while ((e = directory_each(d, &i))) … */
struct endpoint *directory_each(const struct directory *d, size_t *i);
/* Its types and origins, live or not. */
bool endpoint_subscribes(const struct endpoint *e, const struct chat_event *event);
/* And as part of the stream: since it became active, or replayed for it alone. */
bool endpoint_wants(const struct endpoint *e, const struct reading *r);
/* "message.*", "message.created" */
bool event_type_fits(struct str pattern, struct str full_type);
/* It was found out that it is not live any more: until PostgreSQL is read again. */
void endpoint_turn_off(struct directory *d, struct endpoint *e);

#endif
