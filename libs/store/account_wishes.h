/* What operators want of an account's session, and what has become of it. Role blazz_admin.
 *
 * A wish is the time at which it was made: cleanup fulfils each kind once for every newer time. Deleted accounts are found, too, since
 * one that is desired as connected again comes back with its conversations. Times are us since the epoch, PG_NO_TIME
 * for never. */
#ifndef STORE_ACCOUNT_WISHES_H
#define STORE_ACCOUNT_WISHES_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/party.h"

enum account_wish {
	WISH_CONNECTED, /* the three states that can be desired */
	WISH_DISCONNECTED,
	WISH_DELETED,
	WISH_RESTART,
	WISH_RELINK, /* log out, and log in again with a new code */
};

struct account_state {
	int64_t workspace_id, id;
	struct uuid workspace, uuid;
	struct str session_id;
	enum provider provider;
	enum bridge_kind bridge;
	bool is_primary;
	/* desired */
	struct str desired;
	int64_t desired_us, restart_us, relink_us, move_us, deleted_us;
	int64_t move_to; /* an index, -1: none */
	int64_t instance, previous_instance; /* the same */
	struct str instance_url; /* with no index: the account is unmanaged */
	int64_t migrations, migrated_us;
	/* reported */
	struct str status, disconnect_reason, disconnect_details, phone_number, reported_phone;
	int64_t status_since_us, disconnected_us, connected_us;
	int16_t health_score;
	/* observed by cleanup; absent: it has not seen the account yet */
	struct str observed, action, outcome, reason, error;
	int64_t observed_us, next_us, restarted_us, relinked_us, moved_us;
	int64_t attempt, epoch;
};

/* By uuid or session id; strings are copied into the arena. ERR_INPUT "unknown". */
int store_account_state(struct pg *pg, struct str uuid_or_session, struct arena *arena, struct account_state *out,
	struct err *err) ERR_MUST_USE;
/* The same, locked until the end of the caller's transaction. */
int store_account_state_lock(struct pg *pg, struct str uuid_or_session, struct arena *arena, struct account_state *out,
	struct err *err) ERR_MUST_USE;

/* Its bridge is not a registered instance: cleanup leaves the session alone. */
bool store_account_is_unmanaged(const struct account_state *a);

/* Of an account that is locked. ERR_INPUT "deleted": only WISH_CONNECTED can be wished of a deleted account; "meta",
 * "unmanaged": it has no session that cleanup could restart or link. */
int store_account_wish(struct pg *pg, const struct account_state *a, enum account_wish wish,
	struct err *err) ERR_MUST_USE;
/* Wishes the account onto another instance, with a new login if `relink`. ERR_INPUT "move", with the reason, unless the instance is
 * active and of the account's kind, and has the files of the session or `relink` is set; ERR_INPUT "unknown". */
int store_account_move(struct pg *pg, const struct account_state *a, int64_t to, bool relink,
	struct err *err) ERR_MUST_USE;

/* Asks for an instance for an account that has none yet; of the account workspace_id, id and bridge are read. Errors as
 * store_account_move(), but no session's files are needed. */
int store_account_ask(struct pg *pg, const struct account_state *a, int64_t to, struct err *err) ERR_MUST_USE;

/* Which instance an account counts for. */
struct account_place {
	struct uuid uuid;
	int64_t at; /* where it is assigned, or, while a move that cleanup can carry out is pending, where that leads: an index */
	bool movable; /* desired as connected, and no such move is pending */
	bool connected; /* reported */
	int64_t active_us;
};
/* Of live accounts that are assigned to an instance, in the order of their ids. */
int store_account_places(struct pg *pg, void (*each)(void *ctx, const struct account_place *p), void *ctx,
	struct err *err) ERR_MUST_USE;

/* The code with which an account can log in now. */
struct account_code {
	bool pairing; /* to be typed, not scanned */
	struct str sealed; /* bound to "qr:<uuid>" of the account; absent: there is none */
	int64_t expires_us;
};
/* One that has expired is none. The code is copied into the arena. */
int store_account_code(struct pg *pg, const struct account_state *a, struct arena *arena, struct account_code *out,
	struct err *err) ERR_MUST_USE;

#endif
