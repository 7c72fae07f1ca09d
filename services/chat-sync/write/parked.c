/* Stores new parked updates and deletes applied ones; see tables.h. Invariant: of one account at most PARKED_MAX are parked. */
#include "chat-sync/expand.h"
#include "chat-sync/rejections.h"
#include "chat-sync/report.h"
#include "chat-sync/settings.h"
#include "chat-sync/write/tables.h"

static struct str parked_target(struct work *w, const struct op *op)
{
	if (op->own)
		return own_key(w, op->own->client_id);
	return op->target->key.n > 0 ? op->target->key : arena_printf(w->arena, "?:%.*s", STR_ARG(op->target->stanza));
}

static struct parked_row parked_row_of(struct work *w, const struct op *op, struct str target)
{
	const struct kafka_message *m = op->item->message;
	struct buf headers = BUF_INIT;
	struct parked_row p = {
		.workspace_id = op->account->row.workspace_id,
		.account_id = op->account->row.id,
		.conversation_id = op->conversation ? op->conversation->row.id : 0,
		.kind = inbound_kind_word(op->kind),
		.target = target,
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
		m->headers_count < RECORD_HEADERS_MAX ? m->headers_count : RECORD_HEADERS_MAX);
	p.record_headers = arena_str(w->arena, buf_str(&headers));
	buf_fini(&headers);
	return p;
}

/* counts: one for each account; w->index finds it by the account's id. */
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

/* Becomes a dead letter with the reason `expired` at once, also a Dispatch, which expires without one once it is parked. */
static void parked_over_limit(struct work *w, struct op *op)
{
	batch_dead_letter(w->tx, op->item, DEAD_EXPIRED, inbound_kind_word(op->kind),
		"too many updates of its account are parked for messages that have not arrived", true);
	op->waits = false;
	report_gap(w->report, "expired_update");
	report_over_limit(w->report, "parked", 1);
}

/* The row by the provider's key of an update that the row before it parks, too. */
static bool parked_is_second(const struct work *w, size_t i)
{
	return i > 0 && w->parked_ops.at[i] == w->parked_ops.at[i - 1];
}

/* A sender decides how many updates name messages that do not exist, so their number is bounded for each account. */
static int parked_limit(struct work *w, struct err *err)
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
		if (parked_is_second(w, i)) /* one row is parked, or there is a dead letter */
			continue;
		parked_over_limit(w, w->parked_ops.at[i]);
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

static void op_park(struct work *w, struct op *op)
{
	struct str targets[OWN_STATUS_TARGETS] = { parked_target(w, op) };
	size_t n = own_status_targets(w, op->event, targets);

	for (size_t i = 0; i < (n > 0 ? n : 1); i++) {
		*LIST_ADD(w, &w->parked) = parked_row_of(w, op, targets[i]);
		*LIST_ADD(w, &w->parked_ops) = op;
	}
}

static void op_unpark(struct work *w, const struct op *op)
{
	struct str targets[OWN_STATUS_TARGETS];
	size_t n = own_status_targets(w, op->event, targets);

	*LIST_ADD(w, &w->unparked) = op->parked;
	for (size_t i = 0; i < n; i++) {
		struct parked_row *row = ARENA_NEW(w->arena, struct parked_row);

		*row = *op->parked;
		row->target = targets[i];
		*LIST_ADD(w, &w->unparked) = row;
	}
}

int parked_write(struct work *w, struct err *err)
{
	struct op_rows put = { .store = parked_put };

	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (op->parked && !op->waits)
			op_unpark(w, op);
		if (op->waits && op->item)
			op_park(w, op);
	}
	if (w->unparked.n > 0 && store_parked_delete(w->pg, w->unparked.at, w->unparked.n, err) < 0)
		return -1;
	if (w->parked.n == 0)
		return 0;
	if (parked_limit(w, err) < 0)
		return -1;
	put.rows = w->parked.at;
	put.ops = w->parked_ops.at;
	put.n = w->parked.n;
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->parked.n; i++) {
		if (parked_is_second(w, i))
			continue;
		w->parked_ops.at[i]->account->row.has_parked = true;
		w->parked_ops.at[i]->waits = w->parked.at[i].inserted; /* the same event is parked once */
	}
	return 0;
}
