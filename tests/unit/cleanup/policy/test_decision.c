/* services/cleanup/policy/decision: every cell of the README's table, for every kind of bridge. */
#include "cleanup/policy/decision.h"

#include <string.h>

#include "pg/pg.h"
#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND   INT64_C(1000000)
#define NOW      (INT64_C(1767225600) * SECOND)
#define NEVER    INT64_MAX /* when something changes */

static const enum bridge_kind kinds[] = { BRIDGE_BLAZZ, BRIDGE_WAHA, BRIDGE_EVOLUTION, BRIDGE_WWEBJS };

/* A session of an account that is desired `connected`, for longer than a start may last. */
static struct session_view view_of(enum bridge_kind kind, enum bridge_observed observed)
{
	return (struct session_view){
		.kind = kind,
		.desired = DESIRED_CONNECTED,
		.restart_us = PG_NO_TIME,
		.restarted_us = PG_NO_TIME,
		.relink_us = PG_NO_TIME,
		.relinked_us = PG_NO_TIME,
		.observed = observed,
		.observed_us = NOW - 3600 * SECOND,
	};
}

static const char *call_word(const struct decision *d)
{
	return d->call ? bridge_action_word(d->action) : "";
}

static void desire_connected(struct session_view *v)
{
	v->desired = DESIRED_CONNECTED;
}

static void desire_connected_suspended(struct session_view *v)
{
	v->reconnect.suspension = SUSPENDED_GAVE_UP;
}

static void desire_disconnected(struct session_view *v)
{
	v->desired = DESIRED_DISCONNECTED;
}

static void desire_deleted(struct session_view *v)
{
	v->desired = DESIRED_DELETED;
}

static void delete_row(struct session_view *v)
{
	v->deleted = true;
}

static void delete_row_of_used_files(struct session_view *v)
{
	v->deleted = true;
	v->files_used = true;
}

static void request_restart(struct session_view *v)
{
	v->restarted_us = NOW - 3;
	v->restart_us = NOW - 2;
}

static void request_relink(struct session_view *v)
{
	v->relinked_us = NOW - 3;
	v->relink_us = NOW - 2;
}

static void request_restart_suspended(struct session_view *v)
{
	desire_connected_suspended(v);
	request_restart(v);
}

static void request_both(struct session_view *v)
{
	request_restart(v);
	request_relink(v);
}

static void request_both_of_deleted(struct session_view *v)
{
	request_both(v);
	desire_deleted(v);
}

static void request_both_of_disconnected(struct session_view *v)
{
	request_both(v);
	desire_disconnected(v);
}

/* The call, and why the desired state is not reached; by kind: blazz, WAHA, Evolution, wwebjs-api. */
struct cell {
	enum bridge_observed observed;
	const char *calls[COUNT(kinds)];
	const char *reason;
};
#define EACH(word)   { word, word, word, word }
#define STOP_EACH    { "stop", "stop", "logout", "stop" }
#define RESTART_EACH { "stop", "restart", "restart", "restart" }

#define OBSERVED 6
static const struct {
	const char *name;
	void (*set)(struct session_view *v);
	struct cell cells[OBSERVED];
} table[] = {
	{ "connected", desire_connected,
		{ { OBSERVED_ABSENT, EACH("create"), "call" }, { OBSERVED_STOPPED, EACH("start"), "call" },
			{ OBSERVED_STARTING, RESTART_EACH, "call" }, { OBSERVED_QR, EACH(""), "qr" },
			{ OBSERVED_CONNECTED, EACH(""), "" }, { OBSERVED_FAILED, RESTART_EACH, "call" } } },
	{ "connected, suspended", desire_connected_suspended,
		{ { OBSERVED_ABSENT, EACH(""), "suspended" }, { OBSERVED_STOPPED, EACH(""), "suspended" },
			{ OBSERVED_STARTING, STOP_EACH, "suspended" }, { OBSERVED_QR, STOP_EACH, "suspended" },
			{ OBSERVED_CONNECTED, EACH(""), "" }, { OBSERVED_FAILED, STOP_EACH, "suspended" } } },
	{ "disconnected", desire_disconnected,
		{ { OBSERVED_ABSENT, EACH(""), "" }, { OBSERVED_STOPPED, EACH(""), "" },
			{ OBSERVED_STARTING, STOP_EACH, "call" }, { OBSERVED_QR, STOP_EACH, "call" },
			{ OBSERVED_CONNECTED, STOP_EACH, "call" }, { OBSERVED_FAILED, STOP_EACH, "call" } } },
	{ "deleted", desire_deleted,
		{ { OBSERVED_ABSENT, EACH(""), "" }, { OBSERVED_STOPPED, EACH("delete"), "call" },
			{ OBSERVED_STARTING, EACH("delete"), "call" }, { OBSERVED_QR, EACH("delete"), "call" },
			{ OBSERVED_CONNECTED, EACH("logout"), "call" }, { OBSERVED_FAILED, EACH("delete"), "call" } } },
	{ "row deleted", delete_row,
		{ { OBSERVED_ABSENT, EACH(""), "" }, { OBSERVED_STOPPED, EACH("delete"), "call" },
			{ OBSERVED_STARTING, EACH("delete"), "call" }, { OBSERVED_QR, EACH("delete"), "call" },
			{ OBSERVED_CONNECTED, EACH("logout"), "call" }, { OBSERVED_FAILED, EACH("delete"), "call" } } },
	{ "row deleted, its files used elsewhere", delete_row_of_used_files,
		{ { OBSERVED_ABSENT, EACH(""), "" }, { OBSERVED_STOPPED, EACH(""), "" },
			{ OBSERVED_STARTING, STOP_EACH, "call" }, { OBSERVED_QR, STOP_EACH, "call" },
			{ OBSERVED_CONNECTED, STOP_EACH, "call" }, { OBSERVED_FAILED, STOP_EACH, "call" } } },
	{ "restart", request_restart,
		{ { OBSERVED_ABSENT, EACH("create"), "call" }, { OBSERVED_STOPPED, EACH("start"), "call" },
			{ OBSERVED_STARTING, RESTART_EACH, "call" }, { OBSERVED_QR, RESTART_EACH, "call" },
			{ OBSERVED_CONNECTED, RESTART_EACH, "call" }, { OBSERVED_FAILED, RESTART_EACH, "call" } } },
	{ "restart, suspended", request_restart_suspended,
		{ { OBSERVED_ABSENT, EACH("create"), "call" }, { OBSERVED_STOPPED, EACH("start"), "call" },
			{ OBSERVED_STARTING, RESTART_EACH, "call" }, { OBSERVED_QR, RESTART_EACH, "call" },
			{ OBSERVED_CONNECTED, RESTART_EACH, "call" }, { OBSERVED_FAILED, RESTART_EACH, "call" } } },
	{ "relink", request_relink,
		{ { OBSERVED_ABSENT, EACH("create"), "call" }, { OBSERVED_STOPPED, EACH("logout"), "call" },
			{ OBSERVED_STARTING, EACH("logout"), "call" }, { OBSERVED_QR, EACH("logout"), "call" },
			{ OBSERVED_CONNECTED, EACH("logout"), "call" }, { OBSERVED_FAILED, EACH("logout"), "call" } } },
	{ "restart and relink", request_both,
		{ { OBSERVED_ABSENT, EACH("create"), "call" }, { OBSERVED_STOPPED, EACH("logout"), "call" },
			{ OBSERVED_STARTING, EACH("logout"), "call" }, { OBSERVED_QR, EACH("logout"), "call" },
			{ OBSERVED_CONNECTED, EACH("logout"), "call" }, { OBSERVED_FAILED, EACH("logout"), "call" } } },
	{ "disconnected, restart and relink", request_both_of_disconnected,
		{ { OBSERVED_ABSENT, EACH(""), "" }, { OBSERVED_STOPPED, EACH(""), "" },
			{ OBSERVED_STARTING, STOP_EACH, "call" }, { OBSERVED_QR, STOP_EACH, "call" },
			{ OBSERVED_CONNECTED, STOP_EACH, "call" }, { OBSERVED_FAILED, STOP_EACH, "call" } } },
	{ "deleted, restart and relink", request_both_of_deleted,
		{ { OBSERVED_ABSENT, EACH(""), "" }, { OBSERVED_STOPPED, EACH("delete"), "call" },
			{ OBSERVED_STARTING, EACH("delete"), "call" }, { OBSERVED_QR, EACH("delete"), "call" },
			{ OBSERVED_CONNECTED, EACH("logout"), "call" }, { OBSERVED_FAILED, EACH("delete"), "call" } } },
};

static void cell_check(const char *name, const struct session_view *v, const char *call, const char *reason)
{
	struct decision d = session_decide(v, NOW);

	if (strcmp(call_word(&d), call) != 0 || strcmp(pending_reason_word(d.reason), reason) != 0 ||
		d.at_us != (d.call ? 0 : NEVER))
		fail_msg("%s, %s, %s: %s, %s, %ld", name, bridge_observed_word(v->observed), bridge_word(v->kind),
			call_word(&d), pending_reason_word(d.reason), (long)d.at_us);
	assert_true(!d.call || bridge_has(v->kind, d.action));
	assert_false(d.by_itself);
}

static void every_cell_of_the_table_has_one_call_for_each_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		for (size_t c = 0; c < OBSERVED; c++)
			for (size_t k = 0; k < COUNT(kinds); k++) {
				struct session_view v = view_of(kinds[k], table[i].cells[c].observed);

				table[i].set(&v);
				cell_check(table[i].name, &v, table[i].cells[c].calls[k], table[i].cells[c].reason);
			}
}

static void a_session_that_was_not_looked_at_is_looked_at_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		for (size_t k = 0; k < COUNT(kinds); k++) {
			struct session_view v = view_of(kinds[k], OBSERVED_NONE);

			table[i].set(&v);
			cell_check(table[i].name, &v, "look", "look");
		}
}

/* Carried out once for each newer time, by the call that has its effect. */
static void a_request_is_carried_out_by_the_call_that_ends_in_its_effect(void **state)
{
	static const struct {
		const char *name;
		enum bridge_kind kind;
		enum bridge_observed observed;
		int64_t restart_us, restarted_us, relink_us, relinked_us;
		const char *call;
		bool restarts, relinks;
	} cases[] = {
		{ "none", BRIDGE_WAHA, OBSERVED_CONNECTED, PG_NO_TIME, PG_NO_TIME, PG_NO_TIME, PG_NO_TIME, "", false,
			false },
		{ "the first restart", BRIDGE_WAHA, OBSERVED_CONNECTED, 5, PG_NO_TIME, PG_NO_TIME, PG_NO_TIME,
			"restart", true, false },
		{ "a newer restart", BRIDGE_WAHA, OBSERVED_CONNECTED, 6, 5, PG_NO_TIME, PG_NO_TIME, "restart", true,
			false },
		{ "the same restart", BRIDGE_WAHA, OBSERVED_CONNECTED, 5, 5, PG_NO_TIME, PG_NO_TIME, "", false, false },
		{ "an older restart", BRIDGE_WAHA, OBSERVED_CONNECTED, 4, 5, PG_NO_TIME, PG_NO_TIME, "", false, false },
		{ "restart by a stop", BRIDGE_BLAZZ, OBSERVED_CONNECTED, 6, 5, PG_NO_TIME, PG_NO_TIME, "stop", true,
			false },
		{ "restart by a start", BRIDGE_BLAZZ, OBSERVED_STOPPED, 6, 5, PG_NO_TIME, PG_NO_TIME, "start", true,
			false },
		{ "restart by a creation", BRIDGE_WWEBJS, OBSERVED_ABSENT, 6, 5, PG_NO_TIME, PG_NO_TIME, "create", true,
			false },
		{ "the first relink", BRIDGE_WAHA, OBSERVED_CONNECTED, PG_NO_TIME, PG_NO_TIME, 5, PG_NO_TIME, "logout",
			false, true },
		{ "a newer relink", BRIDGE_EVOLUTION, OBSERVED_QR, PG_NO_TIME, PG_NO_TIME, 6, 5, "logout", false,
			true },
		{ "the same relink", BRIDGE_WAHA, OBSERVED_CONNECTED, PG_NO_TIME, PG_NO_TIME, 5, 5, "", false, false },
		{ "after a relink's log out", BRIDGE_WAHA, OBSERVED_STOPPED, PG_NO_TIME, PG_NO_TIME, 5, 5, "start",
			false, false },
		{ "relink by a creation", BRIDGE_WAHA, OBSERVED_ABSENT, PG_NO_TIME, PG_NO_TIME, 6, 5, "create", false,
			true },
		{ "both by a creation", BRIDGE_WAHA, OBSERVED_ABSENT, 6, 5, 6, 5, "create", true, true },
		{ "relink first", BRIDGE_WAHA, OBSERVED_CONNECTED, 6, 5, 6, 5, "logout", false, true },
		{ "then restart", BRIDGE_WAHA, OBSERVED_STOPPED, 6, 5, 6, 6, "start", true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct session_view v = view_of(cases[i].kind, cases[i].observed);
		struct decision d;

		v.restart_us = cases[i].restart_us;
		v.restarted_us = cases[i].restarted_us;
		v.relink_us = cases[i].relink_us;
		v.relinked_us = cases[i].relinked_us;
		d = session_decide(&v, NOW);
		if (strcmp(call_word(&d), cases[i].call) != 0 || d.restarts != cases[i].restarts ||
			d.relinks != cases[i].relinks)
			fail_msg("%s: %s, restarts %d, relinks %d", cases[i].name, call_word(&d), d.restarts,
				d.relinks);
	}
}

/* wwebjs-api deletes a login only with a session that runs: one that does not is started, and then terminated. */
static void a_login_that_may_be_left_is_deleted_with_a_session_that_runs(void **state)
{
	static const struct {
		const char *name;
		enum bridge_kind kind;
		enum bridge_observed observed;
		void (*set)(struct session_view *v);
		bool left;
		int64_t clearings;
		const char *call;
		bool clears, relinks;
	} cases[] = {
		{ "deleted", BRIDGE_WWEBJS, OBSERVED_ABSENT, desire_deleted, true, 0, "start", true, false },
		{ "row deleted", BRIDGE_WWEBJS, OBSERVED_ABSENT, delete_row, true, 0, "start", true, false },
		{ "which runs now", BRIDGE_WWEBJS, OBSERVED_STARTING, delete_row, true, 1, "delete", false, false },
		{ "or is connected", BRIDGE_WWEBJS, OBSERVED_CONNECTED, delete_row, true, 1, "logout", false, false },
		{ "terminated", BRIDGE_WWEBJS, OBSERVED_ABSENT, delete_row, false, 1, "", false, false },
		{ "another account's by now", BRIDGE_WWEBJS, OBSERVED_ABSENT, delete_row_of_used_files, true, 0, "",
			false, false },
		{ "the last start", BRIDGE_WWEBJS, OBSERVED_ABSENT, delete_row, true, CLEARINGS_MAX - 1, "start", true,
			false },
		{ "started too often", BRIDGE_WWEBJS, OBSERVED_ABSENT, delete_row, true, CLEARINGS_MAX, "", false,
			false },
		{ "relink", BRIDGE_WWEBJS, OBSERVED_ABSENT, request_relink, true, 0, "start", true, false },
		{ "relink, which runs now", BRIDGE_WWEBJS, OBSERVED_STARTING, request_relink, true, 1, "logout", false,
			true },
		{ "relink, terminated", BRIDGE_WWEBJS, OBSERVED_ABSENT, request_relink, false, 1, "create", false,
			true },
		{ "relink, started too often", BRIDGE_WWEBJS, OBSERVED_ABSENT, request_relink, true, CLEARINGS_MAX,
			"create", false, true },
		{ "disconnected", BRIDGE_WWEBJS, OBSERVED_ABSENT, desire_disconnected, true, 0, "", false, false },
		{ "restart", BRIDGE_WWEBJS, OBSERVED_ABSENT, request_restart, true, 0, "create", false, false },
		{ "connected", BRIDGE_WWEBJS, OBSERVED_ABSENT, desire_connected, true, 0, "create", false, false },
		{ "WAHA knows all", BRIDGE_WAHA, OBSERVED_ABSENT, delete_row, true, 0, "", false, false },
		{ "Evolution knows all", BRIDGE_EVOLUTION, OBSERVED_ABSENT, delete_row, true, 0, "", false, false },
		{ "blazz knows all", BRIDGE_BLAZZ, OBSERVED_ABSENT, request_relink, true, 0, "create", false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct session_view v = view_of(cases[i].kind, cases[i].observed);
		struct decision d;

		cases[i].set(&v);
		v.login_left = cases[i].left;
		v.clearings = cases[i].clearings;
		d = session_decide(&v, NOW);
		if (strcmp(call_word(&d), cases[i].call) != 0 || d.clears != cases[i].clears ||
			d.relinks != cases[i].relinks || d.by_itself)
			fail_msg("%s: %s, clears %d, relinks %d", cases[i].name, call_word(&d), d.clears, d.relinks);
	}
}

static void a_call_is_due_not_before_its_time(void **state)
{
	static const struct {
		const char *name;
		enum bridge_kind kind;
		enum bridge_observed observed;
		int64_t since_us, reconnect_us;
		const char *call;
		int64_t at_us;
		const char *reason;
		bool by_itself;
	} cases[] = {
		{ "stopped, a second before", BRIDGE_BLAZZ, OBSERVED_STOPPED, NOW, NOW + SECOND, "start", NOW + SECOND,
			"reconnect", true },
		{ "stopped, at its time", BRIDGE_BLAZZ, OBSERVED_STOPPED, NOW, NOW, "start", 0, "call", true },
		{ "stopped, a second after", BRIDGE_BLAZZ, OBSERVED_STOPPED, NOW, NOW - SECOND, "start", 0, "call",
			true },
		{ "stopped, not lost", BRIDGE_BLAZZ, OBSERVED_STOPPED, NOW, 0, "start", 0, "call", false },
		{ "absent, a second before", BRIDGE_WAHA, OBSERVED_ABSENT, NOW, NOW + SECOND, "create", NOW + SECOND,
			"reconnect", true },
		{ "absent, a second after", BRIDGE_WAHA, OBSERVED_ABSENT, NOW, NOW - SECOND, "create", 0, "call",
			true },
		{ "failed, a second before", BRIDGE_WAHA, OBSERVED_FAILED, NOW, NOW + SECOND, "restart", NOW + SECOND,
			"reconnect", true },
		{ "failed, a second after", BRIDGE_EVOLUTION, OBSERVED_FAILED, NOW, NOW - SECOND, "restart", 0, "call",
			true },
		{ "failed, a stop before the start", BRIDGE_BLAZZ, OBSERVED_FAILED, NOW, NOW + SECOND, "stop",
			NOW + SECOND, "reconnect", false },
		{ "lost, not reported yet", BRIDGE_WAHA, OBSERVED_STOPPED, NOW, INT64_MAX, "start", NEVER, "reconnect",
			true },
		{ "starting, a second before", BRIDGE_WAHA, OBSERVED_STARTING, NOW + SECOND - STARTING_MAX_US, 0,
			"restart", NOW + SECOND, "starting", false },
		{ "starting, at the limit", BRIDGE_WAHA, OBSERVED_STARTING, NOW - STARTING_MAX_US, 0, "restart", 0,
			"call", false },
		{ "starting, a second after", BRIDGE_WWEBJS, OBSERVED_STARTING, NOW - SECOND - STARTING_MAX_US, 0,
			"restart", 0, "call", false },
		{ "starting, a second before the stop", BRIDGE_BLAZZ, OBSERVED_STARTING, NOW + SECOND - STARTING_MAX_US,
			0, "stop", NOW + SECOND, "starting", false },
		{ "starting, a second after, the stop", BRIDGE_BLAZZ, OBSERVED_STARTING, NOW - SECOND - STARTING_MAX_US,
			NOW - 9, "stop", 0, "call", false },
		{ "starting after a loss", BRIDGE_WAHA, OBSERVED_STARTING, NOW - STARTING_MAX_US, NOW - 9, "restart", 0,
			"call", true },
		{ "starting, whenever the next start would be", BRIDGE_WAHA, OBSERVED_STARTING, NOW - STARTING_MAX_US,
			INT64_MAX, "restart", 0, "call", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct session_view v = view_of(cases[i].kind, cases[i].observed);
		struct decision d;

		v.observed_us = cases[i].since_us;
		v.reconnect.at_us = cases[i].reconnect_us;
		d = session_decide(&v, NOW);
		if (strcmp(call_word(&d), cases[i].call) != 0 || d.at_us != cases[i].at_us ||
			strcmp(pending_reason_word(d.reason), cases[i].reason) != 0 ||
			d.by_itself != cases[i].by_itself)
			fail_msg("%s: %s at %ld, %s, by itself %d", cases[i].name, call_word(&d), (long)d.at_us,
				pending_reason_word(d.reason), d.by_itself);
	}
}

static void a_request_does_not_wait_for_the_next_start(void **state)
{
	struct session_view v = view_of(BRIDGE_WAHA, OBSERVED_STOPPED);
	struct decision d;

	(void)state;
	v.reconnect.at_us = NOW + SECOND;
	request_restart(&v);
	d = session_decide(&v, NOW);
	assert_true(d.call && d.at_us == 0);
	assert_false(d.by_itself);
}

static void each_reason_has_a_word(void **state)
{
	(void)state;
	for (unsigned r = PENDING_NOTHING + 1; r < PENDING_REASONS; r++) {
		assert_string_not_equal(pending_reason_word((enum pending_reason)r), "");
		for (unsigned other = 0; other < r; other++)
			assert_string_not_equal(pending_reason_word((enum pending_reason)r),
				pending_reason_word((enum pending_reason)other));
	}
	assert_string_equal(pending_reason_word(PENDING_NOTHING), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_of_the_table_has_one_call_for_each_kind),
		cmocka_unit_test(a_session_that_was_not_looked_at_is_looked_at_first),
		cmocka_unit_test(a_request_is_carried_out_by_the_call_that_ends_in_its_effect),
		cmocka_unit_test(a_login_that_may_be_left_is_deleted_with_a_session_that_runs),
		cmocka_unit_test(a_call_is_due_not_before_its_time),
		cmocka_unit_test(a_request_does_not_wait_for_the_next_start),
		cmocka_unit_test(each_reason_has_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
