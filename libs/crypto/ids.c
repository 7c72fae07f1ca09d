/* Identifiers. Invariant: a UUID's version and variant bits are always set; its other bits are random or a hash. */
#include "crypto/ids.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/rng.h"
#include "crypto/digest.h"

static void uuid_mark(struct uuid *u, uint8_t version)
{
	u->b[6] = (uint8_t)((u->b[6] & 0x0f) | version << 4);
	u->b[8] = (uint8_t)((u->b[8] & 0x3f) | 0x80);
}

void uuid_v4(struct uuid *out)
{
	rng_bytes(out->b, sizeof(out->b));
	uuid_mark(out, 4);
}

void uuid_v8(struct uuid *out, const struct str *parts, size_t n)
{
	uint8_t hash[32];

	sha256_parts(parts, n, hash);
	memcpy(out->b, hash, sizeof(out->b));
	uuid_mark(out, 8);
}

void token_new(char out[static 44])
{
	uint8_t secret[32];
	uint8_t text[45]; /* 43 characters, one '=', a NUL */

	rng_bytes(secret, sizeof(secret));
	EVP_EncodeBlock(text, secret, sizeof(secret));
	for (size_t i = 0; i < 43; i++)
		out[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char)text[i];
	out[43] = '\0';
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(text, sizeof(text));
}
