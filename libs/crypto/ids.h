/* Identifiers: random ones, and ones derived from what they identify, so that a duplicate gets the same id. */
#ifndef CRYPTO_IDS_H
#define CRYPTO_IDS_H

#include "base/str.h"
#include "base/uuid.h"

void uuid_v4(struct uuid *out);
/* UUIDv8 (RFC 9562, 5.8): the first 16 bytes of sha256_parts(parts) with version and variant written over them
 * (B.2). */
void uuid_v8(struct uuid *out, const struct str *parts, size_t n);
/* A random 256-bit token in base64url without padding: 43 characters and a NUL. */
void token_new(char out[static 44]);

#endif
