/* See sending_keys.h. */
#include "sending_keys.h"

#include "base/vec.h"
#include "sealing.h"
#include "store/definitions.h"
#include "store/instance_definitions.h"
#include "json/json.h"

/* An instance with an API key. */
struct keyed {
	int64_t index;
	enum bridge_kind kind;
};

struct missing {
	struct ctl *ctl;
	struct arena *arena;
	struct keyed *instances;
	size_t n_instances, cap_instances;
	int64_t *ids;
	size_t n, cap;
};

/* KEY_UNREADABLE: this keyring does not open the secrets. */
enum has_key { KEY_NONE, KEY_FOUND, KEY_UNREADABLE };

static enum has_key key_find(struct ctl *ctl, const char *what, const struct uuid *row, struct str secrets, bool signs)
{
	struct sealing_opened opened;
	const json *root;
	struct err ignored;
	bool has;

	if (secrets.n == 0)
		return KEY_NONE;
	if (sealing_open(ctl, what, row, secrets, &opened, &ignored) < 0)
		return KEY_UNREADABLE;
	root = json_root(opened.doc);
	has = signs ? json_count(json_get(root, "signing_keys")) > 0 : json_str(json_get(root, "access_token")).n > 0;
	sealing_opened_fini(&opened);
	return has ? KEY_FOUND : KEY_NONE;
}

/* Of our own contract the instance's key is for calls about sessions only, never for messages. */
static void instance_add(void *ctx, const struct instance_info *i)
{
	struct missing *m = ctx;

	if (i->kind == BRIDGE_BLAZZ || key_find(m->ctl, SEALED_INSTANCE, &i->uuid, i->secrets, false) == KEY_NONE)
		return;
	m->instances = vec_grow_in(m->arena, m->instances, m->n_instances, &m->cap_instances, sizeof(*m->instances));
	m->instances[m->n_instances++] = (struct keyed){ i->index, i->kind };
}

static bool instance_has_key(const struct missing *m, const struct account_info *account)
{
	for (size_t i = 0; i < m->n_instances; i++)
		if (m->instances[i].index == account->instance)
			return m->instances[i].kind == account->bridge;
	return false;
}

static void account_add(void *ctx, const struct account_info *account)
{
	struct missing *m = ctx;
	bool signs = account->bridge == BRIDGE_BLAZZ;

	if (key_find(m->ctl, SEALED_ACCOUNT, &account->uuid, account->secrets, signs) != KEY_NONE ||
		instance_has_key(m, account))
		return;
	m->ids = vec_grow_in(m->arena, m->ids, m->n, &m->cap, sizeof(*m->ids));
	m->ids[m->n++] = account->id;
}

int sending_keys_missing(struct ctl *ctl, struct pg *admin, int64_t workspace_id, struct arena *a, int64_t **ids,
	size_t *n, struct err *err)
{
	struct missing m = { .ctl = ctl, .arena = a };

	if (store_instances_list(admin, instance_add, &m, err) < 0 ||
		store_accounts_list(admin, workspace_id, account_add, &m, err) < 0)
		return -1;
	*ids = m.ids;
	*n = m.n;
	return 0;
}
