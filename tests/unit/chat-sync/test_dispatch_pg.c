/* chat-sync against PostgreSQL: what becomes of messages that Blazz sent, whose Dispatches, echoes and statuses arrive in any order.
 *
 * A message has the provider's key W and our id X; nothing but a Dispatch and a status names both.
 */
#include "unit.h"

#include "replica.h"

#define ANN "12065550001"
#define W   "wamid.W"
#define X   "order-1"

#define PARKED "SELECT count(*) FROM parked_updates"
#define ROWS \
	"SELECT string_agg(concat_ws('|', message_key, wam_id, client_message_id, message_status, delivered_at IS NOT NULL," \
	" read_at IS NOT NULL, metadata), ' ' ORDER BY message_key) FROM chats"
#define STATES \
	"SELECT string_agg(concat_ws('|', client_message_id, message_status), ' ' ORDER BY message_key) FROM chats"
#define OFFER "{\"body\": \"offer\"}"

static struct inbound_event dispatch(enum dispatch_outcome outcome)
{
	struct inbound_event e = event(IN_DISPATCH, 1, 10);

	e.u.dispatch.message =
		message_in_chat(chat_of(ANN), DIR_OUTBOUND, outcome == DISPATCH_SENT ? W : NULL, "offer");
	e.u.dispatch.message.client_message_id = STR(X);
	e.u.dispatch.outcome = outcome;
	if (outcome == DISPATCH_FAILED)
		e.u.dispatch.error.code = STR("unknown_outcome");
	return e;
}

static struct inbound_event echo(void)
{
	return outbound_text(1, chat_of(ANN), W, "offer", 10);
}

static struct inbound_event own_status(enum message_status status, int64_t second)
{
	struct inbound_event e = status_of(1, chat_of(ANN), W, status, second);

	e.u.status.client_message_id = STR(X);
	return e;
}

/* Applies the events in this order, in batches of one or together. The number of message.created. */
static int created_by(const struct inbound_event *events, const size_t *order, size_t n, bool together)
{
	struct inbound_event ordered[8];
	int created = 0;

	for (size_t i = 0; i < n; i++)
		ordered[i] = events[order[i]];
	for (size_t i = 0; i < n; i = together ? n : i + 1) {
		apply(ordered + i, together ? n : 1);
		assert_int_equal(out.n_dead, 0);
		for (size_t k = 0; k < out.n_events; k++)
			created += out.events[k].kind == CE_MESSAGE_CREATED;
	}
	return created;
}

/* In every order, in batches of one and in one batch: the same rows, message.created once, and nothing stays parked. */
static void ends_the_same(void **state, const char *name, const struct inbound_event *events, size_t n,
	const char *rows_query, const char *want)
{
	for (int together = 0; together < 2; together++) {
		size_t order[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

		do {
			char words[100] = "";
			struct str got;
			int created;

			replicas_empty(state);
			for (size_t i = 0; i < n; i++)
				snprintf(words + strlen(words), sizeof(words) - strlen(words), " %zu", order[i]);
			created = created_by(events, order, n, together);
			got = db_text(rows_query);
			if (created != 1 || !str_is(got, want) || db_i64(PARKED) != 0)
				fail_msg("%s, in the order%s%s: %d created, %d parked, %.*s", name, words,
					together ? " of one batch" : "", created, (int)db_i64(PARKED), STR_ARG(got));
			apply(events, n);
			assert_string_equal(published(), "");
		} while (permutation_next(order, n));
	}
}

#define ENDS_THE_SAME(name, rows, want, ...) \
	ends_the_same(state, name, (const struct inbound_event[]){ __VA_ARGS__ }, \
		COUNT(((const struct inbound_event[]){ __VA_ARGS__ })), rows, want)

static void a_sent_message_is_stored_once_in_every_order(void **state)
{
	ENDS_THE_SAME("sent", ROWS, W "|" W "|" X "|sent|f|f|" OFFER, dispatch(DISPATCH_SENT));
	ENDS_THE_SAME("sent, echo", ROWS, W "|" W "|" X "|sent|f|f|" OFFER, dispatch(DISPATCH_SENT), echo());
	ENDS_THE_SAME("sent, delivered", ROWS, W "|" W "|" X "|delivered|t|f|" OFFER, dispatch(DISPATCH_SENT),
		own_status(STATUS_DELIVERED, 20));
	ENDS_THE_SAME("sent, echo, read", ROWS, W "|" W "|" X "|read|t|t|" OFFER, dispatch(DISPATCH_SENT), echo(),
		own_status(STATUS_READ, 20));
	ENDS_THE_SAME("sent, delivered without our id", ROWS, W "|" W "|" X "|delivered|t|f|" OFFER,
		dispatch(DISPATCH_SENT), status_of(1, chat_of(ANN), W, STATUS_DELIVERED, 20));
}

/* The LID is not known as that of the phone: the first one's conversation has the message. */
static void an_echo_that_names_only_a_lid_is_the_dispatched_message(void **state)
{
	const struct inbound_event of_lid = outbound_text(1, chat_of_lid("777"), W, "offer", 10);

	ENDS_THE_SAME("sent, echo", ROWS, W "|" W "|" X "|sent|f|f|" OFFER, dispatch(DISPATCH_SENT), of_lid);
	ENDS_THE_SAME("sent, echo, read", ROWS, W "|" W "|" X "|read|t|t|" OFFER, dispatch(DISPATCH_SENT), of_lid,
		own_status(STATUS_READ, 20));
	ENDS_THE_SAME("unknown, echo, read", ROWS, W "|" W "|" X "|read|t|t|" OFFER, dispatch(DISPATCH_UNKNOWN), of_lid,
		own_status(STATUS_READ, 20));
	/* Neither names our id: a key may be used in two conversations. */
	replicas_empty(state);
	apply_one(of_lid);
	apply_one(echo());
	assert_text("SELECT string_agg(message_key, ' ') FROM chats", W " " W);
}

/* An echo does not name our id: the status is found by the key, and brings the id. */
static void a_status_with_our_id_finds_an_echo_without_a_dispatch(void **state)
{
	struct inbound_event of_bridge = own_status(STATUS_READ, 20);

	ENDS_THE_SAME("echo, read", ROWS, W "|" W "|" X "|read|t|t|" OFFER, echo(), own_status(STATUS_READ, 20));
	ENDS_THE_SAME("echo, delivered, read", ROWS, W "|" W "|" X "|read|t|t|" OFFER, echo(),
		own_status(STATUS_DELIVERED, 15), own_status(STATUS_READ, 20));
	of_bridge.u.status.target = (struct target){ .stanza = STR("3EB0") };
	ENDS_THE_SAME("echo of a bridge, read", STATES, X "|read",
		outbound_text(1, chat_of(ANN), "true:3EB0", "offer", 10), of_bridge);
}

/* Read the account before anything was parked, and looks for nothing. */
static void apply_unaware(struct inbound_event e)
{
	apply_by(&replica2, &e, 1);
}

/* The replica that applies the second event has not seen that anything is parked. */
static void the_sweep_finds_the_echo_of_a_parked_status(void **state)
{
	(void)state;
	apply_unaware(inbound_text(1, chat_of(ANN), "false:0", "hi", 1));
	apply_one(own_status(STATUS_READ, 20));
	assert_text("SELECT string_agg(target, ' ' ORDER BY target) FROM parked_updates", "c:" X " " W);
	apply_unaware(echo());
	chat_sync_ops.assignment_changed(replica1.sync);
	sweep(&replica1);
	assert_int_equal(db_i64(PARKED), 0);
	assert_text("SELECT concat_ws('|', message_key, client_message_id, message_status) FROM chats"
		    " WHERE type = 'outbound'",
		W "|" X "|read");
}

static void a_status_under_two_targets_becomes_one_dead_letter(void **state)
{
	(void)state;
	apply_one(own_status(STATUS_READ, 20));
	assert_int_equal(outcome_of(0), OUTCOME_PARKED);
	assert_int_equal(db_i64(PARKED), 2);
	execute(db.admin, "UPDATE parked_updates SET expires_at = now()");
	sweep(&replica1);
	assert_int_equal(out.n_dead, 1);
	assert_int_equal(db_i64(PARKED), 0);
}

/* Updates of account 1, of messages that never arrive. */
static void park(int n)
{
	execute(db.admin,
		arena_cstr(db.arena,
			arena_printf(db.arena,
				"INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value,"
				" record_headers, topic, partition, record_offset, record_timestamp_ms, expires_at)"
				" SELECT 1, 1, 'reaction', 'never:' || n, gen_random_uuid(), '', '', 't.inbound', 1, 1, 1,"
				" now() + interval '1 hour' FROM generate_series(1, %d) n",
				n)));
}

static void of_two_targets_the_limit_may_leave_one(void **state)
{
	(void)state;
	park(9999);
	apply_one(own_status(STATUS_DELIVERED, 15));
	assert_int_equal(outcome_of(0), OUTCOME_PARKED);
	assert_int_equal(out.n_dead, 0);
	assert_text("SELECT target FROM parked_updates WHERE kind <> 'reaction'", "c:" X);
	apply_one(own_status(STATUS_READ, 20));
	assert_int_equal(outcome_of(0), OUTCOME_DEAD_LETTERED);
	assert_int_equal(out.n_dead, 1);
	assert_int_equal(db_i64(PARKED), 10000);
}

static void an_unknown_result_beyond_the_limit_is_a_dead_letter(void **state)
{
	(void)state;
	park(10000);
	apply_one(dispatch(DISPATCH_UNKNOWN));
	assert_int_equal(outcome_of(0), OUTCOME_DEAD_LETTERED);
	assert_int_equal(out.n_dead, 1);
	assert_int_equal(db_i64(PARKED), 10000);
}

static void an_unknown_result_becomes_a_message_once_a_status_names_it(void **state)
{
	ENDS_THE_SAME("unknown, delivered", ROWS, W "|" W "|" X "|delivered|t|f|" OFFER, dispatch(DISPATCH_UNKNOWN),
		own_status(STATUS_DELIVERED, 20));
	ENDS_THE_SAME("unspecified, delivered", ROWS, W "|" W "|" X "|delivered|t|f|" OFFER, dispatch(DISPATCH_NONE),
		own_status(STATUS_DELIVERED, 20));
	ENDS_THE_SAME("unknown, sent, read", ROWS, W "|" W "|" X "|read|t|t|" OFFER, dispatch(DISPATCH_UNKNOWN),
		own_status(STATUS_SENT, 15), own_status(STATUS_READ, 20));
	ENDS_THE_SAME("unknown twice, read", ROWS, W "|" W "|" X "|read|t|t|" OFFER, dispatch(DISPATCH_UNKNOWN),
		dispatch(DISPATCH_UNKNOWN), own_status(STATUS_READ, 20));
	ENDS_THE_SAME("unknown, echo, read", ROWS, W "|" W "|" X "|read|t|t|" OFFER, dispatch(DISPATCH_UNKNOWN), echo(),
		own_status(STATUS_READ, 20));
	ENDS_THE_SAME("unknown, then sent", ROWS, W "|" W "|" X "|sent|f|f|" OFFER, dispatch(DISPATCH_UNKNOWN),
		dispatch(DISPATCH_SENT));
	ENDS_THE_SAME("unknown, sent, echo, delivered", ROWS, W "|" W "|" X "|delivered|t|f|" OFFER,
		dispatch(DISPATCH_UNKNOWN), dispatch(DISPATCH_SENT), echo(), own_status(STATUS_DELIVERED, 20));
}

static void a_failed_message_keeps_its_key_and_a_status_finds_it(void **state)
{
	struct inbound_event failed = dispatch(DISPATCH_FAILED), delivered = own_status(STATUS_DELIVERED, 20);
	struct inbound_event refused = own_status(STATUS_FAILED, 15);

	refused.u.status.error.code = STR("131026");
	ENDS_THE_SAME("failed", ROWS,
		"c:" X "|" X "|failed|f|f|{\"body\": \"offer\", \"error\": {\"code\": \"unknown_outcome\"}}", failed);
	ENDS_THE_SAME("failed, delivered", ROWS, "c:" X "|" W "|" X "|delivered|t|f|" OFFER, failed, delivered);
	ENDS_THE_SAME("failed, delivered, read", ROWS, "c:" X "|" W "|" X "|read|t|t|" OFFER, failed, delivered,
		own_status(STATUS_READ, 30));
	/* Under which of the two keys depends on which comes first; there is one message all the same. */
	ENDS_THE_SAME("failed, sent, delivered", STATES, X "|delivered", failed, dispatch(DISPATCH_SENT), delivered);
	ENDS_THE_SAME("failed, sent", STATES, X "|failed", failed, dispatch(DISPATCH_SENT));
	ENDS_THE_SAME("unknown, failed, delivered", STATES, X "|delivered", dispatch(DISPATCH_UNKNOWN), failed,
		delivered);
	ENDS_THE_SAME("unknown, failed by a status", STATES, X "|failed", dispatch(DISPATCH_UNKNOWN), refused);
}

/* Both stay, since nothing says that they are one; no event is refused over the id, which one of them has. */
static void our_id_belongs_to_one_row(void **state)
{
	const struct inbound_event events[] = { echo(), dispatch(DISPATCH_FAILED), dispatch(DISPATCH_SENT) };

	apply(events, COUNT(events));
	assert_int_equal(out.n_dead, 0);
	assert_text(STATES, X "|failed sent");
	replicas_empty(state);
	for (size_t i = 0; i < COUNT(events); i++)
		apply_one(events[i]);
	assert_text(STATES, X "|failed sent");
	apply_one(own_status(STATUS_READ, 20));
	assert_text(STATES, X "|failed read");
}

static void tenants_learn_of_a_dispatch_what_they_need(void **state)
{
	const struct message_view *m;

	apply_one(dispatch(DISPATCH_SENT));
	assert_string_equal(published(), "contact.created,message.created");
	m = &out.events[1].u.message_created.message;
	assert_true(str_is(m->client_message_id, X) && str_is(m->provider_id, W) && str_is(m->key, W));
	assert_true(m->direction == DIR_OUTBOUND && m->status == STATUS_SENT);
	apply_one(dispatch(DISPATCH_FAILED)); /* contradicts it */
	assert_string_equal(published(), "message.status");
	assert_true(str_is(out.events[0].u.message_status.client_message_id, X));
	assert_true(str_is(out.events[0].u.message_status.error.code, "unknown_outcome"));

	replicas_empty(state);
	apply_one(dispatch(DISPATCH_FAILED));
	assert_string_equal(published(), "contact.created,message.created");
	m = &out.events[1].u.message_created.message;
	assert_true(m->status == STATUS_FAILED && str_is(m->key, "c:" X) && !m->provider_id.p);
	assert_true(str_is(m->metadata, "{\"body\":\"offer\",\"error\":{\"code\":\"unknown_outcome\"}}"));

	replicas_empty(state);
	apply((const struct inbound_event[]){ own_status(STATUS_READ, 20), dispatch(DISPATCH_UNKNOWN) }, 2);
	assert_string_equal(published(), "contact.created,message.created,message.status");
	assert_true(str_is(out.events[1].u.message_created.message.client_message_id, X));
	assert_true(out.events[1].u.message_created.message.status == STATUS_SENT);
	assert_true(str_is(out.events[2].u.message_status.client_message_id, X));
	assert_int_equal(outcome_of(0), OUTCOME_APPLIED);
	assert_int_equal(outcome_of(1), OUTCOME_APPLIED);
}

/* The sender of the message follows it by its own id, which a bridge's acks do not have. */
static void a_status_that_came_before_the_dispatch_is_published_with_its_id(void **state)
{
	struct inbound_event delivered = status_of(1, chat_of(ANN), W, STATUS_DELIVERED, 20);
	struct inbound_event failed = status_of(1, chat_of(ANN), W, STATUS_FAILED, 20);

	apply((const struct inbound_event[]){ echo(), delivered }, 2);
	assert_string_equal(published(), "contact.created,message.created,message.status");
	assert_false(out.events[2].u.message_status.client_message_id.p);
	apply_one(dispatch(DISPATCH_SENT));
	assert_string_equal(published(), "message.status");
	assert_true(str_is(out.events[0].u.message_status.client_message_id, X));
	assert_true(out.events[0].u.message_status.status == STATUS_DELIVERED);
	assert_int_equal(out.events[0].u.message_status.at_ms % 60000, 20000);
	apply_one(dispatch(DISPATCH_SENT));
	assert_string_equal(published(), "");

	replicas_empty(state);
	failed.u.status.error.code = STR("131026");
	apply((const struct inbound_event[]){ echo(), failed }, 2);
	apply_one(dispatch(DISPATCH_SENT));
	assert_string_equal(published(), "message.status");
	assert_true(out.events[0].u.message_status.status == STATUS_FAILED);
	assert_true(str_is(out.events[0].u.message_status.error.code, "131026"));

	replicas_empty(state);
	apply_one(echo());
	apply_one(dispatch(DISPATCH_SENT));
	assert_string_equal(published(), "");
}

static void the_key_of_a_bridge_has_the_direction_and_the_id_has_not(void **state)
{
	struct inbound_event read = own_status(STATUS_READ, 20);

	(void)state;
	read.u.status.target = (struct target){ .stanza = STR("3EB0") };
	apply((const struct inbound_event[]){ dispatch(DISPATCH_UNKNOWN), read }, 2);
	assert_text(ROWS, "true:3EB0|3EB0|" X "|read|t|t|" OFFER);
}

static void nothing_is_stored_of_an_unknown_result_and_it_expires_in_silence(void **state)
{
	(void)state;
	apply_one(dispatch(DISPATCH_UNKNOWN));
	assert_int_equal(outcome_of(0), OUTCOME_PARKED);
	assert_string_equal(published(), "");
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 0);
	assert_text("SELECT kind || ' ' || target FROM parked_updates", "dispatch c:" X);
	sweep(&replica1);
	assert_false(replica1.swept);
	execute(db.admin, "UPDATE parked_updates SET expires_at = now()");
	sweep(&replica1);
	assert_true(replica1.swept);
	assert_int_equal(out.n_dead, 0);
	assert_int_equal(db_i64(PARKED), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_accounts WHERE sync ? 'resync'"), 0);
}

static void the_sweep_joins_what_was_parked_apart(void **state)
{
	const struct inbound_event read = own_status(STATUS_READ, 20);
	const struct inbound_event pairs[][2] = { { dispatch(DISPATCH_UNKNOWN), read },
		{ read, dispatch(DISPATCH_UNKNOWN) }, { read, dispatch(DISPATCH_SENT) } };

	for (size_t i = 0; i < COUNT(pairs); i++) {
		replicas_empty(state);
		apply_unaware(inbound_text(1, chat_of(ANN), "false:0", "hi", 1));
		apply_one(pairs[i][0]);
		apply_unaware(pairs[i][1]);
		assert_in_range(db_i64(PARKED), 1, 3);
		chat_sync_ops.assignment_changed(replica1.sync);
		sweep(&replica1);
		assert_int_equal(db_i64(PARKED), 0);
		assert_text("SELECT concat_ws('|', message_key, client_message_id, message_status) FROM chats"
			    " WHERE type = 'outbound'",
			W "|" X "|read");
	}
}

static void another_account_may_use_the_same_id(void **state)
{
	struct inbound_event theirs_too = dispatch(DISPATCH_SENT);

	(void)state;
	theirs_too.account = uuid_of(account_ids[2]);
	apply((const struct inbound_event[]){ dispatch(DISPATCH_UNKNOWN), theirs_too, own_status(STATUS_READ, 20) }, 3);
	assert_text("SELECT string_agg(account_id || '|' || message_status, ' ' ORDER BY account_id) FROM chats",
		"1|read 2|sent");
}

#define T(f) cmocka_unit_test_setup(f, replicas_empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_sent_message_is_stored_once_in_every_order),
		T(an_echo_that_names_only_a_lid_is_the_dispatched_message),
		T(a_status_with_our_id_finds_an_echo_without_a_dispatch),
		T(the_sweep_finds_the_echo_of_a_parked_status),
		T(a_status_under_two_targets_becomes_one_dead_letter),
		T(of_two_targets_the_limit_may_leave_one),
		T(an_unknown_result_beyond_the_limit_is_a_dead_letter),
		T(an_unknown_result_becomes_a_message_once_a_status_names_it),
		T(a_failed_message_keeps_its_key_and_a_status_finds_it),
		T(our_id_belongs_to_one_row),
		T(tenants_learn_of_a_dispatch_what_they_need),
		T(a_status_that_came_before_the_dispatch_is_published_with_its_id),
		T(the_key_of_a_bridge_has_the_direction_and_the_id_has_not),
		T(nothing_is_stored_of_an_unknown_result_and_it_expires_in_silence),
		T(the_sweep_joins_what_was_parked_apart),
		T(another_account_may_use_the_same_id),
	};

	return cmocka_run_group_tests(tests, replicas_start, replicas_stop);
}
