/* services/ingest/dialects/address: what JIDs, phones and webjs ids mean. */
#include "unit.h"

#include "ingest/dialects/address.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void an_address_is_classified_by_its_form(void **state)
{
	static const struct {
		const char *text;
		enum address_kind kind;
		const char *value;
	} cases[] = {
		{ "", ADDRESS_NONE, NULL },
		{ "  ", ADDRESS_NONE, NULL },
		{ "16505551234", ADDRESS_PHONE, "16505551234" },
		{ "+16505551234", ADDRESS_PHONE, "16505551234" },
		{ " 16505551234 ", ADDRESS_PHONE, "16505551234" },
		{ "16505551234@c.us", ADDRESS_PHONE, "16505551234" },
		{ "16505551234@s.whatsapp.net", ADDRESS_PHONE, "16505551234" },
		{ "16505551234:17@s.whatsapp.net", ADDRESS_PHONE, "16505551234" },
		{ "16505551234_1:17@s.whatsapp.net", ADDRESS_PHONE, "16505551234" },
		{ "198765432101234@lid", ADDRESS_LID, "198765432101234" },
		{ "198765432101234:3@lid", ADDRESS_LID, "198765432101234" },
		{ "120363012345678901@g.us", ADDRESS_GROUP, "120363012345678901@g.us" },
		{ "6281234567890-1588888888@g.us", ADDRESS_GROUP, "6281234567890-1588888888@g.us" },
		{ "US.13491208655302741918", ADDRESS_BSUID, "US.13491208655302741918" },
		{ "US.ENT.11815799212886844830", ADDRESS_BSUID, "US.ENT.11815799212886844830" },
		{ "status@broadcast", ADDRESS_STATUS, "status@broadcast" },
		{ "1234567890@broadcast", ADDRESS_BROADCAST, "1234567890@broadcast" },
		{ "120363012345678901@newsletter", ADDRESS_NEWSLETTER, "120363012345678901@newsletter" },
		{ "me", ADDRESS_OTHER, "me" },
		{ "us.13491208655302741918", ADDRESS_OTHER, "us.13491208655302741918" },
		{ "US.", ADDRESS_OTHER, "US." },
		{ "USA.123", ADDRESS_OTHER, "USA.123" },
		{ "US.12 3", ADDRESS_OTHER, "US.12 3" },
		{ "+", ADDRESS_OTHER, "+" },
		{ "+1 650 555", ADDRESS_OTHER, "+1 650 555" },
		{ "alice@c.us", ADDRESS_OTHER, "alice@c.us" },
		{ "@c.us", ADDRESS_OTHER, "@c.us" },
		{ ":1@lid", ADDRESS_OTHER, ":1@lid" },
		{ "123@bot", ADDRESS_OTHER, "123@bot" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address a = address_parse(str_of(cases[i].text));

		if (a.kind != cases[i].kind || !str_eq(a.value, str_of(cases[i].value)))
			fail_msg("%s: %d %.*s", cases[i].text, (int)a.kind, STR_ARG(a.value));
	}
	assert_int_equal(address_parse(STR_NONE).kind, ADDRESS_NONE);
}

static void a_party_has_each_address_once_and_no_group(void **state)
{
	struct party p = { .phone = STR_NONE };

	(void)state;
	assert_true(address_to_party(address_parse(STR("16505551234@c.us")), &p));
	assert_true(address_to_party(address_parse(STR("198765432101234@lid")), &p));
	assert_true(address_to_party(address_parse(STR("6281234567890@c.us")), &p));
	assert_true(address_to_party(address_parse(STR("US.134")), &p));
	assert_true(address_to_party(address_parse(STR("123@bot")), &p));
	assert_true(str_is(p.phone, "16505551234"));
	assert_true(str_is(p.lid, "198765432101234"));
	assert_true(str_is(p.bsuid, "US.134"));
	assert_true(str_is(p.jid, "123@bot"));
	assert_false(address_to_party(address_parse(STR("120363012345678901@g.us")), &p));
	assert_false(address_to_party(address_parse(STR("status@broadcast")), &p));
	assert_false(address_to_party(address_parse(STR("1@newsletter")), &p));
	assert_false(address_to_party(address_parse(STR("")), &p));
}

static void the_digits_of_a_lid_are_never_a_phone(void **state)
{
	struct party p = { .phone = STR_NONE };

	(void)state;
	assert_true(address_to_party(address_parse(STR("16505551234@lid")), &p));
	assert_int_equal(p.phone.n, 0);
}

static void an_id_is_read_in_every_form_it_has_had(void **state)
{
	static const struct {
		const char *json;
		bool known, from_me;
		const char *chat, *stanza, *participant, *serialized;
	} cases[] = {
		{ "\"true_16505551234@c.us_3EB0\"", true, true, "16505551234@c.us", "3EB0", NULL,
			"true_16505551234@c.us_3EB0" },
		{ "\"false_1@g.us_3A_2@lid\"", true, false, "1@g.us", "3A", "2@lid", "false_1@g.us_3A_2@lid" },
		{ "\"false_1_1:2@s.whatsapp.net_3A\"", true, false, "1_1:2@s.whatsapp.net", "3A", NULL,
			"false_1_1:2@s.whatsapp.net_3A" },
		{ "\"3EB0\"", false, false, NULL, "3EB0", NULL, "3EB0" },
		{ "\"true_3EB0\"", false, false, NULL, "true_3EB0", NULL, "true_3EB0" },
		{ "{\"_serialized\":\"true_1@c.us_3E\",\"$1\":\"false_2@c.us_4E\"}", true, true, "1@c.us", "3E", NULL,
			"true_1@c.us_3E" },
		{ "{\"$1\":\"false_2@c.us_4E\"}", true, false, "2@c.us", "4E", NULL, "false_2@c.us_4E" },
		{ "{\"fromMe\":false,\"remote\":{\"user\":\"1\",\"server\":\"g.us\"},\"id\":\"5E\","
		  "\"participant\":{\"$1\":\"2@lid\"}}",
			true, false, "1@g.us", "5E", "2@lid", "false_1@g.us_5E_2@lid" },
		{ "{\"fromMe\":true,\"remote\":\"1@c.us\",\"id\":\"5E\"}", true, true, "1@c.us", "5E", NULL,
			"true_1@c.us_5E" },
		{ "{\"id\":\"5E\"}", false, false, NULL, "5E", NULL, "5E" },
		{ "{}", false, false, NULL, NULL, NULL, NULL },
		{ "17", false, false, NULL, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new(0);
		struct json_doc *doc = NULL;
		struct stanza_id id;

		assert_int_equal(json_parse(&doc, str_of(cases[i].json), NULL), 0);
		id = stanza_id_read(json_root(doc), a);
		if (id.known != cases[i].known || id.from_me != cases[i].from_me ||
			!str_eq(id.chat, str_of(cases[i].chat)) || !str_eq(id.stanza, str_of(cases[i].stanza)) ||
			!str_eq(id.participant, str_of(cases[i].participant)) ||
			!str_eq(id.serialized, str_of(cases[i].serialized)))
			fail_msg("%s: %.*s", cases[i].json, STR_ARG(id.serialized));
		json_free(doc);
		arena_free(a);
	}
}

static void a_wid_is_a_string_or_an_object_in_either_spelling(void **state)
{
	static const struct {
		const char *json, *want;
	} cases[] = {
		{ "\"1@c.us\"", "1@c.us" },
		{ "{\"_serialized\":\"1@c.us\"}", "1@c.us" },
		{ "{\"$1\":\"1@lid\"}", "1@lid" },
		{ "{\"user\":\"1\",\"server\":\"g.us\"}", "1@g.us" },
		{ "{\"user\":1,\"server\":\"g.us\"}", "1@g.us" },
		{ "{\"user\":\"1\"}", NULL },
		{ "null", NULL },
		{ "[]", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new(0);
		struct json_doc *doc = NULL;
		struct str got;

		assert_int_equal(json_parse(&doc, str_of(cases[i].json), NULL), 0);
		got = wid_read(json_root(doc), a);
		if (!str_eq(got, str_of(cases[i].want)))
			fail_msg("%s: %.*s", cases[i].json, STR_ARG(got));
		json_free(doc);
		arena_free(a);
	}
}

static void a_key_determines_the_direction(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	assert_true(str_is(stanza_key(a, true, STR("3EB0")), "true:3EB0"));
	assert_true(str_is(stanza_key(a, false, STR("3EB0")), "false:3EB0"));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_classified_by_its_form),
		cmocka_unit_test(a_party_has_each_address_once_and_no_group),
		cmocka_unit_test(the_digits_of_a_lid_are_never_a_phone),
		cmocka_unit_test(an_id_is_read_in_every_form_it_has_had),
		cmocka_unit_test(a_wid_is_a_string_or_an_object_in_either_spelling),
		cmocka_unit_test(a_key_determines_the_direction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
