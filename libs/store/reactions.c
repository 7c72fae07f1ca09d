/* Reactions; see messages.h. Invariant: for one sender and message there is either a reaction or the time of its
 * withdrawal. */
#include <stdlib.h>

#include "base/arena.h"
#include "store/private.h"
#include "store/statements.h"

/* r is the given row, h its stored reaction, w its stored withdrawal. */
#define SAME_H "h.workspace_id = r.workspace_id AND h.chat_id = r.chat_id AND h.sender = r.sender"
#define SAME_W "w.workspace_id = r.workspace_id AND w.chat_id = r.chat_id AND w.sender = r.sender"

/* Its sender's previous name has said nothing as new, in either table. */
#define NOT_BEFORE \
	"b WHERE b.workspace_id = r.workspace_id AND b.chat_id = r.chat_id AND b.sender = r.before AND b.at >= r.at)"
#define NOT_SET_BEFORE       " AND NOT EXISTS (SELECT FROM chat_reactions " NOT_BEFORE
#define NOT_WITHDRAWN_BEFORE " AND NOT EXISTS (SELECT FROM chat_reactions_withdrawn " NOT_BEFORE

/* r: the given rows with what is stored; news: those that are not older. All parts of the statement see the tables as
 * they were before. */
static const struct pg_stmt store = { "reactions_store", PG_UNNAMED,
	"WITH news AS MATERIALIZED (SELECT r.*, h.emoji AS had, w.at AS withdrawn_at"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::boolean[], $7::text[])"
	" WITH ORDINALITY AS r (workspace_id, chat_id, sender, emoji, at, timed, before, place)"
	" LEFT JOIN LATERAL (SELECT h.emoji, h.at FROM chat_reactions h WHERE " SAME_H " OFFSET 0) AS h ON true"
	" LEFT JOIN LATERAL (SELECT w.at FROM chat_reactions_withdrawn w WHERE " SAME_W " OFFSET 0) AS w ON true"
	" WHERE (NOT r.timed OR r.at >= coalesce(h.at, w.at, '-infinity'))" NOT_SET_BEFORE NOT_WITHDRAWN_BEFORE "),"
	" given AS (INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at)"
	" SELECT workspace_id, chat_id, sender, emoji, at FROM news WHERE emoji <> ''"
	" ON CONFLICT (workspace_id, chat_id, sender) DO UPDATE SET emoji = excluded.emoji, at = excluded.at, updated_at = now()),"
	" removed AS (DELETE FROM chat_reactions h USING news r WHERE r.emoji = '' AND r.had IS NOT NULL AND " SAME_H
	"),"
	" withdrawn AS (INSERT INTO chat_reactions_withdrawn (workspace_id, chat_id, sender, at)"
	" SELECT workspace_id, chat_id, sender, at FROM news WHERE emoji = ''"
	" ON CONFLICT (workspace_id, chat_id, sender) DO UPDATE SET at = excluded.at),"
	" renewed AS (DELETE FROM chat_reactions_withdrawn w USING news r WHERE r.emoji <> '' AND r.withdrawn_at IS NOT NULL"
	" AND " SAME_W ")"
	" SELECT place, coalesce(had, '') <> emoji FROM news" };

/* The rows that are renamed, and to which sender: of several for one sender the newest. */
static const struct pg_stmt move = { "reactions_move", PG_UNNAMED,
	"WITH r AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])"
	" AS r (workspace_id, chat_id, sender, heir)),"
	" given AS (DELETE FROM chat_reactions h USING r WHERE " SAME_H
	" RETURNING h.workspace_id, h.chat_id, r.heir, h.emoji, h.at),"
	" withdrawn AS (DELETE FROM chat_reactions_withdrawn w USING r WHERE " SAME_W
	" RETURNING w.workspace_id, w.chat_id, r.heir, '' AS emoji, w.at)"
	" SELECT DISTINCT ON (workspace_id, chat_id, heir) * FROM (SELECT * FROM given UNION ALL SELECT * FROM withdrawn) AS moved"
	" ORDER BY workspace_id, chat_id, heir, at DESC" };

const struct pg_stmt *const reactions_statements[] = { &store, &move, NULL };

int store_reactions(struct pg *pg, struct reaction_row *rows, size_t n, struct err *err)
{
	struct pg_rows *news = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].chat_id);
		columns_text(&c, rows[i].sender);
		columns_text(&c, rows[i].emoji.p ? rows[i].emoji : STR(""));
		columns_time(&c, rows[i].at_us);
		columns_bool(&c, rows[i].timed);
		columns_text(&c, rows[i].before);
	}
	if (columns_run(&c, pg, &store, &news, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		rows[i].changed = false;
	for (struct cells at = cells_of(news, NULL); cells_more(&at); cells_next(&at)) {
		struct reaction_row *row = &rows[cells_place(&at, n)];

		row->changed = cells_bool(&at);
	}
	pg_rows_free(news);
	return 0;
}

int store_reactions_rename(struct pg *pg, const struct sender_change *changes, size_t n, struct err *err)
{
	struct reaction_row *rows;
	struct pg_rows *moved = NULL;
	struct columns c;
	size_t k;
	int rc;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		columns_sender_change(&c, &changes[i]);
	if (columns_run(&c, pg, &move, &moved, err) < 0)
		return -1;
	k = (size_t)pg_rows_count(moved);
	rows = mem_calloc(k, sizeof(*rows));
	for (struct cells at = cells_of(moved, NULL); cells_more(&at); cells_next(&at)) {
		struct reaction_row *row = &rows[at.row];

		row->workspace_id = cells_i64(&at);
		row->chat_id = cells_i64(&at);
		row->sender = cells_borrow(&at);
		row->emoji = cells_borrow(&at);
		row->at_us = cells_time(&at);
		row->timed = true; /* the newer stays */
	}
	rc = store_reactions(pg, rows, k, err);
	free(rows);
	pg_rows_free(moved);
	return rc;
}
