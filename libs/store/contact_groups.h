/* Audiences as blazzctl and gateway write them: groups of addresses, without contacts. Role blazz_admin, or
 * blazz_gateway in its own workspace. Lists pass each row to each(); strings are borrowed for the call. */
#ifndef STORE_CONTACT_GROUPS_H
#define STORE_CONTACT_GROUPS_H

#include "pg/pg.h"

struct contact_group {
	int64_t workspace_id, id;
	struct uuid uuid;
	struct str name;
	int64_t members, created_us; /* of rows that are read */
};
/* Fills id. ERR_CONFLICT when the uuid is taken. */
int store_contact_group_add(struct pg *pg, struct contact_group *g, struct err *err) ERR_MUST_USE;
/* A group that is not deleted, locked against a second import until the caller's transaction ends. 1: *id is filled;
 * 0: none. */
int store_contact_group_lock(struct pg *pg, int64_t workspace_id, const struct uuid *uuid, int64_t *id,
	struct err *err) ERR_MUST_USE;
/* Groups of a workspace that are not deleted, by name. Counts their members, which takes time in proportion. */
int store_contact_groups_list(struct pg *pg, int64_t workspace_id,
	void (*each)(void *ctx, const struct contact_group *g), void *ctx, struct err *err) ERR_MUST_USE;

struct group_member {
	struct str address; /* as in sends; see db/README.md */
	struct str phone, name; /* absent: none */
	struct str variables; /* a JSON object; absent: {} */
};
/* Adds members; one that is there already is replaced, and of several with one address the last counts. ERR_INPUT
 * when a member breaks a limit of the table. *added: how many are new. */
int store_group_members_put(struct pg *pg, int64_t workspace_id, int64_t group_id, const struct group_member *rows,
	size_t n, int64_t *added, struct err *err) ERR_MUST_USE;
/* Members by address, behind `after` (""), at most `limit`. */
int store_group_members_list(struct pg *pg, int64_t workspace_id, int64_t group_id, struct str after, int limit,
	void (*each)(void *ctx, const struct group_member *m), void *ctx, struct err *err) ERR_MUST_USE;

#endif
