/* See send.h. Invariant: the counters of a lane and of a segment are the lengths of their lists, by state. */
#include "campaign-sender/lanes/send.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static struct str id_key(const int64_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

/* Copies a string behind the struct; absent and empty ones stay what they are. */
static struct str text_copy(char **at, struct str s)
{
	char *to = *at;

	if (!s.p)
		return s;
	memcpy(to, s.p, s.n);
	*at += s.n;
	return (struct str){ to, s.n };
}

struct send *send_new(struct lane *lane, struct segment *s, const struct send_row *row)
{
	struct send *n = mem_calloc(1, sizeof(*n) + row->address.n + row->content.n);
	char *text = n->text;

	n->lanes = lane->lanes;
	n->lane = lane;
	n->segment = s;
	n->partition = lane->row.partition;
	n->account_id = lane->row.account_id;
	n->resolves = row->status == SEND_STATUS_UNKNOWN;
	n->row = *row;
	n->row.address = text_copy(&text, row->address);
	n->row.content = text_copy(&text, row->content);
	*map_slot(lane->sends, id_key(&n->row.id)) = n;
	return n;
}

void send_free(struct send *s)
{
	if (s->lane)
		map_del(s->lane->sends, id_key(&s->row.id));
	free(s);
}

struct send *lane_find_send(const struct lane *lane, int64_t id)
{
	return map_get(lane->sends, id_key(&id));
}

bool send_is_retry(const struct send *s)
{
	return s->row.next_attempt_us != PG_NO_TIME;
}

/* The list in which a send waits, and what counts it. */
struct place {
	struct send_list *list;
	size_t *n;
};

static struct place place_of(const struct send *s)
{
	struct lane *lane = s->lane;
	struct segment *segment = s->segment;

	if (s->not_before_us != 0)
		return (struct place){ &lane->delayed, segment ? &segment->n_delayed : &lane->n_delayed };
	if (s->resolves)
		return (struct place){ &lane->unknown, &lane->n_unknown };
	if (!segment)
		return (struct place){ &lane->direct, &lane->n_direct };
	if (send_is_retry(s))
		return (struct place){ &segment->retries, &segment->n_retries };
	return (struct place){ &segment->queued, &segment->n_queued };
}

/* Whether s comes before `other` in a list that is sorted: delayed ones by time, queued ones by id. */
static bool comes_before(const struct send *s, const struct send *other)
{
	if (s->not_before_us != 0)
		return s->not_before_us < other->not_before_us;
	return s->segment && !send_is_retry(s) && s->row.id < other->row.id;
}

void send_wait(struct send *s)
{
	const struct place at = place_of(s);
	struct send *after = TAILQ_LAST(at.list, send_list);

	s->state = SEND_WAITING;
	++*at.n;
	while (after && comes_before(s, after))
		after = TAILQ_PREV(after, send_list, in_list);
	if (after)
		TAILQ_INSERT_AFTER(at.list, after, s, in_list);
	else
		TAILQ_INSERT_HEAD(at.list, s, in_list);
}

void send_unwait(struct send *s)
{
	const struct place at = place_of(s);

	assert(s->state == SEND_WAITING && *at.n > 0);
	TAILQ_REMOVE(at.list, s, in_list);
	--*at.n;
}

/* Counts one that is chosen or in flight. */
static void send_count(struct send *s)
{
	s->lanes->in_flight++;
	s->lane->n_in_flight++;
	fair_queue_acquire(&s->lanes->queue, &s->lane->workspace->tenant);
}

void send_choose(struct send *s)
{
	struct lane *lane = s->lane;

	send_unwait(s);
	s->not_before_us = 0;
	s->state = SEND_CHOSEN;
	TAILQ_INSERT_TAIL(&lane->in_flight, s, in_list);
	lane->n_listed++;
	lane->n_chosen += !s->resolves;
	send_count(s);
	if (!s->segment)
		return;
	s->segment->n_chosen++;
	s->segment->in_flight++;
}

void send_unchoose(struct send *s)
{
	assert(s->state == SEND_CHOSEN);
	s->lane->n_chosen -= !s->resolves;
	if (s->segment)
		s->segment->n_chosen--;
}

void send_uncount(struct send *s)
{
	s->lanes->in_flight--;
	if (!s->lane)
		return;
	s->lane->n_in_flight--;
	fair_queue_release(&s->lanes->queue, &s->lane->workspace->tenant);
}

void send_give_pair_back(const struct send *s)
{
	if (!s->resolves)
		pairs_give_back(s->lanes->pairs, s->account_id, s->row.address);
}

void send_remove(struct send *s)
{
	if (s->state == SEND_CHOSEN) {
		send_give_pair_back(s);
		send_unchoose(s);
	}
	if (s->state != SEND_ANSWERED)
		send_uncount(s);
	if (s->segment)
		s->segment->in_flight--;
	if (s->lane)
		s->lane->n_listed--;
	TAILQ_REMOVE(s->lane ? &s->lane->in_flight : &s->lanes->orphans, s, in_list);
}

void send_orphan(struct send *s)
{
	struct lane *lane = s->lane;

	send_remove(s);
	map_del(lane->sends, id_key(&s->row.id));
	s->lane = NULL;
	s->segment = NULL;
	s->lanes->in_flight += s->state != SEND_ANSWERED;
	TAILQ_INSERT_TAIL(&s->lanes->orphans, s, in_list);
}

void send_adopt(struct send *s, struct lane *lane)
{
	send_remove(s);
	s->lane = lane;
	*map_slot(lane->sends, id_key(&s->row.id)) = s;
	lane->n_listed++;
	TAILQ_INSERT_TAIL(&lane->in_flight, s, in_list);
	if (s->state != SEND_ANSWERED)
		send_count(s);
}

void send_bind(struct send *s, struct segment *segment)
{
	s->segment = segment;
	segment->in_flight++;
}
