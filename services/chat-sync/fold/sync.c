/* See sync.h. */
#include "chat-sync/fold/sync.h"
#include "chat-sync/effect.h"
#include "chat-sync/metadata/metadata.h"
#include "chat-sync/notice.h"
#include "chat-sync/report.h"

#include "base/clock.h"
#include "crypto/ids.h"
#include "json/json.h"
#include "json/writer.h"

#define CHATS_PER_BATCH 50

static struct sync_batch_row *sync_row(struct work *w, struct op *op, struct str sync_id, int32_t index)
{
	for (size_t i = 0; i < w->syncs.n; i++) {
		struct sync_batch_row *have = &w->syncs.at[i];

		if (have->account_id == op->account->row.id && have->index == index && str_eq(have->sync_id, sync_id)) {
			w->sync_ops.at[i] = op;
			return have;
		}
	}
	*LIST_ADD(w, &w->syncs) = (struct sync_batch_row){ .workspace_id = op->account->row.workspace_id,
		.account_id = op->account->row.id,
		.sync_id = sync_id,
		.index = index };
	*LIST_ADD(w, &w->sync_ops) = op;
	return &w->syncs.at[w->syncs.n - 1];
}

/* A chat counts with its first part; the other parts follow in the same partition, before the end of the sync's batch. */
void fold_sync_chat(struct work *w, struct op *op)
{
	const struct in_sync_chat *s = &op->event->u.sync_chat;
	struct sync_batch_row *row;
	uint64_t bit = 1ULL << ((uint32_t)s->rank % CHATS_PER_BATCH);

	if (s->continued)
		return;
	row = sync_row(w, op, s->sync_id, s->index);
	if (op->filtered)
		row->skipped_mask |= bit;
	else
		row->synced_mask |= bit;
}

void fold_sync_end(struct work *w, struct op *op)
{
	const struct in_sync_batch_end *s = &op->event->u.sync_batch_end;
	struct sync_batch_row *row = sync_row(w, op, s->sync_id, s->index);

	row->ended = true;
	row->chats = s->chats;
	row->rejected = s->rejected;
	row->total = s->total;
	row->last = s->last;
}

/* Sets the members of `set` in the account's sync column; null removes one. */
static void account_set_sync(struct work *w, struct account *a, struct str set)
{
	struct str had = a->row.sync_patch.p ? a->row.sync_patch : STR("{}");

	a->row.sync = metadata_merge(a->row.sync, set, w->cache->arena);
	a->row.sync_patch = metadata_merge(had, set, w->cache->arena);
	account_touch(w, a);
}

static struct str sync_json(struct work *w, const struct sync_state *s)
{
	struct json_writer jw;
	char time[25], started[25];

	buf_clear(w->scratch);
	jw = json_writer(w->scratch);
	clock_format_ms(s->started_us / 1000, started);
	clock_format_ms(s->last_us / 1000, time);
	jw_obj(&jw);
	jw_member_str(&jw, "status", s->complete ? STR("completed") : STR("running"));
	jw_member_str(&jw, "sync_id", s->sync_id);
	jw_member_i64(&jw, "synced", s->synced);
	jw_member_i64(&jw, "skipped", s->skipped);
	jw_member_i64(&jw, "rejected", s->rejected);
	jw_member_i64(&jw, "total", s->expected);
	jw_member_i64(&jw, "batches", s->batches_ended);
	jw_member_i64(&jw, "batches_total", s->total);
	jw_member_str(&jw, "started_at", str_of(started));
	jw_member_str(&jw, "last_sync_at", str_of(time));
	jw_member_i64(&jw, "duration_ms", store_sync_duration_ms(s));
	if (s->complete) {
		jw_member_raw(&jw, "resync", STR("null"));
		jw_member_raw(&jw, "resync_reason", STR("null"));
	}
	jw_obj_end(&jw);
	return arena_str(w->arena, buf_str(w->scratch));
}

/* Whether the account's column shows this sync from now on. */
static bool sync_is_to_show(const struct account *a, const struct sync_state *s)
{
	struct shown_sync have = { 0 },
			  got = { .id = s->sync_id, .single = s->total ? s->total == 1 : s->batches <= 1 };
	struct json_doc *doc = NULL;
	char started[25];
	int64_t total = 0;
	struct err err;
	bool shown;

	clock_format_ms(s->started_us / 1000, started);
	got.started = str_of(started);
	if (json_parse(&doc, a->row.sync, &err) == 0) {
		have.id = json_str(json_get(json_root(doc), "sync_id"));
		have.started = json_str(json_get(json_root(doc), "started_at"));
		have.single = json_to_i64(json_get(json_root(doc), "batches_total"), &total) && total == 1;
	}
	shown = sync_is_shown(&have, &got);
	json_free(doc);
	return shown;
}

/* A repeated end of a sync's batch may publish progress again, now with chats that arrived later: progress is part of the subject, so that the
 * two events have different ids. */
void sync_subject(struct work *w, const struct uuid *account, const struct sync_state *s, struct uuid *out)
{
	const struct str parts[] = { uuid_bytes(account), s->sync_id,
		arena_printf(w->arena, "%d:%d:%d:%d:%d", s->synced, s->skipped, s->rejected, s->expected,
			s->batches_ended) };

	uuid_v8(out, parts, 3);
}

void sync_event(struct chat_event *e, const struct sync_state *s, const char *status)
{
	e->u.sync.sync_id = s->sync_id;
	e->u.sync.status = str_of(status);
	e->u.sync.synced = s->synced;
	e->u.sync.skipped = s->skipped;
	e->u.sync.rejected = s->rejected;
	e->u.sync.total = s->expected;
	e->u.sync.batches = s->batches_ended;
	e->u.sync.batches_total = s->total;
	e->u.sync.started_at_ms = s->started_us / 1000;
	e->u.sync.duration_ms = store_sync_duration_ms(s);
}

void effect_add_sync(struct work *w, struct op *op, const struct sync_state *s, bool first)
{
	struct account *a = op->account;
	struct uuid subject;
	struct sync_report report;
	struct effect *e;

	sync_subject(w, &a->row.uuid, s, &subject);
	e = effect_new(w, op, NULL, s->complete ? CE_SYNC_COMPLETED : CE_SYNC_PROGRESS, &subject);
	sync_event(&e->event, s, s->complete ? "completed" : "running");
	if (sync_is_to_show(a, s))
		account_set_sync(w, a, sync_json(w, s));
	report = (struct sync_report){ .workspace = a->row.workspace,
		.account = a->row.uuid,
		.state = *s,
		.max_chats = a->row.sync_max_chats,
		.window_days = a->row.sync_window_days };
	if (first)
		report_sync(w->report, "started", &report);
	if (s->complete)
		report_sync(w->report, "completed", &report);
}

/* "open" until progress is 100: an open transfer without progress becomes a gap. */
static struct str history_json(struct work *w, const struct in_history_state *h)
{
	struct json_writer jw;

	buf_clear(w->scratch);
	jw = json_writer(w->scratch);
	jw_obj(&jw);
	jw_key(&jw, "history");
	jw_obj(&jw);
	jw_member_i64(&jw, "phase", h->phase);
	jw_member_i64(&jw, "progress", h->progress);
	jw_member_i64(&jw, "at", w->now_ms);
	jw_member_bool(&jw, "open", h->progress < 100);
	jw_obj_end(&jw);
	jw_obj_end(&jw);
	return arena_str(w->arena, buf_str(w->scratch));
}

/* A provider's history transfer: chunks arrive in any order, and the furthest progress counts. */
void fold_history_state(struct work *w, struct op *op)
{
	const struct in_history_state *h = &op->event->u.history_state;
	struct account *a = op->account;
	struct json_doc *doc = NULL;
	int64_t before = -1;
	struct effect *e;
	struct err err;

	if (h->declined) {
		notice_add(w, op,
			(struct in_account_notice){ .kind = STR("history_declined"),
				.severity = SEVERITY_INFO,
				.text = STR("the history was not shared"),
				.error = h->error },
			op->time_us);
		return;
	}
	if (json_parse(&doc, a->row.sync, &err) == 0)
		(void)json_to_i64(json_path(json_root(doc), "history.progress"), &before);
	json_free(doc);
	if (h->progress <= before)
		return;
	account_set_sync(w, a, history_json(w, h));
	e = effect_new(w, op, NULL, CE_SYNC_PROGRESS, &a->row.uuid);
	e->event.u.sync.sync_id = STR("history");
	e->event.u.sync.status = h->progress >= 100 ? STR("completed") : STR("running");
	e->event.u.sync.percent = h->progress;
}
