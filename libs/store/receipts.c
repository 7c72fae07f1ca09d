/* Receipts of participants; see messages.h. Invariant: a participant's status never moves back. */
#include "store/columns.h"
#include "store/messages.h"
#include "store/private.h"
#include "store/statements.h"

static const struct pg_stmt store = { "receipts_store", PG_UNNAMED,
	"INSERT INTO chat_receipts AS h (workspace_id, chat_id, participant, status, at)"
	" SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[])"
	" ON CONFLICT (workspace_id, chat_id, participant) DO UPDATE SET status = excluded.status, at = excluded.at, updated_at = now()"
	" WHERE " STATUS_RANK("excluded.status") " > " STATUS_RANK(
		"h.status") " RETURNING workspace_id, chat_id, participant" };

const struct pg_stmt *const receipts_statements[] = { &store, NULL };

/* What changed comes back in the order in which it went in. */
static void changed_mark(const struct pg_rows *answer, struct receipt_row *rows, size_t n)
{
	int at = 0;

	for (size_t i = 0; i < n; i++) {
		rows[i].changed = at < pg_rows_count(answer) && pg_i64(answer, at, 0) == rows[i].workspace_id &&
			pg_i64(answer, at, 1) == rows[i].chat_id && str_eq(pg_text(answer, at, 2), rows[i].participant);
		at += rows[i].changed;
	}
}

int receipts_store(struct pg *pg, struct receipt_row *rows, size_t n, struct err *err)
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
	}
	if (columns_run(&c, pg, &store, &answer, err) < 0)
		return -1;
	changed_mark(answer, rows, n);
	pg_rows_free(answer);
	return 0;
}
