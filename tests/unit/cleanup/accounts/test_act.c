/* services/cleanup/accounts/act: one call about a session at a time, each after a look, and none that a bridge can be hammered with. */
#include "cleanup/accounts/private.h"
#include "cleanup/fleet/private.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "crypto/sealed_row.h"
#include "exposed.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S(n)     ((int64_t)(n) * 1000000)

static struct fleet *fleet;
static struct accounts *all;
static struct account *a;

/* The call in flight, answered by answer(). */
static struct {
	enum bridge_action action;
	char token[32];
	call_done_fn done;
	void *ctx;
	size_t n;
} asked;

void calls_add(struct calls *c, int64_t index, const struct bridge_instance *at, const struct bridge_call *call,
	call_done_fn done, void *ctx)
{
	(void)c, (void)index, (void)at;
	assert_null(asked.done); /* one at a time */
	asked.action = call->action;
	snprintf(asked.token, sizeof(asked.token), "%.*s", STR_ARG(call->session.token));
	asked.done = done;
	asked.ctx = ctx;
	asked.n++;
}

static void on_changed(void *ctx, struct instance *at)
{
	(void)ctx;
	accounts_instance_changed(all, at);
}

static void instance_add(const char *url)
{
	struct instance *at = mem_calloc(1, sizeof(*at));

	at->fleet = fleet;
	at->row = (struct instance_row){ .index = (int64_t)fleet->n,
		.kind = BRIDGE_WAHA,
		.url = str_of(url),
		.desired = STR("active"),
		.capacity = 10 };
	at->probe.state = INSTANCE_UP;
	at->listed = true;
	fleet->all = vec_grow(fleet->all, fleet->n, &fleet->cap, sizeof(struct instance *));
	fleet->all[fleet->n++] = at;
}

static int start(void **state)
{
	struct cleanup_account row = { .id = 1,
		.provider = PROVIDER_WEBJS,
		.bridge = BRIDGE_WAHA,
		.session_id = STR("s1"),
		.desired = STR("disconnected"),
		.status = STR("disconnected"),
		.desired_us = clock_now_us() - S(100),
		.restart_us = PG_NO_TIME,
		.relink_us = PG_NO_TIME,
		.move_us = PG_NO_TIME,
		.move_to = -1,
		.status_since_us = PG_NO_TIME,
		.disconnected_us = PG_NO_TIME,
		.first_connected_us = PG_NO_TIME,
		.deleted_us = PG_NO_TIME,
		.previous_index = -1,
		.control = { .observed_us = PG_NO_TIME,
			.next_us = PG_NO_TIME,
			.restarted_us = PG_NO_TIME,
			.relinked_us = PG_NO_TIME,
			.moved_us = PG_NO_TIME,
			.starts_since_us = PG_NO_TIME,
			.started_us = PG_NO_TIME,
			.gone_us = PG_NO_TIME } };

	(void)state;
	memset(&asked, 0, sizeof(asked));
	fleet = fleet_new(&(struct fleet_options){ .session_ttl_ms = 60000, .changed = on_changed });
	instance_add("http://i");
	all = accounts_new(&(struct accounts_options){ .fleet = fleet });
	a = accounts_add(all, &row);
	a->row = row;
	accounts_put_session(all, a);
	return 0;
}

static int end(void **state)
{
	(void)state;
	accounts_free(all);
	fleet_free(fleet);
	return 0;
}

/* What a step calls: "" for nothing. */
static const char *step(void)
{
	size_t before = asked.n;

	account_step(a, clock_now_us());
	return asked.n > before ? bridge_action_word(asked.action) : "";
}

static void answer_with(enum bridge_outcome outcome, enum bridge_observed observed)
{
	call_done_fn done = asked.done;

	asked.done = NULL;
	done(asked.ctx,
		&(struct bridge_answer){
			.outcome = outcome, .observed = observed, .retry_after_ms = -1, .error = STR("why") });
}

static void looked(enum bridge_observed observed)
{
	assert_string_equal(step(), "look");
	answer_with(BRIDGE_OK, observed);
}

static void each_call_follows_a_look_and_is_followed_by_one(void **state)
{
	(void)state;
	looked(OBSERVED_CONNECTED);
	assert_string_equal(step(), "stop");
	assert_string_equal(step(), ""); /* it is in flight */
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	looked(OBSERVED_STOPPED);
	assert_string_equal(step(), "");
	assert_true(a->reason == PENDING_NOTHING && a->due_us == INT64_MAX);
	a->row.desired = STR("connected");
	a->looked_us -= S(16);
	looked(OBSERVED_STOPPED); /* the other is too old */
	assert_string_equal(step(), "start");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
}

static void an_answer_to_what_was_asked_before_a_call_says_nothing(void **state)
{
	int64_t before = clock_now_us();

	(void)state;
	looked(OBSERVED_CONNECTED);
	assert_string_equal(step(), "stop");
	account_observe(a, OBSERVED_FAILED, STR_NONE, clock_now_us());
	assert_int_equal(a->observed, OBSERVED_CONNECTED);
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	account_observe(a, OBSERVED_FAILED, STR_NONE, before);
	assert_int_equal(a->observed, OBSERVED_CONNECTED);
	account_observe(a, OBSERVED_STOPPED, STR_NONE, clock_now_us());
	assert_int_equal(a->observed, OBSERVED_STOPPED);
}

static void a_call_that_failed_is_repeated_later_after_a_look(void **state)
{
	int64_t wait_us;

	(void)state;
	looked(OBSERVED_CONNECTED);
	for (int i = 1; i <= 3; i++) {
		assert_string_equal(step(), "stop");
		answer_with(BRIDGE_BUSY, OBSERVED_NONE);
		assert_int_equal(a->row.control.attempt, i);
		assert_true(str_is(a->row.control.error, "why") && str_is(a->row.control.outcome, "busy"));
		assert_string_equal(step(), "");
		wait_us = a->due_us - clock_now_us();
		assert_true(a->reason == PENDING_RETRY && wait_us > 0 && wait_us <= S(1 << i));
		a->row.control.next_us = 0; /* it is time */
		looked(OBSERVED_CONNECTED);
	}
	assert_string_equal(step(), "stop");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	assert_true(a->row.control.attempt == 0 && a->row.control.next_us == PG_NO_TIME && a->row.control.error.n == 0);
}

static void a_look_that_failed_is_repeated_later(void **state)
{
	(void)state;
	assert_string_equal(step(), "look");
	answer_with(BRIDGE_BUSY, OBSERVED_NONE);
	assert_string_equal(step(), "");
	assert_int_equal(a->reason, PENDING_RETRY);
	a->row.control.next_us = 0;
	looked(OBSERVED_STOPPED);
	assert_string_equal(step(), "");
	assert_int_equal(a->reason, PENDING_NOTHING);
}

static void a_bridge_that_acknowledges_a_call_and_does_nothing_is_not_hammered(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		looked(OBSERVED_CONNECTED);
		assert_string_equal(step(), "stop");
		answer_with(BRIDGE_ALREADY_DONE, OBSERVED_NONE);
	}
	for (int64_t least_ms = 800; least_ms < 10000; least_ms *= 2) {
		assert_string_equal(step(), "");
		assert_int_equal(a->reason, PENDING_RETRY);
		assert_true(a->due_us - clock_now_us() > 1000 * (least_ms - 300));
		a->row.control.next_us = 0;
		looked(OBSERVED_CONNECTED);
		assert_string_equal(step(), "stop");
		answer_with(BRIDGE_ALREADY_DONE, OBSERVED_NONE);
	}
	a->row.control.next_us = 0;
	looked(OBSERVED_STOPPED);
	assert_string_equal(step(), "");
	assert_int_equal(a->reason, PENDING_NOTHING);
}

static void after_its_state_was_reached_a_call_is_new(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) { /* it is started elsewhere each time */
		a->looked_us = PG_NO_TIME;
		looked(OBSERVED_CONNECTED);
		assert_string_equal(step(), "stop");
		answer_with(BRIDGE_OK, OBSERVED_NONE);
		assert_int_equal(a->row.control.next_us, PG_NO_TIME);
		looked(OBSERVED_STOPPED);
		assert_string_equal(step(), "");
	}
}

static void reaching_the_desired_state_is_measured_once(void **state)
{
	(void)state;
	stats_init();
	a->reconciles = true;
	looked(OBSERVED_CONNECTED);
	assert_string_equal(step(), "stop");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	assert_true(is_exposed("blazz_cleanup_reconcile_seconds_count 0\n"));
	looked(OBSERVED_STOPPED);
	for (int i = 0; i < 2; i++)
		assert_string_equal(step(), "");
	assert_true(is_exposed("blazz_cleanup_reconcile_seconds_count 1\n"));
	assert_true(is_exposed("_seconds_bucket{le=\"60.0\"} 0\n") && is_exposed("_seconds_bucket{le=\"300.0\"} 1\n"));
}

static void a_rejected_key_stops_all_calls(void **state)
{
	(void)state;
	looked(OBSERVED_CONNECTED);
	assert_string_equal(step(), "stop");
	answer_with(BRIDGE_BAD_KEY, OBSERVED_NONE);
	assert_int_equal(fleet->all[0]->probe.state, INSTANCE_MISCONFIGURED);
	a->row.control.next_us = PG_NO_TIME;
	assert_string_equal(step(), "");
	assert_int_equal(a->reason, PENDING_INSTANCE);
}

static void a_session_that_exists_already_gets_its_settings(void **state)
{
	(void)state;
	a->row.desired = STR("connected");
	looked(OBSERVED_ABSENT);
	assert_string_equal(step(), "create");
	answer_with(BRIDGE_ALREADY_DONE, OBSERVED_NONE);
	looked(OBSERVED_STOPPED);
	assert_string_equal(step(), "update");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	looked(OBSERVED_STOPPED);
	assert_string_equal(step(), "start");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
}

static void until_a_restore_is_accepted_sessions_are_only_looked_at(void **state)
{
	(void)state;
	accounts_observe_only(all, true);
	looked(OBSERVED_CONNECTED);
	assert_string_equal(step(), "");
	assert_int_equal(a->due_us, INT64_MAX);
	accounts_observe_only(all, false);
	assert_int_equal(a->due_us, 0);
	assert_string_equal(step(), "stop");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
}

static void a_deleted_account_is_gone_when_the_bridge_says_so(void **state)
{
	(void)state;
	a->row.deleted_us = clock_now_us();
	a->row.desired = STR("deleted");
	looked(OBSERVED_STOPPED);
	assert_string_equal(step(), "delete");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	assert_int_equal(a->row.control.gone_us, PG_NO_TIME); /* it is looked at first */
	looked(OBSERVED_ABSENT);
	assert_string_equal(step(), "");
	assert_true(a->row.control.gone_us != PG_NO_TIME);
}

/* Another leader does not load it, so what this one began would never end. */
static void nothing_is_begun_about_an_account_that_is_gone_until_its_session_is_seen(void **state)
{
	(void)state;
	a->row.deleted_us = clock_now_us();
	a->row.desired = STR("deleted");
	looked(OBSERVED_ABSENT);
	assert_string_equal(step(), "");
	a->row.desired = STR("disconnected");
	a->looked_us = PG_NO_TIME; /* as after each change of what is desired */
	assert_string_equal(step(), "");
	assert_int_equal(a->reason, PENDING_NOTHING);
	account_observe(a, OBSERVED_STOPPED, STR_NONE, clock_now_us());
	assert_string_equal(step(), "delete");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
}

/* Or the bridge would make a key of its own, and reject what is sent with the account's. */
static void a_session_is_created_with_the_key_that_its_account_sends_with(void **state)
{
	struct keyring *keyring = NULL;
	struct buf sealed = BUF_INIT;
	struct err err;

	(void)state;
	assert_int_equal(keyring_parse(&keyring, STR("k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="), &err), 0);
	assert_int_equal(row_seal(keyring, SEALED_ACCOUNT, &a->row.uuid, STR("{\"access_token\":\"evolution-key\"}"),
				 &sealed, &err),
		0);
	accounts_use_keyring(all, keyring);
	a->row.secrets = buf_str(&sealed);
	a->row.bridge = BRIDGE_EVOLUTION;
	a->row.desired = STR("connected");
	looked(OBSERVED_ABSENT);
	assert_string_equal(step(), "create");
	assert_string_equal(asked.token, "evolution-key");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	a->row.secrets = STR_NONE;
	buf_fini(&sealed);
	keyring_free(keyring);
}

/* As a list of its instance says. */
static void listed(enum bridge_observed observed)
{
	account_observe(a, observed, STR_NONE, clock_now_us());
	account_wake(a);
}

static void delete_ago(int64_t ago_us)
{
	a->row.deleted_us = clock_now_us() - ago_us;
	a->row.desired = STR("deleted");
}

static void a_session_that_cannot_be_deleted_is_given_up_after_a_week(void **state)
{
	(void)state;
	delete_ago(GIVE_UP_US - S(3600));
	fleet->all[0]->probe.state = INSTANCE_DOWN;
	assert_string_equal(step(), "");
	assert_int_equal(a->reason, PENDING_INSTANCE);
	assert_int_equal(a->due_us, a->row.deleted_us + GIVE_UP_US); /* and not when its instance comes back */
	accounts_count(all);
	assert_int_equal(fleet->all[0]->assigned, 1);
	delete_ago(GIVE_UP_US);
	assert_string_equal(step(), "");
	assert_true(a->reason == PENDING_GIVEN_UP && a->due_us == INT64_MAX);
	assert_true(str_is(a->row.control.reason, "given_up"));
	assert_int_equal(fleet->all[0]->assigned, 0);
	fleet->all[0]->probe.state = INSTANCE_UP;
	assert_string_equal(step(), ""); /* not even a look */
	assert_int_equal(a->row.control.gone_us, PG_NO_TIME);
}

static void a_session_that_was_given_up_gets_one_call_after_each_list_that_has_it(void **state)
{
	static const enum bridge_kind kinds[] = { BRIDGE_BLAZZ, BRIDGE_WAHA, BRIDGE_EVOLUTION, BRIDGE_WWEBJS };

	(void)state;
	delete_ago(GIVE_UP_US);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		a->row.bridge = fleet->all[0]->row.kind = kinds[i];
		listed(OBSERVED_CONNECTED);
		assert_string_equal(step(), "logout");
		assert_string_equal(step(), "");
		answer_with(BRIDGE_BUSY, OBSERVED_NONE);
		for (int j = 0; j < 3; j++) {
			assert_string_equal(step(), ""); /* no attempt, and no look, by itself */
			listed(OBSERVED_STOPPED);
			assert_string_equal(step(), "delete");
			answer_with(BRIDGE_REJECTED, OBSERVED_NONE);
		}
		assert_int_equal(a->reason, PENDING_GIVEN_UP);
	}
	listed(OBSERVED_ABSENT);
	assert_string_equal(step(), "");
	assert_true(a->row.control.gone_us != PG_NO_TIME && a->reason == PENDING_NOTHING);
	listed(OBSERVED_CONNECTED);
	assert_string_equal(step(), ""); /* its name is another program's now */
}

static void a_list_that_took_long_tells_of_a_session_that_was_given_up(void **state)
{
	(void)state;
	delete_ago(GIVE_UP_US);
	account_observe(a, OBSERVED_STOPPED, STR_NONE, clock_now_us() - LOOK_FRESH_US - S(1));
	assert_string_equal(step(), "delete");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	assert_string_equal(step(), "");
}

static void a_session_that_was_given_up_is_not_touched_until_a_restore_is_accepted(void **state)
{
	(void)state;
	delete_ago(GIVE_UP_US);
	accounts_observe_only(all, true);
	listed(OBSERVED_CONNECTED);
	assert_string_equal(step(), "");
	accounts_observe_only(all, false);
	listed(OBSERVED_CONNECTED);
	assert_string_equal(step(), "logout");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
}

static void a_session_that_was_given_up_and_is_desired_again_is_not_deleted(void **state)
{
	(void)state;
	delete_ago(GIVE_UP_US);
	assert_string_equal(step(), "");
	a->row.desired = STR("connected");
	a->row.desired_us = clock_now_us();
	listed(OBSERVED_CONNECTED);
	assert_string_equal(step(), "");
	assert_int_equal(a->reason, PENDING_CALL); /* accounts_flush() brings it back */
	assert_true(accounts_pending(all));
}

/* Of another kind or elsewhere it is another session. */
static void the_session_of_a_live_account_with_the_same_name_is_not_deleted(void **state)
{
	static const struct {
		const char *name, *url;
		enum bridge_kind kind;
		int64_t index, assign_to;
		bool taken;
	} cases[] = {
		{ "assigned", "http://i", BRIDGE_WAHA, 0, -1, true },
		{ "to be assigned", "", BRIDGE_WAHA, -1, 0, true },
		{ "not adopted yet", "http://i", BRIDGE_WAHA, -1, -1, true },
		{ "of another kind", "http://i", BRIDGE_EVOLUTION, -1, -1, false },
		{ "elsewhere", "http://j", BRIDGE_WAHA, 1, -1, false },
		{ "known there", "http://i", BRIDGE_WAHA, 0, -1, true },
	};
	const int64_t ages_us[] = { S(10), GIVE_UP_US };
	struct cleanup_account row = a->row;
	struct account *holder;

	(void)state;
	row.id = 2;
	row.uuid.b[0] = 2;
	holder = accounts_add(all, &row);
	holder->row = row;
	for (size_t i = 0; i < COUNT(cases) * COUNT(ages_us); i++) {
		const char *got;

		holder->row.instance_url = str_of(cases[i / 2].url);
		holder->row.bridge = cases[i / 2].kind;
		holder->row.instance_index = cases[i / 2].index;
		holder->assign_to = cases[i / 2].assign_to;
		if (strcmp(cases[i / 2].name, "known there") == 0) { /* and deleted, too */
			holder->row.deleted_us = clock_now_us();
			accounts_put_session(all, holder);
		}
		delete_ago(ages_us[i % 2]);
		a->row.control.gone_us = a->row.control.next_us = PG_NO_TIME;
		listed(OBSERVED_STOPPED);
		got = step();
		if (strcmp(got, cases[i / 2].taken ? "" : "delete") != 0)
			fail_msg("%s: \"%s\"", cases[i / 2].name, got);
		assert_int_equal(a->row.control.gone_us != PG_NO_TIME, cases[i / 2].taken);
		if (asked.done)
			answer_with(BRIDGE_OK, OBSERVED_NONE);
	}
}

/* Of wwebjs-api, with a login. */
static void deleted_after_its_session_stopped(void)
{
	a->row.bridge = fleet->all[0]->row.kind = BRIDGE_WWEBJS;
	a->row.first_connected_us = clock_now_us() - S(5000);
	a->row.control.starts = 20; /* before: they do not count */
	a->row.control.starts_since_us = a->row.control.started_us = clock_now_us() - S(300);
	delete_ago(S(100));
}

static void a_stopped_session_that_its_bridge_does_not_list_is_started_to_be_deleted(void **state)
{
	(void)state;
	deleted_after_its_session_stopped();
	looked(OBSERVED_ABSENT);
	assert_string_equal(step(), "start");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	assert_true(a->row.control.starts == 1 && !a->restored && a->row.control.gone_us == PG_NO_TIME);
	looked(OBSERVED_STARTING);
	assert_string_equal(step(), "delete");
	answer_with(BRIDGE_OK, OBSERVED_NONE);
	looked(OBSERVED_ABSENT);
	assert_string_equal(step(), "");
	assert_true(a->row.control.gone_us != PG_NO_TIME && a->reason == PENDING_NOTHING);
}

/* What was asked last is in the row: the next leader begins with it. */
static void a_session_that_ended_before_it_was_deleted_is_started_again_a_few_times(void **state)
{
	static const enum bridge_outcome outcomes[] = { BRIDGE_GONE, BRIDGE_BUSY, BRIDGE_REJECTED };
	int64_t n = 0;

	(void)state;
	deleted_after_its_session_stopped();
	for (;; n++) {
		a->row.control.next_us = PG_NO_TIME;
		looked(OBSERVED_ABSENT);
		if (strcmp(step(), "start") != 0)
			break;
		answer_with(BRIDGE_OK, OBSERVED_NONE);
		a->row.control.next_us = PG_NO_TIME;
		looked(OBSERVED_STARTING);
		assert_string_equal(step(), "delete");
		answer_with(outcomes[n % 3], OBSERVED_NONE);
		assert_true(n < 10);
	}
	assert_int_equal(n, CLEARINGS_MAX);
	assert_true(a->row.control.gone_us != PG_NO_TIME);
}

/* How often it is started, each answered with the outcome, until it is gone; at most 30 times. */
static int64_t starts_until_gone(enum bridge_outcome outcome)
{
	for (int64_t n = 0;; n++) {
		fleet->all[0]->probe.state = INSTANCE_UP;
		fleet->all[0]->listed = true;
		a->row.control.next_us = PG_NO_TIME;
		looked(OBSERVED_ABSENT);
		if (n == 30 || strcmp(step(), "start") != 0)
			return n;
		answer_with(outcome, OBSERVED_NONE);
	}
}

/* A short outage does not count, nor does a key that is to be set right. */
static void a_session_that_cannot_be_started_to_be_deleted_is_not_started_for_a_week(void **state)
{
	static const struct {
		enum bridge_outcome outcome;
		int64_t starts;
	} cases[] = { { BRIDGE_REJECTED, CLEARINGS_MAX }, { BRIDGE_BUSY, 8 + CLEARINGS_MAX }, { BRIDGE_BAD_KEY, 30 } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)end(state);
		(void)start(state);
		deleted_after_its_session_stopped();
		assert_int_equal(starts_until_gone(cases[i].outcome), cases[i].starts);
		assert_int_equal(a->row.control.gone_us != PG_NO_TIME, cases[i].starts < 30);
	}
}

/* Another account has the name at another instance, which has the same files. */
static void files_that_a_live_account_uses_elsewhere_are_not_deleted(void **state)
{
	static const struct {
		const char *name, *group, *other;
		enum bridge_kind kind;
		int64_t index, assign_to;
		enum bridge_observed observed;
		const char *call;
	} cases[] = {
		{ "not started", "nfs", "nfs", BRIDGE_WWEBJS, 1, -1, OBSERVED_ABSENT, "" },
		{ "to be assigned", "nfs", "nfs", BRIDGE_WWEBJS, -1, 1, OBSERVED_ABSENT, "" },
		{ "other files", "nfs", "other", BRIDGE_WWEBJS, 1, -1, OBSERVED_ABSENT, "start" },
		{ "files of its own", "", "", BRIDGE_WWEBJS, 1, -1, OBSERVED_ABSENT, "start" },
		{ "not assigned", "nfs", "nfs", BRIDGE_WWEBJS, -1, -1, OBSERVED_ABSENT, "start" },
		{ "it runs", "nfs", "nfs", BRIDGE_WWEBJS, 1, -1, OBSERVED_CONNECTED, "stop" },
		{ "it is stopped", "nfs", "nfs", BRIDGE_WAHA, 1, -1, OBSERVED_STOPPED, "" },
		{ "it is stopped, with other files", "nfs", "other", BRIDGE_WAHA, 1, -1, OBSERVED_STOPPED, "delete" },
		{ "each has its own", "nfs", "nfs", BRIDGE_EVOLUTION, 1, -1, OBSERVED_CONNECTED, "logout" },
	};
	const int64_t ages_us[] = { S(100), GIVE_UP_US };

	for (size_t i = 0; i < COUNT(cases) * COUNT(ages_us); i++) {
		bool given_up = i % 2 == 1;
		const char *want = cases[i / 2].call, *got;
		struct cleanup_account row;
		struct account *holder;

		(void)end(state);
		(void)start(state);
		instance_add("http://j");
		deleted_after_its_session_stopped();
		delete_ago(ages_us[i % 2]);
		a->row.bridge = fleet->all[0]->row.kind = fleet->all[1]->row.kind = cases[i / 2].kind;
		fleet->all[0]->row.storage_group = str_of(cases[i / 2].group);
		fleet->all[1]->row.storage_group = str_of(cases[i / 2].other);
		row = a->row;
		row.uuid.b[0] = 2;
		row.deleted_us = PG_NO_TIME;
		row.instance_index = cases[i / 2].index;
		holder = accounts_add(all, &row);
		holder->row = row;
		holder->assign_to = cases[i / 2].assign_to;
		listed(cases[i / 2].observed);
		got = step();
		if (given_up && cases[i / 2].observed == OBSERVED_ABSENT)
			want = ""; /* it is not started */
		if (strcmp(got, want) != 0)
			fail_msg("%s: \"%s\"", cases[i / 2].name, got);
		assert_int_equal(a->row.control.gone_us != PG_NO_TIME, want[0] == '\0');
	}
}

static void only_a_session_that_may_have_a_login_is_started_to_be_deleted(void **state)
{
	static const struct {
		const char *action, *outcome;
		bool connected, starts;
	} cases[] = {
		{ NULL, NULL, true, true }, /* before it was adopted */
		{ NULL, NULL, false, false },
		{ "create", "ok", false, true }, /* and nothing was reported yet */
		{ "create", "busy", false, true },
		{ "create", "rejected", false, false },
		{ "create", "bad_key", false, false },
		{ "create", "rejected", true, true },
		{ "stop", "ok", false, true },
		{ "logout", "ok", true, false },
		{ "delete", "ok", true, false },
		{ "delete", "gone", true, true },
		{ "delete", "busy", true, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)end(state);
		(void)start(state);
		deleted_after_its_session_stopped();
		if (!cases[i].connected)
			a->row.first_connected_us = PG_NO_TIME;
		a->row.control.action = str_of(cases[i].action);
		a->row.control.outcome = str_of(cases[i].outcome);
		looked(OBSERVED_ABSENT);
		if (strcmp(step(), cases[i].starts ? "start" : "") != 0)
			fail_msg("case %zu", i);
		assert_int_equal(a->row.control.gone_us != PG_NO_TIME, !cases[i].starts);
	}
}

static void a_stopped_session_is_linked_anew_without_its_former_login(void **state)
{
	static const struct {
		enum bridge_observed observed;
		const char *call;
	} steps[] = { { OBSERVED_ABSENT, "start" }, { OBSERVED_CONNECTED, "logout" }, { OBSERVED_ABSENT, "create" } };

	(void)state;
	a->row.bridge = fleet->all[0]->row.kind = BRIDGE_WWEBJS;
	a->row.desired = STR("connected");
	a->row.first_connected_us = clock_now_us() - S(5000);
	a->row.relink_us = clock_now_us() - S(10);
	for (size_t i = 0; i < COUNT(steps); i++) {
		looked(steps[i].observed);
		assert_string_equal(step(), steps[i].call);
		answer_with(BRIDGE_OK, OBSERVED_NONE);
		assert_int_equal(a->row.control.relinked_us == a->row.relink_us, i > 0);
	}
}

/* It ended between the look and the call. */
static void a_relink_that_finds_no_session_has_not_ended_its_login(void **state)
{
	static const struct {
		enum bridge_kind kind;
		enum bridge_outcome outcome;
		bool relinked;
		const char *next;
	} cases[] = { { BRIDGE_WWEBJS, BRIDGE_GONE, false, "start" }, { BRIDGE_WWEBJS, BRIDGE_OK, true, "create" },
		{ BRIDGE_WAHA, BRIDGE_GONE, true, "create" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)end(state);
		(void)start(state);
		a->row.bridge = fleet->all[0]->row.kind = cases[i].kind;
		a->row.desired = STR("connected");
		a->row.first_connected_us = clock_now_us() - S(5000);
		a->row.relink_us = clock_now_us() - S(10);
		looked(OBSERVED_STARTING);
		assert_string_equal(step(), "logout");
		answer_with(cases[i].outcome, OBSERVED_NONE);
		assert_int_equal(a->row.control.relinked_us == a->row.relink_us, cases[i].relinked);
		looked(OBSERVED_ABSENT);
		assert_string_equal(step(), cases[i].next);
	}
}

static void an_unusable_instance_is_not_called(void **state)
{
	(void)state;
	fleet->all[0]->listed = false;
	assert_string_equal(step(), "");
	fleet->all[0]->listed = true;
	fleet->all[0]->row.desired = STR("off");
	assert_string_equal(step(), "");
	assert_int_equal(a->reason, PENDING_INSTANCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_call_follows_a_look_and_is_followed_by_one, start, end),
		cmocka_unit_test_setup_teardown(an_answer_to_what_was_asked_before_a_call_says_nothing, start, end),
		cmocka_unit_test_setup_teardown(a_call_that_failed_is_repeated_later_after_a_look, start, end),
		cmocka_unit_test_setup_teardown(a_look_that_failed_is_repeated_later, start, end),
		cmocka_unit_test_setup_teardown(a_bridge_that_acknowledges_a_call_and_does_nothing_is_not_hammered,
			start, end),
		cmocka_unit_test_setup_teardown(after_its_state_was_reached_a_call_is_new, start, end),
		cmocka_unit_test_setup_teardown(reaching_the_desired_state_is_measured_once, start, end),
		cmocka_unit_test_setup_teardown(a_rejected_key_stops_all_calls, start, end),
		cmocka_unit_test_setup_teardown(a_session_that_exists_already_gets_its_settings, start, end),
		cmocka_unit_test_setup_teardown(until_a_restore_is_accepted_sessions_are_only_looked_at, start, end),
		cmocka_unit_test_setup_teardown(a_deleted_account_is_gone_when_the_bridge_says_so, start, end),
		cmocka_unit_test_setup_teardown(
			nothing_is_begun_about_an_account_that_is_gone_until_its_session_is_seen, start, end),
		cmocka_unit_test_setup_teardown(a_session_is_created_with_the_key_that_its_account_sends_with, start,
			end),
		cmocka_unit_test_setup_teardown(a_session_that_cannot_be_deleted_is_given_up_after_a_week, start, end),
		cmocka_unit_test_setup_teardown(a_session_that_was_given_up_gets_one_call_after_each_list_that_has_it,
			start, end),
		cmocka_unit_test_setup_teardown(a_list_that_took_long_tells_of_a_session_that_was_given_up, start, end),
		cmocka_unit_test_setup_teardown(a_session_that_was_given_up_is_not_touched_until_a_restore_is_accepted,
			start, end),
		cmocka_unit_test_setup_teardown(a_session_that_was_given_up_and_is_desired_again_is_not_deleted, start,
			end),
		cmocka_unit_test_setup_teardown(the_session_of_a_live_account_with_the_same_name_is_not_deleted, start,
			end),
		cmocka_unit_test_setup_teardown(
			a_stopped_session_that_its_bridge_does_not_list_is_started_to_be_deleted, start, end),
		cmocka_unit_test_setup_teardown(a_session_that_ended_before_it_was_deleted_is_started_again_a_few_times,
			start, end),
		cmocka_unit_test_setup_teardown(
			a_session_that_cannot_be_started_to_be_deleted_is_not_started_for_a_week, start, end),
		cmocka_unit_test_setup_teardown(files_that_a_live_account_uses_elsewhere_are_not_deleted, start, end),
		cmocka_unit_test_setup_teardown(only_a_session_that_may_have_a_login_is_started_to_be_deleted, start,
			end),
		cmocka_unit_test_setup_teardown(a_stopped_session_is_linked_anew_without_its_former_login, start, end),
		cmocka_unit_test_setup_teardown(a_relink_that_finds_no_session_has_not_ended_its_login, start, end),
		cmocka_unit_test_setup_teardown(an_unusable_instance_is_not_called, start, end),
	};

	stats_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
