/* See sending_settings.h. */
#include "store/sending_settings.h"

#include "store/cells.h"
#include "store/sending_private.h"
#include "store/statements.h"

/* A word is one row, so that it may have any character; list: 0 opt-out, 1 opt-in, null for the row of the workspace
 * itself. */
static const struct pg_stmt read = { "sending_settings_read", PG_PREPARED,
	"WITH w AS MATERIALIZED (SELECT uuid, settings -> 'sending' AS sending FROM workspaces WHERE id = $1::bigint AND deleted_at IS NULL)"
	" SELECT NULL::integer AS list, " PORTFOLIO_PER_DAY(
		"sending") ", NULL::text, 0, uuid FROM w"
			   " UNION ALL SELECT l.list, 0, lower(btrim(t.word)), t.place, NULL FROM w CROSS JOIN LATERAL (VALUES (0, sending -> 'opt_out_words'),"
			   " (1, sending -> 'opt_in_words')) AS l (list, words) CROSS JOIN LATERAL jsonb_array_elements_text(CASE jsonb_typeof(l.words)"
			   " WHEN 'array' THEN l.words ELSE '[]' END) WITH ORDINALITY AS t (word, place)"
			   " WHERE t.place <= $2::integer AND btrim(t.word) <> '' ORDER BY 1 NULLS FIRST, 4" };

static const struct pg_stmt restore = { "restores_pending", PG_PREPARED,
	"SELECT count(*) FILTER (WHERE accepted_at IS NULL), max(accepted_at) FROM restores" };

const struct pg_stmt *const sending_settings_statements[] = { &read, &restore, NULL };

static void words_read(struct cells *c, struct sending_settings *out)
{
	for (; cells_more(c); cells_next(c)) {
		bool opt_in = cells_i32(c) == 1;

		(void)cells_i64(c);
		if (opt_in)
			out->opt_in_words[out->n_opt_in_words++] = cells_text(c);
		else
			out->opt_out_words[out->n_opt_out_words++] = cells_text(c);
	}
}

int store_sending_settings(struct pg *pg, int64_t workspace_id, struct arena *a, struct sending_settings *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct cells c;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i32(args, SENDING_WORDS_MAX);
	rc = pg_run(pg, &read, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	c = cells_of(rows, a);
	rc = cells_more(&c);
	if (rc) {
		*out = (struct sending_settings){ .opt_out_words = ARENA_ARRAY(a, struct str, SENDING_WORDS_MAX),
			.opt_in_words = ARENA_ARRAY(a, struct str, SENDING_WORDS_MAX) };
		c.col = 1;
		out->portfolio_per_day = cells_i64(&c);
		c.col = 4;
		out->workspace = cells_uuid(&c);
		cells_next(&c);
		words_read(&c, out);
	}
	pg_rows_free(rows);
	return rc;
}

int store_restore_pending(struct pg *pg, int64_t *accepted_us, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct cells c;
	int rc;

	if (pg_run(pg, &restore, NULL, &rows, err) < 0)
		return -1;
	c = cells_of(rows, NULL);
	rc = cells_i64(&c) > 0;
	*accepted_us = cells_time(&c);
	pg_rows_free(rows);
	return rc;
}
