/* Sealed secrets. Invariant: the tag authenticates version, key id, the row's identity and the text, so no part of a
 * sealed value can be replaced; and no byte of the plaintext is returned before the tag is verified. */
#include "crypto/seal.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hex.h"
#include "base/rng.h"
#include "crypto/digest.h"

#define SEAL_VERSION   1
#define SEAL_MAX_BYTES ((size_t)1 << 20) /* secrets are short; OpenSSL counts in int */
#define KEY_BYTES      32
#define NONCE_BYTES    12
#define TAG_BYTES      16

struct key {
	uint8_t id_n;
	char id[255];
	uint8_t bytes[KEY_BYTES];
};

struct keyring {
	size_t n, cap;
	struct key keys[]; /* the first one encrypts */
};

/* The parts of a sealed value, borrowed from it. */
struct sealed {
	struct str header; /* version and key id as encoded in the value: part of the associated data */
	struct str key_id;
	struct str nonce, text, tag;
};

static size_t keyring_bytes(size_t cap)
{
	return sizeof(struct keyring) + cap * sizeof(struct key);
}

static struct keyring *keyring_new(size_t cap)
{
	struct keyring *k = mem_calloc(1, keyring_bytes(cap));

	k->cap = cap;
	return k;
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	OPENSSL_cleanse(k, keyring_bytes(k->cap));
	free(k);
}

static struct str key_id(const struct key *key)
{
	return (struct str){ key->id, key->id_n };
}

static const struct key *keyring_find(const struct keyring *k, struct str id)
{
	for (size_t i = 0; i < k->n; i++)
		if (str_eq(key_id(&k->keys[i]), id))
			return &k->keys[i];
	return NULL;
}

struct str keyring_key_id(const struct keyring *k, size_t i)
{
	return i < k->n ? key_id(&k->keys[i]) : STR_NONE;
}

bool keyring_has(const struct keyring *k, struct str id)
{
	return keyring_find(k, id) != NULL;
}

static bool key_decode(struct str base64, uint8_t out[static KEY_BYTES])
{
	struct buf bytes = BUF_INIT;
	bool fits;

	buf_reserve(&bytes, base64.n); /* all at once: growing would leave key bytes in freed memory */
	fits = base64_decode(&bytes, base64) && bytes.n == KEY_BYTES;
	if (fits)
		memcpy(out, bytes.p, KEY_BYTES);
	buf_wipe(&bytes);
	buf_fini(&bytes);
	return fits;
}

/* Adds the key of a line "<key id>:<base64>" to k. */
static bool keyring_add(struct keyring *k, struct str line)
{
	struct key *key = &k->keys[k->n];
	struct str id, base64;

	if (!str_cut(line, ':', &id, &base64) || id.n == 0 || id.n > sizeof(key->id) || keyring_find(k, id))
		return false;
	if (!key_decode(base64, key->bytes))
		return false;
	key->id_n = (uint8_t)id.n;
	memcpy(key->id, id.p, id.n);
	k->n++;
	return true;
}

void keyring_fingerprint(const struct keyring *k, size_t i, uint8_t sha[static 32])
{
	assert(i < k->n);
	sha256((struct str){ (const char *)k->keys[i].bytes, KEY_BYTES }, sha);
}

static size_t line_count(struct str text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

int keyring_parse(struct keyring **out, struct str text, struct err *err)
{
	struct keyring *k = keyring_new(line_count(text));
	struct str rest = text;
	bool more = true;

	for (size_t number = 1; more; number++) {
		struct str line;

		more = str_cut(rest, '\n', &line, &rest);
		line = str_trim(line);
		if (line.n > 0 && !keyring_add(k, line)) {
			keyring_free(k);
			return err_set(err, ERR_INPUT, "bad_keyring",
				"line %zu: expected a unique key id, a colon and the base64 of 32 bytes", number);
		}
	}
	if (k->n == 0) {
		keyring_free(k);
		return err_set(err, ERR_INPUT, "bad_keyring", "the keyring contains no key");
	}
	*out = k;
	return 0;
}

static bool cipher_feed(EVP_CIPHER_CTX *ctx, uint8_t *out, struct str in)
{
	int n;

	return in.n == 0 || EVP_CipherUpdate(ctx, out, &n, (const unsigned char *)in.p, (int)in.n);
}

static EVP_CIPHER_CTX *gcm_start(const struct key *key, const void *nonce, struct str header, struct str associated,
	bool encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx && EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), key->bytes, nonce, encrypt, NULL) &&
		cipher_feed(ctx, NULL, header) && cipher_feed(ctx, NULL, associated))
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

int seal(const struct keyring *k, struct str associated, struct str plain, struct buf *out, struct err *err)
{
	const struct key *key = &k->keys[0];
	size_t header_n = 2 + (size_t)key->id_n;
	uint8_t *at, *nonce, *text;
	EVP_CIPHER_CTX *ctx;
	bool done;
	int n;

	if (plain.n > SEAL_MAX_BYTES || associated.n > SEAL_MAX_BYTES)
		return err_set(err, ERR_INPUT, "too_large", "more than %zu bytes to seal", SEAL_MAX_BYTES);
	at = (uint8_t *)buf_reserve(out, header_n + NONCE_BYTES + plain.n + TAG_BYTES);
	at[0] = SEAL_VERSION;
	at[1] = key->id_n;
	memcpy(at + 2, key->id, key->id_n);
	nonce = at + header_n;
	rng_bytes(nonce, NONCE_BYTES);
	text = nonce + NONCE_BYTES;

	ctx = gcm_start(key, nonce, (struct str){ (const char *)at, header_n }, associated, true);
	done = ctx && cipher_feed(ctx, text, plain) && EVP_CipherFinal_ex(ctx, text + plain.n, &n) &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, text + plain.n) > 0;
	EVP_CIPHER_CTX_free(ctx);
	if (!done)
		return err_set(err, ERR_FATAL, "openssl", "AES-256-GCM failed");
	out->n += header_n + NONCE_BYTES + plain.n + TAG_BYTES;
	return 0;
}

static bool sealed_parse(struct str s, struct sealed *out)
{
	size_t header_n;

	if (s.n < 2 || s.p[0] != SEAL_VERSION)
		return false;
	header_n = 2 + (size_t)(uint8_t)s.p[1];
	if (s.n < header_n + NONCE_BYTES + TAG_BYTES || s.n > header_n + NONCE_BYTES + TAG_BYTES + SEAL_MAX_BYTES)
		return false;
	out->header = str_slice(s, 0, header_n);
	out->key_id = str_slice(s, 2, header_n);
	out->nonce = str_slice(s, header_n, header_n + NONCE_BYTES);
	out->text = str_slice(s, header_n + NONCE_BYTES, s.n - TAG_BYTES);
	out->tag = str_slice(s, s.n - TAG_BYTES, s.n);
	return true;
}

/* Writes the plaintext, as long as the ciphertext, to out. The bytes are authentic only if this returns true. */
static bool sealed_open(const struct sealed *s, const struct key *key, struct str associated, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = gcm_start(key, s->nonce.p, s->header, associated, false);
	uint8_t tag[TAG_BYTES]; /* OpenSSL takes no const */
	bool done;
	int n;

	memcpy(tag, s->tag.p, TAG_BYTES);
	done = ctx && cipher_feed(ctx, out, s->text) &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) > 0 &&
		EVP_CipherFinal_ex(ctx, out + s->text.n, &n) > 0;
	EVP_CIPHER_CTX_free(ctx);
	return done;
}

int unseal(const struct keyring *k, struct str associated, struct str sealed, struct buf *out, struct err *err)
{
	const struct key *key;
	struct sealed s;
	uint8_t *at;

	if (!sealed_parse(sealed, &s) || associated.n > SEAL_MAX_BYTES)
		return err_set(err, ERR_INPUT, "not_sealed", "not a sealed value");
	key = keyring_find(k, s.key_id);
	if (!key)
		return err_set(err, ERR_INPUT, "unknown_key", "sealed with a key that is not in the keyring");
	at = (uint8_t *)buf_reserve(out, s.text.n);
	if (!sealed_open(&s, key, associated, at)) {
		OPENSSL_cleanse(at, s.text.n);
		return err_set(err, ERR_INPUT, "bad_seal",
			"altered, or from another row, or sealed with another key of that id");
	}
	out->n += s.text.n;
	return 0;
}

bool seal_is_current(const struct keyring *k, struct str sealed)
{
	struct sealed s;

	return sealed_parse(sealed, &s) && str_eq(s.key_id, key_id(&k->keys[0]));
}

struct str seal_key_id(struct str sealed)
{
	struct sealed s;

	return sealed_parse(sealed, &s) ? s.key_id : STR_NONE;
}
