/* See sending_accounts.h. The limit of a business portfolio is that of its latest business_capability_update, else the one
 * that the workspace has set. Source: Meta, webhooks reference, business_capability_update. */
#include "store/sending_accounts.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/sending_private.h"
#include "store/statements.h"

#define CAPABILITY(member) " a.notices #>> '{business_capability_update,extra," #member "}'"
#define ACCOUNT_COLUMNS \
	"a.workspace_id, a.id, w.uuid, a.uuid, a.provider_type, a.bridge_kind, a.session_id, a.provider_ref, a.assigned_instance_url," \
	" a.phone_number, a.phone_number_id, a.waba_id, a.business_id, a.secrets, a.metadata -> 'sending'," \
	" a.desired_state = 'connected', a.deleted_at IS NOT NULL OR w.deleted_at IS NOT NULL, a.is_primary, a.status, a.desired_at," \
	" a.status_at, a.health_score, a.created_at, a.provider_app_id::text," CAPABILITY( \
		max_daily_conversations_per_business) "," CAPABILITY(max_daily_conversation_per_phone) ", w.portfolio_per_day, l.held_at, l.held_until, l.held_code," \
												       " i.uuid, i.secrets"
#define RELATED \
	" CROSS JOIN LATERAL (SELECT w.uuid, w.deleted_at, " PORTFOLIO_PER_DAY( \
		"w.settings -> 'sending'") " AS portfolio_per_day" \
					   " FROM workspaces w WHERE w.id = a.workspace_id OFFSET 0) AS w" \
					   " LEFT JOIN LATERAL (SELECT l.held_at, l.held_until, l.held_code FROM send_lanes l WHERE l.workspace_id = a.workspace_id" \
					   " AND l.account_id = a.id OFFSET 0) AS l ON true" \
					   " LEFT JOIN LATERAL (SELECT i.uuid, i.secrets FROM instances i WHERE i.index = a.assigned_instance_index" \
					   " AND i.kind = a.bridge_kind OFFSET 0) AS i ON true"

static const struct pg_stmt find = { "sending_accounts_find", PG_UNNAMED,
	"SELECT " ACCOUNT_COLUMNS " FROM (SELECT DISTINCT uuid FROM unnest($1::uuid[]) AS r (uuid)) AS r"
	" JOIN whatsapp_accounts a ON a.uuid = r.uuid" RELATED };

static const struct pg_stmt list = { "sending_accounts_list", PG_UNNAMED,
	"SELECT " ACCOUNT_COLUMNS " FROM (SELECT DISTINCT id FROM unnest($1::bigint[]) AS r (id)) AS r"
	" JOIN whatsapp_accounts a ON a.workspace_id = r.id" RELATED
	" WHERE a.deleted_at IS NULL AND w.deleted_at IS NULL ORDER BY a.workspace_id, a.id" };

const struct pg_stmt *const sending_accounts_statements[] = { &find, &list, NULL };

/* "TIER_2K", a number, or for no limit "TIER_UNLIMITED" and -1. False: absent, or of a form that is not known. */
static bool capability_parse(struct str text, int64_t *per_day)
{
	const struct str tier = STR("TIER_");
	struct str digits = str_starts(text, tier) ? str_slice(text, tier.n, text.n) : text;
	int64_t unit = str_ends(digits, STR("K")) ? 1000 : 1, n;

	if (str_is(digits, "UNLIMITED") || str_is(digits, "-1")) {
		*per_day = 0;
		return true;
	}
	if (!str_to_i64(str_slice(digits, 0, digits.n - (unit > 1)), &n) || n <= 0 || n > PORTFOLIO_PER_DAY_MAX)
		return false;
	*per_day = n * unit;
	return true;
}

static int64_t portfolio_read(struct cells *c)
{
	struct str per_business = cells_borrow(c), per_phone = cells_borrow(c);
	int64_t per_day = cells_i64(c);

	if (!capability_parse(per_business, &per_day))
		(void)capability_parse(per_phone, &per_day);
	return per_day;
}

static struct sending_account account_read(struct cells *c)
{
	struct sending_account a = { .workspace_id = cells_i64(c) };

	a.id = cells_i64(c);
	a.workspace = cells_uuid(c);
	a.uuid = cells_uuid(c);
	a.provider = provider_parse(cells_borrow(c));
	a.bridge = bridge_parse(cells_borrow(c));
	a.session_id = cells_text(c);
	a.provider_ref = cells_text(c);
	a.instance_url = cells_text(c);
	a.phone_number = cells_text(c);
	a.phone_number_id = cells_text(c);
	a.waba_id = cells_text(c);
	a.business_id = cells_text(c);
	a.secrets = cells_text(c);
	a.limits = cells_text(c);
	a.desired_connected = cells_bool(c);
	a.deleted = cells_bool(c);
	a.is_primary = cells_bool(c);
	a.status = cells_text(c);
	a.desired_us = cells_time(c);
	a.status_at_us = cells_time(c);
	a.health_score = (int16_t)cells_i32(c);
	a.created_us = cells_time(c);
	a.app = cells_text(c);
	a.portfolio_per_day = portfolio_read(c);
	a.held_at_us = cells_time(c);
	a.held_until_us = cells_time(c);
	a.held_code = cells_text(c);
	a.instance = cells_uuid(c);
	a.instance_secrets = cells_text(c);
	return a;
}

static int accounts_run(struct columns *columns, struct pg *pg, const struct pg_stmt *stmt, struct arena *a,
	void (*each)(void *ctx, const struct sending_account *account), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (columns_run(columns, pg, stmt, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct sending_account account = account_read(&c);

		each(ctx, &account);
	}
	pg_rows_free(rows);
	return 0;
}

int store_sending_accounts(struct pg *pg, const struct uuid *uuids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct sending_account *account), void *ctx, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_uuid(&c, &uuids[i]);
	}
	return accounts_run(&c, pg, &find, a, each, ctx, err);
}

int store_sending_accounts_of(struct pg *pg, const int64_t *workspaces, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct sending_account *account), void *ctx, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, workspaces[i]);
	}
	return accounts_run(&c, pg, &list, a, each, ctx, err);
}
