/* Instances of bridges, as blazzctl registers and lists them. Role blazz_admin.
 *
 * Secrets are sealed by the caller and bound to the row's uuid ("instance:<uuid>"), so that the caller draws it. A removed instance
 * keeps its row, because its index is never used again; to these functions it does not exist. Times are us since the
 * epoch, PG_NO_TIME for never. */
#ifndef STORE_INSTANCE_DEFINITIONS_H
#define STORE_INSTANCE_DEFINITIONS_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/party.h"

#define INSTANCE_ACTIVE   "active"
#define INSTANCE_DRAINING "draining" /* gets no further accounts; its own move within its storage group */
#define INSTANCE_OFF      "off" /* the operator's word that no session can run there */

struct instance_info {
	int64_t index;
	struct uuid uuid;
	enum bridge_kind kind;
	struct str url, storage_group; /* storage_group: "" for its own */
	struct str storage_path; /* of a session's files below the root of all storage; "": not known */
	int64_t capacity;
	struct str secrets; /* sealed, absent: none */
	/* of rows that are read */
	struct str desired, state, error;
	int64_t desired_us, state_since_us, probed_us, fenced_us, created_us;
	int64_t failures, sessions; /* probes in a row that failed; sessions that it listed */
	int64_t accounts; /* live ones that are assigned to it */
};

/* Fills i->index. ERR_CONFLICT when the URL is registered. */
int store_instance_add(struct pg *pg, struct instance_info *i, struct err *err) ERR_MUST_USE;
/* By index; strings are borrowed for the call. */
int store_instances_list(struct pg *pg, void (*each)(void *ctx, const struct instance_info *i), void *ctx,
	struct err *err) ERR_MUST_USE;
/* One instance; strings are copied into the arena. ERR_INPUT "unknown". */
int store_instance_find(struct pg *pg, int64_t index, struct arena *arena, struct instance_info *out,
	struct err *err) ERR_MUST_USE;
/* The same, locked until the end of the caller's transaction. */
int store_instance_lock(struct pg *pg, int64_t index, struct arena *arena, struct instance_info *out,
	struct err *err) ERR_MUST_USE;

/* Of an instance that is locked. Stores URL, capacity and secrets; errors as store_instance_add(). */
int store_instance_set(struct pg *pg, const struct instance_info *i, struct err *err) ERR_MUST_USE;
int store_instance_desire(struct pg *pg, const struct instance_info *i, const char *desired,
	struct err *err) ERR_MUST_USE;
/* ERR_INPUT "in_use" when accounts are assigned to it, or when it may run sessions: it was probed and is not off. */
int store_instance_remove(struct pg *pg, const struct instance_info *i, struct err *err) ERR_MUST_USE;

/* Registers the URLs of live accounts that no instance has, without secrets; each() is called for each new instance. Of
 * a URL that accounts of two kinds have, only one kind is registered. */
int store_instances_adopt(struct pg *pg, void (*each)(void *ctx, const struct instance_info *i), void *ctx,
	struct err *err) ERR_MUST_USE;

#endif
