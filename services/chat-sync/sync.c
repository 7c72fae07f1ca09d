/* The callbacks of the worker, except apply (apply.c) and sweep (sweep/). Invariant: after a rollback the cache
 * is cleared and what the transaction reported is dropped. */
#include "chat-sync/sync.h"
#include "chat-sync/apply.h"
#include "chat-sync/resolve/merging.h"
#include "chat-sync/sweep/sweep.h"

#include <stdlib.h>

#define REWRITE_WEIGHT 10

struct chat_sync *chat_sync_new(const struct chat_sync_settings *settings, const char *inbound_topic,
	const char *bulk_topic, const char *chat_event_topic)
{
	struct chat_sync *s = mem_calloc(1, sizeof(*s));

	s->settings = settings;
	s->topics[INBOUND] = inbound_topic;
	s->topics[INBOUND_BULK] = bulk_topic;
	s->chat_event_topic = chat_event_topic;
	cache_init(&s->cache, (size_t)settings->cache_max_bytes, settings->cache_ttl_ms);
	s->by_key = map_new();
	s->effect_keys = map_new();
	s->index = map_new();
	s->merging.pending = true;
	merging_reset(&s->merging);
	report_init(&s->report);
	return s;
}

void chat_sync_free(struct chat_sync *s)
{
	if (!s)
		return;
	cache_fini(&s->cache);
	map_free(s->by_key);
	map_free(s->effect_keys);
	map_free(s->index);
	report_fini(&s->report);
	buf_fini(&s->scratch);
	free(s);
}

static int sync_decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	struct inbound_event *e = ARENA_NEW(a, struct inbound_event);

	(void)ctx;
	if (inbound_decode(e, m->value, a, err) < 0)
		return -1;
	*decoded = e;
	return 0;
}

/* Weighs events by their cost, so that every batch takes about as long: a chat of a sync brings up to 50 messages, and an event that rewrites a
 * whole list or text costs as much as several others. */
static size_t sync_weight(int32_t topic, const void *decoded)
{
	const struct inbound_event *e = decoded;

	(void)topic;
	switch (e->kind) {
	case IN_SYNC_CHAT:
		return 1 + e->u.sync_chat.n_messages;
	case IN_CHAT_STATE:
		return e->u.chat_state.has_participants ? REWRITE_WEIGHT : 1;
	case IN_GROUP_CHANGE:
	case IN_POLL_VOTE:
	case IN_EDIT:
	case IN_IDENTITY_CHANGE: /* is applied with statements of its own (sync_apply) */
		return REWRITE_WEIGHT;
	case IN_CONTACT_ERASE:
		return REWRITE_WEIGHT * (1 + e->u.contact_erase.n_groups) + e->u.contact_erase.n_keys;
	case IN_NONE:
	case IN_MESSAGE:
	case IN_STATUS:
	case IN_REVOKE:
	case IN_REACTION:
	case IN_SYNC_BATCH_END:
	case IN_HISTORY_STATE:
	case IN_CONTACT:
	case IN_OPT_OUT:
	case IN_SESSION_STATE:
	case IN_ACCOUNT_NOTICE:
	case IN_TEMPLATE_STATUS:
	case IN_CALL:
	case IN_READ_MARKER:
	case IN_MESSAGE_DELETE:
	case IN_DISPATCH:
	case IN_KINDS:
		break;
	}
	return 1;
}

static int sync_step(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
	struct err *err)
{
	struct chat_sync *s = ctx;
	struct work w;
	int rc;

	report_clear(&s->report);
	work_open(s, &w, tx);
	rc = merging_step(&w, partitions, n, err);
	work_close(&w);
	return rc;
}

static void sync_committed(void *ctx)
{
	struct chat_sync *s = ctx;

	if (s->cache_stale)
		cache_clear(&s->cache);
	s->cache_stale = s->rejected = false;
	merging_reset(&s->merging);
	report_committed(&s->report);
	cache_trim(&s->cache);
}

static void sync_kept(void *ctx)
{
	struct chat_sync *s = ctx;

	report_mark(&s->report);
}

static void sync_discard_changes(void *ctx)
{
	struct chat_sync *s = ctx;

	report_undo(&s->report);
	cache_clear(&s->cache);
	s->cache_stale = false;
}

/* The rejected row may be that of a parked update that joined the batch: until the batch commits, parked updates are left to the sweep,
 * which isolates a rejected one by itself. */
static void sync_rolled_back(void *ctx)
{
	struct chat_sync *s = ctx;

	sync_discard_changes(ctx);
	s->rejected = true;
}

static void sync_assignment_changed(void *ctx)
{
	struct chat_sync *s = ctx;

	report_clear(&s->report);
	sync_discard_changes(ctx);
	s->merging.pending = true; /* in the partitions that were just acquired */
	merging_reset(&s->merging);
}

const struct worker_ops chat_sync_ops = {
	.decode = sync_decode,
	.weight = sync_weight,
	.apply = sync_apply,
	.sweep = sync_sweep,
	.step = sync_step,
	.kept = sync_kept,
	.committed = sync_committed,
	.rolled_back = sync_rolled_back,
	.assignment_changed = sync_assignment_changed,
};
