/* blazzctl instances rebalance: evens out accounts among instances that share the files of sessions. rebalance.c chooses them, cleanup
 * carries the moves out. */
#include <stddef.h>

#include "base/vec.h"
#include "instances.h"
#include "rebalance.h"
#include "store/account_wishes.h"

struct rebalance_options {
	const char *kind;
	bool dry_run;
};

#define AT(field) offsetof(struct rebalance_options, field)

static const struct option_row rebalance_rows[] = {
	{ "kind", OPTION_TEXT, AT(kind), "WORD", "only instances of this kind: blazz, wwebjs or waha" },
	{ "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only prints the moves" },
	{ 0 },
};

struct fleet {
	struct arena *arena;
	enum bridge_kind kind; /* BRIDGE_NONE: any */
	struct rebalance_room *rooms;
	size_t n_rooms, cap_rooms;
	struct rebalance_account *accounts;
	struct account_place *places; /* of the same accounts */
	size_t n_accounts, cap_accounts, n_places, cap_places;
};

static void room_add(void *ctx, const struct instance_info *i)
{
	struct fleet *f = ctx;

	if (f->kind != BRIDGE_NONE && i->kind != f->kind)
		return;
	f->rooms = vec_grow_in(f->arena, f->rooms, f->n_rooms, &f->cap_rooms, sizeof(*f->rooms));
	f->rooms[f->n_rooms++] = (struct rebalance_room){
		.index = i->index,
		.kind = i->kind,
		.storage_group = arena_str(f->arena, i->storage_group),
		.capacity = i->capacity,
		.usable = str_is(i->state, "up") && str_is(i->desired, INSTANCE_ACTIVE),
	};
}

static void account_add(void *ctx, const struct account_place *p)
{
	struct fleet *f = ctx;

	f->accounts = vec_grow_in(f->arena, f->accounts, f->n_accounts, &f->cap_accounts, sizeof(*f->accounts));
	f->accounts[f->n_accounts++] = (struct rebalance_account){
		.at = p->at, .movable = p->movable, .connected = p->connected, .active_us = p->active_us
	};
	f->places = vec_grow_in(f->arena, f->places, f->n_places, &f->cap_places, sizeof(*f->places));
	f->places[f->n_places++] = *p;
}

struct move {
	struct uuid account;
	int64_t from, to;
	bool written;
};

/* An account that was moved meanwhile stays where it is. */
static int move_write(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	struct arena *arena = arena_new(4096);
	struct account_state a;
	struct move *m = ctx;
	char uuid[37];
	int rc;

	(void)ctl;
	uuid_format(&m->account, uuid);
	rc = store_account_state_lock(pg, str_of(uuid), arena, &a, err);
	m->written = rc == 0 && a.instance == m->from;
	if (m->written)
		rc = store_account_move(pg, &a, m->to, false, err);
	arena_free(arena);
	return rc;
}

/* A transaction per account, so that none is locked for long. Moves that were written are printed, also when one fails. */
static int moves_write(struct ctl *ctl, const struct fleet *f, bool dry_run, struct table *t, struct err *err)
{
	for (size_t i = 0; i < f->n_accounts; i++) {
		struct move m = { f->places[i].uuid, f->accounts[i].at, f->accounts[i].to, true };

		if (m.to < 0)
			continue;
		if (!dry_run && ctl_pg_change(ctl, move_write, &m, err) < 0)
			return -1;
		if (!m.written)
			continue;
		table_uuid(t, &m.account);
		table_i64(t, m.from);
		table_i64(t, m.to);
	}
	return 0;
}

static int kind_read(const char *word, enum bridge_kind *out, struct err *err)
{
	*out = bridge_parse(str_of(word));
	if (word && *out == BRIDGE_NONE)
		return ctl_usage(err, "--kind must be blazz, wwebjs or waha");
	if (*out == BRIDGE_EVOLUTION)
		return ctl_usage(err, "an Evolution server cannot hand a session over");
	return 0;
}

static int rebalance(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "account", "from", "to", NULL };
	const struct rebalance_options *o = options;
	struct fleet f = { .arena = arena_new(1 << 16) };
	struct table *t = table_new(columns);
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if (kind_read(o->kind, &f.kind, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0 ||
		store_instances_list(pg, room_add, &f, err) < 0 || store_account_places(pg, account_add, &f, err) < 0)
		goto out;
	rebalance_choose(f.rooms, f.n_rooms, f.accounts, f.n_accounts);
	rc = moves_write(ctl, &f, o->dry_run, t, err);
	table_print(t, ctl->json);
out:
	table_free(t);
	arena_free(f.arena);
	return rc;
}

const struct command instances_rebalance_commands[] = {
	{ "instances", "rebalance", NULL, 0, 0, rebalance_rows, sizeof(struct rebalance_options),
		"moves as few accounts as make the instances of each storage group equally full", rebalance },
	{ 0 },
};
