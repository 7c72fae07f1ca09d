/* SHA-256, HMAC and MD5. Fetching an algorithm costs OpenSSL 3 more than hashing a short body, so every thread keeps
 * its contexts and reinitialises them. Invariant: no state of one call is visible to the next, as each call begins by
 * initialising its context. OpenSSL fails here only when memory is exhausted or its default provider is missing: the
 * process aborts with a message.
 */
#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

static void require(bool done)
{
	if (done)
		return;
	fprintf(stderr, "OpenSSL cannot hash\n");
	abort();
}

/* The contexts of one thread; freed when the thread ends. */
struct digester {
	EVP_MD_CTX *sha256, *md5;
	EVP_MAC_CTX *hmac[2]; /* by enum hmac_kind */
};

static pthread_key_t digester_key;
static pthread_once_t digester_once = PTHREAD_ONCE_INIT;

static EVP_MD_CTX *md_ctx_new(const char *digest)
{
	EVP_MD *md = EVP_MD_fetch(NULL, digest, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	require(md && ctx && EVP_DigestInit_ex2(ctx, md, NULL));
	EVP_MD_free(md); /* the context holds its own reference */
	return ctx;
}

static EVP_MAC_CTX *hmac_ctx_new(char *digest)
{
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	require(ctx && EVP_MAC_CTX_set_params(ctx, params));
	EVP_MAC_free(mac); /* the context holds its own reference */
	return ctx;
}

static void digester_free(void *p)
{
	struct digester *d = p;

	EVP_MD_CTX_free(d->sha256);
	EVP_MD_CTX_free(d->md5);
	EVP_MAC_CTX_free(d->hmac[HMAC_SHA256]);
	EVP_MAC_CTX_free(d->hmac[HMAC_SHA512]);
	free(d);
}

static void digester_key_new(void)
{
	require(pthread_key_create(&digester_key, digester_free) == 0);
}

static struct digester *digester_new(void)
{
	char sha256_name[] = "SHA256", sha512_name[] = "SHA512"; /* OSSL_PARAM takes no const */
	struct digester *d = mem_alloc(sizeof(*d));

	d->sha256 = md_ctx_new(sha256_name);
	d->md5 = NULL; /* created on first use: few threads need it */
	d->hmac[HMAC_SHA256] = hmac_ctx_new(sha256_name);
	d->hmac[HMAC_SHA512] = hmac_ctx_new(sha512_name);
	pthread_once(&digester_once, digester_key_new);
	require(pthread_setspecific(digester_key, d) == 0);
	return d;
}

static struct digester *digester(void)
{
	static _Thread_local struct digester *own;

	if (!own)
		own = digester_new();
	return own;
}

static EVP_MD_CTX *sha256_start(void)
{
	EVP_MD_CTX *ctx = digester()->sha256;

	require(EVP_DigestInit_ex2(ctx, NULL, NULL));
	return ctx;
}

void sha256(struct str data, uint8_t out[static 32])
{
	EVP_MD_CTX *ctx = sha256_start();

	require(EVP_DigestUpdate(ctx, data.p, data.n) && EVP_DigestFinal_ex(ctx, out, NULL));
}

void md5(struct str data, uint8_t out[static 16])
{
	struct digester *d = digester();

	if (!d->md5)
		d->md5 = md_ctx_new("MD5");
	require(EVP_DigestInit_ex2(d->md5, NULL, NULL) && EVP_DigestUpdate(d->md5, data.p, data.n) &&
		EVP_DigestFinal_ex(d->md5, out, NULL));
}

void sha256_parts(const struct str *parts, size_t n, uint8_t out[static 32])
{
	EVP_MD_CTX *ctx = sha256_start();

	for (size_t i = 0; i < n; i++) {
		uint64_t length = parts[i].p ? parts[i].n : UINT64_MAX; /* absent: a length that no string has */
		uint8_t prefix[8];

		for (size_t k = 0; k < sizeof(prefix); k++)
			prefix[k] = (uint8_t)(length >> (56 - 8 * k));
		require(EVP_DigestUpdate(ctx, prefix, sizeof(prefix)) && EVP_DigestUpdate(ctx, parts[i].p, parts[i].n));
	}
	require(EVP_DigestFinal_ex(ctx, out, NULL));
}

static EVP_MAC_CTX *hmac_start(enum hmac_kind kind, struct str key)
{
	EVP_MAC_CTX *ctx = digester()->hmac[kind];
	const void *bytes = key.p ? key.p : ""; /* NULL would mean the previous call's key */

	require(EVP_MAC_init(ctx, bytes, key.n, NULL));
	return ctx;
}

size_t hmac_parts(enum hmac_kind kind, struct str key, const struct str *parts, size_t n, uint8_t out[static 64])
{
	EVP_MAC_CTX *ctx = hmac_start(kind, key);
	size_t written = 0;

	for (size_t i = 0; i < n; i++)
		require(EVP_MAC_update(ctx, (const unsigned char *)parts[i].p, parts[i].n));
	require(EVP_MAC_final(ctx, out, &written, 64));
	return written;
}

size_t hmac(enum hmac_kind kind, struct str key, struct str data, uint8_t out[static 64])
{
	return hmac_parts(kind, key, &data, 1, out);
}

bool crypto_equal(struct str a, struct str b)
{
	if (!a.p || !b.p || a.n != b.n)
		return false;
	return CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}
