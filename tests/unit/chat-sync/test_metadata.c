/* services/chat-sync/metadata: what chats.metadata holds, and how single members are replaced. */
#include "unit.h"

#include <string.h>

#include "chat-sync/metadata/call.h"
#include "chat-sync/metadata/metadata.h"
#include "chat-sync/metadata/vote.h"

#define COUNT(a)            (sizeof(a) / sizeof((a)[0]))
#define assert_str(s, want) assert_string_equal(arena_cstr(arena, (s)), (want))

static struct arena *arena;
static struct buf scratch;

static int start(void **state)
{
	(void)state;
	arena = arena_new(1 << 16);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	buf_fini(&scratch);
	arena_free(arena);
	return 0;
}

static const struct {
	const char *name;
	struct in_message message;
	const char *want;
} messages[] = {
	{ "nothing", { .type = MSG_TEXT }, "{}" },
	{ "an empty body is a body", { .body = { "", 0 } }, "{\"body\":\"\"}" },
	{ "a body", { .body = { "say \"hi\"", 8 } }, "{\"body\":\"say \\\"hi\\\"\"}" },
	{ "media",
		{ .media = { .present = true,
			  .provider_media_id = { "m1", 2 },
			  .mime = { "image/png", 9 },
			  .file_name = { "a.png", 5 },
			  .sha256 = { "ff", 2 },
			  .url = { "https://x/", 10 },
			  .caption = { "look", 4 },
			  .size_bytes = 12 } },
		"{\"media\":{\"id\":\"m1\",\"mime\":\"image/png\",\"file_name\":\"a.png\",\"sha256\":\"ff\",\"url\":\"https://x/\","
		"\"caption\":\"look\",\"size\":12}}" },
	{ "media that are missing", { .media = { .present = true, .missing = true } },
		"{\"media\":{\"missing\":true}}" },
	{ "a location",
		{ .location = { .present = true,
			  .latitude = -6.25,
			  .longitude = 106.5,
			  .name = { "Monas", 5 },
			  .address = { "Jl", 2 } } },
		"{\"location\":{\"latitude\":-6.25,\"longitude\":106.5,\"name\":\"Monas\",\"address\":\"Jl\"}}" },
	{ "what it answers",
		{ .quoted = { .present = true,
			  .target = { .stanza = { "S", 1 } },
			  .sender = { .phone = { "1", 1 } },
			  .body = { "q", 1 } } },
		"{\"quoted\":{\"stanza\":\"S\",\"phone\":\"1\",\"body\":\"q\"}}" },
	{ "an error", { .error = { .code = { "131051", 6 }, .title = { "Unsupported", 11 } } },
		"{\"error\":{\"code\":\"131051\",\"title\":\"Unsupported\"}}" },
	{ "the author of a group's message is named",
		{ .chat = { .is_group = true }, .sender = { .name = { "Ann", 3 } } }, "{\"sender_name\":\"Ann\"}" },
	{ "elsewhere the contact has the name", { .sender = { .name = { "Ann", 3 } } }, "{}" },
	{ "what else the provider says", { .extra = { "{\"a\":1}", 7 } }, "{\"extra\":{\"a\":1}}" },
};

static void each_part_of_a_message_has_its_member(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		struct str got = metadata_of(&messages[i].message, 0, &scratch, arena);

		if (!str_is(got, messages[i].want))
			fail_msg("%s: %.*s", messages[i].name, STR_ARG(got));
	}
}

static void a_time_that_is_not_believed_is_kept(void **state)
{
	(void)state;
	assert_str(metadata_of(&(struct in_message){ .type = MSG_TEXT }, 4102444800000, &scratch, arena),
		"{\"source_time\":4102444800000}");
}

static void an_empty_error_is_absent(void **state)
{
	const struct provider_error none = { .details = STR("only details") }, some = { .code = STR("1") };

	(void)state;
	assert_null(metadata_error(&none, arena).p);
	assert_str(metadata_error(&some, arena), "{\"code\":\"1\"}");
}

static const struct {
	const char *name, *metadata, *member, *value, *want;
} sets[] = {
	{ "a new member", "{\"a\":1}", "b", "[2]", "{\"a\":1,\"b\":[2]}" },
	{ "a member that was there", "{\"b\":1,\"a\":1}", "b", "2", "{\"a\":1,\"b\":2}" },
	{ "a member is removed", "{\"a\":1,\"b\":{\"c\":null}}", "b", NULL, "{\"a\":1}" },
	{ "one that was never there", "{\"a\":1}", "b", NULL, "{\"a\":1}" },
	{ "others stay as they are", "{\"n\":1e400,\"s\":\"\\u00e9\",\"o\":{\"b\":1}}", "b", "true",
		"{\"n\":1e400,\"s\":\"\xc3\xa9\",\"o\":{\"b\":1},\"b\":true}" },
	{ "what is no object becomes one", "nonsense", "b", "1", "{\"b\":1}" },
};

static void single_members_are_set_and_removed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sets); i++) {
		struct str got = metadata_set(str_of(sets[i].metadata), sets[i].member, str_of(sets[i].value), arena);

		if (!str_is(got, sets[i].want))
			fail_msg("%s: %.*s", sets[i].name, STR_ARG(got));
	}
}

static void the_body_is_read_and_written(void **state)
{
	struct str m = STR("{\"media\":{\"body\":\"not this\"},\"body\":\"old\"}");

	(void)state;
	assert_str(metadata_body(m, arena), "old");
	m = metadata_set_body(m, STR("new\n\"x\""), arena);
	assert_str(m, "{\"media\":{\"body\":\"not this\"},\"body\":\"new\\n\\\"x\\\"\"}");
	assert_str(metadata_body(m, arena), "new\n\"x\"");
	assert_null(metadata_body(STR("{}"), arena).p);
	assert_null(metadata_body(STR("{\"body\":7}"), arena).p);
	assert_str(metadata_set_body(STR("{}"), STR_NONE, arena), "{\"body\":\"\"}");
}

static void a_member_is_returned_as_json(void **state)
{
	struct str m = STR("{\"a\":{\"b\" : [1, \"x\"]},\"n\":null}");

	(void)state;
	assert_str(metadata_get(m, "a", arena), "{\"b\":[1,\"x\"]}");
	assert_str(metadata_get(m, "n", arena), "null");
	assert_null(metadata_get(m, "c", arena).p);
	assert_null(metadata_get(STR("{"), "c", arena).p);
}

static const struct str red[] = { { "red", 3 } }, both[] = { { "red", 3 }, { "blue", 4 } };

static const struct str ann_names[] = { { "+1", 2 }, { "1@lid", 5 } }, our_name = { "me", 2 };
static const struct voter ann = { ann_names, 2 }, us = { &our_name, 1 };

static void the_latest_vote_of_each_voter_counts(void **state)
{
	struct str m = STR("{\"body\":\"colour?\"}"), before;

	(void)state;
	assert_true(metadata_vote(m, ann, red, 1, 10, arena, &m));
	assert_true(metadata_vote(m, us, both, 2, 5, arena, &m));
	assert_str(m,
		"{\"body\":\"colour?\",\"votes\":{\"+1\":{\"at\":10,\"options\":[\"red\"]},"
		"\"me\":{\"at\":5,\"options\":[\"red\",\"blue\"]}}}");
	before = m;
	assert_false(metadata_vote(m, ann, both, 2, 9, arena, &m)); /* older */
	assert_false(metadata_vote(m, ann, red, 1, 10, arena, &m)); /* the same */
	assert_true(m.p == before.p);
	assert_true(metadata_vote(m, ann, NULL, 0, 11, arena, &m)); /* withdrawn */
	assert_str(metadata_get(m, "votes", arena),
		"{\"me\":{\"at\":5,\"options\":[\"red\",\"blue\"]},\"+1\":{\"at\":11,\"options\":[]}}");
}

static void a_vote_under_another_key_of_the_voter_is_replaced(void **state)
{
	const struct voter by_lid = { &ann_names[1], 1 };
	struct str m = STR("{}");

	(void)state;
	assert_true(metadata_vote(m, by_lid, red, 1, 10, arena, &m));
	assert_false(metadata_vote(m, ann, red, 1, 10, arena, &m));
	assert_true(metadata_vote(m, ann, both, 2, 11, arena, &m));
	assert_str(m, "{\"votes\":{\"+1\":{\"at\":11,\"options\":[\"red\",\"blue\"]}}}");
}

static void votes_beyond_the_bounds_of_a_poll_are_ignored(void **state)
{
	char text[VOTE_MAX_BYTES] = { 0 };
	struct str option, m = STR("{}"), full;
	enum vote_effect effect;
	int n = 0;

	(void)state;
	option = str_of(memset(text, 'x',
		sizeof(text) - 1)); /* with its time and quotes it is more than a vote may take */
	assert_int_equal(metadata_vote(m, ann, &option, 1, 10, arena, &m), VOTE_OVER_LIMIT);
	assert_str(m, "{}");
	option.n = 7000;
	do {
		struct str name = arena_printf(arena, "voter %d", ++n);

		effect = metadata_vote(m, (struct voter){ &name, 1 }, &option, 1, 10, arena, &m);
	} while (effect == VOTE_STORED);
	assert_int_equal(effect, VOTE_OVER_LIMIT);
	assert_in_range(n, 30, 40);
	full = STR("voter 1");
	option = STR("another");
	assert_int_equal(metadata_vote(m, (struct voter){ &full, 1 }, &option, 1, 11, arena, &m), VOTE_STORED);
	assert_true(m.n < VOTES_MAX_BYTES);
}

static void a_vote_on_metadata_that_is_no_object_is_ignored(void **state)
{
	struct str m = STR("["), out = STR("untouched");

	(void)state;
	assert_false(metadata_vote(m, ann, red, 1, 10, arena, &out));
	assert_str(out, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_of_a_message_has_its_member),
		cmocka_unit_test(a_time_that_is_not_believed_is_kept),
		cmocka_unit_test(an_empty_error_is_absent),
		cmocka_unit_test(single_members_are_set_and_removed),
		cmocka_unit_test(the_body_is_read_and_written),
		cmocka_unit_test(a_member_is_returned_as_json),
		cmocka_unit_test(the_latest_vote_of_each_voter_counts),
		cmocka_unit_test(a_vote_under_another_key_of_the_voter_is_replaced),
		cmocka_unit_test(votes_beyond_the_bounds_of_a_poll_are_ignored),
		cmocka_unit_test(a_vote_on_metadata_that_is_no_object_is_ignored),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
