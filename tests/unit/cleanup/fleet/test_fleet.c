/* services/cleanup/fleet: when the sessions of an instance have certainly ended, when so many are down that nothing is moved, and what is
 * asked of an instance in each of its states. */
#include "cleanup/fleet/private.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define INSTANCES   8
#define SESSION_TTL 60000
#define FENCE       70000

static struct fleet *fleet;

/* Calls are recorded instead, and answered by answer(). */
static struct {
	enum bridge_action action;
	int64_t index;
	call_done_fn done;
	void *ctx;
	char token[40];
} asked[4];
static size_t n_asked, n_changed, n_listed;

void calls_add(struct calls *c, int64_t index, const struct bridge_instance *at, const struct bridge_call *call,
	call_done_fn done, void *ctx)
{
	(void)c, (void)at;
	assert_true(n_asked < COUNT(asked));
	asked[n_asked].action = call->action;
	asked[n_asked].index = index;
	snprintf(asked[n_asked].token, sizeof(asked[n_asked].token), "%.*s", STR_ARG(call->lease_token));
	asked[n_asked].done = done;
	asked[n_asked++].ctx = ctx;
}

static void on_changed(void *ctx, struct instance *at)
{
	(void)ctx, (void)at;
	n_changed++;
}

static void on_listed(void *ctx, struct instance *at, const struct bridge_answer *answer, int64_t asked_us)
{
	(void)ctx, (void)at, (void)answer;
	assert_true(asked_us > 0);
	n_listed++;
}

/* What a turn asks of the only instance when probe and list are due: "probe list". */
static const char *turn(struct instance *at)
{
	static char out[100];

	n_asked = 0;
	out[0] = '\0';
	at->probe_mono_ms = at->list_mono_ms = 0;
	fleet_turn(fleet);
	for (size_t i = 0; i < n_asked; i++) {
		if (i)
			strcat(out, " ");
		strcat(out, bridge_action_word(asked[i].action));
	}
	return out;
}

static void answer_with(size_t i, const struct bridge_answer *answer)
{
	asked[i].done(asked[i].ctx, answer);
}

static void answer(size_t i, enum bridge_outcome outcome)
{
	answer_with(i, &(struct bridge_answer){ .outcome = outcome, .retry_after_ms = -1 });
}

/* As fleet_load() adds it. */
static struct instance *instance_add(enum bridge_kind kind, enum instance_state state, const char *desired)
{
	struct instance *at = mem_calloc(1, sizeof(*at));

	at->fleet = fleet;
	at->row = (struct instance_row){ .index = (int64_t)fleet->n,
		.kind = kind,
		.url = STR("http://i"),
		.desired = str_of(desired),
		.capacity = 10 };
	at->probe.state = state;
	fleet->all = vec_grow(fleet->all, fleet->n, &fleet->cap, sizeof(struct instance *));
	fleet->all[fleet->n++] = at;
	return at;
}

static int start(void **state)
{
	(void)state;
	n_asked = n_changed = n_listed = 0;
	fleet = fleet_new(&(struct fleet_options){ .session_ttl_ms = SESSION_TTL,
		.probe_interval_ms = 10000,
		.list_interval_ms = 60000,
		.changed = on_changed,
		.listed = on_listed });
	return 0;
}

static int end(void **state)
{
	(void)state;
	fleet_free(fleet);
	return 0;
}

static void sessions_have_ended_when_their_lease_has_or_the_operator_says_so(void **state)
{
	static const struct {
		const char *name;
		enum bridge_kind kind;
		enum instance_state is;
		const char *desired;
		int64_t leased, leads, now; /* ms */
		bool fenced;
	} cases[] = {
		{ "a lease that ends now", BRIDGE_BLAZZ, INSTANCE_DOWN, "active", 1000, 1, 1000 + FENCE, true },
		{ "a ms before", BRIDGE_BLAZZ, INSTANCE_DOWN, "active", 1000, 1, 999 + FENCE, false },
		{ "the lease of a former leader ends no earlier than this one's began", BRIDGE_BLAZZ, INSTANCE_DOWN,
			"active", 0, 5000, 4999 + FENCE, false },
		{ "and then it has", BRIDGE_BLAZZ, INSTANCE_DOWN, "active", 0, 5000, 5000 + FENCE, true },
		{ "a request before this replica led", BRIDGE_BLAZZ, INSTANCE_DOWN, "active", 1000, 5000, 4999 + FENCE,
			false },
		{ "an instance that is up", BRIDGE_BLAZZ, INSTANCE_UP, "active", 1000, 1, 9999999, false },
		{ "one that was not probed yet", BRIDGE_BLAZZ, INSTANCE_UNKNOWN, "active", 0, 1, 9999999, false },
		{ "one that rejects the key", BRIDGE_BLAZZ, INSTANCE_MISCONFIGURED, "active", 1000, 1, 9999999, false },
		{ "the operator's word counts at once", BRIDGE_BLAZZ, INSTANCE_UP, "off", 1000, 1, 1001, true },
		{ "draining is no such word", BRIDGE_WAHA, INSTANCE_DOWN, "draining", 0, 1, 9999999, false },
		{ "a bridge without lease waits for it", BRIDGE_WAHA, INSTANCE_DOWN, "active", 0, 1, 9999999, false },
		{ "and then has ended", BRIDGE_WAHA, INSTANCE_DOWN, "off", 0, 1, 2, true },
		{ "as has one of wwebjs-api", BRIDGE_WWEBJS, INSTANCE_DOWN, "off", 0, 1, 2, true },
		{ "never Evolution: what replaces it loads its sessions", BRIDGE_EVOLUTION, INSTANCE_DOWN, "off", 0, 1,
			9999999, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct instance *at = instance_add(cases[i].kind, cases[i].is, cases[i].desired);

		at->lease_mono_ms = cases[i].leased;
		fleet->lead_mono_ms = cases[i].leads;
		if (instance_is_fenced(at, cases[i].now) != cases[i].fenced)
			fail_msg("%s", cases[i].name);
	}
}

/* One letter an instance: 'u' up, 'd' down, '?' unknown, 'm' misconfigured; 'o' down and switched off, 'O' up and switched off, 'r' down and
 * removed. times: when it went down, in s. */
static void instances_add(const char *letters, const int64_t *times)
{
	for (size_t i = 0; letters[i]; i++) {
		static const enum instance_state states[] = { ['u'] = INSTANCE_UP,
			['O'] = INSTANCE_UP,
			['d'] = INSTANCE_DOWN,
			['o'] = INSTANCE_DOWN,
			['r'] = INSTANCE_DOWN,
			['m'] = INSTANCE_MISCONFIGURED,
			['?'] = INSTANCE_UNKNOWN };
		bool off = letters[i] == 'o' || letters[i] == 'O';
		struct instance *at =
			instance_add(BRIDGE_WAHA, states[(unsigned char)letters[i]], off ? "off" : "active");

		at->row.removed = letters[i] == 'r';
		at->down_mono_ms = times[i] * 1000;
	}
}

static void nothing_is_moved_when_more_than_half_went_down_at_once(void **state)
{
	static const struct {
		const char *name, *instances;
		int64_t went_down_s[INSTANCES];
		bool suspect;
	} cases[] = {
		{ "no instance at all", "", { 0 }, false },
		{ "one of two", "du", { 100 }, false },
		{ "both", "dd", { 100, 100 }, true },
		{ "half of four", "dduu", { 100, 100 }, false },
		{ "three of four", "dddu", { 100, 100, 100 }, true },
		{ "three of four within a minute", "dddu", { 159, 100, 130 }, true },
		{ "three of four, one of them earlier", "dddu", { 160, 100, 130 }, false },
		{ "one after the other", "dddd", { 100, 200, 300, 400 }, false },
		{ "the whole fleet, one of them long ago", "dddd", { 10, 200, 210, 220 }, true },
		{ "before this replica led", "ddu", { 0, 0 }, true },
		{ "one before and one after", "ddu", { 0, 100 }, false },
		{ "an only instance", "d", { 100 }, true },
		{ "unknown and misconfigured ones are not down", "??mm", { 0 }, false },
		{ "the one that is switched off is not at fault", "ou", { 100 }, false },
		{ "nor are two of four", "oouu", { 100, 100 }, false },
		{ "nor are they among others", "oodu", { 100, 100, 100 }, false },
		{ "what is left counts", "oodd", { 100, 100, 100, 100 }, true },
		{ "one that is up and switched off", "Odu", { 0, 100 }, false },
		{ "removed ones do not count", "rrdu", { 100, 100, 100 }, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		start(state);
		instances_add(cases[i].instances, cases[i].went_down_s);
		if (fleet_is_suspect(fleet) != cases[i].suspect)
			fail_msg("%s", cases[i].name);
		end(state);
	}
}

static void rooms_tell_what_is_assigned(void **state)
{
	struct instance_room *rooms;
	struct instance *at = instance_add(BRIDGE_BLAZZ, INSTANCE_UP, "active");

	(void)state;
	at->row.storage_group = STR("nfs");
	at->assigned = 7;
	instance_add(BRIDGE_WAHA, INSTANCE_DOWN, "draining");
	instance_add(BRIDGE_WAHA, INSTANCE_UP, "active")->row.removed = true;
	assert_int_equal(fleet_rooms(fleet, &rooms), 2);
	assert_true(rooms[0].index == 0 && rooms[0].kind == BRIDGE_BLAZZ && rooms[0].state == INSTANCE_UP);
	assert_true(rooms[0].active && rooms[0].capacity == 10 && rooms[0].assigned == 7);
	assert_true(str_is(rooms[0].storage_group, "nfs"));
	assert_true(rooms[1].index == 1 && rooms[1].state == INSTANCE_DOWN && !rooms[1].active);
	free(rooms);
}

static void an_instance_is_found_by_index_and_by_kind_and_url_until_it_is_removed(void **state)
{
	struct instance *first = instance_add(BRIDGE_BLAZZ, INSTANCE_UP, "active");
	struct instance *second = instance_add(BRIDGE_WAHA, INSTANCE_UP, "active");

	(void)state;
	assert_ptr_equal(fleet_find(fleet, 1), second);
	assert_null(fleet_find(fleet, 2));
	assert_ptr_equal(fleet_find_url(fleet, BRIDGE_WAHA, STR("http://i")), second);
	assert_null(fleet_find_url(fleet, BRIDGE_WAHA, STR("http://i/")));
	assert_ptr_equal(fleet_find_url(fleet, BRIDGE_BLAZZ, STR("http://i")), first);
	second->row.removed = true;
	assert_null(fleet_find(fleet, 1));
	assert_null(fleet_find_url(fleet, BRIDGE_WAHA, STR("http://i")));
}

static void sessions_are_called_at_instances_that_are_up_and_not_switched_off(void **state)
{
	(void)state;
	for (int s = 0; s < INSTANCE_STATES; s++) {
		assert_int_equal(instance_is_usable(instance_add(BRIDGE_WAHA, (enum instance_state)s, "active")),
			s == INSTANCE_UP);
		assert_int_equal(instance_is_usable(instance_add(BRIDGE_WAHA, (enum instance_state)s, "draining")),
			s == INSTANCE_UP);
		assert_false(instance_is_usable(instance_add(BRIDGE_WAHA, (enum instance_state)s, "off")));
	}
}

static void an_instance_is_probed_and_listed_by_its_state(void **state)
{
	static const struct {
		enum bridge_kind kind;
		enum instance_state is;
		const char *desired, *want;
	} cases[] = {
		{ BRIDGE_WAHA, INSTANCE_UNKNOWN, "active", "probe" },
		{ BRIDGE_WAHA, INSTANCE_UP, "active", "probe list" },
		{ BRIDGE_WAHA, INSTANCE_UP, "draining", "probe list" },
		{ BRIDGE_WAHA, INSTANCE_DOWN, "active", "probe" },
		{ BRIDGE_WAHA, INSTANCE_MISCONFIGURED, "active", "list" }, /* in place of the probe */
		{ BRIDGE_WAHA, INSTANCE_UP, "off", "" },
		{ BRIDGE_BLAZZ, INSTANCE_UNKNOWN, "active", "probe" },
		{ BRIDGE_BLAZZ, INSTANCE_UP, "active", "probe list" },
		{ BRIDGE_BLAZZ, INSTANCE_DOWN, "active", "health" }, /* a probe would renew its lease */
		{ BRIDGE_BLAZZ, INSTANCE_MISCONFIGURED, "active", "probe" },
		{ BRIDGE_BLAZZ, INSTANCE_UP, "off", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct instance *at;

		start(state);
		at = instance_add(cases[i].kind, cases[i].is, cases[i].desired);
		if (strcmp(turn(at), cases[i].want) != 0)
			fail_msg("%s %s: %s", instance_state_word(cases[i].is), cases[i].desired, turn(at));
		assert_int_equal(at->lease_mono_ms > 0,
			cases[i].kind == BRIDGE_BLAZZ && n_asked > 0 && asked[0].action == BRIDGE_PROBE);
		if (strchr(cases[i].want, ' '))
			answer(1, BRIDGE_BUSY); /* frees what the list was asked with */
		end(state);
	}
}

static void a_lease_request_has_the_token_of_the_answer_before(void **state)
{
	struct instance *at = instance_add(BRIDGE_BLAZZ, INSTANCE_UNKNOWN, "active");

	(void)state;
	turn(at);
	assert_string_equal(asked[0].token, "");
	answer_with(0, &(struct bridge_answer){ .outcome = BRIDGE_OK, .token = STR("first") });
	at->list_mono_ms = INT64_MAX;
	at->probe_mono_ms = 0;
	n_asked = 0;
	fleet_turn(fleet);
	assert_string_equal(asked[0].token, "first");
	answer(0, BRIDGE_BUSY);
	at->probe_mono_ms = 0;
	n_asked = 0;
	fleet_turn(fleet);
	assert_string_equal(asked[0].token, "first"); /* no answer, no new one */
}

static void what_becomes_of_an_instance_is_reported(void **state)
{
	struct instance *at = instance_add(BRIDGE_WAHA, INSTANCE_UNKNOWN, "active");

	(void)state;
	at->row.fenced_us = 4711;
	turn(at);
	answer(0, BRIDGE_OK);
	assert_true(at->probe.state == INSTANCE_UP && n_changed == 1 && fleet_has_report(fleet));
	assert_int_equal(at->row.fenced_us, PG_NO_TIME);
	assert_false(at->listed);
	turn(at);
	answer(1, BRIDGE_OK);
	assert_true(at->listed && n_listed == 1);
	for (int i = 0; i < PROBE_FAILURES; i++) {
		at->probing = false;
		at->listing = true;
		turn(at);
		answer(0, BRIDGE_BUSY);
	}
	assert_true(at->probe.state == INSTANCE_DOWN && n_changed == 2 && at->down_mono_ms > 0);
	assert_false(at->listed); /* its sessions may have changed meanwhile */
}

/* WAHA answers probes without a key. */
static void a_key_that_only_lists_reject_makes_it_misconfigured_until_they_do_not(void **state)
{
	struct instance *at = instance_add(BRIDGE_WAHA, INSTANCE_UP, "active");

	(void)state;
	assert_string_equal(turn(at), "probe list");
	answer(0, BRIDGE_OK);
	answer(1, BRIDGE_BAD_KEY);
	assert_int_equal(at->probe.state, INSTANCE_MISCONFIGURED);
	assert_true(str_is(at->error, "the instance rejects the key") && n_listed == 0);
	assert_string_equal(turn(at), "list");
	answer(0, BRIDGE_BAD_KEY);
	assert_int_equal(at->probe.state, INSTANCE_MISCONFIGURED);
	assert_string_equal(turn(at), "list");
	answer(0, BRIDGE_OK);
	assert_int_equal(at->probe.state, INSTANCE_UP);
	assert_true(at->error.n == 0 && n_changed == 2);
}

static void a_list_that_is_not_complete_says_nothing(void **state)
{
	struct instance *at = instance_add(BRIDGE_WAHA, INSTANCE_UP, "active");

	(void)state;
	turn(at);
	answer_with(1, &(struct bridge_answer){ .outcome = BRIDGE_OK, .oddity = ODDITY_TOO_MANY });
	assert_true(!at->listed && n_listed == 0 && !at->listing);
	assert_true(at->list_mono_ms <= clock_mono_ms() + 10000); /* asked again soon */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sessions_have_ended_when_their_lease_has_or_the_operator_says_so, start,
			end),
		cmocka_unit_test(nothing_is_moved_when_more_than_half_went_down_at_once),
		cmocka_unit_test_setup_teardown(rooms_tell_what_is_assigned, start, end),
		cmocka_unit_test_setup_teardown(an_instance_is_found_by_index_and_by_kind_and_url_until_it_is_removed,
			start, end),
		cmocka_unit_test_setup_teardown(sessions_are_called_at_instances_that_are_up_and_not_switched_off,
			start, end),
		cmocka_unit_test(an_instance_is_probed_and_listed_by_its_state),
		cmocka_unit_test_setup_teardown(a_lease_request_has_the_token_of_the_answer_before, start, end),
		cmocka_unit_test_setup_teardown(what_becomes_of_an_instance_is_reported, start, end),
		cmocka_unit_test_setup_teardown(a_key_that_only_lists_reject_makes_it_misconfigured_until_they_do_not,
			start, end),
		cmocka_unit_test_setup_teardown(a_list_that_is_not_complete_says_nothing, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
