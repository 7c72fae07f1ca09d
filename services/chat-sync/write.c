/* See write.h. */
#include "chat-sync/write.h"
#include "chat-sync/effect.h"
#include "chat-sync/fold/account.h"
#include "chat-sync/fold/chat.h"
#include "chat-sync/fold/message.h"
#include "chat-sync/fold/people.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/metadata.h"
#include "chat-sync/refusals.h"
#include "chat-sync/report.h"
#include "chat-sync/settings.h"
#include "chat-sync/work.h"

#include <stdlib.h>

#define ACTIVITY_MS 60000
#define MAX_HEADERS 32 /* of one record in an outbox row; wire/records.h */

static int receipts_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_receipts(w->pg, (struct receipt_row *)rows + from, n, err);
}

static int write_receipts(struct work *w, struct err *err)
{
	struct op_rows put = { .rows = w->receipts.at, .ops = w->receipt_ops.at, .store = receipts_put };
	size_t n = 0;

	/* One row per message and participant: the furthest of this batch. */
	for (size_t i = 0; i < w->receipts.n; i++) {
		struct receipt_row *r = &w->receipts.at[i];
		size_t k = 0;

		while (k < n &&
			(w->receipts.at[k].chat_id != r->chat_id ||
				!str_eq(w->receipts.at[k].participant, r->participant)))
			k++;
		if (k < n && status_rank(r->status) <= status_rank(w->receipts.at[k].status))
			continue;
		w->receipts.at[k] = *r;
		w->receipt_ops.at[k] = w->receipt_ops.at[i];
		n = k == n ? n + 1 : n;
	}
	put.n = n;
	if (n == 0)
		return 0;
	if (store_receipts_rename(w->pg, w->receipt_senders.at, w->receipt_senders.n, err) < 0 ||
		op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (w->receipts.at[i].changed)
			note_receipt(w, w->receipt_ops.at[i]);
	return 0;
}

static int reactions_put(struct work *w, void *rows, struct err *err)
{
	(void)rows;
	return store_reactions(w->pg, w->reactions.at, w->reactions.n, err);
}

static int reaction_put(struct work *w, void *rows, size_t i, struct err *err)
{
	(void)rows;
	return store_reactions(w->pg, &w->each_reaction.at[i], 1, err);
}

static struct batch_item *reaction_item(struct work *w, void *rows, size_t i)
{
	(void)rows;
	return w->each_reaction_ops.at[i]->item;
}

static int write_reactions(struct work *w, struct err *err)
{
	const struct rows_write write = {
		.n = w->each_reaction.n, .all = reactions_put, .one = reaction_put, .item_of = reaction_item
	};

	if (w->reactions.n == 0)
		return 0;
	if (store_reactions_rename(w->pg, w->reaction_senders.at, w->reaction_senders.n, err) < 0 ||
		rows_write(w, &write, err) < 0)
		return -1;
	for (size_t i = 0; i < w->reactions.n; i++)
		if (w->reactions.at[i].changed)
			note_reaction(w, w->reaction_ops.at[i]);
	return 0;
}

static int opt_outs_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_opt_outs(w->pg, (struct opt_out_row *)rows + from, n, err);
}

static int write_opt_outs(struct work *w, struct err *err)
{
	struct op_rows put = { w->opt_outs.at, w->opt_out_ops.at, w->opt_outs.n, opt_outs_put };

	if (w->opt_outs.n == 0)
		return 0;
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->opt_outs.n; i++)
		if (w->opt_outs.at[i].changed)
			note_opt_out(w, w->opt_out_ops.at[i]);
	return 0;
}

static int templates_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_templates(w->pg, (struct template_row *)rows + from, n, err);
}

static int write_templates(struct work *w, struct err *err)
{
	struct op_rows put = { w->templates.at, w->template_ops.at, w->templates.n, templates_put };

	if (w->templates.n == 0)
		return 0;
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->templates.n; i++)
		if (w->templates.at[i].changed)
			note_template(w, w->template_ops.at[i]);
	return 0;
}

static int notices_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_notices(w->pg, (struct notice_row *)rows + from, n, err);
}

static int write_notices(struct work *w, struct err *err)
{
	struct notice_row *rows = ARENA_ARRAY(w->arena, struct notice_row, w->notices.n);
	struct op **ops = ARENA_ARRAY(w->arena, struct op *, w->notices.n);
	struct op_rows put = { rows, ops, w->notices.n, notices_put };

	if (w->notices.n == 0)
		return 0;
	for (size_t i = 0; i < w->notices.n; i++) {
		rows[i] = w->notices.at[i].row;
		ops[i] = w->notices.at[i].op;
	}
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->notices.n; i++)
		if (rows[i].changed)
			note_notice(w, &w->notices.at[i]);
	return 0;
}

static int syncs_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_sync_batches(w->pg, (struct sync_batch_row *)rows + from, n, err);
}

/* A batch of a sync that brought something new moves the sync's state, once per sync. */
static int write_syncs(struct work *w, struct err *err)
{
	struct sync_state *states = ARENA_ARRAY(w->arena, struct sync_state, w->syncs.n);
	struct sync_state *new_ones = ARENA_ARRAY(w->arena, struct sync_state, w->syncs.n);
	struct op **ops = ARENA_ARRAY(w->arena, struct op *, w->syncs.n);
	int32_t *inserted = ARENA_ARRAY(w->arena, int32_t, w->syncs.n);
	struct op_rows put = { w->syncs.at, w->sync_ops.at, w->syncs.n, syncs_put };
	size_t n = 0, n_complete = 0, n_new = 0;

	if (w->syncs.n == 0)
		return 0;
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->syncs.n; i++) {
		const struct sync_batch_row *s = &w->syncs.at[i];
		size_t k = 0;

		if (!s->changed)
			continue;
		while (k < n && (states[k].account_id != s->account_id || !str_eq(states[k].sync_id, s->sync_id)))
			k++;
		states[k] = (struct sync_state){
			.workspace_id = s->workspace_id, .account_id = s->account_id, .sync_id = s->sync_id
		};
		ops[k] = w->sync_ops.at[i];
		inserted[k] += s->inserted;
		n = k == n ? n + 1 : n;
	}
	if (n == 0)
		return 0;
	if (store_sync_states_read(w->pg, states, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool is_new = states[i].batches == inserted[i];

		note_sync(w, ops[i], &states[i], is_new);
		if (is_new)
			new_ones[n_new++] = states[i];
		if (states[i].complete)
			states[n_complete++] = states[i];
	}
	if (store_syncs_close(w->pg, states, n_complete, err) < 0)
		return -1;
	return store_syncs_trim(w->pg, new_ones, n_new, err);
}

struct changed_messages {
	const struct message_row **rows;
	size_t n;
	struct op **ops; /* all that are about one of them */
};

static int messages_put(struct work *w, void *ctx, struct err *err)
{
	const struct changed_messages *c = ctx;

	return store_messages(w->pg, c->rows, c->n, err);
}

/* As the record alone leaves it; of a message that others changed as well, the text that it brings. */
static int message_put(struct work *w, void *ctx, size_t i, struct err *err)
{
	const struct op *op = ((const struct changed_messages *)ctx)->ops[i];
	struct message_row row = op->row->row;
	const struct message_row *one = &row;

	if (op->kind == IN_EDIT && op->row->stored_metadata.p)
		row.metadata = metadata_set_body(op->row->stored_metadata, op->event->u.edit.body, w->arena);
	return store_messages(w->pg, &one, 1, err);
}

static struct batch_item *message_item(struct work *w, void *ctx, size_t i)
{
	const struct op *op = ((const struct changed_messages *)ctx)->ops[i];

	(void)w;
	return op->row->shared && op->kind != IN_EDIT ? NULL : op->item;
}

static size_t ops_about_changed(struct work *w, struct op **out)
{
	size_t n = 0;

	map_clear(w->index);
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];
		void **first;

		if (!op->row || !op->row->dirty)
			continue;
		first = map_slot(w->index, (struct str){ (const char *)&op->row->row.id, sizeof(op->row->row.id) });
		op->row->shared = op->row->shared || (*first && ((const struct op *)*first)->item != op->item);
		*first = op;
		out[n++] = op;
	}
	return n;
}

/* Metadata may be large: what the batch did not change of it is not written. */
static int write_messages(struct work *w, struct err *err)
{
	struct changed_messages c = { .rows = ARENA_ARRAY(w->arena, const struct message_row *, w->messages.n),
		.ops = ARENA_ARRAY(w->arena, struct op *, w->ops.n) };
	struct rows_write write = {
		.rows = &c, .all = messages_put, .one = message_put, .one_is_started = true, .item_of = message_item
	};

	for (size_t i = 0; i < w->messages.n; i++) {
		struct message *m = w->messages.at[i];

		if (!m->dirty)
			continue;
		if (str_eq(m->row.metadata, m->stored_metadata))
			m->row.metadata = STR_NONE;
		c.rows[c.n++] = &m->row;
	}
	if (w->isolating)
		write.n = ops_about_changed(w, c.ops);
	return c.n == 0 ? 0 : rows_write(w, &write, err);
}

/* Where the bridges' unread counts put the read markers; the batch's messages are stored by now. */
static int write_marks(struct work *w, struct err *err)
{
	if (w->marks.n == 0)
		return 0;
	if (store_conversations_unread_marks(w->pg, w->marks.at, w->marks.n, err) < 0)
		return -1;
	for (size_t i = 0; i < w->marks.n; i++)
		fold_unread_mark(w, w->mark_ops.at[i], w->marks.at[i].read_us);
	return 0;
}

struct changed_contacts {
	const struct contact_row **rows;
	struct person **people; /* of all ops that may have changed one */
	size_t n_people;
};

static int contacts_put(struct work *w, void *ctx, struct err *err)
{
	const struct changed_contacts *c = ctx;

	return store_contacts(w->pg, c->rows, w->contacts.n, err);
}

static bool is_alone(const struct changed_contacts *c, const struct person *p)
{
	for (size_t i = 0; i < c->n_people; i++)
		if (c->people[i]->contact == p->contact && c->people[i]->op->item != p->op->item)
			return false;
	return true;
}

/* As the record alone would have left it; of one that others changed as well, its name. */
static int contact_put(struct work *w, void *ctx, size_t i, struct err *err)
{
	const struct changed_contacts *c = ctx;
	const struct person *p = c->people[i];
	struct contact_row row = is_alone(c, p) ? p->contact->row : contact_named_by(p, &p->contact->read);
	const struct contact_row *one = &row;

	return store_contacts(w->pg, &one, 1, err);
}

static struct batch_item *contact_item(struct work *w, void *ctx, size_t i)
{
	const struct changed_contacts *c = ctx;

	(void)w;
	return c->people[i]->op->item;
}

static void changed_by(struct changed_contacts *c, struct person *p)
{
	if (p && p->contact && p->contact->dirty)
		c->people[c->n_people++] = p;
}

static int write_contacts(struct work *w, struct err *err)
{
	struct changed_contacts c = { .rows = ARENA_ARRAY(w->arena, const struct contact_row *, w->contacts.n),
		.people = ARENA_ARRAY(w->arena, struct person *, 2 * w->ops.n) };
	struct rows_write write = {
		.rows = &c, .all = contacts_put, .one = contact_put, .one_is_started = true, .item_of = contact_item
	};

	if (contacts_lock(w, err) < 0)
		return -1;
	for (size_t i = 0; i < w->contacts.n; i++)
		c.rows[i] = &w->contacts.at[i]->row;
	for (size_t i = 0; w->isolating && i < w->ops.n; i++) {
		changed_by(&c, w->ops.at[i]->peer);
		changed_by(&c, w->ops.at[i]->author);
	}
	write.n = c.n_people;
	if (w->contacts.n > 0 && rows_write(w, &write, err) < 0)
		return -1;
	for (size_t i = 0; i < w->contacts.n; i++)
		w->contacts.at[i]->read = w->contacts.at[i]->row;
	return 0;
}

static int write_groups(struct work *w, struct err *err)
{
	const struct group_row **groups = ARENA_ARRAY(w->arena, const struct group_row *, w->groups.n);

	for (size_t i = 0; i < w->groups.n; i++) {
		group_settle(w, w->groups.at[i]);
		groups[i] = &w->groups.at[i]->row;
	}
	return w->groups.n > 0 ? store_groups(w->pg, groups, w->groups.n, err) : 0;
}

static void fill(struct str *have, struct str got)
{
	if (!have->p)
		*have = got;
}

/* As the table does it: what is known stays. */
static void media_fill(struct media_row *have, const struct media_row *got)
{
	fill(&have->provider_media_id, got->provider_media_id);
	fill(&have->mime, got->mime);
	fill(&have->sha256, got->sha256);
	fill(&have->file_name, got->file_name);
	fill(&have->url, got->url);
	if (have->size_bytes == 0)
		have->size_bytes = got->size_bytes;
}

/* One row per message. */
static int write_media(struct work *w, struct err *err)
{
	size_t n = 0;

	map_clear(w->index);
	for (size_t i = 0; i < w->media.n; i++) {
		int64_t id = w->media.at[i].chat_id;
		void **place = map_slot(w->index, (struct str){ (const char *)&id, sizeof(id) });

		if (*place) {
			media_fill(*place, &w->media.at[i]);
			continue;
		}
		w->media.at[n] = w->media.at[i];
		*place = &w->media.at[n++];
	}
	return n == 0 ? 0 : store_media(w->pg, w->media.at, n, err);
}

/* parked updates */

static struct parked_row parked_of(struct work *w, const struct op *op)
{
	const struct kafka_message *m = op->item->message;
	struct buf headers = BUF_INIT;
	struct parked_row p = {
		.workspace_id = op->account->row.workspace_id,
		.account_id = op->account->row.id,
		.conversation_id = op->conversation ? op->conversation->row.id : 0,
		.kind = inbound_kind_word(op->kind),
		.target = op->target->key.n > 0 ? op->target->key
						: arena_printf(w->arena, "?:%.*s", STR_ARG(op->target->stanza)),
		.event_id = op->event->id,
		.record_key = m->key,
		.record_value = m->value,
		.topic = str_of(w->topics[m->topic]),
		.partition = m->partition,
		.offset = m->offset,
		.timestamp_ms = m->timestamp_ms,
		.ttl_ms = w->settings->parked_ttl_ms,
	};

	records_add(&headers, p.topic, STR(""), STR(""), m->headers,
		m->headers_count < MAX_HEADERS ? m->headers_count : MAX_HEADERS);
	p.record_headers = arena_str(w->arena, buf_str(&headers));
	buf_fini(&headers);
	return p;
}

/* counts: one for each account, pointed to by w->index. */
static int parked_counts(struct work *w, struct store_parked_count *counts, struct err *err)
{
	size_t n = 0;

	map_clear(w->index);
	for (size_t i = 0; i < w->parked.n; i++) {
		const struct parked_row *p = &w->parked.at[i];
		void **place = map_slot(w->index, (struct str){ (const char *)&p->account_id, sizeof(p->account_id) });

		if (*place)
			continue;
		counts[n] = (struct store_parked_count){ .workspace_id = p->workspace_id, .account_id = p->account_id };
		*place = &counts[n++];
	}
	return store_parked_count(w->pg, counts, n, err);
}

/* It does not wait: as if its time were over. */
static void parked_refuse(struct work *w, struct op *op)
{
	batch_dead_letter(w->tx, op->item, DEAD_EXPIRED, inbound_kind_word(op->kind),
		"too many updates of its account wait for messages that never came", true);
	op->waits = false;
	report_gap(w->report, "expired_update");
	report_over_limit(w->report, "parked", 1);
}

/* Whoever sends updates of messages that do not exist chooses how many wait: of one account PARKED_MAX do. */
static int parked_bound(struct work *w, struct err *err)
{
	int64_t *workspaces = ARENA_ARRAY(w->arena, int64_t, w->parked.n),
		*accounts = ARENA_ARRAY(w->arena, int64_t, w->parked.n);
	size_t n = 0, n_full = 0;

	if (parked_counts(w, ARENA_ARRAY(w->arena, struct store_parked_count, w->parked.n), err) < 0)
		return -1;
	for (size_t i = 0; i < w->parked.n; i++) {
		const struct parked_row *p = &w->parked.at[i];
		struct store_parked_count *c =
			map_get(w->index, (struct str){ (const char *)&p->account_id, sizeof(p->account_id) });

		if (c->n < PARKED_MAX) {
			c->n++;
			w->parked_ops.at[n] = w->parked_ops.at[i];
			w->parked.at[n++] = *p;
			continue;
		}
		parked_refuse(w, w->parked_ops.at[i]);
		workspaces[n_full] = p->workspace_id;
		accounts[n_full++] = p->account_id;
	}
	w->parked.n = w->parked_ops.n = n;
	return store_accounts_mark_gap(w->pg, workspaces, accounts, n_full, err);
}

static int parked_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_parked_insert(w->pg, (struct parked_row *)rows + from, n, err);
}

static int write_parked(struct work *w, struct err *err)
{
	struct op_rows put = { .store = parked_put };

	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (op->parked && !op->waits)
			*LIST_ADD(w, &w->unparked) = op->parked;
		if (!op->waits || !op->item)
			continue;
		*LIST_ADD(w, &w->parked) = parked_of(w, op);
		*LIST_ADD(w, &w->parked_ops) = op;
	}
	if (w->unparked.n > 0 && store_parked_delete(w->pg, w->unparked.at, w->unparked.n, err) < 0)
		return -1;
	if (w->parked.n == 0)
		return 0;
	if (parked_bound(w, err) < 0)
		return -1;
	put.rows = w->parked.at;
	put.ops = w->parked_ops.at;
	put.n = w->parked.n;
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->parked.n; i++) {
		w->parked_ops.at[i]->account->row.has_parked = true;
		w->parked_ops.at[i]->waits = w->parked.at[i].inserted; /* the same event waits once */
	}
	return 0;
}

static int row_cmp(const void *a, const void *b)
{
	const struct conversation_row *x = *(const struct conversation_row *const *)a,
				      *y = *(const struct conversation_row *const *)b;

	if (x->workspace_id != y->workspace_id)
		return x->workspace_id < y->workspace_id ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* In the order of the table, so that the server finds neighbours in its cache. */
static int write_conversations(struct work *w, struct err *err)
{
	const struct conversation_row **rows =
		ARENA_ARRAY(w->arena, const struct conversation_row *, w->conversations.n);
	struct conversation_row **recount = ARENA_ARRAY(w->arena, struct conversation_row *, w->conversations.n);
	size_t n = 0;

	for (size_t i = 0; i < w->conversations.n; i++)
		if (w->conversations.at[i]->recount)
			recount[n++] = &w->conversations.at[i]->row;
	if (n > 0 && store_conversations_recount(w->pg, recount, n, err) < 0)
		return -1;
	for (size_t i = 0; i < w->conversations.n; i++)
		rows[i] = &w->conversations.at[i]->row;
	if (w->conversations.n == 0)
		return 0;
	qsort(rows, w->conversations.n, sizeof(*rows), row_cmp);
	return store_conversations(w->pg, rows, w->conversations.n, err);
}

/* last_activity_at moves with whatever an account sends, but not with every batch. */
static void accounts_active(struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++) {
		struct account *a = w->ops.at[i]->account;

		if (a->stored_mono_ms == 0 || w->now_mono_ms - a->stored_mono_ms >= ACTIVITY_MS)
			account_touch(w, a);
	}
}

static int write_accounts(struct work *w, struct err *err)
{
	const struct account_row **rows;

	accounts_active(w);
	rows = ARENA_ARRAY(w->arena, const struct account_row *, w->accounts.n);
	for (size_t i = 0; i < w->accounts.n; i++) {
		rows[i] = &w->accounts.at[i]->row;
		w->accounts.at[i]->stored_mono_ms = w->now_mono_ms;
	}
	return w->accounts.n == 0 ? 0 : store_accounts(w->pg, rows, w->accounts.n, err);
}

int work_write(struct work *w, struct err *err)
{
	if (write_messages(w, err) < 0 || write_media(w, err) < 0 ||
		store_contacts_hold(w->pg, w->senders.at, w->senders.n, err) < 0 ||
		store_sender_renames_named(w->pg, w->sent.at, w->sent.n, err) < 0 || write_receipts(w, err) < 0 ||
		write_reactions(w, err) < 0 || write_marks(w, err) < 0 || write_contacts(w, err) < 0 ||
		write_groups(w, err) < 0 || write_opt_outs(w, err) < 0 || write_templates(w, err) < 0 ||
		write_notices(w, err) < 0 || write_syncs(w, err) < 0 || write_parked(w, err) < 0)
		return -1;
	effects_number(w); /* sequence numbers go into the conversations that are stored next */
	return write_accounts(w, err) < 0 || write_conversations(w, err) < 0 ? -1 : 0;
}
