/* The table of accounts, and what is to be done about each; see accounts.h. */
#include "cleanup/accounts/private.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/vec.h"

struct accounts *accounts_new(const struct accounts_options *options)
{
	struct accounts *all = mem_calloc(1, sizeof(*all));

	all->options = *options;
	all->by_uuid = map_new();
	all->by_name = map_new();
	return all;
}

void accounts_clear(struct accounts *all)
{
	for (size_t i = 0; i < all->n; i++) {
		arena_free(all->list[i]->arena);
		free(all->list[i]);
	}
	all->n = all->n_reload = 0;
	all->pending = false;
	map_clear(all->by_uuid);
	map_clear(all->by_name);
}

void accounts_free(struct accounts *all)
{
	if (!all)
		return;
	accounts_clear(all);
	map_free(all->by_uuid);
	map_free(all->by_name);
	free(all->list);
	free(all->reload);
	free(all);
}

void accounts_use_keyring(struct accounts *all, const struct keyring *keyring)
{
	all->options.keyring = keyring;
}

struct account *accounts_find(const struct accounts *all, const struct uuid *uuid)
{
	return map_get(all->by_uuid, uuid_bytes(uuid));
}

struct account *accounts_each(const struct accounts *all, size_t *i)
{
	return *i < all->n ? all->list[(*i)++] : NULL;
}

/* "<kind>:<index>:<name>" of a session at an instance, "<kind>:-1:<name>" of a name that only one account can have. */
static struct str name_key(enum bridge_kind kind, int64_t index, struct str name, struct buf *out)
{
	buf_clear(out);
	buf_printf(out, "%d:%" PRId64 ":", (int)kind, index);
	buf_add_str(out, name);
	return buf_str(out);
}

static struct account *name_find(const struct accounts *all, enum bridge_kind kind, int64_t index, struct str name)
{
	struct buf key = BUF_INIT;
	struct account *a = map_get(all->by_name, name_key(kind, index, name, &key));

	buf_fini(&key);
	return a && str_eq(account_session_name(a), name) ? a : NULL;
}

struct account *accounts_find_session(const struct accounts *all, enum bridge_kind kind, int64_t index, struct str name)
{
	struct account *a = name_find(all, kind, index, name);

	return a && a->row.instance_index == index ? a : NULL;
}

struct account *accounts_find_stray(const struct accounts *all, enum bridge_kind kind, int64_t index, struct str name)
{
	struct account *a = name_find(all, kind, index, name);

	if (!a || a->row.previous_index != index)
		a = name_find(all, kind, -1, name);
	return a && a->row.instance_index >= 0 && a->row.instance_index != index ? a : NULL;
}

static bool is_live_namesake(const struct account *a, const struct account *b)
{
	return b != a && b->row.bridge == a->row.bridge && !account_is_deleted(b) &&
		str_eq(account_session_name(b), account_session_name(a));
}

bool account_name_is_taken(const struct account *a, const struct instance *at)
{
	const struct account *known =
		accounts_find_session(a->all, a->row.bridge, at->row.index, account_session_name(a));

	if (known && known != a)
		return true;
	for (size_t i = 0; i < a->all->n; i++) {
		const struct account *b = a->all->list[i];
		bool there = b->row.instance_index == at->row.index || b->assign_to == at->row.index ||
			(b->row.instance_index < 0 && str_eq(b->row.instance_url, at->row.url));

		if (there && is_live_namesake(a, b))
			return true;
	}
	return false;
}

static bool shares_files(const struct instance *at, int64_t index)
{
	const struct instance *other = index < 0 ? NULL : fleet_find(at->fleet, index);

	return other && other != at && str_eq(other->row.storage_group, at->row.storage_group);
}

/* Sessions of a kind without stop (Evolution) do not move with their files: each instance has its own. */
bool account_files_are_used(const struct account *a, const struct instance *at)
{
	if (!account_is_deleted(a) || at->row.storage_group.n == 0 || !bridge_has(a->row.bridge, BRIDGE_STOP))
		return false;
	for (size_t i = 0; i < a->all->n; i++) {
		const struct account *b = a->all->list[i];

		if (is_live_namesake(a, b) &&
			(shares_files(at, b->row.instance_index) || shares_files(at, b->assign_to)))
			return true;
	}
	return false;
}

/* A live account's name is not taken over by a deleted one's. */
static void name_put(struct accounts *all, struct account *a, int64_t index)
{
	struct buf key = BUF_INIT;
	struct account **slot = (struct account **)map_slot(all->by_name,
		name_key(a->row.bridge, index, account_session_name(a), &key));

	if (!*slot || !account_is_deleted(a) || account_is_deleted(*slot) ||
		!str_eq(account_session_name(*slot), account_session_name(a))) /* it had the name before */
		*slot = a;
	buf_fini(&key);
}

void accounts_put_session(struct accounts *all, struct account *a)
{
	if (str_eq(account_session_name(a), a->row.session_id))
		name_put(all, a, -1);
	if (a->row.previous_index >= 0)
		name_put(all, a, a->row.previous_index);
	if (a->row.instance_index >= 0)
		name_put(all, a, a->row.instance_index);
}

struct account *accounts_add(struct accounts *all, const struct cleanup_account *row)
{
	struct account *a = mem_calloc(1, sizeof(*a));

	a->all = all;
	a->row.control = row->control;
	a->row.desired_us = row->desired_us;
	a->row.instance_index = row->instance_index;
	a->looked_us = a->differs_us = a->ended_us = a->listed_us = a->look_due_us = PG_NO_TIME;
	a->assign_to = a->leaves_for = -1;
	a->done = BRIDGE_LOOK;
	all->list = vec_grow(all->list, all->n, &all->cap, sizeof(*all->list));
	all->list[all->n++] = a;
	*map_slot(all->by_uuid, uuid_bytes(&row->uuid)) = a;
	return a;
}

struct instance *account_instance(const struct account *a)
{
	return a->row.instance_index < 0 ? NULL : fleet_find(a->all->options.fleet, a->row.instance_index);
}

void account_wake(struct account *a)
{
	a->due_us = 0;
}

void account_mark(struct account *a)
{
	a->dirty = true;
	a->all->pending = true;
}

void account_notice(struct account *a, enum account_notice_kind what)
{
	if (a->noticed & what)
		return;
	a->noticed |= what;
	a->notices |= what;
	a->all->pending = true;
}

void accounts_report(const struct accounts *all, struct stats_report *out)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct account *a = all->list[i];

		if (!account_has_session(a) || !account_instance(a))
			continue;
		out->accounts[a->observed]++;
		out->pending[a->reason]++;
	}
}
