/* What the commands about all sealed values share: going through them, opening them, and counting them by table and key. */
#ifndef SECRETS_H
#define SECRETS_H

#include "ctl.h"
#include "facts.h"
#include "store/sealed_columns.h"

/* Calls each() for every sealed value that has not expired. v is borrowed for the call; each() returns -1 to end the scan. */
typedef int secrets_each(void *ctx, const struct sealed_column *c, const struct sealed_value *v, struct err *err);
int secrets_scan(struct pg *pg, secrets_each *each, void *ctx, struct err *err) ERR_MUST_USE;

/* Values by table and key id, and a list of those that cannot be opened. */
struct secrets_tally {
	struct arena *arena;
	struct secrets_count *counts;
	size_t n, cap;
	int64_t not_opened;
	struct table *list; /* of the first ones */
};

struct secrets_count {
	const struct sealed_column *column;
	struct str key; /* absent: no sealed value */
	int64_t values, not_opened;
};

void secrets_tally_init(struct secrets_tally *t);
void secrets_tally_fini(struct secrets_tally *t);
/* reason: why the value cannot be opened, the code of unseal()'s error; NULL when it can. */
void secrets_tally_add(struct secrets_tally *t, const struct sealed_column *c, const struct sealed_value *v,
	const char *reason);
/* Prints both; the first table under this title, with a column that says which key seals, unless keyring is NULL. Values that cannot be opened make the command fail, after they were printed: then
 * ERR_INPUT. */
int secrets_tally_print(const struct secrets_tally *t, const struct keyring *keyring, const char *title, bool json,
	struct err *err) ERR_MUST_USE;

/* Opens a value into plain, which is wiped first and has room for any value, so that no copy is left in freed memory. The caller wipes
 * it. ERR_INPUT. */
int secrets_open(const struct keyring *keyring, const struct sealed_column *c, const struct sealed_value *v,
	struct buf *plain, struct err *err) ERR_MUST_USE;

#endif
