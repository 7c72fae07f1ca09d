/* The instances of bridges: probed, leased, listed. Source: README.md, Instances.
 *
 *   unknown --1 success--> up --3 failures--> down --2 successes--> up
 *        any state --key rejected--> misconfigured --success--> up
 *
 * A bridge of kind blazz gets its lease with each probe, and while it is down none: only its health is asked. So its sessions have ended
 * fleet_fence_ms() after the last lease request began, and may run elsewhere. Everything runs in the loop's thread. */
#ifndef CLEANUP_FLEET_H
#define CLEANUP_FLEET_H

#include "cleanup/calls/calls.h"
#include "cleanup/policy/assignment.h"
#include "crypto/sealed_row.h"
#include "store/cleanup_instances.h"

struct instance {
	struct instance_row row;
	struct bridge_instance bridge; /* as calls want it; without a key when its secrets cannot be opened */
	struct signing_keys *signing;
	struct arena *arena; /* of row and bridge */
	struct probe_state probe;
	int64_t state_since_us, probed_us;
	int64_t sessions; /* in its last list */
	int64_t assigned; /* accounts: counted by the accounts' owner */
	int64_t arriving; /* of them: to come from other instances, or not started yet */
	/* internal */
	struct fleet *fleet;
	int64_t probe_mono_ms, list_mono_ms; /* when the next one is due */
	int64_t lease_mono_ms; /* when the last lease request began; 0: none since this replica leads */
	int64_t down_mono_ms; /* when it went down; 0: before this replica led */
	bool listed; /* since this replica leads, or since it came up */
	bool probing, listing, changed; /* changed: to be reported */
	struct str error; /* static, or in the arena; absent: none */
	char token[WIRE_MAX_ID_BYTES + 1];
};

struct fleet;

struct fleet_options {
	struct calls *calls; /* borrowed */
	const struct keyring *keyring; /* borrowed until fleet_use_keyring() */
	int64_t probe_interval_ms, list_interval_ms;
	int64_t session_ttl_ms; /* how long instances of kind blazz run their sessions without a new lease: whole seconds */
	/* The state of an instance has changed. */
	void (*changed)(void *ctx, struct instance *at);
	/* An instance has listed its sessions, of a request that began at asked_us; the answer is borrowed. */
	void (*listed)(void *ctx, struct instance *at, const struct bridge_answer *answer, int64_t asked_us);
	void *ctx;
};

struct fleet *fleet_new(const struct fleet_options *options);
void fleet_free(struct fleet *f); /* accepts NULL; after calls_abort() */
void fleet_use_keyring(struct fleet *f, const struct keyring *keyring); /* the next load opens secrets with it */

/* Reads all instances, and keeps what is known of those that stay. */
int fleet_load(struct fleet *f, struct pg *pg, struct err *err) ERR_MUST_USE;
/* This replica leads from now on: requests of its predecessor began earlier. */
void fleet_lead(struct fleet *f);
/* It no longer does: everything is forgotten. After calls_abort(). */
void fleet_clear(struct fleet *f);
/* Begins the probes and lists that are due. */
void fleet_turn(struct fleet *f);
/* Writes what has changed, in the open transaction of a lease. */
int fleet_report(struct fleet *f, struct pg *pg, struct err *err) ERR_MUST_USE;
bool fleet_has_report(const struct fleet *f);

struct instance *fleet_find(const struct fleet *f, int64_t index); /* NULL: unknown, or removed */
struct instance *fleet_find_url(const struct fleet *f, enum bridge_kind kind, struct str url); /* the same */
struct instance *fleet_each(const struct fleet *f, size_t *i); /* NULL at the end; without removed ones */
/* Whether calls about sessions may be made. */
bool instance_is_usable(const struct instance *at);
/* How long after the start of the last lease request the sessions of an instance have ended: longer than the lease by a sixth, as clocks
 * differ. */
int64_t fleet_fence_ms(const struct fleet *f);
/* Whether its sessions have certainly ended: switched off by the operator's word, or its lease has. */
bool instance_is_fenced(const struct instance *at, int64_t now_mono_ms);
/* A call about a session was answered "bad key". */
void instance_reject_key(struct instance *at);
/* More than half of the instances that are not off went down within a minute, and are down: nothing is moved. */
bool fleet_is_suspect(const struct fleet *f);
/* The room of all instances, for assignment_choose(); *rooms is allocated, the caller frees it. */
size_t fleet_rooms(const struct fleet *f, struct instance_room **rooms);

#endif
