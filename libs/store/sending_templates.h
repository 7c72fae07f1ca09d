/* Templates as campaign-sender sends them. A template belongs to a WABA, and each account of the WABA has a row of its own,
 * once chat-sync has heard of the template for that account (store/syncs.h). Strings are in the arena. */
#ifndef STORE_SENDING_TEMPLATES_H
#define STORE_SENDING_TEMPLATES_H

#include "base/arena.h"
#include "pg/pg.h"

struct sending_template_row {
	int64_t workspace_id, id, account_id;
	struct str name, language;
	struct str category, status, quality; /* as Meta writes them, or absent */
	struct str components; /* jsonb; absent: not reported yet */
};

struct template_key {
	int64_t workspace_id, account_id;
	struct str name, language;
};
/* The row of the account, or of another live account of its WABA: one with components first, then the one reported last.
 * `each` gets the index of the key; a key without a template is left out. */
int store_sending_templates_find(struct pg *pg, const struct template_key *keys, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t key, const struct sending_template_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;

struct sending_template_id {
	int64_t workspace_id, id;
};
int store_sending_templates_read(struct pg *pg, const struct sending_template_id *ids, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t id, const struct sending_template_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;

#endif
