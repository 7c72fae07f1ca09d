/* Sealed values of a row. The associated data is "<what>:<uuid>": the kind of row ("account", "app", "endpoint",
 * "qr") and its id. It must be the same in the program that seals and in those that unseal. */
#ifndef CRYPTO_SEALED_ROW_H
#define CRYPTO_SEALED_ROW_H

#include "base/uuid.h"
#include "crypto/seal.h"

/* As seal(). */
int row_seal(const struct keyring *k, const char *what, const struct uuid *row, struct str plain, struct buf *out,
	struct err *err) ERR_MUST_USE;
/* As unseal(). */
int row_unseal(const struct keyring *k, const char *what, const struct uuid *row, struct str sealed, struct buf *out,
	struct err *err) ERR_MUST_USE;

#endif
