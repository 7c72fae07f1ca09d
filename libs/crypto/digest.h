/* SHA-256, HMAC, MD5 and constant-time comparison, on OpenSSL's EVP interface with reused contexts. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "base/str.h"

void sha256(struct str data, uint8_t out[static 32]);
/* SHA-256 over several parts, each preceded by its length (8 bytes, big-endian), so that no two lists collide.
 * An absent part differs from an empty one. */
void sha256_parts(const struct str *parts, size_t n, uint8_t out[static 32]);

/* Only for protocols that require it: MD5 is not secure. */
void md5(struct str data, uint8_t out[static 16]);

enum hmac_kind { HMAC_SHA256, HMAC_SHA512 };
/* Writes 32 or 64 bytes to out and returns how many. */
size_t hmac(enum hmac_kind kind, struct str key, struct str data, uint8_t out[static 64]);
/* For data in two or three parts without copying ("id.timestamp." and the body). */
size_t hmac_parts(enum hmac_kind kind, struct str key, const struct str *parts, size_t n, uint8_t out[static 64]);

/* Compares equal-length strings in time that depends on the length only; different lengths are unequal at once, and
 * an absent string equals nothing. */
bool crypto_equal(struct str a, struct str b);

#endif
