/* metadata.sending of an account, then the audience of a campaign, each a line of JSON. Limits are always some: no account sends faster than
 * the fastest, nor more at once than its burst. An audience is read completely, or has a reason; twice the same.
 */
#include "campaign-sender/driver/audience.h"
#include "campaign-sender/policy/limits.h"
#include "input.h"

#include <string.h>

#define NOW_US   INT64_C(1767225600000000)
#define DAYS_MAX 36500

static const struct limit_defaults defaults = { .meta_per_second = 80,
	.bridge_per_minute = 60,
	.bridge_burst = 5,
	.bridge_per_hour = 1000 };

/* Uses all that it may send at one moment. */
static void burst_check(const struct lane_limits *l)
{
	struct send_lane lane = { .run_left = -1 };
	struct limit_use use = { .campaign = false };
	int64_t again_us = 0;
	int32_t n = 0;

	while (limits_room(&lane, l, false, NOW_US, &again_us) > 0) {
		n++;
		assert(n <= l->rate.burst);
		limits_take(&lane, l, &use, NOW_US);
	}
	assert(n > 0 && again_us > NOW_US);
}

static void limits_check(struct str line, bool bridge)
{
	struct json_doc *doc = NULL;
	struct lane_limits l;
	struct err err;

	if (json_parse(&doc, line, &err) < 0)
		doc = NULL;
	limits_of(&l, &defaults, bridge, doc ? json_root(doc) : NULL);
	assert(l.rate.interval_us >= 1000000 / LIMITS_PER_SECOND_MAX && l.rate.burst >= 1);
	assert(l.rate.burst <= LIMITS_PER_SECOND_MAX && l.per_hour >= 0);
	assert(l.max_in_flight >= 1 && l.max_in_flight <= SEND_LANE_IN_FLIGHT_MAX);
	assert(l.bridge == bridge && (!bridge || l.per_hour > 0));
	burst_check(&l);
	json_free(doc);
}

static bool in_range(int32_t days)
{
	return days >= 0 && days <= DAYS_MAX;
}

static bool same(const struct audience_definition *a, const struct audience_definition *b)
{
	return a->all == b->all && a->n_groups == b->n_groups && a->n_excluded == b->n_excluded &&
		(a->n_groups == 0 || memcmp(a->groups, b->groups, a->n_groups * sizeof(*a->groups)) == 0);
}

static void audience_check(struct str line, struct arena *a)
{
	struct audience_definition once, twice;
	struct reasons why, again;
	int rc;

	reasons_init(&why, a);
	reasons_init(&again, a);
	rc = audience_parse(line, a, &once, &why);
	assert((rc == 0) == (reasons_count(&why) == 0) && why.n <= REASONS_MAX);
	assert(in_range(once.last_inbound_within_days) && in_range(once.not_contacted_for_days));
	assert(once.n_groups <= line.n / 36 && once.n_excluded <= line.n / 36);
	assert(rc < 0 || !once.all || once.n_groups == 0);
	assert(audience_parse(line, a, &twice, &again) == rc && same(&once, &twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = input_of(data, size), sending = line_take(&rest);
	struct arena *a = arena_new(0);

	limits_check(sending, true);
	limits_check(sending, false);
	audience_check(line_take(&rest), a);
	arena_free(a);
	return 0;
}
