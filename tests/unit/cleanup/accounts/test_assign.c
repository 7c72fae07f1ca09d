/* services/cleanup/accounts/assign: which instance an account gets, when it leaves one, and when it stays. */
#include "cleanup/accounts/private.h"
#include "cleanup/fleet/private.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S(n)     ((int64_t)(n) * 1000000)

static struct fleet *fleet;
static struct accounts *all;
static struct arena *texts;

/* As fleet_load() adds it. "waha up active nfs". */
static void instance_add(enum bridge_kind kind, const char *words)
{
	struct instance *at = mem_calloc(1, sizeof(*at));
	char *copy = arena_cstr(texts, str_of(words)), *state = strsep(&copy, " "), *desired = strsep(&copy, " ");

	at->fleet = fleet;
	at->row = (struct instance_row){ .index = (int64_t)fleet->n,
		.kind = kind,
		.url = arena_printf(texts, "http://i%zu", fleet->n),
		.desired = str_of(desired),
		.storage_group = str_of(copy ? copy : ""),
		.capacity = 10,
		.fenced_us = PG_NO_TIME };
	at->probe.state = instance_state_parse(str_of(state));
	fleet->all = vec_grow(fleet->all, fleet->n, &fleet->cap, sizeof(struct instance *));
	fleet->all[fleet->n++] = at;
}

static struct account *account_add(enum bridge_kind kind, int64_t index, const char *ref)
{
	struct cleanup_account row = { .id = (int64_t)all->n + 1,
		.uuid = { .b = { [0] = (uint8_t)(all->n + 1) } },
		.provider = PROVIDER_WEBJS,
		.bridge = kind,
		.session_id = arena_printf(texts, "s%zu", all->n + 1),
		.provider_ref = str_of(ref),
		.desired = STR("connected"),
		.restart_us = PG_NO_TIME,
		.relink_us = PG_NO_TIME,
		.move_us = PG_NO_TIME,
		.move_to = -1,
		.deleted_us = PG_NO_TIME,
		.instance_index = index,
		.previous_index = -1,
		.control = { .moved_us = PG_NO_TIME, .gone_us = PG_NO_TIME } };
	struct account *a = accounts_add(all, &row);

	a->row = row;
	a->observed = OBSERVED_STOPPED;
	a->looked_us = clock_now_us();
	accounts_put_session(all, a);
	return a;
}

static int start(void **state)
{
	(void)state;
	texts = arena_new(1 << 12);
	fleet = fleet_new(&(struct fleet_options){ .session_ttl_ms = 60000 });
	all = accounts_new(&(struct accounts_options){ .fleet = fleet });
	return 0;
}

static int end(void **state)
{
	(void)state;
	accounts_free(all);
	fleet_free(fleet);
	arena_free(texts);
	return 0;
}

static int64_t assigned(struct account *a)
{
	accounts_count(all);
	accounts_assign(all);
	return a->assign_to;
}

/* An account at instance 0 whose session is stopped, unless the case says otherwise. */
static void an_account_leaves_an_instance_when_its_session_there_has_ended(void **state)
{
	static const struct {
		const char *name;
		enum bridge_kind kind;
		const char *from, *other;
		enum bridge_observed observed;
		int64_t looked_s; /* ago */
		int64_t move_to, relink; /* 0: no relink; 1: with the move */
		int64_t want;
		const char *why;
	} cases[] = {
		{ "nothing is asked", BRIDGE_WAHA, "up active nfs", "up active nfs", OBSERVED_STOPPED, 0, -1, 0, -1,
			NULL },
		{ "a move", BRIDGE_WAHA, "up active nfs", "up active nfs", OBSERVED_STOPPED, 0, 1, 0, 1, "moved" },
		{ "a move of a session that is absent", BRIDGE_WAHA, "up active nfs", "up active nfs", OBSERVED_ABSENT,
			0, 1, 0, 1, "moved" },
		{ "a move of one that runs", BRIDGE_WAHA, "up active nfs", "up active nfs", OBSERVED_CONNECTED, 0, 1, 0,
			-1, NULL },
		{ "or that failed", BRIDGE_WAHA, "up active nfs", "up active nfs", OBSERVED_FAILED, 0, 1, 0, -1, NULL },
		{ "the look is too old", BRIDGE_WAHA, "up active nfs", "up active nfs", OBSERVED_STOPPED, 16, 1, 0, -1,
			NULL },
		{ "without the files", BRIDGE_WAHA, "up active", "up active", OBSERVED_STOPPED, 0, 1, 0, -1, NULL },
		{ "with other files", BRIDGE_WAHA, "up active nfs", "up active other", OBSERVED_STOPPED, 0, 1, 0, -1,
			NULL },
		{ "but with a new login", BRIDGE_WAHA, "up active", "up active other", OBSERVED_STOPPED, 0, 1, 1, 1,
			"moved" },
		{ "to one that is down", BRIDGE_WAHA, "up active nfs", "down active nfs", OBSERVED_STOPPED, 0, 1, 0, -1,
			NULL },
		{ "to itself", BRIDGE_WAHA, "up active nfs", "up active nfs", OBSERVED_STOPPED, 0, 0, 0, -1, NULL },
		{ "from one that is down", BRIDGE_WAHA, "down active nfs", "up active nfs", OBSERVED_STOPPED, 0, 1, 0,
			-1, NULL },
		{ "from one that was switched off", BRIDGE_WAHA, "down off nfs", "up active nfs", OBSERVED_CONNECTED,
			99, -1, 0, 1, "instance_down" },
		{ "whose files no other has", BRIDGE_WAHA, "down off", "up active", OBSERVED_CONNECTED, 99, -1, 0, -1,
			NULL },
		{ "draining", BRIDGE_WAHA, "up draining nfs", "up active nfs", OBSERVED_STOPPED, 0, -1, 0, 1,
			"draining" },
		{ "draining, and it runs", BRIDGE_WAHA, "up draining nfs", "up active nfs", OBSERVED_CONNECTED, 0, -1,
			0, -1, NULL },
		{ "draining without the files", BRIDGE_WAHA, "up draining", "up active", OBSERVED_STOPPED, 0, -1, 0, -1,
			NULL },
		{ "Evolution is not drained: it would be logged out", BRIDGE_EVOLUTION, "up draining nfs",
			"up active nfs", OBSERVED_STOPPED, 0, -1, 0, -1, NULL },
		{ "nor does it fail over", BRIDGE_EVOLUTION, "down off nfs", "up active nfs", OBSERVED_STOPPED, 0, -1,
			0, -1, NULL },
		{ "it moves with a new login", BRIDGE_EVOLUTION, "up active nfs", "up active nfs", OBSERVED_ABSENT, 0,
			1, 1, 1, "moved" },
		{ "and not without", BRIDGE_EVOLUTION, "up active nfs", "up active nfs", OBSERVED_ABSENT, 0, 1, 0, -1,
			NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account *a;

		start(state);
		instance_add(cases[i].kind, cases[i].from);
		instance_add(cases[i].kind, cases[i].other);
		a = account_add(cases[i].kind, 0, "");
		a->observed = cases[i].observed;
		a->looked_us -= S(cases[i].looked_s);
		if (cases[i].move_to >= 0) {
			a->row.move_to = cases[i].move_to;
			a->row.move_us = S(1);
			a->row.relink_us = cases[i].relink ? S(1) : PG_NO_TIME;
		}
		if (assigned(a) != cases[i].want)
			fail_msg("%s: %d", cases[i].name, (int)a->assign_to);
		if (cases[i].want >= 0 && (strcmp(a->migrate_why, cases[i].why) != 0 || !a->migrates))
			fail_msg("%s: %s", cases[i].name, a->migrate_why);
		end(state);
	}
}

static void a_move_is_carried_out_once(void **state)
{
	struct account *a;

	(void)state;
	instance_add(BRIDGE_WAHA, "up active nfs");
	instance_add(BRIDGE_WAHA, "up active nfs");
	a = account_add(BRIDGE_WAHA, 0, "");
	a->row.move_to = 1;
	a->row.move_us = a->row.control.moved_us = S(1);
	assert_int_equal(assigned(a), -1);
	a->row.move_us++;
	assert_int_equal(assigned(a), 1);
}

static void an_old_look_is_repeated_before_a_move(void **state)
{
	struct account *a;

	(void)state;
	instance_add(BRIDGE_WAHA, "up draining nfs");
	instance_add(BRIDGE_WAHA, "up active nfs");
	a = account_add(BRIDGE_WAHA, 0, "");
	a->looked_us -= S(16);
	a->due_us = INT64_MAX;
	assert_int_equal(assigned(a), -1);
	assert_true(a->looked_us == PG_NO_TIME && a->due_us == 0);
}

static void a_new_account_gets_the_emptiest_instance(void **state)
{
	struct account *a, *b, *other;

	(void)state;
	for (int i = 0; i < 2; i++)
		instance_add(BRIDGE_WAHA, "up active");
	account_add(BRIDGE_WAHA, 0, "");
	a = account_add(BRIDGE_WAHA, -1, "");
	b = account_add(BRIDGE_WAHA, -1, "");
	other = account_add(BRIDGE_BLAZZ, -1, "");
	assert_int_equal(assigned(a), 1);
	assert_int_equal(b->assign_to, 0); /* as many there by now */
	assert_false(a->migrates);
	assert_int_equal(other->assign_to, -1);
	assert_false(other->notices & NOTICE_NO_CAPACITY); /* there is no instance of its kind at all */
}

static void no_room_is_said_once(void **state)
{
	struct account *a;

	(void)state;
	instance_add(BRIDGE_WAHA, "up active");
	fleet->all[0]->row.capacity = 0;
	a = account_add(BRIDGE_WAHA, -1, "");
	assert_int_equal(assigned(a), -1);
	assert_int_equal(a->notices, NOTICE_NO_CAPACITY);
	a->notices = 0; /* published */
	assert_int_equal(assigned(a), -1);
	assert_int_equal(a->notices, 0);
	fleet->all[0]->row.capacity = 1;
	assert_int_equal(assigned(a), 0);
}

/* As WAHA Core, whose only session is "default". */
static void an_instance_at_which_the_name_is_taken_is_left_out(void **state)
{
	struct account *first, *second;

	(void)state;
	instance_add(BRIDGE_WAHA, "up active nfs");
	instance_add(BRIDGE_WAHA, "up active nfs");
	fleet->all[0]->row.capacity = 100; /* the most room */
	first = account_add(BRIDGE_WAHA, 0, "default");
	second = account_add(BRIDGE_WAHA, -1, "default");
	assert_int_equal(assigned(second), 1);
	second->assign_to = -1;
	second->row.move_to = 0;
	assert_int_equal(assigned(second), 1); /* not even when it is asked for */
	second->assign_to = -1;
	first->row.deleted_us = S(1);
	assert_int_equal(assigned(second), 0);
}

static void an_account_with_a_url_belongs_to_its_instance_only(void **state)
{
	struct account *a;

	(void)state;
	instance_add(BRIDGE_WAHA, "down active");
	instance_add(BRIDGE_WAHA, "up active");
	a = account_add(BRIDGE_WAHA, -1, "");
	a->row.instance_url = STR("http://elsewhere");
	assert_int_equal(assigned(a), -1);
	a->row.instance_url = STR("http://i0");
	assert_int_equal(assigned(a), 0);
}

static void an_account_that_is_not_to_be_connected_stays_without_instance(void **state)
{
	struct account *a;

	(void)state;
	instance_add(BRIDGE_WAHA, "up active nfs");
	instance_add(BRIDGE_WAHA, "down off nfs");
	a = account_add(BRIDGE_WAHA, -1, "");
	a->row.desired = STR("disconnected");
	assert_int_equal(assigned(a), -1);
	a->row.instance_index = 1;
	assert_int_equal(assigned(a), -1);
	a->row.desired = STR("connected");
	a->in_call = true;
	assert_int_equal(assigned(a), -1); /* its answer is awaited */
	a->in_call = false;
	assert_int_equal(assigned(a), 0);
	assert_true(a->lost_instance && fleet->all[1]->row.fenced_us != PG_NO_TIME && fleet->all[1]->changed);
}

static void nothing_fails_over_while_half_of_the_fleet_is_gone(void **state)
{
	struct account *a;

	(void)state;
	instance_add(BRIDGE_WAHA, "up active nfs");
	instance_add(BRIDGE_BLAZZ, "down active nfs");
	instance_add(BRIDGE_BLAZZ, "down active nfs");
	instance_add(BRIDGE_BLAZZ, "up active nfs");
	fleet->lead_mono_ms = clock_mono_ms() - 70000;
	a = account_add(BRIDGE_BLAZZ, 1, "");
	assert_int_equal(assigned(a), 3); /* two of four */
	a->assign_to = -1;
	fleet->all[0]->probe.state = INSTANCE_DOWN;
	assert_int_equal(assigned(a), -1);
}

/* The notices that are to be published, which then are. */
static unsigned noticed(struct account *a)
{
	unsigned notices;

	assigned(a);
	notices = a->notices;
	a->notices = 0;
	return notices;
}

static void each_outage_of_an_instance_is_said_once(void **state)
{
	struct account *a, *other, *unwanted;
	struct instance *at;

	(void)state;
	for (int i = 0; i < 3; i++)
		instance_add(BRIDGE_WAHA, "up active nfs");
	at = fleet->all[0];
	a = account_add(BRIDGE_WAHA, 0, "");
	other = account_add(BRIDGE_WAHA, 1, "");
	unwanted = account_add(BRIDGE_WAHA, 0, "");
	unwanted->row.desired = STR("disconnected");
	assert_int_equal(noticed(a), 0);
	at->probe.state = INSTANCE_DOWN;
	for (int64_t outage = 1; outage < 3; outage++) {
		at->state_since_us = S(outage);
		assert_int_equal(noticed(a), NOTICE_INSTANCE_DOWN);
		assert_int_equal(a->outage_us, S(outage));
		assert_int_equal(noticed(a), 0);
	}
	assert_true(other->notices == 0 && unwanted->notices == 0);
	at->probe.state = INSTANCE_MISCONFIGURED;
	at->state_since_us = S(3);
	assert_int_equal(noticed(a), 0);
}

/* As a new leader finds it. */
static void an_instance_that_was_switched_off_while_it_was_down_is_no_outage(void **state)
{
	struct account *a;

	(void)state;
	instance_add(BRIDGE_EVOLUTION, "down off");
	fleet->all[0]->state_since_us = S(1);
	a = account_add(BRIDGE_EVOLUTION, 0, "");
	assert_int_equal(noticed(a) & NOTICE_INSTANCE_DOWN, 0);
	for (int i = 0; i < 2; i++)
		instance_add(BRIDGE_EVOLUTION, "up active");
	fleet->all[0]->row.desired = STR("active");
	assert_int_equal(noticed(a) & NOTICE_INSTANCE_DOWN, NOTICE_INSTANCE_DOWN);
}

static void while_half_of_the_fleet_is_gone_no_outage_is_said(void **state)
{
	struct account *a;

	(void)state;
	for (int i = 0; i < 3; i++)
		instance_add(BRIDGE_WAHA, i < 2 ? "down active nfs" : "up active nfs");
	a = account_add(BRIDGE_WAHA, 0, "");
	for (int i = 0; i < 3; i++)
		fleet->all[i]->state_since_us = S(1);
	assert_int_equal(noticed(a), 0);
	fleet->all[1]->probe.state = INSTANCE_UP;
	assert_int_equal(noticed(a), NOTICE_INSTANCE_DOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_leaves_an_instance_when_its_session_there_has_ended),
		cmocka_unit_test_setup_teardown(a_move_is_carried_out_once, start, end),
		cmocka_unit_test_setup_teardown(an_old_look_is_repeated_before_a_move, start, end),
		cmocka_unit_test_setup_teardown(a_new_account_gets_the_emptiest_instance, start, end),
		cmocka_unit_test_setup_teardown(no_room_is_said_once, start, end),
		cmocka_unit_test_setup_teardown(an_instance_at_which_the_name_is_taken_is_left_out, start, end),
		cmocka_unit_test_setup_teardown(an_account_with_a_url_belongs_to_its_instance_only, start, end),
		cmocka_unit_test_setup_teardown(an_account_that_is_not_to_be_connected_stays_without_instance, start,
			end),
		cmocka_unit_test_setup_teardown(nothing_fails_over_while_half_of_the_fleet_is_gone, start, end),
		cmocka_unit_test_setup_teardown(each_outage_of_an_instance_is_said_once, start, end),
		cmocka_unit_test_setup_teardown(an_instance_that_was_switched_off_while_it_was_down_is_no_outage, start,
			end),
		cmocka_unit_test_setup_teardown(while_half_of_the_fleet_is_gone_no_outage_is_said, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
