/* Endpoints, to which events of a workspace are delivered. The gateway and blazzctl write the definition, the
 * dispatcher the health (db/README.md).
 *
 * Texts that come from outside (reason) must be storable (base/utf8.h): that is the caller's duty. */
#ifndef STORE_WEBHOOK_ENDPOINTS_H
#define STORE_WEBHOOK_ENDPOINTS_H

#include "base/arena.h"
#include "pg/pg.h"

#define WEBHOOKS_CHANNEL "blazz_webhooks" /* notified with an endpoint's uuid when anything of endpoint_row changes */

enum endpoint_kind { ENDPOINT_HTTP, ENDPOINT_PUSHER };
enum endpoint_state { ENDPOINT_ACTIVE, ENDPOINT_FAILING, ENDPOINT_DISABLED };
const char *store_endpoint_kind_word(enum endpoint_kind k);
const char *store_endpoint_state_word(enum endpoint_state s);

struct endpoint_key {
	int64_t workspace_id, endpoint_id;
};

struct endpoint_row {
	int64_t workspace_id, id;
	struct uuid workspace, uuid;
	enum endpoint_kind kind;
	struct str name, url;
	/* Sealed JSON, bound to the uuid: {"keys":[{"secret":"whsec_…","expires_at":ms or absent}, …]}, newest first;
	 * of a pusher {"app_id","key","secret","channel"}. */
	struct str secrets;
	struct str *event_types; /* "message.created", "message.*"; none: all */
	size_t n_event_types;
	unsigned origins; /* 1u << enum origin */
	bool ordered; /* by conversation */
	bool lenient; /* client errors are retried over the whole schedule */
	int32_t rate; /* deliveries per second and partition; 0: no limit */
	int32_t max_in_flight; /* per partition */
	int32_t timeout_ms;
	int64_t *schedule_ms; /* delays between attempts; none: the default */
	size_t n_schedule;
	int32_t max_retries; /* -1: as many as the schedule has delays */
	struct str headers; /* JSON object of texts, sent along; absent: none */
	struct str api_version;
	bool enabled;
	int64_t enabled_us, active_from_us;
	enum endpoint_state state;
	struct str disabled_reason;
	int64_t disabled_us, failing_since_us; /* PG_NO_TIME: not */
	bool deleted; /* it or its workspace is deleted */
};

/* Enabled by its owner, and not disabled since. */
bool store_endpoint_is_live(const struct endpoint_row *e);

/* All endpoints that are not deleted, or (uuids) these, deleted or not. Strings live in the arena. */
int store_endpoints_read(struct pg *pg, const struct uuid *uuids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct endpoint_row *row), void *ctx, struct err *err) ERR_MUST_USE;

/* The dispatcher's findings about an endpoint's health. They do not change an endpoint that is disabled or deleted;
 * after it was enabled again, earlier findings no longer count. Applied in the order of this enum, whatever the order
 * given. */
enum endpoint_finding {
	ENDPOINT_FAILS, /* every attempt since at_us failed: failing_since, unless it is set */
	ENDPOINT_EXHAUSTED, /* a delivery was exhausted: its state becomes failing */
	ENDPOINT_ANSWERS, /* failing_since is cleared, its state becomes active */
	/* It is disabled, with reason; not when it was enabled after at_us, or has failed for less than failing_ms. */
	ENDPOINT_DISABLE,
};
#define ENDPOINT_FINDINGS 4
struct endpoint_change {
	int64_t workspace_id, id;
	enum endpoint_finding finding;
	int64_t at_us; /* limited to now, whatever the dispatcher's clock says */
	/* ENDPOINT_DISABLE: how long it must have failed, by PostgreSQL's clock and also at other replicas; 0: at once. */
	int64_t failing_ms;
	const char *reason; /* ENDPOINT_DISABLE */
	/* out: of several replicas that find the same, one changed it. EXHAUSTED: its state became failing; ANSWERS:
	 * became active; FAILS: failing_since was set. */
	bool changed;
};
/* In the caller's transaction. Locks the rows in the order of their ids. */
int store_endpoints_change(struct pg *pg, struct endpoint_change *changes, size_t n, struct err *err) ERR_MUST_USE;

/* For blazzctl, role blazz_admin: the definition and the wish. ERR_INPUT "unknown" when there is no such endpoint, or
 * it is deleted. */
/* Fills e->id; the caller sets uuid and sealed secrets. ERR_INPUT 23514 for values that the table's checks reject. */
int store_endpoint_add(struct pg *pg, struct endpoint_row *e, struct err *err) ERR_MUST_USE;
int store_endpoint_find(struct pg *pg, const struct uuid *uuid, struct arena *a, struct endpoint_row *out,
	struct err *err) ERR_MUST_USE;
/* Enabling moves enabled_us to now: an endpoint that the dispatcher disabled is live again. */
int store_endpoint_set_enabled(struct pg *pg, const struct uuid *uuid, bool enabled, struct err *err) ERR_MUST_USE;
int store_endpoint_set_secrets(struct pg *pg, const struct uuid *uuid, struct str sealed, struct err *err) ERR_MUST_USE;
int store_endpoint_remove(struct pg *pg, const struct uuid *uuid, struct err *err) ERR_MUST_USE; /* soft */

#endif
