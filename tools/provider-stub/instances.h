/* Instances of bridges and the state of their sessions, for tests of what manages sessions. One stub plays many instances,
 * each below the path "/~NAME". README.md, Instances.
 *
 * Invariant: an instance and its sessions are freed with all others only; a session that was deleted keeps its highest
 * epoch. */
#ifndef PROVIDER_STUB_INSTANCES_H
#define PROVIDER_STUB_INSTANCES_H

#include "stub.h"

enum live_state { LIVE_ABSENT, LIVE_STOPPED, LIVE_STARTING, LIVE_QR, LIVE_CONNECTED, LIVE_FAILED, LIVE_STATES };
const char *live_state_word(enum live_state state);

/* A session at an instance. */
struct live {
	char *name, *phone; /* phone: digits; NULL: not logged in */
	enum live_state state;
	int64_t ready_mono_ms; /* starting until then, whatever the state */
	int64_t epoch; /* blazz: the highest seen */
};

struct instance {
	enum stub_provider provider;
	char *name;
	char *key; /* API key, or the secret that signs requests (blazz) */
	int64_t capacity;
	bool dead; /* connections are closed without an answer */
	enum live_state starts_as; /* what a start leads to, */
	int64_t start_ms; /* after this time */
	struct map *live; /* from name to struct live */

	/* Lease of blazz: until ttl_s after the moment at which the token was issued that the request repeats. */
	uint64_t token; /* the last issued; 0: none */
	int64_t issued_mono_ms, until_mono_ms;
};

struct instances;

struct instances *instances_new(void);
void instances_free(struct instances *s); /* accepts NULL */
/* Adds or changes one, or each of an array: members that are missing stay. ERR_INPUT. */
int instances_put(struct instances *s, const json *v, struct err *err) ERR_MUST_USE;
struct instance *instances_find(const struct instances *s, struct str name); /* NULL: unknown */
void instances_write(struct instances *s, struct json_writer *w, int64_t now_mono_ms); /* without keys */

/* Another instance of the same kind that runs a session of this name while `at` does, too; NULL: none. */
const char *instances_also_at(const struct instances *s, struct instance *at, struct str name, int64_t now_mono_ms);

/* NULL when the instance does not know it; with `add`, then, a new one that is absent. */
struct live *instance_live(struct instance *at, struct str name, bool add);
enum live_state live_state_of(const struct live *l, int64_t now_mono_ms);
/* Stops what runs without a lease (blazz). Before anything is asked of the instance, dead or not. */
void instance_expire(struct instance *at, int64_t now_mono_ms);
bool instance_has_lease(const struct instance *at, int64_t now_mono_ms); /* of other kinds always */
/* Renews the lease by the token of the previous answer, and issues the next. */
void instance_lease(struct instance *at, struct str token, int64_t ttl_ms, int64_t now_mono_ms);
void live_start(struct instance *at, struct live *l, int64_t now_mono_ms);
void live_logout(struct live *l); /* stops it, too */

#endif
