/* Merging two conversations of one account; see conversations.h. Invariant: afterwards nothing points at a message that is gone,
 * and a status of what collapsed is as far as the further of the two. */
#include "store/conversations.h"
#include "store/private.h"
#include "store/statements.h"

/* f: a message of `from` ($2) whose key is also that of t, a message of `into` ($3). Each looks up its own, as two long conversations
 * must not be compared row by row: that is what the planner makes of a plain join before the first ANALYZE. */
#define PAIRS \
	" chats f CROSS JOIN LATERAL (SELECT * FROM chats t WHERE t.workspace_id = f.workspace_id AND t.account_id = f.account_id" \
	" AND t.message_key = f.message_key OFFSET 0) AS t"
#define OF_FROM  "f.workspace_id = $1::bigint AND f.conversation_id = $2::bigint"
#define ARE_BOTH OF_FROM " AND t.conversation_id = $3::bigint"

static const struct pg_stmt receipts = { "conversations_merge_receipts", PG_PREPARED,
	"WITH gone AS (DELETE FROM chat_receipts h USING" PAIRS " WHERE " ARE_BOTH
	" AND h.workspace_id = f.workspace_id"
	" AND h.chat_id = f.id RETURNING h.workspace_id, t.id, h.participant, h.status, h.at)"
	" INSERT INTO chat_receipts AS h (workspace_id, chat_id, participant, status, at) SELECT * FROM gone"
	" ON CONFLICT (workspace_id, chat_id, participant) DO UPDATE SET status = excluded.status, at = excluded.at, updated_at = now()"
	" WHERE " STATUS_RANK("excluded.status") " > " STATUS_RANK("h.status") };

static const struct pg_stmt reactions = { "conversations_merge_reactions", PG_PREPARED,
	"WITH gone AS (DELETE FROM chat_reactions h USING" PAIRS " WHERE " ARE_BOTH
	" AND h.workspace_id = f.workspace_id"
	" AND h.chat_id = f.id RETURNING h.workspace_id, t.id, h.sender, h.emoji, h.at)"
	" INSERT INTO chat_reactions AS h (workspace_id, chat_id, sender, emoji, at) SELECT * FROM gone"
	" ON CONFLICT (workspace_id, chat_id, sender) DO UPDATE SET emoji = excluded.emoji, at = excluded.at, updated_at = now()"
	" WHERE excluded.at > h.at" };

static const struct pg_stmt withdrawn = { "conversations_merge_withdrawn", PG_PREPARED,
	"WITH gone AS (DELETE FROM chat_reactions_withdrawn h USING" PAIRS " WHERE " ARE_BOTH
	" AND h.workspace_id = f.workspace_id"
	" AND h.chat_id = f.id RETURNING h.workspace_id, t.id, h.sender, h.at)"
	" INSERT INTO chat_reactions_withdrawn AS h (workspace_id, chat_id, sender, at) SELECT * FROM gone"
	" ON CONFLICT (workspace_id, chat_id, sender) DO UPDATE SET at = excluded.at WHERE excluded.at > h.at" };

/* Given in one conversation and withdrawn in the other: the later of the two. */
static const struct pg_stmt reactions_settle = { "conversations_merge_reactions_settle", PG_PREPARED,
	"WITH twice AS (SELECT h.workspace_id, h.chat_id, h.sender, w.at >= h.at AS withdrawn FROM" PAIRS
	" JOIN chat_reactions h ON h.workspace_id = t.workspace_id AND h.chat_id = t.id"
	" JOIN chat_reactions_withdrawn w ON w.workspace_id = h.workspace_id AND w.chat_id = h.chat_id AND w.sender = h.sender"
	" WHERE " ARE_BOTH "),"
	" gone AS (DELETE FROM chat_reactions h USING twice b WHERE b.withdrawn AND h.workspace_id = b.workspace_id"
	" AND h.chat_id = b.chat_id AND h.sender = b.sender)"
	" DELETE FROM chat_reactions_withdrawn w USING twice b WHERE NOT b.withdrawn AND w.workspace_id = b.workspace_id"
	" AND w.chat_id = b.chat_id AND w.sender = b.sender" };

static const struct pg_stmt media = { "conversations_merge_media", PG_PREPARED,
	"WITH gone AS (DELETE FROM chat_media h USING" PAIRS " WHERE " ARE_BOTH " AND h.workspace_id = f.workspace_id"
	" AND h.chat_id = f.id RETURNING h.workspace_id, t.id, h.provider_media_id, h.mime, h.size_bytes, h.sha256, h.file_name, h.url,"
	" h.storage_url, h.fetched_at)"
	" INSERT INTO chat_media (workspace_id, chat_id, provider_media_id, mime, size_bytes, sha256, file_name, url, storage_url,"
	" fetched_at) SELECT * FROM gone ON CONFLICT (workspace_id, chat_id) DO NOTHING" };

/* The deletion comes first, row by row, as both may not have one client_message_id at a time. */
static const struct pg_stmt collapse = { "conversations_merge_collapse", PG_PREPARED,
	"WITH pairs AS MATERIALIZED (SELECT f.workspace_id, f.id, t.id AS into_id FROM" PAIRS " WHERE " ARE_BOTH "),"
	" gone AS (DELETE FROM chats f USING pairs p WHERE f.workspace_id = p.workspace_id AND f.id = p.id RETURNING p.into_id, f.*)"
	" UPDATE chats AS t SET wam_id = coalesce(t.wam_id, f.wam_id),"
	" client_message_id = coalesce(t.client_message_id, f.client_message_id), user_id = coalesce(t.user_id, f.user_id),"
	" message_status = CASE WHEN " STATUS_RANK("f.message_status") " > " STATUS_RANK(
		"t.message_status") " THEN f.message_status ELSE t.message_status END,"
				    " message_type = CASE WHEN t.placeholder THEN f.message_type ELSE t.message_type END,"
				    " metadata = CASE WHEN t.placeholder OR f.edited_at > coalesce(t.edited_at, '-infinity') THEN f.metadata ELSE t.metadata END,"
				    " placeholder = t.placeholder AND f.placeholder, delivered_at = coalesce(t.delivered_at, f.delivered_at),"
				    " read_at = coalesce(t.read_at, f.read_at), edited_at = greatest(t.edited_at, f.edited_at),"
				    " revoked_at = coalesce(t.revoked_at, f.revoked_at), deleted_at = coalesce(t.deleted_at, f.deleted_at),"
				    " deleted_by = coalesce(t.deleted_by, f.deleted_by), updated_at = now()"
				    " FROM gone f WHERE t.workspace_id = f.workspace_id AND t.id = f.into_id" };

static const struct pg_stmt move = { "conversations_merge_move", PG_PREPARED,
	"UPDATE chats f SET conversation_id = $3::bigint, updated_at = now() WHERE " OF_FROM };

static const struct pg_stmt parked = { "conversations_merge_parked", PG_PREPARED,
	"UPDATE parked_updates SET conversation_id = $3::bigint WHERE workspace_id = $1::bigint AND conversation_id = $2::bigint"
	" AND account_id = (SELECT f.account_id FROM conversations f WHERE f.workspace_id = $1 AND f.id = $2)" };

static const struct pg_stmt mark = { "conversations_merge_mark", PG_PREPARED,
	"UPDATE conversations SET merged_into = $3::bigint, unread_messages = 0, updated_at = now()"
	" WHERE workspace_id = $1::bigint AND id = $2::bigint" };

static const struct pg_stmt *const steps[] = { &receipts, &reactions, &withdrawn, &reactions_settle, &media, &collapse,
	&move, &parked, &mark };

const struct pg_stmt *const conversations_merge_statements[] = { &receipts, &reactions, &withdrawn, &reactions_settle,
	&media, &collapse, &move, &parked, &mark, NULL };

int conversations_merge(struct pg *pg, const struct conversation_row *from, const struct conversation_row *into,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc = 0;

	pg_arg_i64(args, from->workspace_id);
	pg_arg_i64(args, from->id);
	pg_arg_i64(args, into->id);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++)
		rc = pg_run(pg, steps[i], args, NULL, err);
	pg_args_free(args);
	return rc;
}
