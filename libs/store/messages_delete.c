/* See messages_delete.h. */
#include "store/messages_delete.h"

#include "store/private.h"
#include "store/statements.h"

#define ATTACHED(table) "(DELETE FROM " table " AS h " USING_IDS("chat_id") ")"

/* The keys to chats are checked at the end of the statement, when nothing is attached any more. */
static const struct pg_stmt delete = {
	"messages_delete", PG_UNNAMED,
	"WITH receipts AS " ATTACHED("chat_receipts") ", reactions AS " ATTACHED("chat_reactions") ", withdrawn AS " ATTACHED(
		"chat_reactions_withdrawn") ", media AS " ATTACHED("chat_media") " DELETE FROM chats AS h " USING_IDS("id")
};

const struct pg_stmt *const messages_delete_statements[] = { &delete, NULL };

int store_messages_delete(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n, int64_t *n_deleted,
	struct err *err)
{
	struct pg_array *list = pg_array_new(PG_I64);
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	for (size_t i = 0; i < n; i++)
		pg_array_i64(list, ids[i]);
	pg_arg_i64(args, workspace_id);
	pg_arg_array(args, list);
	rc = pg_run(pg, &delete, args, &rows, err);
	if (rc == 0)
		*n_deleted = pg_rows_affected(rows);
	pg_rows_free(rows);
	pg_args_free(args);
	pg_array_free(list);
	return rc;
}
