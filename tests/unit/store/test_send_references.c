/* What requests to send messages and events of chat-event name, as campaign-sender looks it up. */
#include "unit.h"

#include "sending.h"
#include "store/send_events.h"
#include "store/send_references.h"

#define ONE   "00000000-0000-4000-8000-000000000001"
#define FIRST "00000000-0000-4000-8000-0000000000f1"
#define ANN   "00000000-0000-4000-8000-0000000000d1"
#define OLD   "00000000-0000-4000-8000-0000000000d2"
#define GONE  "00000000-0000-4000-8000-0000000000d3"
#define CHAT  "00000000-0000-4000-8000-0000000000e1"
#define TALK  "00000000-0000-4000-8000-0000000000e2"

/* Contact 10 with every kind of address, into which 11 and then 12 were merged; 13 is erased. Account 1 wrote to it first, account 2
 * last. The group is account 2's. */
static int people(void **state)
{
	db_empty(state);
	db_script(
		"INSERT INTO contacts (workspace_id, id, uuid, source_type, phone, match_key, merged_into, deleted_at) VALUES"
		" (1, 10, '" ANN "', 'meta', '+5511987654321', '551187654321', NULL, NULL),"
		" (1, 11, gen_random_uuid(), 'meta', NULL, NULL, 10, NULL), (1, 12, '" OLD
		"', 'meta', NULL, NULL, 11, NULL),"
		" (1, 13, '" GONE "', 'meta', NULL, NULL, NULL, now());"
		"INSERT INTO contact_aliases (workspace_id, contact_id, kind, scope, value, created_at) VALUES"
		" (1, 10, 'phone', '', '551187654321', now()), (1, 10, 'lid', '', '77', now()), (1, 10, 'bsuid', 'p1', 'B1', '2026-01-01Z'),"
		" (1, 10, 'bsuid', 'p2', 'B2', '2026-01-02Z'), (1, 10, 'username', '', 'ann', now()), (1, 10, 'jid', '', 'ann@x', now());"
		"INSERT INTO whatsapp_groups (workspace_id, id, group_jid, name) VALUES (1, 5, 'g@g.us', 'g');"
		"INSERT INTO conversations (workspace_id, id, uuid, account_id, contact_id, group_id, last_message_at) VALUES"
		" (1, 1, '" CHAT
		"', 1, 10, NULL, '2026-01-01Z'), (1, 2, gen_random_uuid(), 2, 10, NULL, '2026-01-02Z'),"
		" (1, 3, '" TALK "', 2, NULL, 5, NULL)");
	return 0;
}

static struct send_reference found(const struct send_reference *named)
{
	struct send_reference r = *named;

	r.workspace = uuid_of(ONE);
	r.request = uuid_of(FIRST);
	done(store_send_references(db.pg, &r, 1, db.arena, &db.err));
	return r;
}

static void a_contact_is_found_by_its_id_through_merges(void **state)
{
	static const char *const ids[] = { ANN, OLD };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct send_reference r = found(&(struct send_reference){ .contact = uuid_of(ids[i]) });

		assert_int_equal(r.workspace_id, 1);
		assert_int_equal(r.contact_id, 10);
		assert_false(r.repeated);
		assert_str(r.party.phone, "+5511987654321");
		assert_str(r.party.lid, "77");
		assert_str(r.party.jid, "ann@x");
		assert_str(r.party.bsuid, "B2");
		assert_str(r.party.bsuid_scope, "p2");
		assert_int_equal(r.latest_account_id, 2);
	}
}

static void a_recipient_without_an_id_is_found_by_its_alias(void **state)
{
	static const struct send_reference named[] = {
		{ .alias_kind = "phone", .alias = { "551187654321", 12 } },
		{ .alias_kind = "lid", .alias = { "77", 2 } },
		{ .alias_kind = "bsuid", .alias_scope = { "p1", 2 }, .alias = { "B1", 2 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		assert_int_equal(found(&named[i]).contact_id, 10);
	assert_int_equal(found(&(struct send_reference){ .alias_kind = "bsuid", .alias = STR("B1") }).contact_id, 0);
}

static void nothing_is_found_of_what_is_erased_or_elsewhere(void **state)
{
	struct send_reference r = { .workspace = uuid_of("00000000-0000-4000-8000-000000000002"),
		.request = uuid_of(FIRST),
		.contact = uuid_of(ANN) };

	(void)state;
	assert_int_equal(found(&(struct send_reference){ .contact = uuid_of(GONE) }).contact_id, 0);
	done(store_send_references(db.pg, &r, 1, db.arena, &db.err));
	assert_true(r.workspace_id == 2 && r.contact_id == 0 && r.latest_account_id == 0);
	r.workspace = uuid_of(ANN);
	done(store_send_references(db.pg, &r, 1, db.arena, &db.err));
	assert_true(r.workspace_id == 0);
}

static void a_group_has_the_accounts_that_talk_in_it(void **state)
{
	struct send_reference r = found(&(struct send_reference){ .group_jid = STR("g@g.us") });

	(void)state;
	assert_true(r.n_group_accounts == 1 && r.group_accounts[0] == 2 && r.latest_account_id == 2);
	r = found(&(struct send_reference){ .group_jid = STR("other@g.us") });
	assert_true(r.n_group_accounts == 0 && r.latest_account_id == 0);
}

static void a_request_that_was_made_before_has_its_content(void **state)
{
	struct send_reference r;

	(void)state;
	db_script("INSERT INTO sends (workspace_id, request_id, address, account_id, request) VALUES (1, '" FIRST
		  "', '1', 1, 'x')");
	r = found(&(struct send_reference){ .alias_kind = "lid", .alias = STR("1") });
	assert_true(r.repeated);
	assert_str(r.content, "x");
}

static struct send_stored stored;
static int n_stored;

static void stored_keep(void *ctx, const struct send_stored *s)
{
	(void)ctx;
	stored = *s;
	n_stored++;
}

static void a_message_that_chats_has_already_is_found_whatever_account_sent_it(void **state)
{
	const struct send_request_key keys[] = { { 1, uuid_of(OLD) }, { 1, uuid_of(FIRST) } };

	(void)state;
	db_script(
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, wam_id, client_message_id, type,"
		" message_type, message_status, origin, metadata, sent_at) VALUES (1, 1, 2, 2, 'true:W', 'W', '" FIRST
		"', 'outbound', 'text', 'delivered', 'live', '{}', '2026-01-01Z')");
	n_stored = 0;
	done(store_sends_stored(db.pg, keys, 2, db.arena, stored_keep, NULL, &db.err));
	assert_true(n_stored == 1 && stored.place == 1 && stored.account_id == 2 && stored.sent_us == AT(0) &&
		stored.status == STATUS_DELIVERED);
	assert_str(stored.key, "true:W");
	assert_str(stored.provider_id, "W");
}

static const char *addresses_of(const struct send_conversation *c)
{
	static char text[200];

	text[0] = '\0';
	for (size_t i = 0; i < c->n_addresses; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s", i ? " " : "",
			STR_ARG(c->addresses[i]));
	return text;
}

static void a_conversation_has_the_addresses_that_rows_may_have(void **state)
{
	struct send_conversation c[] = { { .workspace_id = 1, .conversation = uuid_of(CHAT), .wanted = true },
		{ .workspace_id = 1, .conversation = uuid_of(TALK), .wanted = true },
		{ .workspace_id = 1, .conversation = uuid_of(CHAT) },
		{ .workspace_id = 2, .conversation = uuid_of(CHAT), .wanted = true } };

	(void)state;
	done(store_send_conversations(db.pg, c, 4, db.arena, &db.err));
	assert_false(c[0].restored);
	assert_string_equal(addresses_of(&c[0]), "551187654321 lid:77 ann@x bsuid:B1 bsuid:B2");
	assert_string_equal(addresses_of(&c[1]), "g@g.us");
	assert_string_equal(addresses_of(&c[2]), "");
	assert_string_equal(addresses_of(&c[3]), "");
}

static void addresses_are_always_read_after_a_restore(void **state)
{
	struct send_conversation c = { .workspace_id = 1, .conversation = uuid_of(TALK) };

	(void)state;
	db_script("INSERT INTO restores (accepted_at) VALUES (now())");
	done(store_send_conversations(db.pg, &c, 1, db.arena, &db.err));
	assert_true(c.restored);
	assert_string_equal(addresses_of(&c), "g@g.us");
}

static char campaigns[200];

static void campaign_keep(void *ctx, size_t place, const struct uuid *campaign)
{
	char text[37];

	(void)ctx;
	uuid_format(campaign, text);
	snprintf(campaigns + strlen(campaigns), sizeof(campaigns) - strlen(campaigns), "%zu:%s ", place, text + 34);
}

static void campaigns_of_a_template_are_those_that_send_it_through_the_account(void **state)
{
	const struct template_use uses[] = {
		{ .workspace_id = 1, .account_id = 1, .name = STR("promo"), .language = STR("id") },
		{ .workspace_id = 1, .account_id = 2, .name = STR("promo"), .language = STR("id") },
		{ .workspace_id = 1, .account_id = 1, .name = STR("promo"), .language = STR("en") },
		{ .workspace_id = 1,
			.account_id = 1,
			.name = STR("promo"),
			.language = STR("id"),
			.paused_by = STR("132015") },
	};

	(void)state;
	db_script(
		"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language) VALUES (1, 7, 1, 't', 'promo', 'id');"
		"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, template_id, status, pause_code) VALUES"
		" (1, 1, '00000000-0000-4000-8000-0000000000c1', 'a', 'template', 7, 'running', NULL),"
		" (1, 2, '00000000-0000-4000-8000-0000000000c2', 'b', 'template', 7, 'paused', '132015'),"
		" (1, 3, '00000000-0000-4000-8000-0000000000c3', 'c', 'template', 7, 'paused', NULL),"
		" (1, 4, '00000000-0000-4000-8000-0000000000c4', 'd', 'instant', NULL, 'running', NULL);"
		"INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition)"
		" SELECT 1, g, 0, 1, 0 FROM generate_series(1, 4) g");
	campaigns[0] = '\0';
	done(store_campaigns_of_templates(db.pg, uses, 4, campaign_keep, NULL, &db.err));
	assert_string_equal(campaigns, "0:c1 3:c2 ");
}

#define reference_test(name) cmocka_unit_test_setup((name), people)

int main(void)
{
	const struct CMUnitTest tests[] = {
		reference_test(a_contact_is_found_by_its_id_through_merges),
		reference_test(a_recipient_without_an_id_is_found_by_its_alias),
		reference_test(nothing_is_found_of_what_is_erased_or_elsewhere),
		reference_test(a_group_has_the_accounts_that_talk_in_it),
		reference_test(a_request_that_was_made_before_has_its_content),
		reference_test(a_message_that_chats_has_already_is_found_whatever_account_sent_it),
		reference_test(a_conversation_has_the_addresses_that_rows_may_have),
		reference_test(addresses_are_always_read_after_a_restore),
		reference_test(campaigns_of_a_template_are_those_that_send_it_through_the_account),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
