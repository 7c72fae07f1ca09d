/* libs/base/hex: RFC 4648 vectors, and what strict decoding refuses. */
#include "unit.h"

#include <string.h>

#include "base/hex.h"

static void hex_goes_both_ways(void **state)
{
	unsigned char bytes[256], back[256];
	struct buf added = BUF_INIT;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	hex_encode(bytes, sizeof(bytes), text);
	assert_memory_equal(text, "000102", 6);
	assert_memory_equal(text + 508, "feff", 4);
	assert_true(hex_decode((struct str){ text, sizeof(text) }, back, sizeof(back)));
	assert_memory_equal(back, bytes, sizeof(bytes));
	assert_true(hex_decode(STR("aBCDef"), back, 3));
	assert_memory_equal(back, "\xab\xcd\xef", 3);
	assert_true(hex_decode(STR(""), back, 0));
	buf_add_str(&added, STR("x"));
	hex_add(&added, "\xab\xcd", 2);
	assert_true(str_is(buf_str(&added), "xabcd"));
	buf_fini(&added);
}

static void hex_of_another_length_or_alphabet_is_rejected(void **state)
{
	static const char *const cases[] = { "", "00", "000", "00000", "000000", "000g", "00 0", "0x00", "00/0", "00:0",
		"00@0", "00`0" };
	char out[4] = "abc";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_false(hex_decode(str_of(cases[i]), out, 2));
	assert_string_equal(out, "abc");
}

static void base64_matches_the_vectors_of_the_rfc(void **state)
{
	static const struct {
		const char *plain, *text;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text = BUF_INIT, plain = BUF_INIT;

		base64_encode(&text, cases[i].plain, strlen(cases[i].plain));
		assert_true(str_is(buf_str(&text), cases[i].text));
		assert_true(base64_decode(&plain, buf_str(&text)));
		assert_true(str_is(buf_str(&plain), cases[i].plain));
		buf_fini(&text);
		buf_fini(&plain);
	}
}

static void base64_rejects_all_but_the_canonical_text_of_a_value(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "no padding", "Zg" },
		{ "half the padding", "Zg=" },
		{ "only padding", "====" },
		{ "three of padding", "Z===" },
		{ "padding in the middle", "Zg==Zg==" },
		{ "bits left over before two of padding", "Zh==" },
		{ "bits left over before one of padding", "Zm9=" },
		{ "the alphabet for addresses", "-__-" },
		{ "a line break", "Zm9v\nm9v" },
		{ "a good group before a bad one", "Zm9vZm9!" },
	};
	struct buf out = BUF_INIT;

	(void)state;
	buf_add(&out, "kept", 4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		assert_false(base64_decode(&out, str_of(cases[i].text)));
		assert_true(str_is(buf_str(&out), "kept"));
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(hex_of_another_length_or_alphabet_is_rejected),
		cmocka_unit_test(base64_matches_the_vectors_of_the_rfc),
		cmocka_unit_test(base64_rejects_all_but_the_canonical_text_of_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
