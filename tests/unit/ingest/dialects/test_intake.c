/* services/ingest/dialects/intake: what is added, rejected, kept and sorted. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "ingest/dialects/intake.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW_MS   INT64_C(1767225600000)

static const struct intake_account account = {
	.id.b = { 1 },
	.workspace.b = { 2 },
	.provider = PROVIDER_WEBJS,
	.bridge = BRIDGE_WAHA,
};

struct fixture {
	struct arena *arena;
	struct intake in;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->arena = arena_new(0);
	intake_init(&f->in, f->arena, NOW_MS, &account);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(f->arena);
	free(f);
	return 0;
}

static struct str body(void *ctx)
{
	(void)ctx;
	return STR("{\"item\":1}");
}

static struct inbound_event *revoke_of(struct intake *in, const char *key)
{
	struct inbound_event *e = intake_event(in, &account, IN_REVOKE);

	e->u.revoke.target.key = str_of(key);
	return e;
}

static bool add(struct intake *in, struct inbound_event *e)
{
	return intake_add(in, e, STR("key"), STR(""), STR("path"), body, NULL);
}

static void an_event_has_its_envelope(void **state)
{
	struct intake *in = &((struct fixture *)*state)->in;
	struct inbound_event *e = intake_event(in, &account, IN_CALL);

	assert_true(uuid_eq(&e->account, &account.id));
	assert_true(uuid_eq(&e->workspace, &account.workspace));
	assert_int_equal(e->provider, PROVIDER_WEBJS);
	assert_int_equal(e->bridge, BRIDGE_WAHA);
	assert_int_equal(e->ingest_time_ms, NOW_MS);
	assert_int_equal(e->origin, ORIGIN_LIVE);
	assert_int_equal(e->kind, IN_CALL);
	assert_int_equal(in->n_events, 0);
}

static void an_added_event_can_be_read_back_from_its_record(void **state)
{
	struct fixture *f = *state;
	struct inbound_event back;

	assert_true(add(&f->in, revoke_of(&f->in, "false:1")));
	assert_int_equal(f->in.n_events, 1);
	assert_int_equal(f->in.n_items, 1);
	assert_int_equal(inbound_decode(&back, f->in.records[0], f->arena, NULL), 0);
	assert_true(uuid_eq(&back.id, &f->in.events[0]->id));
	assert_true(str_is(back.u.revoke.target.key, "false:1"));
}

static void the_same_event_again_has_the_same_id(void **state)
{
	struct intake *in = &((struct fixture *)*state)->in;

	assert_true(add(in, revoke_of(in, "false:1")));
	assert_true(add(in, revoke_of(in, "false:1")));
	assert_true(intake_add(in, revoke_of(in, "false:1"), STR("key"), STR("other"), STR(""), NULL, NULL));
	assert_true(uuid_eq(&in->events[0]->id, &in->events[1]->id));
	assert_false(uuid_eq(&in->events[0]->id, &in->events[2]->id));
}

static void an_event_that_breaks_a_rule_is_a_rejected_item(void **state)
{
	struct intake *in = &((struct fixture *)*state)->in;

	assert_true(add(in, revoke_of(in, "false:1")));
	assert_false(add(in, revoke_of(in, "")));
	assert_false(add(in, revoke_of(in, "not\xff utf-8")));
	assert_int_equal(in->n_events, 1);
	assert_int_equal(in->n_rejected, 2);
	assert_int_equal(in->rejected[0].reason, DEAD_RULE);
	assert_int_equal(in->rejected[1].reason, DEAD_DECODE);
	assert_true(str_is(in->rejected[0].path, "path"));
	assert_true(str_is(in->rejected[0].message, "message_revoke: no target"));
	assert_true(str_is(in->rejected[0].body, "{\"item\":1}"));
	assert_ptr_equal(in->rejected[0].account, &account);
	assert_int_equal(in->rejected[0].item, 1);
	assert_int_equal(in->rejected[1].item, 2);
	assert_int_equal(in->n_items, 3);
}

static void an_event_beyond_the_size_of_a_record_is_a_rejected_item(void **state)
{
	struct fixture *f = *state;
	struct inbound_event *e = intake_event(&f->in, &account, IN_GROUP_CHANGE);
	struct in_group_change *g = &e->u.group_change;
	struct str name = { arena_alloc(f->arena, WIRE_MAX_NAME_BYTES), WIRE_MAX_NAME_BYTES };

	memset((char *)(uintptr_t)name.p, 'n', name.n);
	g->group.jid = STR("1@g.us");
	g->action = GROUP_ADD;
	g->n_participants = 1000;
	g->participants = ARENA_ARRAY(f->arena, struct participant, g->n_participants);
	for (size_t i = 0; i < g->n_participants; i++)
		g->participants[i].party = (struct party){ .lid = STR("1"), .name = name };
	assert_false(add(&f->in, e));
	assert_int_equal(f->in.rejected[0].reason, DEAD_TOO_LARGE);
}

static void times_before_2009_and_more_than_a_day_ahead_are_suspect(void **state)
{
	static const struct {
		int64_t ms, want;
		bool suspect;
	} cases[] = {
		{ 0, 0, false },
		{ 1, 1, true },
		{ -1, 0, true },
		{ INT64_MIN, 0, true },
		{ INT64_MAX, 0, true },
		{ INT64_C(1230767999999), INT64_C(1230767999999), true },
		{ INT64_C(1230768000000), INT64_C(1230768000000), false },
		{ NOW_MS, NOW_MS, false },
		{ NOW_MS + 86400000, NOW_MS + 86400000, false },
		{ NOW_MS + 86400001, NOW_MS + 86400001, true },
	};
	struct intake *in = &((struct fixture *)*state)->in;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct inbound_event *e = revoke_of(in, "false:1");

		intake_time(in, e, cases[i].ms);
		if (e->time_suspect != cases[i].suspect || e->source_time_ms != cases[i].want)
			fail_msg("case %zu", i);
		assert_true(add(in, e));
		assert_int_equal(e->raw.n > 0, cases[i].suspect);
	}
}

static struct json_doc *parsed(const char *text)
{
	struct json_doc *doc = NULL;

	assert_int_equal(json_parse(&doc, str_of(text), NULL), 0);
	return doc;
}

static void raw_is_the_item_without_secrets(void **state)
{
	struct intake *in = &((struct fixture *)*state)->in;
	struct inbound_event *e = revoke_of(in, "false:1");
	struct json_doc *doc = parsed("{\"apikey\":\"A\",\"data\":{\"mediaKey\":\"B\",\"n\":12345678901234567890,"
				      "\"m\":[{\"base64\":\"C\"}],\"qrcode\":{\"code\":\"D\"}}}");

	intake_raw(in, e, json_root(doc));
	assert_true(str_is(e->raw, "{\"data\":{\"n\":12345678901234567890,\"m\":[{}]}}"));
	assert_false(e->raw_truncated);
	json_free(doc);
}

static void a_long_raw_is_cut_between_characters_flagged_and_hashed(void **state)
{
	struct fixture *f = *state;
	struct inbound_event *e = revoke_of(&f->in, "false:1");
	size_t n = WIRE_MAX_RAW_BYTES + 6; /* the character at the limit needs two bytes */
	char *text = calloc(1, n + 1);
	struct json_doc *doc;
	uint8_t hash[32];

	assert_non_null(text);
	text[0] = text[n - 1] = '"';
	memset(text + 1, 'x', n - 2);
	memcpy(text + WIRE_MAX_RAW_BYTES - 1, "\xc3\xa9", 2);
	doc = parsed(text);
	intake_raw(&f->in, e, json_root(doc));
	assert_int_equal(e->raw.n, WIRE_MAX_RAW_BYTES - 1);
	assert_true(e->raw_truncated);
	sha256((struct str){ text, n }, hash);
	assert_int_equal(e->raw_sha256.n, 32);
	assert_memory_equal(e->raw_sha256.p, hash, 32);
	assert_true(add(&f->in, e));
	json_free(doc);
	free(text);
}

static void ignored_items_are_counted_by_kind(void **state)
{
	struct intake *in = &((struct fixture *)*state)->in;
	static char kinds[40][8];

	intake_ignore(in, "presence");
	intake_ignore(in, "presence");
	intake_ignore(in, "label");
	assert_int_equal(in->n_ignored, 2);
	assert_int_equal(in->ignored[0].n, 2);
	assert_string_equal(in->ignored[1].kind, "label");
	for (size_t i = 0; i < COUNT(kinds); i++) {
		snprintf(kinds[i], sizeof(kinds[i]), "k%zu", i);
		intake_ignore(in, kinds[i]);
	}
	assert_int_equal(in->n_ignored, COUNT(in->ignored));
	assert_int_equal(in->ignored[COUNT(in->ignored) - 1].n, 11);
	assert_int_equal(in->n_items, 43);
}

static void messages_come_before_their_changes_and_statuses_last(void **state)
{
	static const enum inbound_kind kinds[] = { IN_STATUS, IN_REACTION, IN_SESSION_STATE, IN_EDIT, IN_POLL_VOTE,
		IN_STATUS, IN_CALL, IN_REVOKE };
	static const int64_t order[] = { 3, 7, 2, 4, 5, 8, 1, 6 };
	struct intake *in = &((struct fixture *)*state)->in;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct inbound_event *e = intake_event(in, &account, kinds[i]);

		e->source_time_ms = (int64_t)i + 1;
		if (kinds[i] == IN_STATUS)
			e->u.status = (struct in_status){ .target.key = STR("k"), .status = STATUS_READ };
		else if (kinds[i] == IN_SESSION_STATE)
			e->u.session_state.state = SESSION_CONNECTED;
		else if (kinds[i] == IN_CALL)
			e->u.call = (struct in_call){
				.call_id = STR("c"), .chat.contact.lid = STR("1"), .direction = DIR_INBOUND
			};
		else /* all of them begin with their target */
			e->u.revoke.target.key = STR("k");
		assert_true(add(in, e));
	}
	intake_finish(in);
	assert_int_equal(in->n_events, COUNT(kinds));
	for (size_t i = 0; i < COUNT(order); i++) {
		struct inbound_event back;

		assert_int_equal(in->events[i]->source_time_ms, order[i]);
		assert_int_equal(inbound_decode(&back, in->records[i], in->arena, NULL), 0);
		assert_int_equal(back.source_time_ms, order[i]);
	}
}

static void hundreds_of_each_are_kept(void **state)
{
	struct intake *in = &((struct fixture *)*state)->in;

	for (size_t i = 0; i < 500; i++) {
		assert_true(add(in, revoke_of(in, "false:1")));
		intake_reject(in, NULL, DEAD_RULE, STR("p"), STR("b"), "m");
	}
	assert_int_equal(in->n_events, 500);
	assert_int_equal(in->n_rejected, 500);
	assert_int_equal(in->rejected[499].item, 999);
	assert_int_equal(in->events[0]->kind, IN_REVOKE);
}

static void the_latest_code_of_an_account_is_kept(void **state)
{
	struct intake *in = &((struct fixture *)*state)->in;
	struct intake_account other = account;

	intake_keep_qr(in, &account, STR("first"), true);
	intake_keep_qr(in, &other, STR("its"), true);
	intake_keep_qr(in, &account, STR("second"), false);
	assert_int_equal(in->n_qr, 2);
	assert_true(str_is(in->qr[0].code, "second") && !in->qr[0].pairing);
	assert_true(str_is(in->qr[1].code, "its") && in->qr[1].pairing);
}

static void rejected_items_have_a_bound_in_number_and_in_bytes(void **state)
{
	static const struct {
		const char *name;
		size_t items, bytes_each;
		bool too_large;
	} cases[] = {
		{ "a thousand", INTAKE_MAX_REJECTED, 1, false },
		{ "one more", INTAKE_MAX_REJECTED + 1, 1, true },
		{ "four of a MiB", 4, (size_t)1 << 20, false },
		{ "five of a MiB", 5, (size_t)1 << 20, true },
		{ "a long one", 1, INTAKE_MAX_REJECTED_BYTES + 1, true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str item = { arena_alloc(f->arena, cases[i].bytes_each), cases[i].bytes_each };

		intake_init(&f->in, f->arena, NOW_MS, &account);
		for (size_t n = 0; n < cases[i].items; n++)
			intake_reject(&f->in, &account, DEAD_RULE, STR("p"), item, "m");
		if (intake_is_full(&f->in) != cases[i].too_large)
			fail_msg("%s", cases[i].name);
		assert_true(f->in.rejected_bytes <= INTAKE_MAX_REJECTED_BYTES);
	}
}

static void a_body_rejected_as_a_whole_is_one_dead_letter(void **state)
{
	struct intake *in = &((struct fixture *)*state)->in;

	assert_true(add(in, revoke_of(in, "false:1")));
	for (size_t i = 0; i <= INTAKE_MAX_REJECTED; i++)
		intake_reject(in, &account, DEAD_RULE, STR("p"), STR("b"), "m");
	intake_reject_whole(in, DEAD_TOO_LARGE, STR("all of it"), "too much");
	assert_int_equal(in->n_events, 0);
	assert_int_equal(in->n_rejected, 1);
	assert_int_equal(in->rejected[0].reason, DEAD_TOO_LARGE);
	assert_true(str_is(in->rejected[0].body, "all of it"));
	assert_ptr_equal(in->rejected[0].account, &account);
}

static void memory_is_bounded_by_the_size_of_the_body(void **state)
{
	struct fixture *f = *state;

	intake_bound(&f->in, 1000);
	arena_alloc(f->arena, INTAKE_MEMORY_SPARE_BYTES + INTAKE_MEMORY_FACTOR * 1000);
	assert_false(intake_is_full(&f->in));
	arena_alloc(f->arena, 1);
	assert_true(intake_is_full(&f->in));
}

static void events_that_are_not_added_cost_no_memory(void **state)
{
	struct fixture *f = *state;
	size_t before;

	intake_event(&f->in, &account, IN_CALL);
	before = arena_used_bytes(f->arena);
	for (size_t i = 0; i < 1000; i++)
		intake_event(&f->in, &account, IN_CALL);
	assert_int_equal(arena_used_bytes(f->arena), before);
}

static void the_context_of_a_rejected_item_is_cut(void **state)
{
	struct fixture *f = *state;
	struct str text = { arena_alloc(f->arena, 1000), 1000 };
	struct json_doc *doc;
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	memset((char *)(uintptr_t)text.p, 'x', text.n);
	doc = parsed(arena_printf(f->arena, "{\"s\":\"%.*s\",\"n\":12,\"o\":{\"a\":1},\"l\":[1],\"z\":null}",
		STR_ARG(text))
			.p);
	jw_obj(&w);
	intake_envelope(&f->in, &w, json_root(doc), (const char *const[]){ "s", "n", "o", "l", "z", "none", NULL });
	jw_obj_end(&w);
	text.n = INTAKE_MAX_ENVELOPE_BYTES;
	assert_true(str_eq(buf_str(&out), arena_printf(f->arena, "{\"s\":\"%.*s\",\"n\":12}", STR_ARG(text))));
	buf_fini(&out);
	json_free(doc);
}

struct delivery {
	const char *id, *time;
	int64_t at_ms;
	int64_t source_ms;
};

/* The second event of such a delivery. */
static struct inbound_event *delivered(struct arena *a, const struct delivery *d)
{
	struct intake in;
	struct inbound_event *e = NULL;

	intake_init(&in, a, d->at_ms, &account);
	if (d->id)
		intake_delivery(&in, str_of(d->id), str_of(d->time));
	for (int i = 0; i < 2; i++) {
		e = intake_event(&in, &account, IN_SESSION_STATE);
		e->u.session_state.state = SESSION_CONNECTED;
		intake_time(&in, e, d->source_ms);
		assert_true(intake_add(&in, e, STR("key"), STR("content"), STR(""), NULL, NULL));
	}
	assert_false(uuid_eq(&in.events[0]->id, &in.events[1]->id) && d->id && d->source_ms == 0);
	return e;
}

static void a_repeated_delivery_has_the_same_events(void **state)
{
	static const struct {
		const char *name;
		struct delivery first, second;
		bool same_id;
		int64_t time_ms; /* of the second */
	} cases[] = {
		{ "repeated as it was", { "msg_1", "1767225590", NOW_MS, 0 },
			{ "msg_1", "1767225590", NOW_MS + 9000, 0 }, true, INT64_C(1767225590000) },
		{ "sent again by its sender", { "msg_1", "1767225590", NOW_MS, 0 },
			{ "msg_1", "1767225595", NOW_MS, 0 }, true, INT64_C(1767225595000) },
		{ "another delivery", { "msg_1", "1767225590", NOW_MS, 0 }, { "msg_2", "1767225590", NOW_MS, 0 }, false,
			INT64_C(1767225590000) },
		{ "a time of its own counts", { "msg_1", "1767225590", NOW_MS, NOW_MS - 5 },
			{ "msg_2", "1767225595", NOW_MS, NOW_MS - 5 }, true, NOW_MS - 5 },
		{ "without a delivery the time of arrival counts", { NULL, NULL, NOW_MS, 0 },
			{ NULL, NULL, NOW_MS + 1, 0 }, false, NOW_MS + 1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct inbound_event *first = delivered(f->arena, &cases[i].first),
					   *second = delivered(f->arena, &cases[i].second);

		if (uuid_eq(&first->id, &second->id) != cases[i].same_id || inbound_time_ms(second) != cases[i].time_ms)
			fail_msg("%s", cases[i].name);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_repeated_delivery_has_the_same_events),
		TEST(an_event_has_its_envelope),
		TEST(an_added_event_can_be_read_back_from_its_record),
		TEST(the_same_event_again_has_the_same_id),
		TEST(an_event_that_breaks_a_rule_is_a_rejected_item),
		TEST(an_event_beyond_the_size_of_a_record_is_a_rejected_item),
		TEST(times_before_2009_and_more_than_a_day_ahead_are_suspect),
		TEST(raw_is_the_item_without_secrets),
		TEST(a_long_raw_is_cut_between_characters_flagged_and_hashed),
		TEST(ignored_items_are_counted_by_kind),
		TEST(messages_come_before_their_changes_and_statuses_last),
		TEST(hundreds_of_each_are_kept),
		TEST(the_latest_code_of_an_account_is_kept),
		TEST(rejected_items_have_a_bound_in_number_and_in_bytes),
		TEST(a_body_rejected_as_a_whole_is_one_dead_letter),
		TEST(memory_is_bounded_by_the_size_of_the_body),
		TEST(events_that_are_not_added_cost_no_memory),
		TEST(the_context_of_a_rejected_item_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
