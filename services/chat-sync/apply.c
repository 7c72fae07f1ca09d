/* See apply.h; work.h lists the steps. */
#include "chat-sync/apply.h"
#include "chat-sync/effect.h"
#include "chat-sync/expand.h"
#include "chat-sync/fold/chat.h"
#include "chat-sync/fold/fold.h"
#include "chat-sync/identity/resolve.h"
#include "chat-sync/resolve/accounts.h"
#include "chat-sync/resolve/conversations.h"
#include "chat-sync/resolve/follow.h"
#include "chat-sync/resolve/groups.h"
#include "chat-sync/resolve/messages.h"
#include "chat-sync/resolve/own_messages.h"
#include "chat-sync/resolve/parked.h"
#include "chat-sync/resolve/targets.h"
#include "chat-sync/resolve/users.h"
#include "chat-sync/settings.h"
#include "chat-sync/write/write.h"

#include "base/clock.h"

void work_open(struct chat_sync *s, struct work *w, struct owner_tx *tx)
{
	*w = (struct work){
		.settings = s->settings,
		.cache = &s->cache,
		.merging = &s->merging,
		.report = &s->report,
		.tx = tx,
		.pg = owner_tx_pg(tx),
		.arena = owner_tx_arena(tx),
		.now_ms = clock_now_ms(),
		.now_mono_ms = clock_mono_ms(),
		.topics = s->topics,
		.chat_event_topic = s->chat_event_topic,
		.by_key = s->by_key,
		.effect_keys = s->effect_keys,
		.index = s->index,
		.scratch = &s->scratch,
		.isolating = s->rejected,
	};
	map_clear(w->by_key);
	map_clear(w->effect_keys);
	map_clear(w->index);
	s->cache.ttl_ms = s->settings->cache_ttl_ms;
}

void work_close(struct work *w)
{
	for (size_t i = 0; i < w->conversations.n; i++) {
		w->conversations.at[i]->dirty = w->conversations.at[i]->recount = false;
		w->conversations.at[i]->newest_sync_us = PG_NO_TIME;
	}
	for (size_t i = 0; i < w->contacts.n; i++) {
		w->contacts.at[i]->dirty = w->contacts.at[i]->has_event = false;
		w->contacts.at[i]->changed_by = NULL;
		w->contacts.at[i]->changed = 0;
	}
	for (size_t i = 0; i < w->created.n; i++)
		w->created.at[i]->created = w->created.at[i]->has_event = false;
	for (size_t i = 0; i < w->groups.n; i++) {
		w->groups.at[i]->dirty = w->groups.at[i]->created = false;
		group_free_members(w->groups.at[i]);
	}
	for (size_t i = 0; i < w->accounts.n; i++) {
		w->accounts.at[i]->dirty = false;
		w->accounts.at[i]->row.sync_patch = STR_NONE;
		w->accounts.at[i]->row.sent = false;
		w->accounts.at[i]->row.disconnects = 0;
	}
	for (size_t i = 0; i < w->ops.n; i++)
		if (w->ops.at[i]->group)
			w->ops.at[i]->group->locked = w->ops.at[i]->group->created = false;
}

/* An item's outcome follows from its ops: it is applied when one of them changed anything. */
static void outcomes_set(struct chat_sync *s, struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++) {
		const struct op *op = w->ops.at[i];
		const char *effect = op->filtered ? "filtered"
			: op->changed             ? "applied"
			: op->waits               ? "parked"
						  : "none";

		report_event(&s->report, inbound_kind_word(op->kind), effect);
		if (!op->item || op->item->outcome == OUTCOME_APPLIED)
			continue;
		if (op->filtered) /* also when the sync's progress is published as this op's effect */
			op->item->outcome = OUTCOME_FILTERED;
		else if (op->changed)
			op->item->outcome = OUTCOME_APPLIED;
		else if (op->waits)
			op->item->outcome = OUTCOME_PARKED;
	}
}

static int work_resolve(struct work *w, struct err *err)
{
	size_t before;

	if (own_messages_join(w, err) < 0 || people_resolve(w, err) < 0 || merges_follow(w, err) < 0 ||
		groups_resolve(w, err) < 0 || conversations_resolve(w, err) < 0 || users_resolve(w, err) < 0 ||
		messages_resolve(w, err) < 0)
		return -1;
	before = w->ops.n;
	w->people.n = 0;
	if (!w->isolating && parked_load(w, err) < 0)
		return -1;
	if (w->ops.n == before)
		return 0;
	if (own_messages_of_parked(w, before, err) < 0 || people_resolve(w, err) < 0 || groups_resolve(w, err) < 0 ||
		conversations_resolve(w, err) < 0 || users_resolve(w, err) < 0)
		return -1;
	targets_resolve(w);
	return conversations_of_targets(w, err);
}

int work_run(struct work *w, struct err *err)
{
	if (w->ops.n == 0)
		return 0;
	if (work_resolve(w, err) < 0 || ops_fold(w, err) < 0 || work_write(w, err) < 0)
		return -1;
	return effects_emit(w, err); /* encodes while the server writes the conversations */
}

static int segment_apply(struct chat_sync *s, struct owner_tx *tx, struct batch_item *const *items, size_t n,
	struct err *err)
{
	struct work w;
	int rc;

	work_open(s, &w, tx);
	rc = accounts_resolve(&w, items, n, err);
	if (rc == 0)
		rc = work_run(&w, err);
	if (rc == 0)
		outcomes_set(s, &w);
	work_close(&w);
	if (w.cache_stale)
		cache_clear(&s->cache);
	return rc;
}

static bool changes_identity(const struct batch_item *item)
{
	const struct inbound_event *e = item->decoded;

	return e->kind == IN_IDENTITY_CHANGE || e->kind == IN_CONTACT_ERASE;
}

/* Applies the batch in segments. An identity change and an erasure decide which contacts later events belong to: each is a segment of its own. */
int sync_apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	size_t from = 0;

	for (size_t i = 1; i <= n; i++) {
		if (i < n && !changes_identity(items[i - 1]) && !changes_identity(items[i]))
			continue;
		if (segment_apply(ctx, tx, items + from, i - from, err) < 0)
			return -1;
		from = i;
	}
	return 0;
}
