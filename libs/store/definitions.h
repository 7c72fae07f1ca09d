/* Workspaces, apps and accounts as blazzctl configures and lists them. Role blazz_admin.
 *
 * Secrets are sealed by the caller and bound to the row's uuid, so that the caller draws it. Lists pass each row to
 * each(); strings are borrowed for the call.
 */
#ifndef STORE_DEFINITIONS_H
#define STORE_DEFINITIONS_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/inbound.h"

struct workspace_info {
	int64_t id;
	struct uuid uuid;
	struct str name, settings; /* settings: jsonb; absent in store_workspace_add(): {} */
	int64_t created_us;
};
/* Fills w->id. ERR_CONFLICT when the uuid is taken. */
int store_workspace_add(struct pg *pg, struct workspace_info *w, struct err *err) ERR_MUST_USE;
/* Sets these members of its settings (a JSON object), where null removes one; *out: all of them then, in the arena. */
int store_workspace_settings(struct pg *pg, int64_t id, struct str settings, struct arena *a, struct str *out,
	struct err *err) ERR_MUST_USE;
int store_workspaces_list(struct pg *pg, void (*each)(void *ctx, const struct workspace_info *w), void *ctx,
	struct err *err) ERR_MUST_USE;
/* A live workspace by uuid or by name. ERR_INPUT "unknown" when there is none, "ambiguous" when several have this
 * name. */
int store_workspace_find(struct pg *pg, struct str uuid_or_name, int64_t *id, struct uuid *uuid,
	struct err *err) ERR_MUST_USE;
/* The same of any workspace, also a deleted one; strings live as long as the arena. */
struct workspace_state {
	int64_t id;
	struct uuid uuid;
	struct str name;
	int64_t deleted_us; /* PG_NO_TIME: it is not deleted */
	struct str stage; /* of its deletion; absent: it can be restored */
	int64_t stage_us;
	int64_t sessions; /* accounts that are not deleted, or whose session a bridge may still have */
};
int store_workspace_state(struct pg *pg, struct str uuid_or_name, struct arena *a, struct workspace_state *out,
	struct err *err) ERR_MUST_USE;
/* Deletes a live workspace; it can be restored until cleanup begins to delete what belongs to it. */
int store_workspace_delete(struct pg *pg, int64_t id, struct err *err) ERR_MUST_USE;
/* ERR_INPUT "deleted" when that has begun, "live" when it is not deleted. */
int store_workspace_restore(struct pg *pg, const struct workspace_state *w, struct err *err) ERR_MUST_USE;

struct app_info {
	int64_t id, workspace_id; /* 0: the platform's */
	struct uuid uuid;
	struct str kind, name;
	struct str secrets; /* sealed */
	int64_t created_us;
};
int store_app_add(struct pg *pg, struct app_info *app, struct err *err) ERR_MUST_USE; /* fills id */
/* A live app, locked until the end of the caller's transaction; strings are copied into the arena. ERR_INPUT
 * "unknown". */
int store_app_lock(struct pg *pg, const struct uuid *uuid, struct arena *a, struct app_info *out,
	struct err *err) ERR_MUST_USE;
/* Stores name and secrets of an app that is locked. */
int store_app_set(struct pg *pg, const struct app_info *app, struct err *err) ERR_MUST_USE;
int store_apps_list(struct pg *pg, void (*each)(void *ctx, const struct app_info *app), void *ctx,
	struct err *err) ERR_MUST_USE;

struct account_info {
	int64_t workspace_id, id;
	struct uuid workspace, uuid;
	struct str session_id;
	enum provider provider;
	struct uuid app; /* nil: none */
	enum bridge_kind bridge;
	struct str provider_ref, phone_number, phone_number_id, waba_id, business_id, assigned_instance_url;
	bool is_primary;
	struct str secrets; /* sealed, absent: none */
	const int64_t *asked_instance; /* of one that is added: the index asked for; NULL: cleanup chooses */
	/* of rows that are read */
	struct str desired_state, status, disconnect_reason, sync; /* sync: jsonb */
	int64_t status_since_us, disconnected_us, last_activity_us;
	int64_t instance; /* an index, -1: none */
	int16_t health_score;
};
/* Adds an account in a transaction of its own; a primary one replaces the workspace's previous primary, and the first one becomes primary.
 * Fills a->id and a->is_primary.
 * ERR_CONFLICT when another account has the session_id, phone_number_id or provider_ref, or another workspace the WABA,
 * and says which; ERR_INPUT "unknown" when there is no such app; for the instance asked for as store_account_ask(). */
int store_account_add(struct pg *pg, struct account_info *a, struct err *err) ERR_MUST_USE;
/* The session id of the workspace's last deleted account with this number, or of one that is to be deleted; absent: none. The number that
 * was reported counts before the one that was defined, and all variants of a number are one (phone/phone.h). In the arena. */
int store_account_deleted(struct pg *pg, int64_t workspace_id, struct str phone, struct arena *arena,
	struct str *session_id, struct err *err) ERR_MUST_USE;
/* A live account by uuid or session id, locked until the end of the caller's transaction; strings are copied into the
 * arena. ERR_INPUT "unknown". */
int store_account_lock(struct pg *pg, struct str uuid_or_session, struct arena *arena, struct account_info *out,
	struct err *err) ERR_MUST_USE;
/* Stores names, app and secrets of an account that is locked; a name of no bytes is removed. Errors as
 * store_account_add(). */
int store_account_set(struct pg *pg, const struct account_info *a, struct err *err) ERR_MUST_USE;
/* Makes a live account the primary one of its workspace. */
int store_account_primary_set(struct pg *pg, int64_t workspace_id, int64_t id, struct err *err) ERR_MUST_USE;
/* Live accounts of a workspace, 0: of all. */
int store_accounts_list(struct pg *pg, int64_t workspace_id, void (*each)(void *ctx, const struct account_info *a),
	void *ctx, struct err *err) ERR_MUST_USE;

struct sync_info {
	struct uuid workspace, account;
	struct str session_id;
	struct str sync; /* jsonb: status, counts, as chat-sync wrote them */
};
/* Live accounts of a workspace (0: of all) that have ever synced. */
int store_syncs_list(struct pg *pg, int64_t workspace_id, void (*each)(void *ctx, const struct sync_info *s), void *ctx,
	struct err *err) ERR_MUST_USE;

#endif
