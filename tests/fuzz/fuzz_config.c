/* Configuration: lines "BLAZZ_NAME=value" are the environment, the rest from the first other line on is the file. A loaded
 * configuration is within its table's ranges, survives the round trip, shows no secret and sets no key that Blazz sets itself.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "config/value.h"
#include "ingest/settings.h"
#include "input.h"
#include "service/settings.h"

#define ENVIRONMENT_MAX 32

/* libconfig leaks the token at a syntax error. Suppressed by the library's name: functions have none without a symbolizer. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static struct ingest_settings settings;
static const struct service_spec spec = {
	.name = "ingest",
	.keys = ingest_keys,
	.settings = &settings,
	.settings_size = sizeof(settings),
	.check = ingest_settings_check,
};

static void number_check(const struct config_key *k, int64_t n)
{
	struct config_value again;
	struct buf text = BUF_INIT;
	int rc;

	assert((k->min == 0 && k->max == 0) || (n >= k->min && n <= k->max));
	config_number_format(k->type, n, &text);
	buf_add_char(&text, '\0');
	rc = config_value_parse(&again, k, text.p, NULL);
	assert(rc == 0 && again.number == n);
	config_value_fini(&again);
	buf_fini(&text);
}

static void numbers_check(void)
{
	for (const struct config_key *k = ingest_keys; k->name; k++) {
		int64_t n;

		if (k->type != CONFIG_INT && k->type != CONFIG_DURATION_MS && k->type != CONFIG_BYTES)
			continue;
		memcpy(&n, (const char *)&settings + k->offset, sizeof(n));
		number_check(k, n);
	}
}

/* A secret that occurs once in the input cannot be in the output for another reason. */
static void hidden_check(const char *secret, struct str input, struct str shown)
{
	const size_t n = strlen(secret);
	const char *first;

	if (n < 12 || !(first = memmem(input.p, input.n, secret, n)))
		return;
	if (!memmem(first + 1, (size_t)(input.p + input.n - first - 1), secret, n))
		assert(!memmem(shown.p, shown.n, secret, n));
}

static void kafka_check(const struct kafka_config *kafka)
{
	static const char *const ours[] = { "acks", "request.required.acks", "enable.idempotence", "group.id",
		"enable.auto.commit", "auto.offset.reset", "transactional.id" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		assert(!kafka_config_get(kafka, ours[i]));
	assert(kafka_config_get(kafka, "bootstrap.servers"));
}

static void loaded_check(struct settings *s, struct str input)
{
	struct buf shown = BUF_INIT, again = BUF_INIT, refused = BUF_INIT;
	int rc;

	settings_dump(s, &shown);
	numbers_check();
	kafka_check(settings_kafka(s));
	hidden_check(settings.postgres.conninfo, input, buf_str(&shown));
	hidden_check(settings.keyring, input, buf_str(&shown));
	rc = settings_reload(s, &refused, NULL);
	settings_dump(s, &again);
	assert(rc == 0 && refused.n == 0 && str_eq(buf_str(&shown), buf_str(&again)));
	buf_fini(&shown);
	buf_fini(&again);
	buf_fini(&refused);
}

/* Cuts the environment off the input; the array and its strings are in the arena. */
static char **environment_take(struct str *rest, struct arena *a)
{
	char **env = ARENA_ARRAY(a, char *, ENVIRONMENT_MAX + 1);

	for (size_t n = 0; n < ENVIRONMENT_MAX && str_starts(*rest, STR("BLAZZ_")); n++)
		env[n] = arena_cstr(a, line_take(rest));
	return env;
}

static void load(const char *file, struct str input)
{
	struct settings *s;
	struct err err;

	if (settings_load(&s, &spec, file, &err) < 0) {
		assert(err.kind == ERR_INPUT && err.msg[0]);
		return;
	}
	loaded_check(s, input);
	settings_free(s);
}

/* Files of this machine are not part of the input; a name without a slash finds no relevant one. */
static bool reads_files(struct str input)
{
	static const char *const words[] = { "_file", "_FILE", "@include" };

	if (input.n == 0 || !memchr(input.p, '/', input.n))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (memmem(input.p, input.n, words[i], strlen(words[i])))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = input_of(data, size), text = input;
	char **before = environ, file[32];
	struct arena *a;
	int fd;

	if (reads_files(input))
		return 0;
	fd = memfd_create("blazz.cfg", MFD_CLOEXEC);
	assert(fd >= 0);
	a = arena_new(4096);
	environ = environment_take(&text, a);
	assert(write(fd, text.n ? text.p : "", text.n) == (ssize_t)text.n);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	load(file, input);
	environ = before;
	close(fd);
	arena_free(a);
	return 0;
}
