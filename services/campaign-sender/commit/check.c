/* What may be sent now; see private.h. Invariant: what flush_check() admits was allowed by what was committed when it ran. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "campaign-sender/stats.h"
#include "store/sends_check.h"

static int send_cmp(const void *va, const void *vb)
{
	const struct send_row *a = &(*(struct send *const *)va)->row, *b = &(*(struct send *const *)vb)->row;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static struct send_check check_of(const struct send *s)
{
	return (struct send_check){ .workspace_id = s->row.workspace_id,
		.id = s->row.id,
		.generation = s->row.generation,
		.account_id = s->account_id,
		.slot = s->partition,
		.bridge = s->lane->limits.bridge };
}

/* A bridge's account shows that it types for as long as its message is long. */
static int64_t typing_ms(struct flush *f, const struct send *s)
{
	const struct account *account = account_cache_find(f->o.shared->accounts, s->row.workspace_id, s->account_id);
	const struct client_id id = { .request = s->row.request };
	struct outgoing out;
	struct err err;

	if (!s->lane->limits.bridge || !account || s->row.kind != SEND_MESSAGE ||
		outgoing_read(&out, s->row.content, s->row.address, &id, account->api, f->arena, &err) < 0)
		return 0;
	return out.to_provider.typing_ms;
}

static void admit(struct flush *f, struct send *s, bool new_conversation)
{
	struct limit_use use = {
		.campaign = s->row.campaign_id != 0,
		.new_conversation = new_conversation,
		.typing_ms = typing_ms(f, s),
	};

	if (s->row.campaign_id == 0)
		stats_waited(f->now_ms - s->put_ms);
	/* For gaps and breaks, which only bridges have: each number is a system call. */
	for (size_t i = 0; s->lane->limits.bridge && i < 3; i++)
		use.random[i] = rng_unit();
	send_admit(s, &use, f->now_us, f->now_ms);
}

/* Whether the bridge's account may talk to one more stranger today; otherwise *again_us is when. */
static bool warm_enough(struct send *s, const struct send_check *c, int64_t now_us, int64_t *again_us)
{
	return !c->new_conversation || limits_new_conversation(&s->lane->row, &s->lane->limits, now_us, again_us);
}

static void ended(struct flush *f, const struct send *s, struct str reason)
{
	stats_skipped(reason, 1);
	if (s->row.campaign_id)
		return;
	flush_release_address(f, s->row.workspace_id, s->account_id, s->row.address);
	if (s->row.kind == SEND_MESSAGE && !str_is(reason, "erased"))
		dispatch_failed(f, account_cache_find(f->o.shared->accounts, s->row.workspace_id, s->account_id),
			&s->row, s->partition, reason);
}

/* Its campaign does not send now: what waits of it is dropped until the segments are read again. */
static void stopped(struct flush *f, struct send *s)
{
	struct segment *segment = s->segment;

	send_drop(s);
	if (segment)
		segment_run(segment, false, false, f->now_ms);
	f->segments_stale = true;
}

/* True: it was admitted. Otherwise it is not CHOSEN any more. */
static bool judge(struct flush *f, struct send *s, const struct send_check *c)
{
	int64_t again_us;

	switch (c->verdict) {
	case SEND_MAY:
		if (warm_enough(s, c, f->now_us, &again_us)) {
			admit(f, s, c->new_conversation);
			return true;
		}
		send_delay(s, again_us);
		break;
	case SEND_STOPPED:
	case SEND_CLOSED:
		stopped(f, s);
		break;
	case SEND_ENDED:
		ended(f, s, c->reason);
		send_end(s);
		break;
	case SEND_CHANGED:
		send_end(s);
		break;
	}
	return false;
}

int flush_check(struct flush *f, struct err *err)
{
	struct send_check *rows = ARENA_ARRAY(f->arena, struct send_check, f->n_chosen + 1);
	size_t n = 0, at = 0, admitted = 0;

	if (f->n_chosen == 0)
		return 0;
	qsort(f->chosen, f->n_chosen, sizeof(struct send *), send_cmp);
	for (size_t i = 0; i < f->n_chosen; i++)
		if (!f->chosen[i]->resolves)
			rows[n++] = check_of(f->chosen[i]);
	f->checked_ms = clock_mono_ms();
	if (store_sends_check(owner_tx_pg(f->tx), rows, n, f->arena, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n_chosen; i++) {
		struct send *s = f->chosen[i];
		bool admitted_now = s->resolves || judge(f, s, &rows[at++]);

		if (!admitted_now)
			continue;
		if (s->resolves)
			send_admit(s, NULL, f->now_us, f->now_ms);
		s->epoch = f->epochs[s->partition];
		f->chosen[admitted++] = s;
	}
	f->n_chosen = admitted;
	f->admitted = true;
	return 0;
}
