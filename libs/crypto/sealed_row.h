/* Sealed values of a row. The associated data is "<what>:<uuid>": the kind of row and its public id. It must be the same in the
 * program that seals and in those that unseal, so each kind has its word here; store/sealed_columns.h says which column holds it. */
#ifndef CRYPTO_SEALED_ROW_H
#define CRYPTO_SEALED_ROW_H

#include "base/uuid.h"
#include "crypto/seal.h"

#define SEALED_APP      "app"
#define SEALED_ACCOUNT  "account"
#define SEALED_ENDPOINT "endpoint"
#define SEALED_INSTANCE "instance"
#define SEALED_ERASURE  "erasure" /* of a request to erase a contact: what rows name the person by */
#define SEALED_QR       "qr" /* of an account: no JSON, but the code itself */

/* As seal(). */
int row_seal(const struct keyring *k, const char *what, const struct uuid *row, struct str plain, struct buf *out,
	struct err *err) ERR_MUST_USE;
/* As unseal(). */
int row_unseal(const struct keyring *k, const char *what, const struct uuid *row, struct str sealed, struct buf *out,
	struct err *err) ERR_MUST_USE;

#endif
