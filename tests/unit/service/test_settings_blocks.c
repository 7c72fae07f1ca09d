/* Blocks of settings: embedded at any offset, each key fills its own member. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "service/settings_blocks.h"

struct embedding {
	int64_t before;
	struct owner_settings owner;
	int64_t between;
	struct postgres_settings postgres;
	char *keyring;
	int64_t behind;
};
#define AT(field) offsetof(struct embedding, field)

static const struct config_key keys[] = {
	KEYRING_KEYS(AT(keyring), "secrets"),
	POSTGRES_KEYS(AT(postgres), "7s"),
	OWNER_KEYS(AT(owner)),
	{ 0 },
};

static struct config *load(struct embedding *s)
{
	struct config *c = NULL;
	struct err err = { 0 };

	*s = (struct embedding){ .before = 11, .between = 12, .behind = 13 };
	if (config_load(&c, NULL, keys, s, sizeof(*s), &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(s->before, 11);
	assert_int_equal(s->between, 12);
	assert_int_equal(s->behind, 13);
	return c;
}

static void the_defaults_are_those_of_the_block_and_of_the_service(void **state)
{
	struct embedding s;
	struct config *c;

	(void)state;
	setenv("BLAZZ_POSTGRES_CONNINFO", "dbname=none", 1);
	setenv("BLAZZ_SECRETS_KEYRING", "k1:x", 1);
	c = load(&s);
	assert_string_equal(s.postgres.conninfo, "dbname=none");
	assert_int_equal(s.postgres.statement_timeout_ms, 7000);
	assert_string_equal(s.keyring, "k1:x");
	assert_int_equal(s.owner.backoff_min_ms, 200);
	assert_int_equal(s.owner.backoff_max_ms, 10000);
	assert_false(s.owner.reset_cluster);
	config_free(c);
}

static void each_key_fills_its_own_member(void **state)
{
	struct pg_options options;
	struct embedding s;
	struct config *c;

	(void)state;
	setenv("BLAZZ_POSTGRES_CONNINFO", "dbname=none", 1);
	setenv("BLAZZ_POSTGRES_STATEMENT_TIMEOUT", "3s", 1);
	setenv("BLAZZ_SECRETS_KEYRING", "k1:x", 1);
	setenv("BLAZZ_BACKOFF_MIN", "1ms", 1);
	setenv("BLAZZ_BACKOFF_MAX", "2ms", 1);
	setenv("BLAZZ_PROGRESS_RESET_ON_NEW_CLUSTER", "true", 1);
	c = load(&s);
	assert_int_equal(s.owner.backoff_min_ms, 1);
	assert_int_equal(s.owner.backoff_max_ms, 2);
	assert_true(s.owner.reset_cluster);
	options = postgres_options(&s.postgres, "test");
	assert_string_equal(options.conninfo, "dbname=none");
	assert_string_equal(options.application_name, "test");
	assert_int_equal(options.statement_timeout_ms, 3000);
	assert_null(options.wait);
	config_free(c);
}

static void a_keyring_that_cannot_be_used_names_its_key(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(keyring_setting_check("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", &err), 0);
	assert_int_equal(keyring_setting_check("k1:short", &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_non_null(strstr(err.msg, "secrets.keyring"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_block_and_of_the_service),
		cmocka_unit_test(each_key_fills_its_own_member),
		cmocka_unit_test(a_keyring_that_cannot_be_used_names_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
