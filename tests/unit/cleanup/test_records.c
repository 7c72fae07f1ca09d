/* services/cleanup/records: what is published can be read by those who read it, and the same finding has the same id. */
#include "cleanup/records.h"

#include "crypto/ids.h"
#include "unit.h"
#include "wire/chat_event.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define EMITTED_MAX 4
#define NOW_MS      INT64_C(1767225600000)

static struct arena *arena;
static struct topic_names topics;
static struct record_target to;
static struct {
	struct str topic, key, value, type, id;
} emitted[EMITTED_MAX];
static size_t n_emitted;

/* Instead of the outbox. */
void lease_emit(struct lease *l, struct str topic, struct str key, struct str value, const struct header *headers,
	size_t n_headers)
{
	(void)l;
	assert_true(n_emitted < EMITTED_MAX);
	emitted[n_emitted].topic = arena_str(arena, topic);
	emitted[n_emitted].key = arena_str(arena, key);
	emitted[n_emitted].value = arena_str(arena, value);
	for (size_t i = 0; i < n_headers; i++) {
		if (str_is(headers[i].name, "ce_type"))
			emitted[n_emitted].type = arena_str(arena, headers[i].value);
		if (str_is(headers[i].name, "ce_id"))
			emitted[n_emitted].id = arena_str(arena, headers[i].value);
	}
	n_emitted++;
}

struct event_source lease_source(const struct lease *l)
{
	(void)l;
	return (struct event_source){ .producer = STR("cleanup"), .epoch = 7, .seq = 8 };
}

static struct cleanup_account account_new(void)
{
	struct cleanup_account a = { .workspace_id = 1,
		.id = 2,
		.provider = PROVIDER_WEBJS,
		.bridge = BRIDGE_WAHA,
		.status_at_us = NOW_MS * 1000 - 5,
		.desired_us = NOW_MS * 1000 - 7,
		.control = { .epoch = 3 } };

	assert_true(uuid_parse(STR("00000000-0000-4000-8000-000000000001"), &a.workspace));
	assert_true(uuid_parse(STR("00000000-0000-4000-8000-000000000011"), &a.uuid));
	return a;
}

static int start(void **state)
{
	(void)state;
	arena = arena_new(1 << 14);
	topic_names_make(&topics, "t.");
	to = (struct record_target){ .topics = &topics, .arena = arena, .now_ms = NOW_MS };
	n_emitted = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* The only one that was emitted since. */
static struct inbound_event inbound_of(void)
{
	struct inbound_event e;
	struct err err = { 0 };
	char key[74], id[37];

	assert_int_equal(n_emitted, 1);
	n_emitted = 0;
	assert_true(str_is(emitted[0].topic, topics.of[TOPIC_INBOUND]));
	if (inbound_decode(&e, emitted[0].value, arena, &err) < 0 || inbound_check(&e, &err) < 0)
		fail_msg("%s", err.msg);
	inbound_key(&e, key);
	uuid_format(&e.id, id);
	assert_true(str_is(emitted[0].key, key) && str_is(emitted[0].id, id));
	return e;
}

static struct chat_event chat_event_of(void)
{
	struct chat_event e;
	struct err err = { 0 };
	char key[74], id[37];

	assert_int_equal(n_emitted, 1);
	n_emitted = 0;
	assert_true(str_is(emitted[0].topic, topics.of[TOPIC_CHAT_EVENT]));
	if (chat_event_decode(&e, emitted[0].value, arena, &err) < 0)
		fail_msg("%s", err.msg);
	chat_event_key(&e, key);
	uuid_format(&e.id, id);
	assert_true(str_is(emitted[0].key, key) && str_is(emitted[0].id, id));
	return e;
}

static struct inbound_event session(const struct cleanup_account *a, enum session_word state, int64_t at_us)
{
	record_session(&to, a,
		&(struct session_record){ .state = state,
			.reason = state == SESSION_DISCONNECTED ? REASON_UNKNOWN : 0,
			.phone = STR("+6281234567890"),
			.at_us = at_us });
	return inbound_of();
}

static void each_state_of_a_session_can_be_read_back(void **state)
{
	static const enum session_word words[] = { SESSION_CONNECTED, SESSION_QR, SESSION_DISCONNECTED, SESSION_FAILED,
		SESSION_STARTING };
	const struct cleanup_account a = account_new();

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		struct inbound_event e = session(&a, words[i], NOW_MS * 1000 - 2000000);

		assert_int_equal(e.kind, IN_SESSION_STATE);
		assert_int_equal(e.u.session_state.state, words[i]);
		assert_true(str_is(e.u.session_state.phone, "+6281234567890"));
		assert_true(uuid_eq(&e.workspace, &a.workspace) && uuid_eq(&e.account, &a.uuid));
		assert_true(e.provider == PROVIDER_WEBJS && e.bridge == BRIDGE_WAHA && e.origin == ORIGIN_LIVE);
		assert_true(e.source_time_ms == NOW_MS - 2000 && e.ingest_time_ms == NOW_MS);
		assert_true(str_is(emitted[0].type, "blazz.inbound.session_state"));
	}
}

static void reasons_are_published(void **state)
{
	static const enum session_reason reasons[] = { REASON_UNKNOWN, REASON_USER_INITIATED, REASON_INSTANCE_RESTART };
	const struct cleanup_account a = account_new();

	(void)state;
	for (size_t i = 0; i < COUNT(reasons); i++) {
		record_session(&to, &a,
			&(struct session_record){
				.state = SESSION_DISCONNECTED, .reason = reasons[i], .at_us = NOW_MS * 1000 });
		assert_int_equal(inbound_of().u.session_state.reason, reasons[i]);
	}
}

static void the_same_finding_has_the_same_id(void **state)
{
	struct cleanup_account a = account_new(), other = a, reported = a;
	struct uuid first = session(&a, SESSION_FAILED, NOW_MS * 1000).id, again;

	(void)state;
	again = session(&a, SESSION_FAILED, NOW_MS * 1000 + 60000000).id;
	assert_true(uuid_eq(&first, &again)); /* found by a later look */
	again = session(&a, SESSION_QR, NOW_MS * 1000).id;
	assert_false(uuid_eq(&first, &again));
	other.uuid.b[15]++;
	again = session(&other, SESSION_FAILED, NOW_MS * 1000).id;
	assert_false(uuid_eq(&first, &again));
	reported.status_at_us++; /* something was reported in between */
	again = session(&reported, SESSION_FAILED, NOW_MS * 1000).id;
	assert_false(uuid_eq(&first, &again));
	reported.status_at_us = PG_NO_TIME; /* nothing was ever reported */
	again = session(&reported, SESSION_FAILED, NOW_MS * 1000).id;
	assert_false(uuid_eq(&first, &again));
}

static struct inbound_event notice(const char *kind, int64_t at_us)
{
	const struct cleanup_account a = account_new();

	record_notice(&to, &a, &(struct notice_record){ kind, SEVERITY_CRITICAL, STR("A sentence."), at_us });
	return inbound_of();
}

static void a_notice_can_be_read_back_and_is_one_for_each_kind_and_time(void **state)
{
	struct inbound_event e = notice("session_blocked", NOW_MS * 1000),
			     again = notice("session_blocked", NOW_MS * 1000);
	struct inbound_event later = notice("session_blocked", NOW_MS * 1000 + 1),
			     other = notice("no_capacity", NOW_MS * 1000);

	(void)state;
	assert_int_equal(e.kind, IN_ACCOUNT_NOTICE);
	assert_true(str_is(e.u.account_notice.kind, "session_blocked") &&
		str_is(e.u.account_notice.text, "A sentence."));
	assert_int_equal(e.u.account_notice.severity, SEVERITY_CRITICAL);
	assert_true(uuid_eq(&e.id, &again.id));
	assert_false(uuid_eq(&e.id, &later.id) || uuid_eq(&e.id, &other.id));
}

static void a_migration_names_both_instances_and_has_one_id_for_each_epoch(void **state)
{
	struct cleanup_account a = account_new();
	struct chat_event e, again;

	(void)state;
	record_migrated(&to, &a, 3, 4, "instance_down");
	e = chat_event_of();
	assert_int_equal(e.kind, CE_ACCOUNT_MIGRATED);
	assert_true(str_is(e.u.account.kind, "instance_down") && str_is(e.u.account.severity, "info"));
	assert_true(str_is(e.u.account.extra, "{\"from\":3,\"to\":4}"));
	assert_true(uuid_eq(&e.account, &a.uuid) && e.occurred_at_ms == NOW_MS && e.source.epoch == 7 &&
		e.source.seq == 8);
	record_migrated(&to, &a, 3, 4, "instance_down");
	again = chat_event_of();
	assert_true(uuid_eq(&e.id, &again.id));
	a.control.epoch++;
	record_migrated(&to, &a, 3, 4, "instance_down");
	again = chat_event_of();
	assert_false(uuid_eq(&e.id, &again.id));
}

static void a_deletion_says_why(void **state)
{
	static const char *const reasons[] = { "stale_qr", "disconnected_24h", "duplicate", "manual_request" };
	const struct cleanup_account a = account_new();

	(void)state;
	for (size_t i = 0; i < COUNT(reasons); i++) {
		struct chat_event e;

		record_cleaned(&to, &a, reasons[i]);
		e = chat_event_of();
		assert_int_equal(e.kind, CE_ACCOUNT_CLEANED);
		assert_true(str_is(e.u.account.kind, reasons[i]));
		assert_true(str_is(emitted[0].type, "blazz.chat_event.account.cleaned"));
	}
}

/* The bridge may report anything as a phone number. */
static void a_record_that_could_not_be_read_is_not_published(void **state)
{
	const struct cleanup_account a = account_new();

	(void)state;
	record_session(&to, &a,
		&(struct session_record){
			.state = SESSION_CONNECTED, .phone = STR("\xff\xfe"), .at_us = NOW_MS * 1000 });
	assert_int_equal(n_emitted, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_state_of_a_session_can_be_read_back, start, end),
		cmocka_unit_test_setup_teardown(reasons_are_published, start, end),
		cmocka_unit_test_setup_teardown(the_same_finding_has_the_same_id, start, end),
		cmocka_unit_test_setup_teardown(a_notice_can_be_read_back_and_is_one_for_each_kind_and_time, start,
			end),
		cmocka_unit_test_setup_teardown(a_migration_names_both_instances_and_has_one_id_for_each_epoch, start,
			end),
		cmocka_unit_test_setup_teardown(a_deletion_says_why, start, end),
		cmocka_unit_test_setup_teardown(a_record_that_could_not_be_read_is_not_published, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
