/* services/chat-sync/cache: which rows stay cached, for how long, and that the cache owns its strings. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "chat-sync/cache.h"

#define TTL_MS    1000
#define MAX_BYTES (256 << 10)

static struct cache cache;

static int setup(void **state)
{
	(void)state;
	cache_init(&cache, MAX_BYTES, TTL_MS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cache_fini(&cache);
	return 0;
}

static struct account *account_loaded(int64_t id, int64_t now_ms)
{
	struct account_row row = { .workspace_id = 1, .id = id };

	row.uuid.b[0] = (uint8_t)id;
	return cache_put_account(&cache, &row, now_ms);
}

static struct contact *contact_loaded(int64_t workspace, int64_t id, const char *name, int64_t now_ms)
{
	const struct contact_row row = { .workspace_id = workspace, .id = id, .full_name = str_of(name) };

	return cache_put_contact(&cache, &row, now_ms);
}

static struct alias_row alias(int64_t workspace, enum alias_kind kind, const char *scope, const char *value)
{
	return (struct alias_row){ workspace, 0, kind, str_of(scope), str_of(value) };
}

static void what_is_kept_is_copied(void **state)
{
	char name[] = "Ann";
	struct contact *c = contact_loaded(1, 7, name, 0);

	(void)state;
	memset(name, 'x', 3);
	assert_true(str_is(c->row.full_name, "Ann"));
	assert_ptr_equal(cache_contact(&cache, 1, 7), c);
	assert_null(cache_contact(&cache, 2, 7));
}

static void reading_again_fills_the_same_struct(void **state)
{
	struct contact *c = contact_loaded(1, 7, "Ann", 0);

	(void)state;
	c->has_event = true;
	assert_ptr_equal(contact_loaded(1, 7, "Anna", 5), c);
	assert_true(str_is(c->row.full_name, "Anna"));
	assert_true(str_is(c->read.full_name, "Anna"));
	assert_int_equal(c->read_mono_ms, 5);
	assert_true(c->has_event);
}

static void accounts_and_aliases_grow_stale(void **state)
{
	struct account *a = account_loaded(3, 100);
	struct contact *c = contact_loaded(1, 7, "Ann", 100);
	const struct alias_row phone = alias(1, ALIAS_PHONE, "", "1555");

	(void)state;
	cache_put_alias(&cache, &phone, c);
	assert_ptr_equal(cache_account(&cache, &a->row.uuid, 100 + TTL_MS), a);
	assert_null(cache_account(&cache, &a->row.uuid, 101 + TTL_MS));
	assert_ptr_equal(cache_alias(&cache, &phone, 100 + TTL_MS), c);
	assert_null(cache_alias(&cache, &phone, 101 + TTL_MS));
	assert_ptr_equal(account_loaded(3, 2000), a);
	contact_loaded(1, 7, "Ann", 2000);
	assert_ptr_equal(cache_account(&cache, &a->row.uuid, 2000), a);
	assert_ptr_equal(cache_alias(&cache, &phone, 2000), c);
}

static void an_alias_is_its_workspace_kind_scope_and_value(void **state)
{
	struct contact *c = contact_loaded(1, 7, "Ann", 0);
	const struct alias_row kept = alias(1, ALIAS_BSUID, "ab", "c");
	const struct alias_row others[] = { alias(2, ALIAS_BSUID, "ab", "c"), alias(1, ALIAS_LID, "ab", "c"),
		alias(1, ALIAS_BSUID, "a", "bc"), alias(1, ALIAS_BSUID, "abc", ""), alias(1, ALIAS_BSUID, "ab", "cd") };

	(void)state;
	cache_put_alias(&cache, &kept, c);
	assert_ptr_equal(cache_alias(&cache, &kept, 0), c);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_null(cache_alias(&cache, &others[i], 0));
	cache_remove_alias(&cache, &kept);
	assert_null(cache_alias(&cache, &kept, 0));
}

static void there_is_one_struct_per_conversation(void **state)
{
	struct account *a = account_loaded(3, 0);
	struct contact *c = contact_loaded(1, 7, "Ann", 0);
	struct conversation_row row = {
		.workspace_id = 1, .id = 9, .account_id = 3, .contact_id = 7, .unread = 1, .last_sender = STR("me")
	};
	struct conversation *v = cache_put_conversation(&cache, &row, a, NULL, NULL);

	(void)state;
	assert_null(v->contact);
	v->row.unread = 5; /* this batch's; the database does not have it yet */
	row.unread = 2;
	assert_ptr_equal(cache_put_conversation(&cache, &row, a, c, NULL), v);
	assert_int_equal(v->row.unread, 5);
	assert_ptr_equal(v->contact, c);
	assert_ptr_equal(cache_conversation(&cache, a, c, NULL), v);
	assert_ptr_equal(cache_conversation_by_id(&cache, 9), v);
	assert_int_equal(v->newest_sync_us, PG_NO_TIME);
}

static void a_group_and_a_contact_of_one_number_are_two_peers(void **state)
{
	struct account *a = account_loaded(3, 0), *other = account_loaded(4, 0);
	struct contact *c = contact_loaded(1, 7, "Ann", 0);
	const struct group_row group = { .workspace_id = 1, .id = 7, .jid = STR("7@g.us") };
	struct group *g = cache_put_group(&cache, &group, 0);
	const struct conversation_row row = { .workspace_id = 1, .id = 9, .account_id = 3, .group_id = 7 };

	(void)state;
	cache_put_conversation(&cache, &row, a, NULL, g);
	assert_non_null(cache_conversation(&cache, a, NULL, g));
	assert_null(cache_conversation(&cache, a, c, NULL));
	assert_null(cache_conversation(&cache, other, NULL, g));
	assert_ptr_equal(cache_group(&cache, 1, STR("7@g.us")), g);
	assert_null(cache_group(&cache, 2, STR("7@g.us")));
}

static void clearing_leaves_nothing_but_drawn_ids(void **state)
{
	struct account *a = account_loaded(3, 0);
	struct contact *c = contact_loaded(1, 7, "Ann", 0);
	const struct alias_row lid = alias(1, ALIAS_LID, "", "901");
	const struct conversation_row row = { .workspace_id = 1, .id = 9, .account_id = 3, .contact_id = 7 };
	const struct uuid id = a->row.uuid;

	(void)state;
	cache_put_alias(&cache, &lid, c);
	cache_put_conversation(&cache, &row, a, c, NULL);
	cache.next_message_id = 11;
	cache.last_message_id = 20;
	cache_clear(&cache);
	assert_null(cache_account(&cache, &id, 0));
	assert_null(cache_contact(&cache, 1, 7));
	assert_null(cache_alias(&cache, &lid, 0));
	assert_null(cache_conversation_by_id(&cache, 9));
	assert_int_equal(cache.next_message_id, 11);
	assert_int_equal(cache.last_message_id, 20);
}

static void only_what_has_grown_too_large_is_trimmed(void **state)
{
	(void)state;
	contact_loaded(1, 7, "Ann", 0);
	cache_trim(&cache);
	assert_non_null(cache_contact(&cache, 1, 7));
	while (arena_used_bytes(cache.arena) <= MAX_BYTES)
		contact_loaded(1, 7, "a name that is read again and again", 0);
	cache_trim(&cache);
	assert_null(cache_contact(&cache, 1, 7));
}

static void keys_count_as_well(void **state)
{
	struct contact *c = contact_loaded(1, 7, "Ann", 0);
	char lid[16];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		snprintf(lid, sizeof(lid), "%d", i);
		cache_put_alias(&cache, &(struct alias_row){ .workspace_id = 1, .value = str_of(lid) }, c);
	}
	assert_true(arena_used_bytes(cache.arena) < MAX_BYTES);
	cache_trim(&cache);
	assert_null(cache_contact(&cache, 1, 7));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_kept_is_copied),
		T(reading_again_fills_the_same_struct),
		T(accounts_and_aliases_grow_stale),
		T(an_alias_is_its_workspace_kind_scope_and_value),
		T(there_is_one_struct_per_conversation),
		T(a_group_and_a_contact_of_one_number_are_two_peers),
		T(clearing_leaves_nothing_but_drawn_ids),
		T(only_what_has_grown_too_large_is_trimmed),
		T(keys_count_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
