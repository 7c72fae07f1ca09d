/* The accounts and apps that may post to ingest, with their secrets; and QR codes, the only rows that ingest writes.
 * Role blazz_ingest. */
#ifndef STORE_INTAKE_H
#define STORE_INTAKE_H

#include "pg/pg.h"
#include "wire/inbound.h"

/* A live account of a live workspace. Strings are borrowed for the call of each(). */
struct intake_account_row {
	struct uuid uuid, workspace;
	int64_t workspace_id, id;
	struct str session_id;
	enum provider provider;
	enum bridge_kind bridge;
	struct uuid app; /* nil: none */
	struct str provider_ref, phone_number, phone_number_id, waba_id, business_id;
	struct str secrets; /* sealed; absent: none */
	char region[3]; /* default phone region of the workspace, "" for none */
};
typedef void intake_account_each(void *ctx, const struct intake_account_row *row);

/* All live accounts, or the one with this public id. */
int store_intake_accounts_load(struct pg *pg, const struct uuid *uuid, intake_account_each *each, void *ctx,
	struct err *err) ERR_MUST_USE;
/* All live accounts of one workspace; none when it was deleted. */
int store_intake_accounts_of_workspace(struct pg *pg, const struct uuid *workspace, intake_account_each *each,
	void *ctx, struct err *err) ERR_MUST_USE;
/* Accounts and apps of a workspace that may no longer post: deleted ones, or all when the workspace was deleted. */
int store_intake_gone_of_workspace(struct pg *pg, const struct uuid *workspace,
	void (*each)(void *ctx, bool is_app, const struct uuid *id), void *ctx, struct err *err) ERR_MUST_USE;
/* One account by another name, after a cache miss; each is not called when there is none. */
int store_intake_account_by_session(struct pg *pg, struct str session_id, intake_account_each *each, void *ctx,
	struct err *err) ERR_MUST_USE;
/* By whatsapp_accounts.id, as the older contract names it. */
int store_intake_account_by_row(struct pg *pg, int64_t id, intake_account_each *each, void *ctx,
	struct err *err) ERR_MUST_USE;
int store_intake_account_by_phone_number_id(struct pg *pg, struct str phone_number_id, intake_account_each *each,
	void *ctx, struct err *err) ERR_MUST_USE;
/* All accounts of a WABA, whatever their app. */
int store_intake_accounts_by_waba(struct pg *pg, struct str waba_id, intake_account_each *each, void *ctx,
	struct err *err) ERR_MUST_USE;

struct intake_app_row {
	struct uuid uuid;
	int64_t id;
	struct str kind;
	struct str secrets; /* sealed, borrowed */
	struct uuid workspace; /* nil: the platform's */
};
/* All live apps, or the one with this public id. */
int store_intake_apps_load(struct pg *pg, const struct uuid *uuid,
	void (*each)(void *ctx, const struct intake_app_row *row), void *ctx, struct err *err) ERR_MUST_USE;

/* The account's latest QR code, or pairing code, which expires after ttl_s. */
int store_account_qr_put(struct pg *pg, int64_t workspace_id, int64_t account_id, bool pairing, struct str sealed,
	int ttl_s, struct err *err) ERR_MUST_USE;

#endif
