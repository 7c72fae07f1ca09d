/* See chunk.h. Invariant: the cursor is that of the last member of which something became: a row, or nothing as it is
 * excluded. */
#include "campaign-sender/driver/chunk.h"

struct reading {
	struct chunk *chunk;
	const struct driving *w;
	const struct plan *plan;
	size_t members;
	bool full;
};

/* A choice between options ({a|b}) is the same whenever the recipient's message is composed again. */
static uint64_t random_of(const struct campaign_row *row, struct str address)
{
	return str_hash(address) ^ (uint64_t)row->id * UINT64_C(0x9e3779b97f4a7c15);
}

static void reason_count(struct chunk *c, struct str reason, struct str variable)
{
	size_t i = 0;

	while (i < c->n_reasons && !str_eq(c->reasons[i].reason, reason))
		i++;
	if (i == CHUNK_REASONS)
		return;
	if (i == c->n_reasons)
		c->reasons[c->n_reasons++] = (struct chunk_reason){ .reason = reason, .variable = variable };
	c->reasons[i].n++;
}

/* Appends the member's message to the content. Returns its bytes; 0 with a *reason: it is not sent. */
static size_t member_compose(struct reading *r, const struct audience_member *m, struct str *reason,
	struct str *variable)
{
	struct buf *content = &r->chunk->content;
	size_t before = content->n;
	enum composed composed = composition_write(r->plan->composition, m, r->plan->provider,
		random_of(r->plan->row, m->address), r->w->arena, content, variable);

	if (composed == COMPOSED)
		return content->n - before;
	content->n = before;
	*reason = composed == COMPOSED_MISSING_VARIABLE ? STR("missing_variable") : STR("invalid_content");
	return 0;
}

static void member_add(void *ctx, const struct audience_member *m)
{
	struct reading *r = ctx;
	struct chunk *c = r->chunk;
	struct str reason = m->reason, variable = STR_NONE;
	size_t bytes = 0;

	if (r->full)
		return;
	r->members++;
	c->cursor = m->cursor;
	if (m->excluded)
		return;
	if (!reason.p && r->plan->composition)
		bytes = member_compose(r, m, &reason, &variable);
	if (reason.p)
		reason_count(c, reason, variable);
	else
		c->sendable++;
	c->rows[c->n++] = (struct campaign_recipient){ .address = m->address,
		.contact_id = m->contact_id,
		.segment = m->segment,
		.reason = reason,
		.content = { NULL, bytes } };
	r->full = c->content.n >= CHUNK_MAX_BYTES;
}

/* Once the buffer moves no more. */
static void contents_place(struct chunk *c)
{
	size_t at = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!c->rows[i].reason.p) {
			c->rows[i].content.p = c->content.p + at;
			at += c->rows[i].content.n;
		}
}

int chunk_read(struct chunk *c, const struct driving *w, const struct plan *p, struct str cursor, int limit,
	struct err *err)
{
	struct reading r = { c, w, p, 0, false };

	*c = (struct chunk){ .cursor = cursor,
		.rows = ARENA_ARRAY(w->arena, struct campaign_recipient, (size_t)limit) };
	if (store_audience_read(w->pg, &p->audience, cursor, limit, w->arena, member_add, &r, err) < 0)
		return -1;
	c->is_last = !r.full && r.members < (size_t)limit;
	if (p->composition)
		contents_place(c);
	return 0;
}

void chunk_fini(struct chunk *c)
{
	buf_fini(&c->content);
}
