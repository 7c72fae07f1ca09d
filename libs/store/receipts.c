/* Receipts of participants; see messages.h. Invariant: a participant's status never moves back. */
#include "store/private.h"
#include "store/statements.h"

#define FURTHER \
	" ON CONFLICT (workspace_id, chat_id, participant) DO UPDATE SET status = excluded.status, at = excluded.at, updated_at = now()" \
	" WHERE " STATUS_RANK("excluded.status") " > " STATUS_RANK("h.status")

static const struct pg_stmt store = { "receipts_store", PG_UNNAMED,
	"INSERT INTO chat_receipts AS h (workspace_id, chat_id, participant, status, at)"
	" SELECT workspace_id, chat_id, participant, status, at"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])"
	" AS r (workspace_id, chat_id, participant, status, at, before)"
	" WHERE NOT EXISTS (SELECT FROM chat_receipts b WHERE b.workspace_id = r.workspace_id AND b.chat_id = r.chat_id"
	" AND b.participant = r.before AND " STATUS_RANK("b.status") " >= " STATUS_RANK(
		"r.status") ")" FURTHER " RETURNING workspace_id, chat_id, participant" };

static const struct pg_stmt rename_some = { "receipts_rename", PG_UNNAMED,
	"WITH gone AS (DELETE FROM chat_receipts h USING unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])"
	" AS r (workspace_id, chat_id, participant, heir)"
	" WHERE h.workspace_id = r.workspace_id AND h.chat_id = r.chat_id AND h.participant = r.participant"
	" RETURNING h.workspace_id, h.chat_id, r.heir, h.status, h.at)"
	" INSERT INTO chat_receipts AS h (workspace_id, chat_id, participant, status, at)"
	" SELECT DISTINCT ON (workspace_id, chat_id, heir) * FROM gone"
	" ORDER BY workspace_id, chat_id, heir, " STATUS_RANK("status") " DESC" FURTHER };

const struct pg_stmt *const receipts_statements[] = { &store, &rename_some, NULL };

/* Changed rows are returned in the order of the arguments. */
static void changed_mark(const struct pg_rows *answer, struct receipt_row *rows, size_t n)
{
	int at = 0;

	for (size_t i = 0; i < n; i++) {
		rows[i].changed = at < pg_rows_count(answer) && pg_i64(answer, at, 0) == rows[i].workspace_id &&
			pg_i64(answer, at, 1) == rows[i].chat_id && str_eq(pg_text(answer, at, 2), rows[i].participant);
		at += rows[i].changed;
	}
}

int store_receipts(struct pg *pg, struct receipt_row *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].chat_id);
		columns_text(&c, rows[i].participant);
		columns_word(&c, message_status_word(rows[i].status));
		columns_time(&c, rows[i].at_us);
		columns_text(&c, rows[i].before);
	}
	if (columns_run(&c, pg, &store, &answer, err) < 0)
		return -1;
	changed_mark(answer, rows, n);
	pg_rows_free(answer);
	return 0;
}

int store_receipts_rename(struct pg *pg, const struct sender_change *changes, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		columns_sender_change(&c, &changes[i]);
	return columns_run(&c, pg, &rename_some, NULL, err);
}
