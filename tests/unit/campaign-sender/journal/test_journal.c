/* Results that are not written yet. */
#include "unit.h"

#include <stdlib.h>

#include "campaign-sender/journal/journal.h"

static struct journal *filling, *writing;
static struct send *sends[3]; /* a journal only points to them */

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		sends[i] = mem_calloc(1, sizeof(struct send));
	filling = journal_new();
	writing = journal_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	journal_free(filling);
	journal_free(writing);
	for (size_t i = 0; i < 3; i++)
		free(sends[i]);
	return 0;
}

static void add(struct journal *to, struct send *send, const char *id, int64_t answered_ms)
{
	const struct journal_result r = {
		.send = send, .outcome = { .answer = { .provider_id = str_of(id) } }, .answered_ms = answered_ms
	};

	journal_add(to, &r);
}

static void expired_count(void *ctx, struct journal_result *r)
{
	++*(int *)ctx;
	assert_ptr_equal(r->send, sends[0]);
}

static void results_that_were_not_written_come_before_later_ones(void **state)
{
	char id[] = "wamid.1";
	int expired = 0;

	(void)state;
	add(writing, sends[0], id, 1000);
	id[6] = '?'; /* it was copied */
	add(filling, sends[1], "wamid.2", 1100);
	journal_put_back(filling, writing, 1200, expired_count, &expired);
	assert_int_equal(expired, 0);
	assert_int_equal(writing->n, 0);
	assert_int_equal(filling->n, 2);
	assert_ptr_equal(filling->results[0].send, sends[0]);
	assert_true(str_is(filling->results[0].outcome.answer.provider_id, "wamid.1"));
	assert_ptr_equal(filling->results[1].send, sends[1]);
	assert_true(str_is(filling->results[1].outcome.answer.provider_id, "wamid.2"));
}

static void results_that_cannot_be_written_for_long_are_returned(void **state)
{
	int expired = 0;

	(void)state;
	add(writing, sends[0], "old", 1000);
	add(writing, sends[1], "kept", 1001);
	journal_put_back(filling, writing, 1001 + JOURNAL_KEEP_MS, expired_count, &expired);
	assert_int_equal(expired, 1);
	assert_int_equal(filling->n, 1);
	assert_ptr_equal(filling->results[0].send, sends[1]);
}

static void texts_are_storable(void **state)
{
	struct journal_result r = { .send = sends[2] };

	(void)state;
	r.outcome.answer.error.title = (struct str){ "a\0b\xff", 4 };
	r.outcome.excerpt = STR("plain");
	journal_add(filling, &r);
	assert_true(str_is(filling->results[0].outcome.answer.error.title,
		"a\xEF\xBF\xBD"
		"b\xEF\xBF\xBD"));
	assert_true(str_is(filling->results[0].outcome.excerpt, "plain"));
	assert_null(filling->results[0].outcome.answer.key.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(results_that_were_not_written_come_before_later_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(results_that_cannot_be_written_for_long_are_returned, setup, teardown),
		cmocka_unit_test_setup_teardown(texts_are_storable, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
