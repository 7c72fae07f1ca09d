/* What several files of libs/store read in the same way: lists of columns, and the readers that follow them. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <string.h>

#include "store/cells.h"
#include "store/columns.h"
#include "store/messages.h"

/* contacts.c; c is the table's name in the statement. */
#define CONTACT_COLUMNS \
	"c.workspace_id, c.id, c.uuid, c.first_name, c.last_name, c.full_name, c.phone, c.match_key, c.email, c.email_at," \
	" c.profile_picture, c.profile_picture_at, c.name_rank, c.name_at, c.in_address_book, c.in_address_book_at, c.merged_into, c.merges, c.erased_at IS NOT NULL, c.source_type, c.source_account_id"
void store_contact_read(struct cells *c, struct contact_row *row);

/* A workspace's default_region: two letters, as libphonenumber wants them; anything else counts as not set, "". */
static inline void region_read(struct cells *c, char out[static 3])
{
	struct str s = cells_borrow(c);

	memset(out, 0, 3);
	if (s.n == 2 && s.p[0] >= 'A' && s.p[0] <= 'Z' && s.p[1] >= 'A' && s.p[1] <= 'Z')
		memcpy(out, s.p, 2);
}

/* How many days a workspace w keeps messages: a whole number from 1 to 3,650. Null: for ever, also where the setting is anything else. */
#define RETENTION_DAYS \
	"CASE jsonb_typeof(w.settings #> '{retention,messages_days}') WHEN 'number' THEN" \
	" CASE WHEN (w.settings #>> '{retention,messages_days}')::numeric BETWEEN 1 AND 3650" \
	" AND (w.settings #>> '{retention,messages_days}')::numeric % 1 = 0" \
	" THEN (w.settings #>> '{retention,messages_days}')::numeric::integer END END"

/* messages.c; c is the table's name. The metadata comes behind them. */
#define MESSAGE_COLUMNS \
	"c.workspace_id, c.id, c.account_id, c.conversation_id, c.message_key, c.wam_id, c.client_message_id, c.type, c.message_type," \
	" c.message_status, c.sender, c.origin, c.placeholder, c.sent_at, c.delivered_at, c.read_at, c.edited_at," \
	" c.revoked_at, c.deleted_at, c.user_id, c.deleted_by"

/* Whether the rows of a workspace may be incomplete, because they are being deleted. */
#define WORKSPACE_GOES(id) \
	"EXISTS (SELECT FROM workspaces d WHERE d.id = " id " AND d.deletion_stage IS NOT NULL OFFSET 0)"

/* reactions.c, receipts.c */
static inline void columns_sender_change(struct columns *c, const struct sender_change *s)
{
	columns_row(c);
	columns_i64(c, s->workspace_id);
	columns_i64(c, s->chat_id);
	columns_text(c, s->from);
	columns_text(c, s->to);
}

/* For DELETE … AS h of rows of the workspace $1 that belong to the messages $2, looked up one by one: with the workspace as a constant it
 * can look cheaper to read all of its rows. */
#define USING_IDS(id) \
	"USING unnest(array_fill($1::bigint, ARRAY[coalesce(cardinality($2::bigint[]), 0)]), $2::bigint[]) AS r (workspace_id, id)" \
	" WHERE h.workspace_id = r.workspace_id AND h." id " = r.id"

/* Which messages c can be unread; those sent after the conversation's last_read_at are. */
#define MESSAGE_COUNTABLE "c.type = 'inbound' AND c.origin IN ('live', 'sync') AND c.deleted_at IS NULL"

/* The rank of a status as a number: failed ranks below delivered, read and played. */
#define STATUS_RANK(status) "array_position('{pending,sent,failed,delivered,read,played}'::text[], " status ")"

/* The uuid of a new row r, unless a row of the table in the same workspace has it: an event that is repeated derives the same uuid for a row
 * that should be another one, as after the erasure of a contact. */
#define STORE_FREE_UUID(table) \
	"CASE WHEN r.uuid IS NULL OR EXISTS (SELECT FROM " table \
	" t WHERE t.workspace_id = r.workspace_id AND t.uuid = r.uuid)" \
	" THEN gen_random_uuid() ELSE r.uuid END"

#endif
