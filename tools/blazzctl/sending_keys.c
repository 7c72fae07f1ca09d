/* See sending_keys.h. */
#include "sending_keys.h"

#include "base/vec.h"
#include "sealing.h"
#include "store/definitions.h"
#include "json/json.h"

struct missing {
	struct ctl *ctl;
	struct arena *arena;
	int64_t *ids;
	size_t n, cap;
};

static bool has_key(struct ctl *ctl, const struct account_info *account)
{
	struct sealing_opened opened;
	const json *root;
	struct err ignored;
	bool has;

	if (account->secrets.n == 0)
		return false;
	if (sealing_open(ctl, SEALING_ACCOUNT, &account->uuid, account->secrets, &opened, &ignored) < 0)
		return true;
	root = json_root(opened.doc);
	has = account->bridge == BRIDGE_BLAZZ ? json_count(json_get(root, "signing_keys")) > 0
					      : json_str(json_get(root, "access_token")).n > 0;
	sealing_opened_fini(&opened);
	return has;
}

static void account_add(void *ctx, const struct account_info *account)
{
	struct missing *m = ctx;

	if (has_key(m->ctl, account))
		return;
	m->ids = vec_grow_in(m->arena, m->ids, m->n, &m->cap, sizeof(*m->ids));
	m->ids[m->n++] = account->id;
}

int sending_keys_missing(struct ctl *ctl, struct pg *admin, int64_t workspace_id, struct arena *a, int64_t **ids,
	size_t *n, struct err *err)
{
	struct missing m = { .ctl = ctl, .arena = a };

	if (store_accounts_list(admin, workspace_id, account_add, &m, err) < 0)
		return -1;
	*ids = m.ids;
	*n = m.n;
	return 0;
}
