/* blazzctl secrets retire: whether a key can be removed from the keyrings. Invariant: it says so only after it has looked at every sealed
 * value and at every kept backup; it changes nothing itself. */
#include <stddef.h>
#include <string.h>

#include "manifests.h"
#include "secrets.h"

struct retire_options {
	struct option_texts backups;
	bool no_backups;
};

static const struct option_row retire_rows[] = {
	{ "backups", OPTION_TEXTS, offsetof(struct retire_options, backups), "DIR",
		"folder of the backups that are kept, with their manifests; may be repeated" },
	{ "no-backups", OPTION_FLAG, offsetof(struct retire_options, no_backups), NULL, "no backup is kept" },
	{ 0 },
};

/* An id is no secret; a whole line of a keyring would be, so it is not quoted. */
static int key_check(struct ctl *ctl, const char *key_id, struct err *err)
{
	const struct keyring *keyring;

	if (strchr(key_id, ':'))
		return ctl_usage(err,
			"a key is named by its id, the part before the colon; never pass a key as an argument");
	if (ctl_keyring(ctl, &keyring, err) < 0)
		return -1;
	if (!keyring_has(keyring, str_of(key_id)))
		return err_set(err, ERR_INPUT, "unknown_key", "the keyring has no key %s", key_id);
	if (str_is(keyring_key_id(keyring, 0), key_id))
		return err_set(err, ERR_INPUT, "in_use", "%s is the first key of the keyring, which seals", key_id);
	return 0;
}

struct uses {
	struct str key_id;
	const struct sealed_column *column; /* of the first value found */
	int64_t values;
};

static int use_add(void *ctx, const struct sealed_column *c, const struct sealed_value *v, struct err *err)
{
	struct uses *u = ctx;

	(void)err;
	if (!str_eq(seal_key_id(v->sealed), u->key_id))
		return 0;
	if (u->values++ == 0)
		u->column = c;
	return 0;
}

static int values_check(struct ctl *ctl, const char *key_id, struct err *err)
{
	struct uses u = { .key_id = str_of(key_id) };
	struct pg *pg;

	if (ctl_pg_admin(ctl, &pg, err) < 0 || secrets_scan(pg, use_add, &u, err) < 0)
		return -1;
	if (u.values == 0)
		return 0;
	return err_set(err, ERR_INPUT, "in_use",
		"%lld values are sealed with %s, the first of them in %s; run secrets rotate", (long long)u.values,
		key_id, u.column->table);
}

static int backups_check(const struct retire_options *o, const char *key_id, struct manifests_found *found,
	struct err *err)
{
	for (size_t i = 0; i < o->backups.n; i++)
		if (manifests_find(o->backups.text[i], str_of(key_id), found, err) < 0)
			return -1;
	if (found->needing == 0)
		return 0;
	return err_set(err, ERR_INPUT, "in_use",
		"%zu of %zu backups need %s, the first is %s; keep the key until they have expired", found->needing,
		found->backups, key_id, found->first);
}

static void answer_print(const char *key_id, const struct manifests_found *found, bool json)
{
	static const char *const columns[] = { "key", "values", "backups", "remove_from", NULL };
	struct table *t = table_new(columns);

	table_text(t, str_of(key_id));
	table_i64(t, 0);
	table_i64(t, (int64_t)found->backups);
	table_text(t, STR("the keyrings of ingest, webhook-dispatcher, campaign-sender, cleanup and blazzctl"));
	table_print(t, json);
	table_free(t);
}

static int retire(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct retire_options *o = options;
	struct manifests_found found = { .backups = 0 };

	if ((o->backups.n > 0) == o->no_backups)
		return ctl_usage(err, "say where backups are kept (--backups DIR), or that none are (--no-backups)");
	if (key_check(ctl, arguments[0], err) < 0 || values_check(ctl, arguments[0], err) < 0 ||
		backups_check(o, arguments[0], &found, err) < 0)
		return -1;
	answer_print(arguments[0], &found, ctl->json);
	return 0;
}

const struct command secrets_retire_commands[] = {
	{ "secrets", "retire", "KEY", 1, 1, retire_rows, sizeof(struct retire_options),
		"says whether a key can be removed: refuses while a value or a kept backup needs it", retire },
	{ 0 },
};
