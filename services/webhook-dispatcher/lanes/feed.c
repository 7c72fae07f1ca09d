/* See feed.h. Invariant: a feed is in the partition's list of those that catch up exactly while its endpoint is live and either it has
 * records to read or deliveries hold it. */
#include "webhook-dispatcher/lanes/feed.h"

void feed_init(struct feed *f, struct lane *l, struct replay *replay, const struct uuid *replay_uuid)
{
	f->lane = l;
	f->replay = replay;
	if (replay)
		f->replay_uuid = *replay_uuid;
	f->begun_offset = NONE_BEGUN;
	TAILQ_INIT(&f->held);
}

void feed_fini(struct feed *f)
{
	struct partition *p = f->lane->partition;

	if (f->catching_up)
		TAILQ_REMOVE(&p->catching_up, f, in_catching_up);
	if (f->dirty)
		TAILQ_REMOVE(&p->dirty, f, in_dirty);
}

void feed_mark_begun(struct feed *f, int64_t offset)
{
	if (f && offset > f->begun_offset)
		f->begun_offset = offset;
}

void feed_mark_dirty(struct feed *f)
{
	if (f->dirty)
		return;
	f->dirty = true;
	TAILQ_INSERT_TAIL(&f->lane->partition->dirty, f, in_dirty);
}

int64_t feed_offset(const struct feed *f)
{
	const struct delivery *first = TAILQ_FIRST(&f->held);

	return first ? first->event->offset : f->position;
}

bool feed_is_complete(const struct feed *f)
{
	return f->position >= f->until && TAILQ_EMPTY(&f->held);
}

static bool feed_has_work(const struct feed *f)
{
	if (!TAILQ_EMPTY(&f->held))
		return true;
	return f->replay ? f->position < f->until : f->lane->state == LANE_BEHIND;
}

void feed_update(struct feed *f)
{
	struct partition *p = f->lane->partition;
	bool catching_up = f->lane->endpoint->live && feed_has_work(f);

	if (catching_up == f->catching_up)
		return;
	f->catching_up = catching_up;
	if (catching_up)
		TAILQ_INSERT_TAIL(&p->catching_up, f, in_catching_up);
	else
		TAILQ_REMOVE(&p->catching_up, f, in_catching_up);
}

int64_t feed_resume_offset(const struct feed *f)
{
	if (f->begun_offset != NONE_BEGUN)
		return f->begun_offset + 1;
	return f->lane->partition->committed < 0 ? 0 : f->lane->partition->committed;
}

void feed_rewind(struct feed *f, int64_t position)
{
	f->position = position;
	f->begun_offset = position - 1;
	f->scanning = false;
	feed_mark_dirty(f);
	feed_update(f);
}
