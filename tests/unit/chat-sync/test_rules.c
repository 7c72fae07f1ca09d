/* services/chat-sync/rules: what wins, and that the order of arrival does not matter. */
#include "unit.h"

#include "chat-sync/rules.h"
#include "permutation.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DAY_MS   INT64_C(86400000)
#define MOST     5

static struct message_row message_new(enum message_status status)
{
	return (struct message_row){ .direction = DIR_INBOUND,
		.status = status,
		.origin = ORIGIN_LIVE,
		.sent_us = 100,
		.delivered_us = PG_NO_TIME,
		.read_us = PG_NO_TIME,
		.edited_us = PG_NO_TIME,
		.revoked_us = PG_NO_TIME,
		.deleted_us = PG_NO_TIME };
}

/* Statuses */

static const struct {
	const char *name;
	enum message_status have, got, want;
} statuses[] = {
	{ "sent is further than pending", STATUS_PENDING, STATUS_SENT, STATUS_SENT },
	{ "read is never replaced by delivered", STATUS_READ, STATUS_DELIVERED, STATUS_READ },
	{ "read is never replaced by sent", STATUS_READ, STATUS_SENT, STATUS_READ },
	{ "steps may be skipped", STATUS_PENDING, STATUS_READ, STATUS_READ },
	{ "failed is further than sent", STATUS_SENT, STATUS_FAILED, STATUS_FAILED },
	{ "a late sent does not undo failed", STATUS_FAILED, STATUS_SENT, STATUS_FAILED },
	{ "a late delivery overrules failed", STATUS_FAILED, STATUS_DELIVERED, STATUS_DELIVERED },
	{ "a late read overrules failed", STATUS_FAILED, STATUS_READ, STATUS_READ },
	{ "what was delivered did not fail", STATUS_DELIVERED, STATUS_FAILED, STATUS_DELIVERED },
	{ "a voice message is played after it was read", STATUS_READ, STATUS_PLAYED, STATUS_PLAYED },
	{ "played is the last word", STATUS_PLAYED, STATUS_READ, STATUS_PLAYED },
	{ "deleted is no status of a row", STATUS_SENT, STATUS_DELETED, STATUS_SENT },
	{ "the same again is no change", STATUS_READ, STATUS_READ, STATUS_READ },
};

static void a_status_moves_forward_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct message_row m = message_new(statuses[i].have);
		bool moved = message_apply_status(&m, statuses[i].got, 200);

		if (m.status != statuses[i].want || moved != (statuses[i].have != statuses[i].want))
			fail_msg("%s: %s", statuses[i].name, message_status_word(m.status));
	}
}

static void skipped_steps_get_the_times(void **state)
{
	struct message_row m = message_new(STATUS_PENDING);

	(void)state;
	message_apply_status(&m, STATUS_SENT, 150);
	assert_int_equal(m.delivered_us, PG_NO_TIME);
	message_apply_status(&m, STATUS_PLAYED, 300);
	assert_int_equal(m.delivered_us, 300);
	assert_int_equal(m.read_us, 300);
	message_apply_status(&m, STATUS_DELIVERED, 200);
	assert_int_equal(m.delivered_us, 200);
	assert_int_equal(m.read_us, 300);
	assert_int_equal(m.status, STATUS_PLAYED);
}

static void statuses_end_the_same_in_every_order(void **state)
{
	static const enum message_status all[] = { STATUS_SENT, STATUS_FAILED, STATUS_DELIVERED, STATUS_READ,
		STATUS_PLAYED };

	(void)state;
	/* Every set of them, at every pair of directions of time. */
	for (unsigned set = 1; set < 1u << MOST; set++)
		for (int reversed = 0; reversed < 2; reversed++) {
			size_t order[MOST], n = 0;
			struct message_row first = message_new(STATUS_NONE);
			bool have = false;

			for (size_t i = 0; i < MOST; i++)
				if (set >> i & 1)
					order[n++] = i;
			do {
				struct message_row m = message_new(STATUS_PENDING);

				for (size_t i = 0; i < n; i++)
					message_apply_status(&m, all[order[i]],
						200 + 10 * (int64_t)(reversed ? MOST - order[i] : order[i]));
				if (have &&
					(m.status != first.status || m.delivered_us != first.delivered_us ||
						m.read_us != first.read_us))
					fail_msg("set %x ends in %s or %s", set, message_status_word(first.status),
						message_status_word(m.status));
				first = m;
				have = true;
			} while (permutation_next(order, n));
		}
}

/* Edits */

static const struct {
	const char *name;
	int64_t edited_us, at_us;
	const char *have, *got;
	bool want;
} edits[] = {
	{ "the first edit", PG_NO_TIME, 10, "a", "b", true },
	{ "a newer edit", 10, 20, "a", "b", true },
	{ "an older edit", 20, 10, "a", "b", false },
	{ "the same again", 20, 20, "a", "a", false },
	{ "at the same time the greater text", 20, 20, "a", "b", true },
	{ "and not the lesser one", 20, 20, "b", "a", false },
};

static void the_newest_edit_wins(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++)
		if (newest_wins(edits[i].edited_us, edits[i].at_us, str_of(edits[i].have), str_of(edits[i].got)) !=
			edits[i].want)
			fail_msg("%s", edits[i].name);
}

static void edits_end_the_same_in_every_order(void **state)
{
	static const struct {
		int64_t at_us;
		const char *text;
	} all[] = { { 10, "one" }, { 20, "two" }, { 20, "three" }, { 30, "four" }, { 30, "five" } };
	size_t order[] = { 0, 1, 2, 3, 4 };

	(void)state;
	do {
		int64_t edited_us = PG_NO_TIME;
		struct str shown = STR("original");

		for (size_t i = 0; i < COUNT(order); i++)
			if (newest_wins(edited_us, all[order[i]].at_us, shown, str_of(all[order[i]].text))) {
				edited_us = all[order[i]].at_us;
				shown = str_of(all[order[i]].text);
			}
		assert_int_equal(edited_us, 30);
		assert_true(str_is(shown, "four"));
	} while (permutation_next(order, COUNT(order)));
}

/* Copies */

static const struct {
	const char *name;
	enum origin have;
	bool have_placeholder;
	enum origin got;
	bool got_placeholder;
	enum copy_effect want;
} copies[] = {
	{ "a live message twice", ORIGIN_LIVE, false, ORIGIN_LIVE, false, COPY_NOTHING },
	{ "history over a live message", ORIGIN_LIVE, false, ORIGIN_HISTORY, false, COPY_NOTHING },
	{ "a sync over a live message", ORIGIN_LIVE, false, ORIGIN_SYNC, false, COPY_NOTHING },
	{ "a live message over history", ORIGIN_HISTORY, false, ORIGIN_LIVE, false, COPY_REPLACES },
	{ "a live message over a sync", ORIGIN_SYNC, false, ORIGIN_LIVE, false, COPY_REPLACES },
	{ "a sync over history", ORIGIN_HISTORY, false, ORIGIN_SYNC, false, COPY_NOTHING },
	{ "the message over its placeholder", ORIGIN_LIVE, true, ORIGIN_LIVE, false, COPY_FILLS },
	{ "history over a live placeholder", ORIGIN_LIVE, true, ORIGIN_HISTORY, false, COPY_FILLS },
	{ "a placeholder over the message", ORIGIN_LIVE, false, ORIGIN_LIVE, true, COPY_NOTHING },
	{ "a live placeholder over history", ORIGIN_HISTORY, false, ORIGIN_LIVE, true, COPY_PUBLISHES },
	{ "a live placeholder over history's", ORIGIN_HISTORY, true, ORIGIN_LIVE, true, COPY_PUBLISHES },
	{ "history's placeholder over the message", ORIGIN_LIVE, false, ORIGIN_HISTORY, true, COPY_NOTHING },
	{ "a placeholder over a placeholder", ORIGIN_LIVE, true, ORIGIN_LIVE, true, COPY_NOTHING },
};

static void better_content_replaces_lesser(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(copies); i++) {
		struct message_row m = message_new(STATUS_DELIVERED);

		m.origin = copies[i].have;
		m.placeholder = copies[i].have_placeholder;
		if (copy_effect(&m, copies[i].got, copies[i].got_placeholder) != copies[i].want)
			fail_msg("%s", copies[i].name);
	}
}

/* Unread */

static const struct {
	const char *name;
	enum direction direction;
	enum origin origin;
	int64_t deleted_us, last_read_us;
	bool want;
} unreads[] = {
	{ "never read", DIR_INBOUND, ORIGIN_LIVE, PG_NO_TIME, PG_NO_TIME, true },
	{ "newer than the marker", DIR_INBOUND, ORIGIN_LIVE, PG_NO_TIME, 99, true },
	{ "at the marker", DIR_INBOUND, ORIGIN_LIVE, PG_NO_TIME, 100, false },
	{ "older than the marker", DIR_INBOUND, ORIGIN_LIVE, PG_NO_TIME, 101, false },
	{ "our own", DIR_OUTBOUND, ORIGIN_LIVE, PG_NO_TIME, PG_NO_TIME, false },
	{ "history", DIR_INBOUND, ORIGIN_HISTORY, PG_NO_TIME, PG_NO_TIME, false },
	{ "of a sync, whose marker counts", DIR_INBOUND, ORIGIN_SYNC, PG_NO_TIME, PG_NO_TIME, false },
	{ "deleted", DIR_INBOUND, ORIGIN_LIVE, 150, PG_NO_TIME, false },
};

static void a_live_inbound_message_newer_than_the_marker_is_unread(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unreads); i++) {
		struct message_row m = message_new(STATUS_DELIVERED);

		m.direction = unreads[i].direction;
		m.origin = unreads[i].origin;
		m.deleted_us = unreads[i].deleted_us;
		if (message_is_unread(&m, unreads[i].last_read_us) != unreads[i].want)
			fail_msg("%s", unreads[i].name);
	}
}

static const struct {
	const char *name;
	int64_t read_ms, want_ms;
} markers[] = {
	{ "earlier", 400 * DAY_MS, 400 * DAY_MS },
	{ "a day ahead of us", 501 * DAY_MS, 501 * DAY_MS },
	{ "a marker more than a day ahead", 501 * DAY_MS + 1, 499 * DAY_MS },
};

static void a_read_marker_in_the_future_is_not_trusted(void **state)
{
	struct inbound_event e = { .source_time_ms = 499 * DAY_MS, .ingest_time_ms = 500 * DAY_MS };

	(void)state;
	for (size_t i = 0; i < COUNT(markers); i++) {
		e.u.read_marker.read_at_ms = markers[i].read_ms;
		if (read_marker_ms(&e) != markers[i].want_ms)
			fail_msg("%s", markers[i].name);
	}
}

static const struct {
	const char *name;
	unsigned steps;
	int64_t duration_s;
	const char *want;
} calls[] = {
	{ "nothing is known", 0, 0, NULL },
	{ "it rings", CALL_OFFERED, 0, "offered" },
	{ "it is answered", CALL_OFFERED | CALL_ACCEPTED, 0, "accepted" },
	{ "it was answered and is over", CALL_OFFERED | CALL_ACCEPTED | CALL_ENDED, 0, "ended" },
	{ "over, how it began is not known", CALL_ENDED, 7, "ended" },
	{ "a duration shows that it was answered", CALL_OFFERED | CALL_MISSED, 7, "ended" },
	{ "missed stays so when it is over", CALL_OFFERED | CALL_MISSED | CALL_ENDED, 0, "missed" },
	{ "rejected stays so when it is over", CALL_OFFERED | CALL_REJECTED | CALL_ENDED, 0, "rejected" },
	{ "ended, not known whether it was answered", CALL_OFFERED | CALL_ENDED, 0, "ended" },
	{ "one device rejected, another missed it", CALL_REJECTED | CALL_MISSED, 0, "rejected" },
	{ "one device missed what another took", CALL_ACCEPTED | CALL_MISSED, 0, "accepted" },
};

static void a_call_is_what_became_of_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++)
		if (!str_eq(str_of(call_outcome(calls[i].steps, calls[i].duration_s)), str_of(calls[i].want)))
			fail_msg("%s", calls[i].name);
}

/* Sessions */

static const struct {
	const char *name, *have;
	int64_t reported_us;
	enum session_word got;
	int64_t at_us;
	bool timed;
	bool reported;
	const char *want; /* NULL: none */
	bool connected, disconnected;
} sessions[] = {
	{ "ready", "qr_scanning", 10, SESSION_CONNECTED, 20, true, true, "connected", true, false },
	{ "ready again", "connected", 10, SESSION_CONNECTED, 20, true, true, NULL, false, false },
	{ "starting is no state of an account", "disconnected", 10, SESSION_STARTING, 20, true, false, NULL, false,
		false },
	{ "a QR code", "disconnected", 10, SESSION_QR, 20, true, true, "qr_scanning", false, false },
	{ "gone", "connected", 10, SESSION_DISCONNECTED, 20, true, true, "disconnected", false, true },
	{ "failed", "authenticated", 10, SESSION_FAILED, 20, true, true, "failed", false, true },
	{ "an older word", "connected", 30, SESSION_DISCONNECTED, 20, true, false, NULL, false, false },
	{ "at the same time the later to come", "connected", 20, SESSION_DISCONNECTED, 20, true, true, "disconnected",
		false, true },
	{ "without a time the later to come", "connected", 30, SESSION_DISCONNECTED, 20, false, true, "disconnected",
		false, true },
	{ "the first word", "disconnected", PG_NO_TIME, SESSION_AUTHENTICATED, 20, true, true, "authenticated", false,
		false },
};

static void a_session_changes_only_to_another_and_newer_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sessions); i++) {
		const struct in_session_state got = { .state = sessions[i].got };
		struct session_change c = session_change(str_of(sessions[i].have), sessions[i].reported_us, &got,
			sessions[i].at_us, sessions[i].timed);

		if (c.reported != sessions[i].reported || !str_eq(str_of(c.status), str_of(sessions[i].want)) ||
			c.connected != sessions[i].connected || c.disconnected != sessions[i].disconnected)
			fail_msg("%s: %s", sessions[i].name, c.status ? c.status : "nothing");
	}
}

/* Names */

static struct contact_row name_of(int16_t rank, int64_t at_us, const char *text)
{
	return (struct contact_row){ .name_rank = rank, .name_at_us = at_us, .full_name = str_of(text) };
}

static const struct {
	const char *name;
	int16_t have_rank;
	int64_t have_us;
	const char *have;
	int16_t got_rank;
	int64_t got_us;
	const char *got;
	bool want;
} names[] = {
	{ "the first", 0, PG_NO_TIME, NULL, 1, 10, "Ann", true },
	{ "the first, without a time", 0, PG_NO_TIME, NULL, 1, PG_NO_TIME, "Ann", true },
	{ "a newer push name", 1, 10, "Anna", 1, 20, "Ann", true },
	{ "an older push name", 1, 20, "Ann", 1, 10, "Anna", false },
	{ "the same again", 1, 10, "Ann", 1, 10, "Ann", false },
	{ "the same, later", 1, 10, "Ann", 1, 20, "Ann", true },
	{ "at the same time the greater name", 1, 10, "Ann", 1, 10, "Anna", true },
	{ "and not the lesser one", 1, 10, "Anna", 1, 10, "Ann", false },
	{ "one with a time over one without", 1, PG_NO_TIME, "Anna", 1, 10, "Ann", true },
	{ "one without a time over one with it", 1, 10, "Ann", 1, PG_NO_TIME, "Anna", false },
	{ "an address book's over a newer push name", 1, 20, "Ann", 2, 10, "Ann Lee", true },
	{ "a newer push name over an address book's", 2, 10, "Ann Lee", 1, 20, "Ann", false },
	{ "one given by hand stays", 3, 10, "Boss", 2, 20, "Ann", false },
	{ "none", 1, 10, "Ann", 3, 20, "", false },
};

static void a_better_source_names_and_of_equal_ones_the_newest(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct contact_row have = name_of(names[i].have_rank, names[i].have_us, names[i].have);
		const struct contact_row got = name_of(names[i].got_rank, names[i].got_us, names[i].got);

		if (name_wins(&have, &got) != names[i].want)
			fail_msg("%s", names[i].name);
	}
}

/* Syncs */

static const struct {
	const char *name;
	struct sync_limits limits;
	int32_t rank;
	int64_t age_ms;
	bool chat, message;
} syncs[] = {
	{ "within both limits", { true, 500, 30 }, 499, 29 * DAY_MS, true, true },
	{ "exactly at the window's edge", { true, 500, 30 }, 0, 30 * DAY_MS, true, true },
	{ "a millisecond too old", { true, 500, 30 }, 0, 30 * DAY_MS + 1, false, false },
	{ "one chat too many", { true, 500, 30 }, 500, 0, false, true },
	{ "no limit of chats", { true, 0, 30 }, 100000, 0, true, true },
	{ "no window", { true, 500, 0 }, 0, 9999 * DAY_MS, true, true },
	{ "a window beyond what 32 bits of milliseconds hold", { true, 0, 36500 }, 0, 36499 * DAY_MS, true, true },
	{ "switched off", { false, 0, 0 }, 0, 0, false, true },
};

static void a_sync_is_filtered_by_rank_and_age(void **state)
{
	const int64_t now_ms = 4000000000000;

	(void)state;
	for (size_t i = 0; i < COUNT(syncs); i++) {
		int64_t at_ms = now_ms - syncs[i].age_ms;

		if (sync_chat_is_wanted(&syncs[i].limits, syncs[i].rank, at_ms, now_ms) != syncs[i].chat ||
			sync_message_is_wanted(&syncs[i].limits, at_ms, now_ms) != syncs[i].message)
			fail_msg("%s", syncs[i].name);
	}
}

static void a_syncs_progress_is_not_hidden_by_another(void **state)
{
	const struct {
		const char *name;
		struct shown_sync have, got;
		bool want;
	} cases[] = {
		{ "the first is shown", { 0 }, { STR("a"), STR("2026-01-01"), true }, true },
		{ "its own progress is", { STR("a"), STR("2026-01-02"), false }, { STR("a"), STR("2026-01-01"), true },
			true },
		{ "a later one is", { STR("a"), STR("2026-01-01"), false }, { STR("b"), STR("2026-01-02"), false },
			true },
		{ "an earlier one is not", { STR("a"), STR("2026-01-02"), false },
			{ STR("b"), STR("2026-01-01"), false }, false },
		{ "a single batch is not", { STR("a"), STR("2026-01-01"), false },
			{ STR("b"), STR("2026-01-02"), true }, false },
		{ "a sync is instead of a later single batch", { STR("a"), STR("2026-01-02"), true },
			{ STR("b"), STR("2026-01-01"), false }, true },
		{ "a later single batch is instead of one", { STR("a"), STR("2026-01-01"), true },
			{ STR("b"), STR("2026-01-02"), true }, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (sync_is_shown(&cases[i].have, &cases[i].got) != cases[i].want)
			fail_msg("%s", cases[i].name);
}

static void a_lost_session_is_one_that_nobody_ended(void **state)
{
	static const struct {
		const char *name, *have;
		enum session_word got;
		enum session_reason reason;
		bool unwanted;
	} cases[] = {
		{ "timed out", "connected", SESSION_DISCONNECTED, REASON_TIMEOUT, true },
		{ "without a reason", "connected", SESSION_DISCONNECTED, REASON_NONE, true },
		{ "failed", "connected", SESSION_FAILED, REASON_ERROR, true },
		{ "lost before it was ready", "authenticated", SESSION_DISCONNECTED, REASON_ERROR, true },
		{ "logged out on the phone", "connected", SESSION_DISCONNECTED, REASON_USER_INITIATED, false },
		{ "the QR code expired", "authenticated", SESSION_DISCONNECTED, REASON_QR_EXPIRED, false },
		{ "never connected", "qr_scanning", SESSION_DISCONNECTED, REASON_TIMEOUT, false },
		{ "failed, then disconnected", "failed", SESSION_DISCONNECTED, REASON_TIMEOUT, false },
		{ "connected", "authenticated", SESSION_CONNECTED, REASON_NONE, false },
		{ "the same again", "disconnected", SESSION_DISCONNECTED, REASON_TIMEOUT, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct in_session_state got = { .state = cases[i].got, .reason = cases[i].reason };

		if (session_change(str_of(cases[i].have), PG_NO_TIME, &got, 10, true).unwanted != cases[i].unwanted)
			fail_msg("%s", cases[i].name);
	}
}

static void activity_is_what_the_account_sent(void **state)
{
	static const struct {
		const char *name;
		struct inbound_event event;
		const char *source;
		bool active;
	} cases[] = {
		{ "a message", { .kind = IN_MESSAGE }, "ingest", true },
		{ "a message of the platform's own producer", { .kind = IN_MESSAGE }, "example", true },
		{ "a status without a source", { .kind = IN_STATUS }, "", true },
		{ "a state that the bridge reports", { .kind = IN_SESSION_STATE }, "ingest", true },
		{ "a state that cleanup has seen", { .kind = IN_SESSION_STATE }, "cleanup", false },
		{ "a state that sending has found", { .kind = IN_SESSION_STATE }, "campaign-sender", false },
		{ "templates that an operator has read", { .kind = IN_TEMPLATE_STATUS }, "blazzctl", false },
		{ "a template that Meta has changed", { .kind = IN_TEMPLATE_STATUS }, "ingest", true },
		{ "an agent's read marker", { .kind = IN_READ_MARKER }, "example", false },
		{ "an agent's deletion", { .kind = IN_MESSAGE_DELETE }, "example", false },
		{ "a Dispatch", { .kind = IN_DISPATCH }, "example", false },
		{ "an agent's contact", { .kind = IN_CONTACT, .u.contact.by_hand = true }, "gateway", false },
		{ "a contact written elsewhere", { .kind = IN_CONTACT, .u.contact.by_hand = true }, "example", false },
		{ "the phone's contact", { .kind = IN_CONTACT }, "ingest", true },
		{ "a number change", { .kind = IN_IDENTITY_CHANGE, .u.identity_change.kind = IDENTITY_NUMBER_CHANGED },
			"ingest", true },
		{ "a merge", { .kind = IN_IDENTITY_CHANGE, .u.identity_change.kind = IDENTITY_MERGED }, "chat-sync",
			false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (event_is_activity(&cases[i].event, str_of(cases[i].source)) != cases[i].active)
			fail_msg("%s", cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syncs_progress_is_not_hidden_by_another),
		cmocka_unit_test(a_status_moves_forward_only),
		cmocka_unit_test(skipped_steps_get_the_times),
		cmocka_unit_test(statuses_end_the_same_in_every_order),
		cmocka_unit_test(the_newest_edit_wins),
		cmocka_unit_test(edits_end_the_same_in_every_order),
		cmocka_unit_test(better_content_replaces_lesser),
		cmocka_unit_test(a_live_inbound_message_newer_than_the_marker_is_unread),
		cmocka_unit_test(a_read_marker_in_the_future_is_not_trusted),
		cmocka_unit_test(a_call_is_what_became_of_it),
		cmocka_unit_test(a_session_changes_only_to_another_and_newer_state),
		cmocka_unit_test(a_lost_session_is_one_that_nobody_ended),
		cmocka_unit_test(activity_is_what_the_account_sent),
		cmocka_unit_test(a_better_source_names_and_of_equal_ones_the_newest),
		cmocka_unit_test(a_sync_is_filtered_by_rank_and_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
