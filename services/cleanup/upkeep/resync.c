/* Asks bridges to post the history of accounts again whose messages may be missing. Invariant: that an account's bridge is asked is
 * committed before the request, so that it is asked at most once in RESYNC_AGAIN_S, whatever is killed; only a failure, once it is written,
 * makes it due earlier. */
#include "cleanup/upkeep/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "store/cleanup_resync.h"

#define RETRY_S 600 /* after a request that failed */

struct resync_list {
	struct upkeep *upkeep;
	struct account **of;
	size_t n, cap;
};

struct asked {
	struct upkeep *upkeep;
	struct account *account;
};

static void list_add(struct resync_list *list, struct account *a)
{
	list->of = vec_grow(list->of, list->n, &list->cap, sizeof(struct account *));
	list->of[list->n++] = a;
}

static struct account_key key_of(const struct account *a)
{
	return (struct account_key){ a->row.workspace_id, a->row.id };
}

static struct instance *instance_of(const struct upkeep *u, const struct account *a)
{
	struct instance *at = a->row.instance_index < 0 ? NULL : fleet_find(u->options.fleet, a->row.instance_index);

	return at && instance_is_usable(at) ? at : NULL;
}

static void on_asked(void *ctx, const struct bridge_answer *answer)
{
	struct asked *asked = ctx;
	struct upkeep *u = asked->upkeep;

	if (answer->outcome != BRIDGE_OK) {
		u->failed = vec_grow(u->failed, u->n_failed, &u->cap_failed, sizeof(struct account *));
		u->failed[u->n_failed++] = asked->account;
	}
	log_info("history asked for again", LOG_I("account_id", asked->account->row.id),
		LOG_S("outcome", bridge_outcome_word(answer->outcome)));
	free(asked);
}

static void ask(struct upkeep *u, struct account *a)
{
	const struct bridge_call call = { .action = BRIDGE_SYNC, .session = { .name = account_session_name(a) } };
	const struct instance *at = instance_of(u, a);
	struct asked *asked;

	if (!at)
		return;
	asked = mem_calloc(1, sizeof(*asked));
	*asked = (struct asked){ u, a };
	calls_add(u->options.calls, at->row.index, &at->bridge, &call, on_asked, asked);
}

static void on_due(void *ctx, const struct uuid *uuid)
{
	struct resync_list *list = ctx;
	struct account *a = accounts_find(list->upkeep->options.accounts, uuid);
	bool asks = a && a->row.bridge == BRIDGE_BLAZZ;

	if (a && (!asks || (a->observed == OBSERVED_CONNECTED && instance_of(list->upkeep, a))))
		list_add(list, a);
}

static int list_write(const struct resync_list *due, const struct record_target *to, struct err *err)
{
	const struct notice_record unsupported = { "resync_unsupported", SEVERITY_INFO,
		STR("Messages may be missing, and the account's bridge cannot post its history again."),
		to->now_ms * 1000 };

	for (size_t i = 0; i < due->n; i++) {
		struct account_key key = key_of(due->of[i]);

		arena_reset(to->arena);
		if (due->of[i]->row.bridge != BRIDGE_BLAZZ)
			record_notice(to, &due->of[i]->row, &unsupported);
		if (store_cleanup_resynced(lease_pg(to->lease), &key, RESYNC_AGAIN_S, err) < 0)
			return -1;
	}
	return 0;
}

static int failures_write(struct upkeep *u, struct pg *pg, struct err *err)
{
	while (u->n_failed > 0) {
		struct account_key key = key_of(u->failed[--u->n_failed]);

		if (store_cleanup_resynced(pg, &key, RETRY_S, err) < 0)
			return -1;
	}
	return 0;
}

static int write_all(struct upkeep *u, struct resync_list *due, const struct record_target *to, struct err *err)
{
	struct pg *pg = lease_pg(to->lease);

	if (lease_begin(to->lease, err) < 0 || store_cleanup_resyncs(pg, on_due, due, err) < 0 ||
		list_write(due, to, err) < 0 || failures_write(u, pg, err) < 0)
		return -1;
	return lease_commit(to->lease, err);
}

int resync_flush(struct upkeep *u, const struct record_target *to, struct err *err)
{
	struct resync_list due = { .upkeep = u };
	int64_t now = clock_mono_ms();
	int rc;

	if (now < u->resync_mono_ms)
		return 0;
	u->resync_mono_ms = now + u->options.resync_interval_ms;
	rc = write_all(u, &due, to, err);
	for (size_t i = 0; rc == 0 && i < due.n; i++)
		if (due.of[i]->row.bridge == BRIDGE_BLAZZ)
			ask(u, due.of[i]);
	free(due.of);
	return rc;
}
