/* blazzctl instances drain, undrain, fenced, activate, remove, adopt, move: what is desired of instances. cleanup carries it out. */
#include <stddef.h>
#include <stdio.h>

#include "instances.h"
#include "store/account_wishes.h"

struct desire {
	const char *index;
	const char *desired; /* NULL: to be removed */
	bool unless_off;
};

static int instance_desire(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	const struct desire *d = ctx;
	struct arena *a = arena_new(1024);
	struct instance_info i;
	int64_t index;
	int rc = -1;

	(void)ctl;
	if (instance_index(d->index, &index, err) < 0 || store_instance_lock(pg, index, a, &i, err) < 0)
		goto out;
	if (d->unless_off && str_is(i.desired, INSTANCE_OFF))
		err_set(err, ERR_INPUT, "off", "instance %lld is off; once it is to run again: instances activate",
			(long long)index);
	else if (d->desired)
		rc = store_instance_desire(pg, &i, d->desired, err);
	else
		rc = store_instance_remove(pg, &i, err);
out:
	arena_free(a);
	return rc;
}

static int drain(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct desire d = { arguments[0], INSTANCE_DRAINING, true };

	(void)options;
	return ctl_pg_change(ctl, instance_desire, &d, err);
}

static int undrain(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct desire d = { arguments[0], INSTANCE_ACTIVE, true };

	(void)options;
	return ctl_pg_change(ctl, instance_desire, &d, err);
}

static int fenced(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct desire d = { arguments[0], INSTANCE_OFF, false };

	(void)options;
	return ctl_pg_change(ctl, instance_desire, &d, err);
}

static int activate(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct desire d = { arguments[0], INSTANCE_ACTIVE, false };

	(void)options;
	return ctl_pg_change(ctl, instance_desire, &d, err);
}

static int removed(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct desire d = { arguments[0], NULL, false };

	(void)options;
	return ctl_pg_change(ctl, instance_desire, &d, err);
}

struct adoption {
	struct table *table;
	bool any, wwebjs;
};

static void adopted_row(void *ctx, const struct instance_info *i)
{
	struct adoption *s = ctx;

	table_i64(s->table, i->index);
	table_text(s->table, str_of(bridge_word(i->kind)));
	table_text(s->table, i->url);
	s->any = true;
	s->wwebjs |= i->kind == BRIDGE_WWEBJS;
}

static int adopt(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "index", "kind", "url", NULL };
	struct adoption s = { .table = table_new(columns) };
	struct pg *pg;
	int rc = -1;

	(void)options;
	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) == 0)
		rc = store_instances_adopt(pg, adopted_row, &s, err);
	if (rc == 0) {
		if (s.any)
			fputs("blazzctl: give each its key: instances set INDEX --key-file FILE\n", stderr);
		if (s.wwebjs)
			instance_advise(BRIDGE_WWEBJS);
		table_print(s.table, ctl->json);
	}
	table_free(s.table);
	return rc;
}

struct move_options {
	bool relink;
};

static const struct option_row move_rows[] = {
	{ "relink", OPTION_FLAG, offsetof(struct move_options, relink), NULL,
		"logs the account in anew, with a new code, as the instance lacks the session's files" },
	{ 0 },
};

struct moving {
	const char *account;
	int64_t to;
	bool relink;
};

static int account_move(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	const struct moving *m = ctx;
	struct arena *a = arena_new(4096);
	struct account_state account;
	int rc = store_account_state_lock(pg, str_of(m->account), a, &account, err);

	(void)ctl;
	if (rc == 0)
		rc = store_account_move(pg, &account, m->to, m->relink, err);
	arena_free(a);
	return rc;
}

static int move(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct move_options *o = options;
	struct moving m = { .account = arguments[0], .relink = o->relink };

	if (instance_index(arguments[1], &m.to, err) < 0)
		return -1;
	return ctl_pg_change(ctl, account_move, &m, err);
}

const struct command instances_wish_commands[] = {
	{ "instances", "drain", "INDEX", 1, 1, NULL, 0,
		"assigns no further accounts to an instance, and moves its own within its storage group", drain },
	{ "instances", "undrain", "INDEX", 1, 1, NULL, 0, "ends drain", undrain },
	{ "instances", "fenced", "INDEX", 1, 1, NULL, 0,
		"says that an instance is switched off and no session can run there: its accounts move within its storage group",
		fenced },
	{ "instances", "activate", "INDEX", 1, 1, NULL, 0,
		"says that an instance that was fenced may run sessions again", activate },
	{ "instances", "remove", "INDEX", 1, 1, NULL, 0, "removes an instance without accounts that is off", removed },
	{ "instances", "adopt", NULL, 0, 0, NULL, 0, "registers the URLs of bridges that accounts have", adopt },
	{ "instances", "move", "ACCOUNT INDEX", 2, 2, move_rows, sizeof(struct move_options),
		"moves an account, given by its id or session, to another instance", move },
	{ 0 },
};
