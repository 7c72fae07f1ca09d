/* Every column that input fills takes the most that an event may carry. A column that is in the schema and not in the table
 * below fails, and so does one the other way round. */
#include "unit.h"

#include "base/buf.h"
#include "db.h"
#include "wire/party.h"
#include "wire/shapes.h"

#define PREFIX_BYTES 8 /* "call:", "?:" and the like before an id */
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))

/* What may come in. Where more comes, wire's rules refuse the event (libs/wire, *_shapes.c), in ingest and in chat-sync. */
enum holds {
	OURS, /* made here, or a word of a closed list: `sql` is one */
	TEXT, /* of at most `max` bytes, without a NUL */
	TIME, /* 1970 to 9999 */
	NUMBER, /* not negative, of the column's type */
	OBJECT, /* JSON that json_object_check() takes */
	LIST, /* the same of chat-sync's own making */
	BYTES,
};

struct column {
	const char *name;
	enum holds holds;
	size_t max;
	const char *sql;
	const char *from; /* of TEXT: the fields of InboundEvent that fill it */
};
#define ID(name, ...)   { name, TEXT, WIRE_MAX_ID_BYTES + PREFIX_BYTES, NULL, __VA_ARGS__ }
#define NAME(name, ...) { name, TEXT, WIRE_MAX_NAME_BYTES, NULL, __VA_ARGS__ }
#define LINK(name, ...) { name, TEXT, WIRE_MAX_LINK_BYTES, NULL, __VA_ARGS__ }
#define BODY(name, ...) { name, TEXT, WIRE_MAX_BODY_BYTES, NULL, __VA_ARGS__ }
#define AT_TIME(name)   { name, TIME, 0, NULL, NULL }
#define IS(name, sql)   { name, OURS, 0, sql, NULL }
#define MOST(name)      { name, NUMBER, 0, NULL, NULL }
#define JSON(name)      { name, OBJECT, 0, NULL, NULL }
#define JSONS(name)     { name, LIST, 0, NULL, NULL }
#define BINARY(name)    { name, BYTES, 0, NULL, NULL }
#define MADE_AT         AT_TIME("created_at"), AT_TIME("updated_at")
#define ROW_OF(w, id)   IS("workspace_id", w), IS("id", id)
#define ALIAS_KEY \
	IS("workspace_id", "1"), IS("kind", "'bsuid'"), ID("scope", "message.sender.bsuid_scope"), \
		ID("value", \
			"message.sender.phone message.sender.lid message.sender.bsuid message.sender.username message.sender.jid"), \
		IS("contact_id", "1")
#define OF_A_CHAT IS("workspace_id", "1"), IS("chat_id", "1")

static const struct table {
	const char *name;
	struct column columns[48];
} tables[] = {
	{ "account_qr",
		{ IS("workspace_id", "1"), IS("account_id", "1"), IS("kind", "'pairing'"), BINARY("code"),
			AT_TIME("expires_at"), MADE_AT } },
	{ "account_syncs",
		{ IS("workspace_id", "1"), IS("account_id", "1"),
			ID("sync_id", "sync_chat.sync_id sync_batch_end.sync_id"), MOST("index"), MOST("synced_mask"),
			MOST("skipped_mask"), MOST("chats"), MOST("rejected"), MOST("total"), IS("last", "true"),
			IS("open", "true"), AT_TIME("started_at"), AT_TIME("updated_at"), AT_TIME("ended_at") } },
	{ "chat_media",
		{ OF_A_CHAT, ID("provider_media_id", "message.media.provider_media_id"),
			ID("mime", "message.media.mime"), MOST("size_bytes"), ID("sha256", "message.media.sha256"),
			NAME("file_name", "message.media.file_name"), LINK("url", "message.media.url"),
			IS("storage_url", "'s3://media/1'"), AT_TIME("fetched_at"), MADE_AT } },
	{ "chat_reactions",
		{ OF_A_CHAT,
			ID("sender",
				"message.sender.phone message.sender.lid message.sender.bsuid message.sender.username message.sender.jid reaction.sender.phone reaction.sender.lid reaction.sender.bsuid reaction.sender.username reaction.sender.jid"),
			{ "emoji", TEXT, WIRE_MAX_EMOJI_BYTES, NULL, "reaction.emoji" }, AT_TIME("at"), MADE_AT } },
	{ "chat_reactions_withdrawn",
		{ OF_A_CHAT,
			ID("sender",
				"message.sender.phone message.sender.lid message.sender.bsuid message.sender.username message.sender.jid reaction.sender.phone reaction.sender.lid reaction.sender.bsuid reaction.sender.username reaction.sender.jid"),
			AT_TIME("at") } },
	{ "chat_receipts",
		{ OF_A_CHAT,
			ID("participant",
				"message_status.participant.phone message_status.participant.lid message_status.participant.bsuid message_status.participant.username message_status.participant.jid"),
			IS("status", "'played'"), AT_TIME("at"), MADE_AT } },
	{ "chats",
		{ ROW_OF("1", "1"), IS("account_id", "1"), IS("conversation_id", "1"),
			ID("message_key", "message.key call.call_id identity_change.key"),
			ID("wam_id", "message.provider_id call.call_id"),
			ID("client_message_id", "message.client_message_id dispatch.message.client_message_id"),
			IS("type", "'outbound'"), IS("message_type", "'group_invite'"),
			IS("message_status", "'delivered'"),
			ID("sender",
				"message.sender.phone message.sender.lid message.sender.bsuid message.sender.username message.sender.jid reaction.sender.phone reaction.sender.lid reaction.sender.bsuid reaction.sender.username reaction.sender.jid"),
			IS("origin", "'history'"), IS("placeholder", "true"), JSON("metadata"), AT_TIME("sent_at"),
			AT_TIME("delivered_at"), AT_TIME("read_at"), AT_TIME("edited_at"), AT_TIME("revoked_at"),
			IS("user_id", "1"), AT_TIME("deleted_at"), IS("deleted_by", "1"), MADE_AT } },
	{ "contact_aliases", { ALIAS_KEY, AT_TIME("created_at") } },
	{ "contact_former_aliases", { ALIAS_KEY, AT_TIME("until"), AT_TIME("created_at") } },
	{ "contact_opt_outs",
		{ ROW_OF("1", "1"), IS("contact_id", "1"), IS("account_id", "1"), ID("category", "opt_out.category"),
			AT_TIME("since"), IS("stopped", "true"), MADE_AT } },
	{ "contacts",
		{ ROW_OF("1", "1"), IS("uuid", "gen_random_uuid()"),
			NAME("first_name", "contact.first_name contact.full_name message.sender.name"),
			NAME("last_name", "contact.last_name"), IS("name_rank", "3"), AT_TIME("name_at"),
			ID("phone", "message.sender.phone"), ID("match_key", "message.sender.phone"),
			NAME("email", "contact.email"), AT_TIME("email_at"),
			LINK("profile_picture", "contact.profile_picture"), AT_TIME("profile_picture_at"),
			IS("source_type", "'manual'"), IS("source_account_id", "1"), IS("in_address_book", "true"),
			AT_TIME("in_address_book_at"), IS("is_active", "true"), IS("merged_into", "1"), MOST("merges"),
			MADE_AT, AT_TIME("erased_at"), AT_TIME("deleted_at") } },
	{ "conversations",
		{ ROW_OF("1", "1"), IS("uuid", "gen_random_uuid()"), IS("account_id", "1"), IS("contact_id", "1"),
			IS("group_id", "NULL"), MOST("sequence"), MOST("unread_messages"), AT_TIME("last_read_at"),
			IS("last_message_id", "1"), AT_TIME("last_message_at"), AT_TIME("last_inbound_at"),
			ID("last_sender",
				"message.sender.phone message.sender.lid message.sender.bsuid message.sender.username message.sender.jid"),
			IS("archived", "true"), AT_TIME("archived_at"), IS("merged_into", "1"), MADE_AT } },
	{ "conversation_merges",
		{ IS("workspace_id", "1"), IS("conversation_id", "1"), IS("into_id", "1"), IS("topic", "'inbound'"),
			MOST("partition"), AT_TIME("upto"), AT_TIME("moved_at") } },
	{ "erasures",
		{ IS("workspace_id", "1"), IS("uuid", "gen_random_uuid()"), IS("contact", "gen_random_uuid()"),
			IS("forget_opt_outs", "true"), IS("requested_by", "'restore'"),
			IS("aliases", "decode(repeat('ff', 65536), 'hex')") } },
	{ "parked_updates",
		{ ROW_OF("1", "1"), IS("account_id", "1"), IS("conversation_id", "1"), IS("kind", "'message_status'"),
			ID("target", "message_status.target.key message_status.target.stanza"),
			IS("event_id", "gen_random_uuid()"), BINARY("record_key"), BINARY("record_value"),
			BINARY("record_headers"), IS("topic", "'inbound'"), MOST("partition"), MOST("record_offset"),
			MOST("record_timestamp_ms"), AT_TIME("expires_at"), AT_TIME("created_at") } },
	{ "sender_renames",
		{ IS("workspace_id", "1"),
			ID("sender",
				"message.sender.phone message.sender.lid message.sender.bsuid message.sender.username message.sender.jid"),
			IS("contact_id", "1"), IS("topic", "'inbound'"), MOST("partition"), AT_TIME("renamed_at") } },
	{ "templates",
		{ ROW_OF("1", "1"), IS("account_id", "1"),
			ID("provider_template_id", "template_status.provider_template_id"),
			NAME("name", "template_status.name"), ID("language", "template_status.language"),
			ID("category", "template_status.category"), ID("status", "template_status.status"),
			ID("quality", "template_status.quality"), LINK("reason", "template_status.reason"),
			AT_TIME("status_at"), JSON("components"), MADE_AT } },
	{ "whatsapp_accounts",
		{ IS("status", "'connected'"), AT_TIME("status_since"), AT_TIME("status_at"), IS("is_active", "true"),
			AT_TIME("last_activity_at"), AT_TIME("first_connected_at"), AT_TIME("last_connected_at"),
			AT_TIME("disconnected_at"), IS("disconnect_reason", "'instance_restart'"),
			LINK("disconnect_details", "session_state.details"),
			ID("reported_phone", "session_state.phone"), MOST("disconnect_count"), JSON("sync"),
			JSON("notices"), AT_TIME("updated_at") } },
	{ "whatsapp_groups",
		{ ROW_OF("1", "1"), IS("uuid", "gen_random_uuid()"),
			ID("group_jid", "message.chat.group.jid group_change.group.jid"),
			NAME("name", "message.chat.group.name"), AT_TIME("name_at"),
			BODY("description", "chat_state.description group_change.text"), AT_TIME("description_at"),
			ID("owner_phone",
				"chat_state.owner.phone chat_state.owner.lid chat_state.owner.bsuid chat_state.owner.username chat_state.owner.jid"),
			JSONS("participants"), MOST("participants_count"), JSONS("participant_log"),
			ID("invite_code", "chat_state.invite_code group_change.invite_code"), AT_TIME("invite_code_at"),
			JSON("settings"), JSON("settings_times"), AT_TIME("group_created_at"), AT_TIME("snapshot_at"),
			MADE_AT, AT_TIME("deleted_at") } },
};

/* Columns that the two services may write, but for those of progress and outbox, which no body fills. */
#define WRITABLE \
	" FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'" \
	" AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND c.relname NOT IN ('consumer_progress'," \
	" 'outbox') AND (has_column_privilege('blazz_chat_sync', c.oid, a.attnum, 'INSERT,UPDATE')" \
	" OR has_column_privilege('blazz_ingest', c.oid, a.attnum, 'INSERT,UPDATE'))"

static void each_column_that_input_fills_is_in_the_table_and_no_other(void **state)
{
	struct buf known = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(tables); i++)
		for (const struct column *c = tables[i].columns; c->name; c++)
			buf_printf(&known, "%s('%s.%s')", known.n > 0 ? "," : "", tables[i].name, c->name);
	assert_text(
		arena_printf(db.arena,
			"WITH known (name) AS (VALUES %.*s), there AS (SELECT c.relname || '.' || a.attname AS name" WRITABLE
			")"
			" SELECT coalesce(string_agg(coalesce('new: ' || t.name, 'gone: ' || k.name), ', '), 'none') FROM there t"
			" FULL JOIN known k ON k.name = t.name WHERE t.name IS NULL OR k.name IS NULL",
			STR_ARG(buf_str(&known)))
			.p,
		"none");
	buf_fini(&known);
}

/* What wire lets the field of a path such as "message.media.url" hold. */
static size_t field_max(struct str path)
{
	const struct shape *shape = NULL;
	struct str word;

	str_cut(path, '.', &word, &path);
	for (unsigned kind = 1; kind < inbound_envelope.n_variants; kind++)
		if (str_is(word, inbound_envelope.variants[kind].word))
			shape = inbound_envelope.variants[kind].shape;
	while (shape) {
		const struct row *row = NULL;
		bool more = str_cut(path, '.', &word, &path);

		for (size_t i = 0; i < shape->n_rows; i++)
			if (str_is(word, shape->rows[i].name))
				row = &shape->rows[i];
		if (!row)
			break;
		if (!more)
			return row->type == ROW_TEXT ? (size_t)row->max : SIZE_MAX;
		shape = row->shape;
	}
	return SIZE_MAX;
}

static void fields_check(const struct table *t, const struct column *c)
{
	struct str path, rest = str_of(c->from ? c->from : "");

	for (bool more = true; more;) {
		more = str_cut(rest, ' ', &path, &rest);
		if (field_max(path) > c->max)
			fail_msg("%s.%s holds %zu bytes, %.*s may have more", t->name, c->name, c->max, STR_ARG(path));
	}
}

static void no_field_may_exceed_the_tested_length_of_its_column(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tables); i++)
		for (const struct column *c = tables[i].columns; c->name; c++)
			if (c->holds == TEXT)
				fields_check(&tables[i], c);
}

/* Of random hexadecimal digits, which do not compress. */
#define RANDOM_TEXT "(SELECT left(string_agg(md5(random()::text), ''), %zu) FROM generate_series(1, %zu))"

static void value_add(struct buf *sql, const struct table *t, const struct column *c, bool most)
{
	switch (c->holds) {
	case OURS:
		buf_printf(sql, "%s", c->sql);
		break;
	case TEXT:
		buf_printf(sql, RANDOM_TEXT, most ? c->max : (size_t)1, c->max / 32 + 1);
		break;
	case TIME:
		buf_printf(sql, most ? "to_timestamp(%lld / 1000.0)" : "to_timestamp(0)", (long long)WIRE_MAX_TIME_MS);
		break;
	case NUMBER:
		buf_printf(sql,
			"(SELECT CASE WHEN %d = 0 THEN 0 WHEN atttypid = 'integer'::regtype THEN 2147483647 ELSE 9223372036854775807 END"
			" FROM pg_attribute WHERE attrelid = 'public.%s'::regclass AND attname = '%s')",
			most, t->name, c->name);
		break;
	case OBJECT:
		buf_printf(sql, "%s",
			most ? "'{\"a\":1e1000,\"b\":-1e-1000,\"c\":\"\\u0001\"}'::jsonb" : "'{}'::jsonb");
		break;
	case LIST:
		buf_printf(sql, "%s", most ? "'[{\"a\":9007199254740993}]'::jsonb" : "'[]'::jsonb");
		break;
	case BYTES:
		buf_printf(sql, "%s", most ? "decode(repeat('ff', 1000000), 'hex')" : "''::bytea");
		break;
	}
}

/* A copy of the table without its foreign keys takes a row of the most, or the least, of each column. */
static void probe(const struct table *t, bool most)
{
	struct buf sql = BUF_INIT;

	execute(db.admin, "DROP TABLE IF EXISTS probe");
	execute(db.admin, arena_printf(db.arena, "CREATE TEMP TABLE probe (LIKE public.%s INCLUDING ALL)", t->name).p);
	buf_printf(&sql, "INSERT INTO probe (");
	for (const struct column *c = t->columns; c->name; c++)
		buf_printf(&sql, "%s%s", c == t->columns ? "" : ", ", c->name);
	if (strcmp(t->name, "whatsapp_accounts") == 0)
		buf_printf(&sql, ", workspace_id, id, session_id, provider_type, bridge_kind");
	buf_printf(&sql, ") SELECT ");
	for (const struct column *c = t->columns; c->name; c++) {
		buf_printf(&sql, "%s", c == t->columns ? "" : ", ");
		value_add(&sql, t, c, most);
	}
	if (strcmp(t->name, "whatsapp_accounts") == 0)
		buf_printf(&sql, ", 1, 1, 's', 'webjs', 'waha'");
	if (run(db.admin, arena_cstr(db.arena, buf_str(&sql)), NULL, NULL, &db.err) < 0)
		fail_msg("%s, %s: %s %s", t->name, most ? "the most" : "the least", db.err.code, db.err.msg);
	buf_fini(&sql);
}

static void each_column_and_index_accepts_the_largest_and_smallest_value_of_an_event(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tables); i++) {
		probe(&tables[i], true);
		probe(&tables[i], false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_column_that_input_fills_is_in_the_table_and_no_other),
		cmocka_unit_test(no_field_may_exceed_the_tested_length_of_its_column),
		cmocka_unit_test(each_column_and_index_accepts_the_largest_and_smallest_value_of_an_event),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
