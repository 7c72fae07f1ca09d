/* services/campaign-sender/policy/pairs: against a log of every message. */
#include "campaign-sender/policy/pairs.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

#define SECOND ((int64_t)1000000)
#define HOUR   (3600 * SECOND)
#define NOW    (1767225600 * SECOND)
#define ANNA   STR("6281200000001")
#define BUDI   STR("6281200000002")

static unsigned seed;

static bool admitted(struct pairs *p, int64_t account, struct str address, bool campaign, int64_t now_us)
{
	int64_t again_us = 0;

	if (!pairs_admit(p, account, address, campaign, now_us, &again_us)) {
		assert_true(again_us > now_us);
		return false;
	}
	return true;
}

static void single_messages_may_come_45_at_once_and_then_one_in_6_seconds(void **state)
{
	struct pairs *p = pairs_new(10);
	int64_t again_us = 0;

	(void)state;
	for (int i = 0; i < 45; i++) {
		assert_true(admitted(p, 1, ANNA, false, NOW));
		pairs_take(p, 1, ANNA, false, NOW);
	}
	assert_false(pairs_admit(p, 1, ANNA, false, NOW, &again_us));
	assert_int_equal(again_us, NOW + 6 * SECOND);
	assert_false(admitted(p, 1, ANNA, false, again_us - 1));
	assert_true(admitted(p, 1, ANNA, false, again_us));
	assert_true(admitted(p, 1, BUDI, false, NOW));
	assert_true(admitted(p, 2, ANNA, false, NOW));
	pairs_free(p);
}

static void messages_of_campaigns_are_6_seconds_apart(void **state)
{
	struct pairs *p = pairs_new(10);
	int64_t again_us = 0;

	(void)state;
	pairs_take(p, 1, ANNA, true, NOW);
	assert_false(pairs_admit(p, 1, ANNA, true, NOW, &again_us));
	assert_int_equal(again_us, NOW + 6 * SECOND);
	assert_true(admitted(p, 1, ANNA, true, again_us));
	assert_true(admitted(p, 1, ANNA, false, NOW));
	pairs_free(p);
}

static void a_campaign_waits_until_the_burst_of_single_messages_is_full_again(void **state)
{
	struct pairs *p = pairs_new(10);
	int64_t again_us = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		pairs_take(p, 1, ANNA, false, NOW);
	assert_false(pairs_admit(p, 1, ANNA, true, NOW, &again_us));
	assert_int_equal(again_us, NOW + 60 * SECOND);
	assert_true(admitted(p, 1, ANNA, false, NOW));
	pairs_free(p);
}

static void after_the_clock_has_jumped_back_a_pair_waits_no_longer_than_a_burst(void **state)
{
	struct pairs *p = pairs_new(10);
	int64_t again_us = 0;

	(void)state;
	pairs_take(p, 1, ANNA, true, NOW);
	assert_false(pairs_admit(p, 1, ANNA, true, NOW - HOUR, &again_us));
	assert_int_equal(again_us, NOW - HOUR + 45 * 6 * SECOND);
	pairs_free(p);
}

static void a_message_without_room_counts_no_more_than_a_full_burst(void **state)
{
	struct pairs *p = pairs_new(10);
	int64_t again_us = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		pairs_take(p, 1, ANNA, false, NOW);
	assert_false(pairs_admit(p, 1, ANNA, false, NOW, &again_us));
	assert_int_equal(again_us, NOW + 6 * SECOND);
	pairs_free(p);
}

static void the_pair_used_longest_ago_is_forgotten_first(void **state)
{
	struct pairs *p = pairs_new(100);
	char address[32];

	(void)state;
	pairs_take(p, 1, ANNA, true, NOW);
	for (int i = 0; i < 100000; i++) {
		size_t n = (size_t)snprintf(address, sizeof(address), "62%d", i);

		if (i % 50 == 0)
			pairs_take(p, 1, ANNA, false, NOW); /* stays, as it is used */
		pairs_take(p, 1, (struct str){ address, n }, true, NOW);
		assert_false(admitted(p, 1, (struct str){ address, n }, true, NOW));
	}
	assert_false(admitted(p, 1, ANNA, true, NOW));
	assert_true(admitted(p, 1, STR("6299899"), true, NOW)); /* 100 others were used since, ANNA among them */
	assert_false(admitted(p, 1, STR("6299901"), true, NOW));
	pairs_free(p);
}

static void what_is_given_back_was_not_used(void **state)
{
	struct pairs *p = pairs_new(1);

	(void)state;
	pairs_take(p, 1, ANNA, true, NOW);
	pairs_give_back(p, 1, ANNA);
	assert_true(admitted(p, 1, ANNA, true, NOW));
	pairs_take(p, 1, ANNA, true, NOW);
	pairs_take(p, 1, ANNA, false, NOW);
	pairs_give_back(p, 1, ANNA);
	assert_false(admitted(p, 1, ANNA, true, NOW + 6 * SECOND - 1));
	assert_true(admitted(p, 1, ANNA, true, NOW + 6 * SECOND));
	pairs_take(p, 1, BUDI, true, NOW);
	pairs_give_back(p, 1, ANNA); /* forgotten: there is nothing to give back */
	assert_false(admitted(p, 1, BUDI, true, NOW));
	pairs_free(p);
}

#define PEOPLE 5
#define STEPS  20000

struct message {
	int64_t at_us;
	bool campaign;
};

/* In each window of time at most 45 and one for each 6 s; and between a campaign's message and the one before it 6 s. */
static void check_log(const struct message *log, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (log[i].campaign && i > 0)
			assert_true(log[i].at_us - log[i - 1].at_us >= 6 * SECOND);
		for (size_t j = i; j < n && j < i + 200; j++)
			assert_true((int64_t)(j - i + 1) <= 45 + (log[j].at_us - log[i].at_us) / (6 * SECOND));
	}
}

static void random_messages_never_exceed_the_rate_of_a_pair(void **state)
{
	static struct message log[PEOPLE][STEPS];
	size_t n[PEOPLE] = { 0 };
	struct pairs *p = pairs_new(PEOPLE);
	int64_t now_us = NOW;

	(void)state;
	seed = 7;
	for (int i = 0; i < STEPS; i++) {
		size_t person = (size_t)rand_r(&seed) % PEOPLE;
		struct str address = { &"abcde"[person], 1 };
		bool campaign = rand_r(&seed) % 3 == 0;

		now_us += rand_r(&seed) % 500 == 0 ? HOUR : rand_r(&seed) % (3 * SECOND);
		if (!admitted(p, 7, address, campaign, now_us))
			continue;
		pairs_take(p, 7, address, campaign, now_us);
		log[person][n[person]++] = (struct message){ now_us, campaign };
	}
	for (size_t i = 0; i < PEOPLE; i++) {
		assert_true(n[i] > 500);
		check_log(log[i], n[i]);
	}
	pairs_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_messages_may_come_45_at_once_and_then_one_in_6_seconds),
		cmocka_unit_test(messages_of_campaigns_are_6_seconds_apart),
		cmocka_unit_test(a_campaign_waits_until_the_burst_of_single_messages_is_full_again),
		cmocka_unit_test(after_the_clock_has_jumped_back_a_pair_waits_no_longer_than_a_burst),
		cmocka_unit_test(a_message_without_room_counts_no_more_than_a_full_burst),
		cmocka_unit_test(the_pair_used_longest_ago_is_forgotten_first),
		cmocka_unit_test(what_is_given_back_was_not_used),
		cmocka_unit_test(random_messages_never_exceed_the_rate_of_a_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
