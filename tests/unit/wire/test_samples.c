/* The examples of proto/README.md, which a program in Python runs (samples.py): what a producer in another language publishes is
 * decoded, has the key and the headers that the contract asks for, and is encoded to the same bytes. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "wire/inbound.h"
#include "wire/outbound.h"

struct sample {
	struct str topic, key, id, type, value;
};

static struct str column_take(struct str *rest)
{
	struct str column;

	str_cut(*rest, '\t', &column, rest);
	return column;
}

static struct sample sample_of(struct str line, struct arena *a)
{
	struct sample s = { .topic = column_take(&line) };
	char *value;

	s.key = column_take(&line);
	s.id = column_take(&line);
	s.type = column_take(&line);
	value = arena_alloc(a, line.n / 2 + 1);
	assert_true(line.n > 0 && hex_decode(line, value, line.n / 2));
	s.value = (struct str){ value, line.n / 2 };
	return s;
}

static void assert_headers(const struct sample *s, const char *key, const struct uuid *id, const char *family,
	const char *kind)
{
	char text[80];

	assert_true(str_is(s->key, key));
	uuid_format(id, text);
	assert_true(str_is(s->id, text));
	snprintf(text, sizeof(text), "blazz.%s.%s", family, kind);
	assert_true(str_is(s->type, text));
}

static void inbound_check_sample(const struct sample *s, struct arena *a)
{
	struct inbound_event e;
	struct str again;
	struct err err;
	char key[74];

	assert_int_equal(inbound_decode(&e, s->value, a, &err), 0);
	inbound_key(&e, key);
	assert_headers(s, key, &e.id, "inbound", inbound_kind_word(e.kind));
	assert_int_equal(inbound_encode(&e, a, &again, &err), 0);
	assert_true(str_eq(again, s->value));
}

static void send_check_sample(const struct sample *s, struct arena *a)
{
	struct buf again = BUF_INIT;
	struct send_message m;
	struct err err = { 0 };
	char key[74];

	if (send_message_decode(&m, s->value, a, &err) < 0)
		fail_msg("%s", err.msg);
	send_message_key(&m, key);
	assert_headers(s, key, &m.request, "outbound", send_kind_word(m.kind));
	assert_int_equal(send_message_encode(&m, &again, &err), 0);
	assert_true(str_eq(buf_str(&again), s->value));
	buf_fini(&again);
}

static void command_check_sample(const struct sample *s, struct arena *a)
{
	struct buf again = BUF_INIT;
	struct campaign_command c;
	struct err err = { 0 };
	char key[74];

	if (campaign_command_decode(&c, s->value, a, &err) < 0)
		fail_msg("%s", err.msg);
	campaign_command_key(&c, key);
	assert_headers(s, key, &c.request, "campaign_command", campaign_action_word(c.action));
	assert_int_equal(campaign_command_encode(&c, &again, &err), 0);
	assert_true(str_eq(buf_str(&again), s->value));
	buf_fini(&again);
}

static void what_the_examples_publish_is_accepted(void **state)
{
	FILE *f = popen("/usr/bin/python3 tests/unit/wire/samples.py", "r");
	struct arena *a = arena_new(0);
	int inbound = 0, sends = 0, commands = 0;
	char line[8192];

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct sample s = sample_of(str_trim(str_of(line)), a);

		if (str_is(s.topic, "blazz.inbound.v1")) {
			inbound_check_sample(&s, a);
			inbound++;
		} else if (str_is(s.topic, "blazz.outbound.v1")) {
			send_check_sample(&s, a);
			sends++;
		} else {
			assert_true(str_is(s.topic, "blazz.campaign-command.v1"));
			command_check_sample(&s, a);
			commands++;
		}
	}
	assert_int_equal(pclose(f), 0);
	assert_true(inbound > 0 && sends > 0 && commands > 0);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_examples_publish_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
