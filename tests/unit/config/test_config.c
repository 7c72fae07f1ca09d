/* Configuration through its public face: a table of keys, a file, the environment, and what comes out. */
#include "unit.h"

#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
	char *name, *password;
	int64_t events, wait_ms, size_bytes;
	bool enabled;
	char **hosts;
	char *brokers;
};

static const struct config_key keys[] = {
	{ "name", CONFIG_STRING, CONFIG_LIVE, offsetof(struct settings, name), "blazz", 0, 0, "A name | of it." },
	{ "db.password", CONFIG_STRING, CONFIG_SECRET, offsetof(struct settings, password), NULL, 0, 0, "A secret." },
	{ "batch.max_events", CONFIG_INT, CONFIG_LIVE, offsetof(struct settings, events), "500", 1, 100000, "Events." },
	{ "batch.max_wait", CONFIG_DURATION_MS, 0, offsetof(struct settings, wait_ms), "20ms", 1, 3600000, "Wait." },
	{ "batch.size", CONFIG_BYTES, 0, offsetof(struct settings, size_bytes), "1M", 0, 0, "Size." },
	{ "enabled", CONFIG_BOOL, 0, offsetof(struct settings, enabled), "true", 0, 0, "Whether." },
	{ "hosts", CONFIG_LIST, 0, offsetof(struct settings, hosts), NULL, 0, 0, "Hosts." },
	{ "kafka.bootstrap.servers", CONFIG_STRING, 0, offsetof(struct settings, brokers), NULL, 0, 0, "Brokers." },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL },
};

static const struct config_key required_keys[] = {
	{ "db.conninfo", CONFIG_STRING, CONFIG_REQUIRED, 0, NULL, 0, 0, "Where." },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL },
};

static char directory[] = "/tmp/test_config.XXXXXX";
static char file[64], secret[64];

static void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup_group(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/x.cfg", directory);
	snprintf(secret, sizeof(secret), "%s/secret", directory);
	return 0;
}

static int teardown_group(void **state)
{
	(void)state;
	unlink(file);
	unlink(secret);
	return rmdir(directory);
}

static struct config *load(const char *text, struct settings *s)
{
	struct config *c = NULL;
	struct err err = { 0 };

	file_write(file, text);
	if (config_load(&c, file, keys, s, sizeof(*s), &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}

static void collect_kafka(void *ctx, const char *key, const char *value)
{
	buf_printf(ctx, "%s=%s;", key, value);
}

static void absent_keys_have_their_defaults(void **state)
{
	struct settings s = { 0 };
	struct config *c = NULL;
	struct err err;

	(void)state;
	assert_int_equal(config_load(&c, NULL, keys, &s, sizeof(s), &err), 0);
	assert_string_equal(s.name, "blazz");
	assert_null(s.password);
	assert_int_equal(s.events, 500);
	assert_int_equal(s.wait_ms, 20);
	assert_int_equal(s.size_bytes, 1 << 20);
	assert_true(s.enabled);
	assert_non_null(s.hosts);
	assert_null(s.hosts[0]);
	config_free(c);
}

static void the_file_is_read_with_its_types(void **state)
{
	struct settings s;
	struct config *c = load("name = \"n\";\nenabled = false;\nhosts = [\"a\", \"b\"];\n"
				"batch: { max_events = 7; max_wait = \"2m\"; size = 4096; };\n",
		&s);

	(void)state;
	assert_string_equal(s.name, "n");
	assert_false(s.enabled);
	assert_string_equal(s.hosts[0], "a");
	assert_string_equal(s.hosts[1], "b");
	assert_null(s.hosts[2]);
	assert_int_equal(s.events, 7);
	assert_int_equal(s.wait_ms, 120000);
	assert_int_equal(s.size_bytes, 4096);
	config_free(c);
}

static void the_environment_wins_over_the_file(void **state)
{
	struct settings s;
	struct config *c;

	(void)state;
	setenv("BLAZZ_BATCH_MAX_EVENTS", "9", 1);
	setenv("BLAZZ_HOSTS", " a , b,,c ", 1);
	setenv("BLAZZ_NAME", "", 1);
	c = load("name = \"n\"; hosts = [\"x\"]; batch: { max_events = 7; };", &s);
	unsetenv("BLAZZ_BATCH_MAX_EVENTS");
	unsetenv("BLAZZ_HOSTS");
	unsetenv("BLAZZ_NAME");
	assert_int_equal(s.events, 9);
	assert_string_equal(s.hosts[0], "a");
	assert_string_equal(s.hosts[1], "b");
	assert_string_equal(s.hosts[2], "c");
	assert_null(s.hosts[3]);
	assert_string_equal(s.name, "n"); /* an empty variable is unset */
	config_free(c);
}

static void secrets_come_from_files(void **state)
{
	struct buf text = BUF_INIT, dump = BUF_INIT, kafka = BUF_INIT;
	struct settings s;
	struct config *c;

	(void)state;
	file_write(secret, " s3cr3t \r\n");
	buf_printf(&text,
		"db: { password = \"no\"; password_file = \"%s\"; }; kafka: { sasl_password_file = \"%s\"; };", secret,
		secret);
	c = load(text.p, &s);
	assert_string_equal(s.password, " s3cr3t ");
	config_each_kafka(c, collect_kafka, &kafka);
	assert_string_equal(kafka.p, "sasl.password= s3cr3t ;");
	config_dump(c, &dump);
	assert_null(strstr(dump.p, "s3cr3t"));
	assert_non_null(strstr(dump.p, "db.password = ***\n"));
	assert_non_null(strstr(dump.p, "kafka.sasl.password = ***\n"));
	config_free(c);
	setenv("BLAZZ_DB_PASSWORD_FILE", secret, 1);
	c = load("", &s);
	unsetenv("BLAZZ_DB_PASSWORD_FILE");
	assert_string_equal(s.password, " s3cr3t ");
	config_free(c);
	buf_fini(&text);
	buf_fini(&dump);
	buf_fini(&kafka);
}

static void kafka_keys_are_passed_on(void **state)
{
	struct buf kafka = BUF_INIT;
	struct settings s;
	struct config *c;

	(void)state;
	setenv("BLAZZ_KAFKA_SSL_CA_LOCATION", "/ca", 1);
	c = load("kafka: { bootstrap_servers = \"h:9\"; socket: { timeout: { ms = 5; }; }; enable_sparse = true; };",
		&s);
	unsetenv("BLAZZ_KAFKA_SSL_CA_LOCATION");
	config_each_kafka(c, collect_kafka, &kafka);
	assert_string_equal(kafka.p,
		"bootstrap.servers=h:9;socket.timeout.ms=5;enable.sparse=true;ssl.ca.location=/ca;");
	assert_string_equal(s.brokers, "h:9");
	config_free(c);
	buf_fini(&kafka);
}

static void kafka_keys_of_another_file_are_read_without_the_environment(void **state)
{
	struct buf text = BUF_INIT, kafka = BUF_INIT;
	struct err err = { .msg = "" };
	int rc;

	(void)state;
	file_write(secret, "s3cr3t\n");
	buf_printf(&text,
		"db: { password = \"x\"; }; kafka: { bootstrap_servers = \"there:9\"; sasl_password_file = \"%s\"; };",
		secret);
	file_write(file, text.p);
	setenv("BLAZZ_KAFKA_BOOTSTRAP_SERVERS", "here:9", 1);
	rc = config_file_each_kafka(file, collect_kafka, &kafka, &err);
	unsetenv("BLAZZ_KAFKA_BOOTSTRAP_SERVERS");
	assert_int_equal(rc, 0);
	assert_string_equal(kafka.p, "bootstrap.servers=there:9;sasl.password=s3cr3t;");
	file_write(file, "kafka: { sasl_password_file = \"/nowhere\"; };");
	assert_int_equal(config_file_each_kafka(file, collect_kafka, &kafka, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	buf_fini(&text);
	buf_fini(&kafka);
}

static void errors_name_the_file_and_the_line(void **state)
{
	static const struct {
		const char *text, *message; /* after "<file>:" */
	} cases[] = {
		{ "\nbatch: { max_events = 0; };", "2: batch.max_events: 0 is not in 1..100000" },
		{ "batch: { max_events = \"many\"; };", "1: batch.max_events: many is not a whole number" },
		{ "batch: { max_events = 1.5; };", "1: batch.max_events: 1.5 is not a whole number" },
		{ "batch: { max_wait = 5; };",
			"1: batch.max_wait: 5 is not a duration such as 250ms, 5s, 2m, 1h or 7d" },
		{ "batch: { max_wait = \"2h\"; };", "1: batch.max_wait: 2h is not in 1ms..1h" },
		{ "batch: { max_wait = \"-1s\"; };",
			"1: batch.max_wait: -1s is not a duration such as 250ms, 5s, 2m, 1h or 7d" },
		{ "batch: { size = \"4X\"; };", "1: batch.size: 4X is not a number of bytes such as 4096, 64k or 4M" },
		{ "batch: { size = \"9999999999G\"; };",
			"1: batch.size: 9999999999G is not a number of bytes such as 4096, 64k or 4M" },
		{ "enabled = \"maybe\";", "1: enabled: maybe is not true or false" },
		{ "batch: { max_event = 1; };", "1: batch.max_event: unknown key (did you mean batch.max_events?)" },
		{ "frobnicate = 1;", "1: frobnicate: unknown key" },
		{ "name_file = \"/x\";", "1: name_file: unknown key" },
		{ "hosts = [\"a,b\"];", "1: hosts: list items must be plain values without commas" },
		{ "hosts = ({ a = 1; });", "1: hosts: list items must be plain values without commas" },
		{ "name = ;", "1: syntax error" },
		{ "db: { password_file = \"/nowhere\"; };",
			"1: db.password_file: /nowhere: No such file or directory" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings s = { .events = -1 };
		struct config *c = NULL;
		struct err err = { 0 };
		char want[300];

		file_write(file, cases[i].text);
		assert_int_equal(config_load(&c, file, keys, &s, sizeof(s), &err), -1);
		snprintf(want, sizeof(want), "%s:%s", file, cases[i].message);
		assert_string_equal(err.msg, want);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_null(c);
		assert_int_equal(s.events, -1);
	}
}

static void a_bad_variable_is_named(void **state)
{
	struct settings s;
	struct config *c = NULL;
	struct err err = { 0 };

	(void)state;
	setenv("BLAZZ_BATCH_MAX_EVENTS", "0", 1);
	assert_int_equal(config_load(&c, NULL, keys, &s, sizeof(s), &err), -1);
	unsetenv("BLAZZ_BATCH_MAX_EVENTS");
	assert_string_equal(err.msg, "BLAZZ_BATCH_MAX_EVENTS: batch.max_events: 0 is not in 1..100000");
}

static void a_missing_file_is_an_input_error(void **state)
{
	struct settings s;
	struct config *c = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(config_load(&c, "/nowhere/x.cfg", keys, &s, sizeof(s), &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_string_equal(err.msg, "/nowhere/x.cfg: cannot be read");
}

static void a_required_key_must_be_set(void **state)
{
	static const char *const texts[] = { "", "db: { conninfo = \"\"; };" };
	char *value = NULL;
	struct config *c = NULL;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		file_write(file, texts[i]);
		assert_int_equal(config_load(&c, file, required_keys, &value, sizeof(value), &err), -1);
		assert_string_equal(err.msg, "db.conninfo: is required (in the file or as BLAZZ_DB_CONNINFO)");
	}
}

static void a_reload_changes_live_keys_and_names_the_others(void **state)
{
	struct buf refused = BUF_INIT;
	struct settings s;
	struct config *c = load("name = \"a\"; enabled = true; kafka: { retries = 1; debug = \"all\"; };", &s);
	struct err err = { 0 };

	(void)state;
	file_write(file, "name = \"b\"; enabled = false; batch: { max_events = 3; }; kafka: { retries = 2; };");
	assert_int_equal(config_reload(c, &refused, &err), 0);
	assert_string_equal(s.name, "b");
	assert_int_equal(s.events, 3);
	assert_true(s.enabled);
	buf_add_char(&refused, '\0');
	assert_string_equal(refused.p, "enabled, kafka.retries, kafka.debug");
	config_free(c);
	buf_fini(&refused);
}

static void a_failed_reload_changes_nothing(void **state)
{
	struct buf refused = BUF_INIT;
	struct settings s;
	struct config *c = load("name = \"a\";", &s);
	struct err err = { 0 };

	(void)state;
	file_write(file, "name = \"b\"; batch: { max_events = 0; };");
	assert_int_equal(config_reload(c, &refused, &err), -1);
	assert_string_equal(s.name, "a");
	assert_int_equal(s.events, 500);
	assert_int_equal(refused.n, 0);
	config_free(c);
	buf_fini(&refused);
}

static void help_and_table_show_every_key(void **state)
{
	struct buf help = BUF_INIT, table = BUF_INIT;

	(void)state;
	config_help(keys, &help);
	config_markdown(keys, &table);
	buf_add_char(&help, '\0');
	buf_add_char(&table, '\0');
	for (const struct config_key *k = keys; k->name; k++) {
		assert_non_null(strstr(help.p, k->name));
		assert_non_null(strstr(table.p, k->name));
	}
	assert_non_null(strstr(help.p, "  batch.max_wait = 20ms  (duration 1ms..1h)\n        Wait.\n"));
	assert_non_null(strstr(help.p, "  db.password  (text, secret)\n"));
	assert_non_null(strstr(table.p, "| `batch.max_events` | whole number, live | `500` | 1..100000 | Events. |\n"));
	assert_non_null(strstr(table.p, "| A name \\| of it. |\n"));
	buf_fini(&help);
	buf_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_keys_have_their_defaults),
		cmocka_unit_test(the_file_is_read_with_its_types),
		cmocka_unit_test(the_environment_wins_over_the_file),
		cmocka_unit_test(secrets_come_from_files),
		cmocka_unit_test(kafka_keys_are_passed_on),
		cmocka_unit_test(kafka_keys_of_another_file_are_read_without_the_environment),
		cmocka_unit_test(errors_name_the_file_and_the_line),
		cmocka_unit_test(a_bad_variable_is_named),
		cmocka_unit_test(a_missing_file_is_an_input_error),
		cmocka_unit_test(a_required_key_must_be_set),
		cmocka_unit_test(a_reload_changes_live_keys_and_names_the_others),
		cmocka_unit_test(a_failed_reload_changes_nothing),
		cmocka_unit_test(help_and_table_show_every_key),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
