/* See contacts.h. Invariant: a merged contact keeps merged_into, and no alias points at it. */
#include "store/contacts.h"

#include "store/columns.h"
#include "store/private.h"
#include "store/statements.h"

static const struct pg_stmt draw = { "contact_ids_draw", PG_PREPARED,
	"SELECT nextval('contacts_id_seq') FROM generate_series(1, $1::bigint)" };

static const struct pg_stmt insert = { "contacts_insert", PG_UNNAMED,
	"INSERT INTO contacts (workspace_id, id, uuid, first_name, last_name, phone, match_key, email, email_at, profile_picture,"
	" profile_picture_at, name_rank, name_at, in_address_book, in_address_book_at, source_type, source_account_id)"
	" SELECT r.workspace_id, r.id, " STORE_FREE_UUID(
		"contacts") ", r.first_name, r.last_name, r.phone, r.match_key, r.email, r.email_at,"
			    " r.profile_picture, r.profile_picture_at, r.name_rank, r.name_at, r.in_address_book, r.in_address_book_at, r.source_type,"
			    " r.source_account_id FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],"
			    " $9::timestamptz[], $10::text[], $11::timestamptz[], $12::smallint[], $13::timestamptz[], $14::boolean[], $15::timestamptz[],"
			    " $16::text[], $17::bigint[]) AS r (workspace_id, id, uuid, first_name, last_name, phone, match_key, email, email_at,"
			    " profile_picture, profile_picture_at, name_rank, name_at, in_address_book, in_address_book_at, source_type, source_account_id)"
			    " RETURNING id, uuid" };

static const struct pg_stmt store = { "contacts_store", PG_UNNAMED,
	"UPDATE contacts AS c SET first_name = r.first_name, last_name = r.last_name, phone = r.phone, match_key = r.match_key,"
	" email = r.email, email_at = r.email_at, profile_picture = r.profile_picture, profile_picture_at = r.profile_picture_at,"
	" name_rank = r.name_rank, name_at = r.name_at, in_address_book = r.in_address_book,"
	" in_address_book_at = r.in_address_book_at, updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],"
	" $9::text[], $10::timestamptz[], $11::smallint[], $12::timestamptz[], $13::boolean[], $14::timestamptz[])"
	" AS r (workspace_id, id, first_name, last_name, phone, match_key, email, email_at, profile_picture, profile_picture_at,"
	" name_rank, name_at, in_address_book, in_address_book_at)"
	" WHERE c.workspace_id = r.workspace_id AND c.id = r.id" };

static const struct pg_stmt lock = { "contacts_lock", PG_PREPARED,
	"SELECT " CONTACT_COLUMNS
	" FROM contacts c WHERE c.workspace_id = $1 AND c.id = ANY ($2::bigint[]) ORDER BY c.id FOR UPDATE" };

static const struct pg_stmt hold = { "contacts_hold", PG_UNNAMED,
	"SELECT count(*) FROM (SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS r (workspace_id, id) ORDER BY workspace_id, id) AS r"
	" CROSS JOIN LATERAL (SELECT c.id FROM contacts c WHERE c.workspace_id = r.workspace_id AND c.id = r.id"
	" AND c.merged_into IS NULL AND c.erased_at IS NULL FOR KEY SHARE) AS c" };

static const struct pg_stmt merged = { "contacts_merged", PG_PREPARED,
	"WITH RECURSIVE person AS (SELECT $2::bigint AS id, NULL::uuid AS uuid UNION ALL SELECT c.id, c.uuid FROM person p"
	" CROSS JOIN LATERAL (SELECT * FROM contacts c WHERE c.workspace_id = $1 AND c.merged_into = p.id OFFSET 0) AS c)"
	" SELECT uuid FROM person WHERE uuid IS NOT NULL" };

static const struct pg_stmt uuids = { "contacts_uuids", PG_PREPARED,
	"SELECT id, uuid FROM contacts WHERE workspace_id = $1 AND id IN ($2, $3)" };

static const struct pg_stmt move_aliases = { "contacts_merge_aliases", PG_PREPARED,
	"UPDATE contact_aliases SET contact_id = $2::bigint WHERE workspace_id = $1 AND contact_id = $3::bigint" };

static const struct pg_stmt move_former_aliases = {
	"contacts_merge_former_aliases", PG_PREPARED,
	"UPDATE contact_former_aliases SET contact_id = $2::bigint WHERE workspace_id = $1 AND contact_id = $3::bigint"
};

/* Opt-outs survive a merge: the surviving contact gets those of the merged one where they are newer. */
static const struct pg_stmt copy_opt_outs = { "contacts_merge_opt_outs", PG_PREPARED,
	"INSERT INTO contact_opt_outs AS o (workspace_id, contact_id, account_id, category, since, stopped)"
	" SELECT l.workspace_id, $2::bigint, l.account_id, l.category, l.since, l.stopped FROM contact_opt_outs l"
	" WHERE l.workspace_id = $1 AND l.contact_id = $3::bigint"
	" ON CONFLICT (workspace_id, contact_id, account_id, category) DO UPDATE SET since = excluded.since,"
	" stopped = excluded.stopped, updated_at = now() WHERE excluded.since > o.since" };

static const struct pg_stmt mark_merged = {
	"contacts_merge_mark", PG_PREPARED,
	"UPDATE contacts SET merged_into = $2::bigint, updated_at = now() WHERE workspace_id = $1 AND id = $3::bigint"
};

static const struct pg_stmt count_merges = { "contacts_merge_count", PG_PREPARED,
	"UPDATE contacts AS c SET merges = c.merges + l.merges + 1 FROM contacts l"
	" WHERE c.workspace_id = $1 AND c.id = $2::bigint AND l.workspace_id = $1 AND l.id = $3::bigint" };

static const struct pg_stmt accounts_of = { "contacts_merge_accounts", PG_PREPARED,
	"SELECT a.uuid FROM whatsapp_accounts a WHERE a.workspace_id = $1 AND a.id IN (SELECT v.account_id FROM conversations v"
	" WHERE v.workspace_id = $1 AND v.contact_id = $2::bigint AND v.merged_into IS NULL) ORDER BY a.id" };

const struct pg_stmt *const contacts_statements[] = { &draw, &insert, &store, &lock, &hold, &merged, &uuids,
	&move_aliases, &move_former_aliases, &copy_opt_outs, &mark_merged, &count_merges, &accounts_of, NULL };

void store_contact_read(struct cells *c, struct contact_row *row)
{
	row->workspace_id = cells_i64(c);
	row->id = cells_i64(c);
	row->uuid = cells_uuid(c);
	row->first_name = cells_text(c);
	row->last_name = cells_text(c);
	row->full_name = cells_text(c);
	row->phone = cells_text(c);
	row->match_key = cells_text(c);
	row->email = cells_text(c);
	row->email_at_us = cells_time(c);
	row->profile_picture = cells_text(c);
	row->picture_at_us = cells_time(c);
	row->name_rank = (int16_t)cells_i32(c);
	row->name_at_us = cells_time(c);
	row->in_address_book = cells_bool(c);
	row->address_book_at_us = cells_time(c);
	row->merged_into = cells_id(c);
	row->merges = cells_i32(c);
	row->erased = cells_bool(c);
	row->source = provider_parse(cells_borrow(c)); /* "manual": PROVIDER_NONE */
	row->source_account_id = cells_id(c);
}

int store_contact_ids_draw(struct pg *pg, size_t n, int64_t *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, (int64_t)n);
	rc = pg_run(pg, &draw, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c))
		out[c.row] = cells_i64(&c);
	pg_rows_free(rows);
	return 0;
}

/* Of the row with that id, mostly the one at `place`: rows are returned in the order in which they are inserted. */
static void uuid_take(struct contact_row *const *rows, size_t n, size_t place, int64_t id, struct uuid uuid)
{
	size_t i = place;

	while (rows[i % n]->id != id && i < place + n)
		i++;
	rows[i % n]->uuid = uuid;
}

int store_contacts_insert(struct pg *pg, struct contact_row *const *rows, size_t n, struct err *err)
{
	struct pg_rows *inserted = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct contact_row *r = rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->id);
		columns_uuid(&c, &r->uuid);
		columns_text(&c, r->first_name);
		columns_text(&c, r->last_name);
		columns_text(&c, r->phone);
		columns_text(&c, r->match_key);
		columns_text(&c, r->email);
		columns_time(&c, r->email_at_us);
		columns_text(&c, r->profile_picture);
		columns_time(&c, r->picture_at_us);
		columns_i16(&c, r->name_rank);
		columns_time(&c, r->name_at_us);
		columns_bool(&c, r->in_address_book);
		columns_time(&c, r->address_book_at_us);
		columns_word(&c, r->source == PROVIDER_NONE ? "manual" : provider_word(r->source));
		columns_id(&c, r->source_account_id);
	}
	if (columns_run(&c, pg, &insert, &inserted, err) < 0)
		return -1;
	for (struct cells at = cells_of(inserted, NULL); cells_more(&at); cells_next(&at)) {
		int64_t id = cells_i64(&at);

		uuid_take(rows, n, (size_t)at.row, id, cells_uuid(&at));
	}
	pg_rows_free(inserted);
	return 0;
}

int store_contacts(struct pg *pg, const struct contact_row *const *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct contact_row *r = rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->id);
		columns_text(&c, r->first_name);
		columns_text(&c, r->last_name);
		columns_text(&c, r->phone);
		columns_text(&c, r->match_key);
		columns_text(&c, r->email);
		columns_time(&c, r->email_at_us);
		columns_text(&c, r->profile_picture);
		columns_time(&c, r->picture_at_us);
		columns_i16(&c, r->name_rank);
		columns_time(&c, r->name_at_us);
		columns_bool(&c, r->in_address_book);
		columns_time(&c, r->address_book_at_us);
	}
	return columns_start(&c, pg, &store, err);
}

int store_contacts_lock(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct contact_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), workspace_id);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, ids[i]);
	}
	if (columns_run(&c, pg, &lock, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct contact_row row;

		store_contact_read(&at, &row);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_contacts_hold(struct pg *pg, const struct contact_row *const *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	int64_t held;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i]->workspace_id);
		columns_i64(&c, rows[i]->id);
	}
	if (columns_run(&c, pg, &hold, &answer, err) < 0)
		return -1;
	held = pg_i64(answer, 0, 0);
	pg_rows_free(answer);
	return held == (int64_t)n ? 0
				  : err_set(err, ERR_RETRY, "contact_race", "a contact was merged or erased meanwhile");
}

int store_contacts_merged(struct pg *pg, int64_t workspace_id, int64_t id, struct arena *a, struct uuid **out,
	size_t *n, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, id);
	rc = pg_run(pg, &merged, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*n = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct uuid, *n);
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c))
		(*out)[c.row] = cells_uuid(&c);
	pg_rows_free(rows);
	return 0;
}

int store_contacts_uuids(struct pg *pg, int64_t workspace_id, int64_t a, int64_t b, struct uuid *a_uuid,
	struct uuid *b_uuid, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, a);
	pg_arg_i64(args, b);
	rc = pg_run(pg, &uuids, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*a_uuid = *b_uuid = (struct uuid){ 0 };
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		int64_t id = cells_i64(&c);
		struct uuid uuid = cells_uuid(&c);

		if (id == a)
			*a_uuid = uuid;
		if (id == b)
			*b_uuid = uuid;
	}
	pg_rows_free(rows);
	return 0;
}

static int merge_run(struct pg *pg, int64_t workspace_id, int64_t winner, int64_t loser, struct err *err)
{
	const struct pg_stmt *const steps[] = { &move_aliases, &move_former_aliases, &copy_opt_outs, &mark_merged,
		&count_merges };
	struct pg_args *args = pg_args_new();
	int rc = 0;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, winner);
	pg_arg_i64(args, loser);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++)
		rc = pg_run(pg, steps[i], args, NULL, err);
	pg_args_free(args);
	return rc;
}

int store_contacts_merge(struct pg *pg, int64_t workspace_id, int64_t winner, int64_t loser, struct arena *a,
	struct uuid **accounts, size_t *n_accounts, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct pg_args *args;
	int rc;

	if (merge_run(pg, workspace_id, winner, loser, err) < 0)
		return -1;
	args = pg_args_new();
	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, loser);
	rc = pg_run(pg, &accounts_of, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*n_accounts = (size_t)pg_rows_count(rows);
	*accounts = ARENA_ARRAY(a, struct uuid, *n_accounts);
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c))
		(*accounts)[c.row] = cells_uuid(&c);
	pg_rows_free(rows);
	return 0;
}
