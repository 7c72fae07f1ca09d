/* Sealed values of a row; see sealed_row.h. Invariant: sealing and unsealing derive the associated data in one
 * place. */
#include "crypto/sealed_row.h"

static struct buf associated_with(const char *what, const struct uuid *row)
{
	struct buf out = BUF_INIT;
	char id[37];

	uuid_format(row, id);
	buf_printf(&out, "%s:%s", what, id);
	return out;
}

int row_seal(const struct keyring *k, const char *what, const struct uuid *row, struct str plain, struct buf *out,
	struct err *err)
{
	struct buf associated = associated_with(what, row);
	int rc = seal(k, buf_str(&associated), plain, out, err);

	buf_fini(&associated);
	return rc;
}

int row_unseal(const struct keyring *k, const char *what, const struct uuid *row, struct str sealed, struct buf *out,
	struct err *err)
{
	struct buf associated = associated_with(what, row);
	int rc = unseal(k, buf_str(&associated), sealed, out, err);

	buf_fini(&associated);
	return rc;
}
