/* Sealed secrets: AES-256-GCM with version, key id and the identity of the row as associated data, so that a sealed
 * value cannot be moved to another row. Format: version 1, key id (1 byte length + bytes), nonce (12), ciphertext, tag
 * (16).
 *
 * Keys come from a keyring text (a file or the environment) with lines "<key id>:<base64 of 32 bytes>": the first key
 * seals, all of them open. At most 1 MiB is sealed at once. How keys are rotated: docs/operations.md#secrets.
 */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "base/buf.h"
#include "base/err.h"

struct keyring;

int keyring_parse(struct keyring **out, struct str text,
	struct err *err) ERR_MUST_USE; /* ERR_INPUT; the message never quotes a key */
void keyring_free(struct keyring *k); /* wipes the keys */
/* The id of the i-th key, borrowed from k; absent beyond the last. The first one seals. */
struct str keyring_key_id(const struct keyring *k, size_t i);
bool keyring_has(const struct keyring *k, struct str key_id);
/* The SHA-256 of the i-th key's bytes, by which two keyrings are compared without showing a key. */
void keyring_fingerprint(const struct keyring *k, size_t i, uint8_t sha[static 32]);
/* Appends the sealed form of plain to out. */
int seal(const struct keyring *k, struct str associated, struct str plain, struct buf *out,
	struct err *err) ERR_MUST_USE;
/* Appends the plaintext to out. ERR_INPUT when the key is unknown, or the value or its row differs from what was
 * sealed. */
int unseal(const struct keyring *k, struct str associated, struct str sealed, struct buf *out,
	struct err *err) ERR_MUST_USE;
/* Whether `sealed` uses the first key; rotation re-seals those that do not. */
bool seal_is_current(const struct keyring *k, struct str sealed);
/* The id of the key that sealed the value, as its header says, borrowed from it; absent when it is no sealed value. */
struct str seal_key_id(struct str sealed);

#endif
