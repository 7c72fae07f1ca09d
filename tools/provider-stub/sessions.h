/* The accounts that the stub plays: Meta's phone numbers and the bridges' sessions, found by provider and name. A session
 * named "*" is the pattern of all names that are not listed: it is copied at the first request that names one.
 *
 * Invariant: a session is freed with all others only, so that it may be kept; its fields may change with each
 * sessions_put(). */
#ifndef PROVIDER_STUB_SESSIONS_H
#define PROVIDER_STUB_SESSIONS_H

#include "stub.h"

struct session {
	enum stub_provider provider;
	char *name; /* phone number id, or the name of a bridge's session */
	/* Bearer token, API key, or the secret that signs requests (blazz). */
	char *key;
	char *waba; /* Meta; NULL: none */
	char *phone; /* the account's own number, in digits */
	char *webhook_url; /* NULL: nothing is posted */
	char *webhook_secret; /* what signs or authenticates posts */
};

struct sessions;

struct sessions *sessions_new(size_t max);
void sessions_free(struct sessions *s);
/* Adds or replaces one session, or all of an array: {"provider", "name", "key", "waba", "phone", "webhook_url",
 * "webhook_secret"}; the last four may be missing. ERR_INPUT. */
int sessions_put(struct sessions *s, const json *v, struct err *err) ERR_MUST_USE;
/* NULL when it is unknown. */
struct session *sessions_find(struct sessions *s, enum stub_provider provider, struct str name);
/* One of Meta's with this token, and with this WABA unless it is absent; NULL: none. */
struct session *sessions_of_token(const struct sessions *s, struct str token, struct str waba);
size_t sessions_count(const struct sessions *s);
void sessions_write(const struct sessions *s, struct json_writer *w); /* without keys and secrets */

#endif
