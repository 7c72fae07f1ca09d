/* See feed.h. Invariant: a feed is in the partition's list of those that catch up exactly while its endpoint is live and it has something
 * to read or to end. */
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

	if (f->catching)
		TAILQ_REMOVE(&p->catching, f, in_catching);
	if (f->touched)
		TAILQ_REMOVE(&p->touched, f, in_touched);
}

void feed_passed(struct feed *f, int64_t offset)
{
	if (f && offset > f->begun_offset)
		f->begun_offset = offset;
}

void feed_touch(struct feed *f)
{
	if (f->touched)
		return;
	f->touched = true;
	TAILQ_INSERT_TAIL(&f->lane->partition->touched, f, in_touched);
}

int64_t feed_offset(const struct feed *f)
{
	const struct delivery *first = TAILQ_FIRST(&f->held);

	return first ? first->event->offset : f->position;
}

bool feed_is_through(const struct feed *f)
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
	bool catching = f->lane->endpoint->live && feed_has_work(f);

	if (catching == f->catching)
		return;
	f->catching = catching;
	if (catching)
		TAILQ_INSERT_TAIL(&p->catching, f, in_catching);
	else
		TAILQ_REMOVE(&p->catching, f, in_catching);
}

int64_t feed_fall_position(const struct feed *f)
{
	if (f->begun_offset != NONE_BEGUN)
		return f->begun_offset + 1;
	return f->lane->partition->committed < 0 ? 0 : f->lane->partition->committed;
}

void feed_fall_back(struct feed *f, int64_t position)
{
	f->position = position;
	f->begun_offset = position - 1;
	f->on_pass = false;
	feed_touch(f);
	feed_update(f);
}
