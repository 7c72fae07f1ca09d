/* The views answer the older application's questions from the tables as they are. */
#include "unit.h"

#include "db.h"

#define ROWS \
	"INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 10, 'webjs'), (1, 11, 'webjs'), (2, 10, 'webjs');" \
	"INSERT INTO whatsapp_groups (workspace_id, id, group_jid, name) VALUES (1, 5, 'g', 'g');" \
	"INSERT INTO conversations (workspace_id, id, account_id, contact_id, group_id, unread_messages, last_read_at, last_message_at, merged_into)" \
	" VALUES (1, 1, 1, 10, NULL, 2, '2026-01-01T12:00Z', '2026-01-02', NULL), (1, 2, 2, 10, NULL, 3, NULL, '2026-01-03', NULL)," \
	" (1, 3, 1, 11, NULL, 7, NULL, '2026-01-04', 1), (1, 4, 1, NULL, 5, 9, NULL, '2026-01-05', NULL)," \
	" (2, 1, 3, 10, NULL, 1, NULL, NULL, NULL);" \
	"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata," \
	" sent_at) SELECT 1, c, 1, v, 'k' || c, 'inbound', 'text', 'delivered', 'live', '{}', at::timestamptz FROM (VALUES" \
	" (1, 1, '2026-01-01T11:59Z'), (2, 1, '2026-01-01T12:00Z'), (3, 1, '2026-01-01T12:01Z'), (4, 2, '2026-01-01T11:00Z')) AS r (c, v, at)"

#define ATTEMPTS \
	"SELECT day_partitions_maintain('webhook_attempts', 1, 30);" \
	"INSERT INTO webhook_attempts (workspace_id, endpoint_id, event_id, event_type, chat_id, attempt, outcome, at, error)" \
	" SELECT w, e, gen_random_uuid(), 'message.created', c, a, o, date_trunc('day', now()) + s * interval '1 s', r FROM (VALUES" \
	" (1, 1, 1, 1, 'refused', 1, 'no route'), (1, 1, 1, 2, 'timeout', 2, NULL), (1, 1, 1, 3, 'success', 3, NULL)," \
	" (1, 2, 1, 1, 'status', 4, '500'), (1, 1, 2, 1, 'success', 5, NULL), (2, 1, 1, 1, 'success', 6, NULL)," \
	" (1, 1, NULL, 1, 'success', 7, NULL)) AS r (w, e, c, a, o, s, r)"

static int rows(void **state)
{
	db_empty(state);
	db_script(ROWS ";" ATTEMPTS);
	return 0;
}

static void unread_and_latest_of_a_contact_are_over_all_its_accounts(void **state)
{
	(void)state;
	assert_text(
		"SELECT string_agg(concat_ws(' ', workspace_id, contact_id, unread_messages, latest_chat_created_at::date), ', '"
		" ORDER BY workspace_id, contact_id) FROM contact_activity",
		"1 10 5 2026-01-03, 2 10 1");
}

static void a_message_is_read_up_to_the_marker_and_unread_before_there_is_one(void **state)
{
	(void)state;
	assert_text(
		"SELECT string_agg(id || ' ' || coalesce(is_read::text, 'null'), ', ' ORDER BY id) FROM chat_messages",
		"1 true, 2 true, 3 false, 4 false");
	assert_int_equal(db_i64("SELECT count(*) FROM chat_messages WHERE NOT is_read"), 2);
}

static void a_message_has_its_delivery_to_each_endpoint(void **state)
{
	(void)state;
	assert_text(
		"SELECT string_agg(concat_ws(' ', workspace_id, chat_id, endpoint_id, extract(second FROM webhook_sent_at)::int,"
		" webhook_retry_count, coalesce(webhook_last_error, '-')), ', ' ORDER BY workspace_id, chat_id, endpoint_id)"
		" FROM chat_webhooks",
		"1 1 1 3 2 timeout, 1 1 2 0 500, 1 2 1 5 0 -, 2 1 1 6 0 -");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(unread_and_latest_of_a_contact_are_over_all_its_accounts, rows),
		cmocka_unit_test_setup(a_message_is_read_up_to_the_marker_and_unread_before_there_is_one, rows),
		cmocka_unit_test_setup(a_message_has_its_delivery_to_each_endpoint, rows),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
