/* libs/crypto/digest: RFC 4231 and FIPS 180-4 vectors, and that reused contexts carry nothing over. */
#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/digest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void assert_hex(const uint8_t *bytes, size_t n, const char *hex)
{
	char text[129];

	hex_encode(bytes, n, text);
	text[2 * n] = '\0';
	assert_string_equal(text, hex);
}

static void sha256_matches_the_published_vectors(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	uint8_t out[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		sha256(str_of(cases[i].text), out);
		assert_hex(out, 32, cases[i].want);
	}
	sha256(STR_NONE, out);
	assert_hex(out, 32, cases[0].want);
}

/* RFC 1321, A.5 */
static void md5_matches_the_published_vectors(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ "abc", "900150983cd24fb0d6963f7d28e17f72" },
		{ "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
			"57edf4a22be3c955ac49da2e2107b67a" },
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		md5(str_of(cases[i].text), out);
		assert_hex(out, 16, cases[i].want);
	}
}

static void parts_are_hashed_with_their_lengths(void **state)
{
	const struct str parts[] = { STR("a"), STR_NONE, STR("") };
	uint8_t out[32];

	(void)state;
	sha256_parts(parts, COUNT(parts), out);
	assert_hex(out, 32, "65ade0619a2abd0cb415d4bc1677a7aefae0e4624ca879a77b921a07ee23be3c");
}

static void no_two_lists_of_parts_collide(void **state)
{
	const struct str lists[][3] = {
		{ STR("ab"), STR("c"), STR("") },
		{ STR("a"), STR("bc"), STR("") },
		{ STR("abc"), STR(""), STR("") },
		{ STR("abc"), STR(""), STR_NONE },
		{ STR("abc"), STR_NONE, STR("") },
	};
	uint8_t hashes[COUNT(lists) + 1][32];

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++)
		sha256_parts(lists[i], 3, hashes[i]);
	sha256_parts(lists[2], 2, hashes[COUNT(lists)]);
	for (size_t i = 0; i < COUNT(hashes); i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(hashes[i], hashes[j], 32);
}

static const char long_key[] =
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa";

static const struct {
	const char *key, *data, *sha256, *sha512;
} hmac_cases[] = {
	{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", "Hi There",
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
		"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
	{ "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
	{ long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
		"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
		"6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
	{ "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
		"b936cee86c9f87aa5d3c6f2e84cb5a4239a5fe50480a6ec66b70ab5b1f4ac673"
		"0c6c515421b327ec1d69402e53dfb49ad7381eb067b338fd7b0cb22247225d47" },
	/* WAHA's documentation of webhook signatures */
	{ "my-secret-key", "{\"event\":\"message\",\"session\":\"default\",\"engine\":\"WEBJS\"}", NULL,
		"208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
		"097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89" },
};

static void hmac_matches_the_published_vectors(void **state)
{
	uint8_t out[64];

	(void)state;
	for (size_t i = 0; i < COUNT(hmac_cases); i++) {
		struct str key = str_of(hmac_cases[i].key), data = str_of(hmac_cases[i].data);

		assert_int_equal(hmac(HMAC_SHA512, key, data, out), 64);
		assert_hex(out, 64, hmac_cases[i].sha512);
		if (!hmac_cases[i].sha256)
			continue;
		assert_int_equal(hmac(HMAC_SHA256, key, data, out), 32);
		assert_hex(out, 32, hmac_cases[i].sha256);
	}
}

static void an_absent_key_equals_an_empty_one_not_the_previous_one(void **state)
{
	uint8_t out[64];

	(void)state;
	hmac(HMAC_SHA256, STR("Jefe"), STR("x"), out);
	hmac(HMAC_SHA256, STR_NONE, STR_NONE, out);
	assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void data_hashed_in_parts_equals_data_in_one_piece(void **state)
{
	const struct str parts[] = { STR("what do ya"), STR_NONE, STR(" want "), STR(""), STR("for nothing?") };
	uint8_t out[64];

	(void)state;
	assert_int_equal(hmac_parts(HMAC_SHA256, STR("Jefe"), parts, COUNT(parts), out), 32);
	assert_hex(out, 32, hmac_cases[1].sha256);
}

struct hasher {
	pthread_t thread;
	pthread_barrier_t *start;
	size_t which, right;
};

static void *hash_many_times(void *arg)
{
	struct hasher *h = arg;
	uint8_t want[64], out[64];

	hex_decode(str_of(hmac_cases[h->which].sha512), want, sizeof(want));
	pthread_barrier_wait(h->start);
	for (size_t i = 0; i < 20000; i++) {
		hmac(HMAC_SHA512, str_of(hmac_cases[h->which].key), str_of(hmac_cases[h->which].data), out);
		h->right += memcmp(out, want, sizeof(want)) == 0;
	}
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	pthread_barrier_t start;
	struct hasher hashers[2];

	(void)state;
	pthread_barrier_init(&start, NULL, COUNT(hashers));
	for (size_t i = 0; i < COUNT(hashers); i++) {
		hashers[i] = (struct hasher){ .start = &start, .which = i };
		assert_int_equal(pthread_create(&hashers[i].thread, NULL, hash_many_times, &hashers[i]), 0);
	}
	for (size_t i = 0; i < COUNT(hashers); i++) {
		pthread_join(hashers[i].thread, NULL);
		assert_int_equal(hashers[i].right, 20000);
	}
	pthread_barrier_destroy(&start);
}

static void only_equal_bytes_compare_equal_and_absent_ones_never(void **state)
{
	const struct {
		struct str a, b;
		bool want;
	} cases[] = {
		{ STR("abc"), STR("abc"), true },
		{ STR("abc"), STR("abd"), false },
		{ STR("abc"), STR("ab"), false },
		{ STR(""), STR(""), true },
		{ STR_NONE, STR_NONE, false },
		{ STR_NONE, STR(""), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(crypto_equal(cases[i].a, cases[i].b), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_matches_the_published_vectors),
		cmocka_unit_test(md5_matches_the_published_vectors),
		cmocka_unit_test(parts_are_hashed_with_their_lengths),
		cmocka_unit_test(no_two_lists_of_parts_collide),
		cmocka_unit_test(hmac_matches_the_published_vectors),
		cmocka_unit_test(an_absent_key_equals_an_empty_one_not_the_previous_one),
		cmocka_unit_test(data_hashed_in_parts_equals_data_in_one_piece),
		cmocka_unit_test(threads_do_not_disturb_each_other),
		cmocka_unit_test(only_equal_bytes_compare_equal_and_absent_ones_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
