/* See retention.h.
 *
 *   workspace by id ──► conversation by id ──► old messages by time ─┬► counted by nothing: deleted
 *                                                                    └► unread: a read marker to inbound; the next run deletes them
 *
 * Then the rows of messages to send, and campaigns: retention_sends.c, retention_campaigns.c. The cursor of messages is "workspace/conversation/sent_us/message/marked". */
#include "cleanup/jobs/retention.h"

#include <inttypes.h>

#include "base/log.h"
#include "cleanup/jobs/cursor.h"
#include "cleanup/jobs/retention_private.h"
#include "cleanup/stats.h"
#include "store/cleanup_jobs.h"
#include "store/cleanup_retention.h"
#include "store/messages_delete.h"

struct place {
	int64_t workspace_id;
	struct retention_place after;
	int64_t marked; /* whether a read marker was emitted for the conversation */
};

/* A cursor of an unknown form begins anew. */
static struct place place_read(struct str cursor)
{
	struct place p = { 0 };

	if (!cursor_cut(&cursor, &p.workspace_id) || !cursor_cut(&cursor, &p.after.conversation_id) ||
		!cursor_cut(&cursor, &p.after.sent_us) || !cursor_cut(&cursor, &p.after.message_id) ||
		!cursor_cut(&cursor, &p.marked))
		return (struct place){ 0 };
	return p;
}

static struct str place_write(const struct place *p, struct arena *a)
{
	return arena_printf(a, "%" PRId64 "/%" PRId64 "/%" PRId64 "/%" PRId64 "/%" PRId64, p->workspace_id,
		p->after.conversation_id, p->after.sent_us, p->after.message_id, p->marked);
}

/* One page of a workspace */

struct page {
	const struct row_env *env;
	struct retention_workspace workspace;
	struct place from;
	struct retention_row *rows;
	size_t n;
	int64_t *unread; /* conversations that need a read marker */
	size_t n_unread;
};

static int64_t page_deletable(const struct page *p)
{
	int64_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->rows[i].at.message_id != 0 && !p->rows[i].unread;
	return n;
}

static bool is_marked(const struct page *p, int64_t conversation_id)
{
	if (p->n_unread > 0 && p->unread[p->n_unread - 1] == conversation_id)
		return true;
	return p->from.marked && p->from.after.conversation_id == conversation_id;
}

/* Rows of one conversation come together. */
static void page_collect_unread(struct page *p)
{
	p->unread = ARENA_ARRAY(p->env->arena, int64_t, p->n);
	for (size_t i = 0; i < p->n; i++)
		if (p->rows[i].unread && !is_marked(p, p->rows[i].at.conversation_id))
			p->unread[p->n_unread++] = p->rows[i].at.conversation_id;
}

static int page_delete(const struct page *p, int64_t *deleted, struct err *err)
{
	int64_t *ids = NULL;
	size_t n;

	*deleted = 0;
	if (store_retention_lock(p->env->pg, &p->workspace, p->rows, p->n, p->env->arena, &ids, &n, err) < 0)
		return -1;
	return n > 0 ? store_messages_delete(p->env->pg, p->workspace.id, ids, n, deleted, err) : 0;
}

static void on_unread(void *ctx, const struct retention_conversation *c)
{
	const struct page *p = ctx;

	record_read(p->env->to, &c->account, &c->uuid, p->workspace.cutoff_us / 1000 - 1);
}

static struct str page_next(const struct page *p, int64_t asked)
{
	struct place next = { .workspace_id = p->workspace.id };

	if ((int64_t)p->n < asked) {
		next.workspace_id++;
	} else {
		next.after = p->rows[p->n - 1].at;
		if (next.after.message_id == 0)
			next.after = (struct retention_place){ .conversation_id = next.after.conversation_id + 1 };
		else
			next.marked = is_marked(p, next.after.conversation_id);
	}
	return place_write(&next, p->env->arena);
}

static int page_work(struct page *p, struct row_step *step, struct err *err)
{
	const struct row_env *env = p->env;

	if (store_step_sorts_by_groups(env->pg, err) < 0 ||
		store_retention_find(env->pg, &p->workspace, &p->from.after, step->n, env->arena, &p->rows, &p->n,
			err) < 0)
		return -1;
	page_collect_unread(p);
	step->found = page_deletable(p);
	step->next = page_next(p, step->n);
	if (env->dry_run)
		return 0;
	if (page_delete(p, &step->acted, err) < 0)
		return -1;
	return store_retention_conversations(env->pg, p->workspace.id, p->unread, p->n_unread, on_unread, p, err);
}

static int settings_check(const struct row_env *env, struct err *err)
{
	int64_t invalid;

	if (store_retention_invalid(env->pg, &invalid, err) < 0)
		return -1;
	stats_invalid_retention(invalid);
	if (invalid > 0)
		log_warn("workspaces whose retention.messages_days is not valid keep their messages",
			LOG_I("workspaces", invalid));
	return 0;
}

int retention_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	struct page p = { .env = env, .from = place_read(step->cursor) };
	bool found;

	if (str_starts(step->cursor, SENDS_CURSOR))
		return retention_sends_step(env, step, err);
	if (str_starts(step->cursor, CAMPAIGNS_CURSOR))
		return retention_campaigns_step(env, step, err);
	if (step->cursor.n == 0 && settings_check(env, err) < 0)
		return -1;
	if (store_retention_workspace(env->pg, p.from.workspace_id, &env->workspace, &p.workspace, &found, err) < 0)
		return -1;
	if (!found) {
		step->next = SENDS_CURSOR;
		return 0;
	}
	if (p.workspace.id != p.from.workspace_id)
		p.from = (struct place){ 0 };
	return page_work(&p, step, err);
}
