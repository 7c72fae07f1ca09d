/* Writes changed messages and their media; see tables.h. */
#include "chat-sync/metadata/metadata.h"
#include "chat-sync/rejections.h"
#include "chat-sync/write/tables.h"

struct changed_messages {
	const struct message_row **rows;
	size_t n;
	struct op **ops; /* all ops about one of them */
};

static int messages_put(struct work *w, void *ctx, struct err *err)
{
	const struct changed_messages *c = ctx;

	return store_messages(w->pg, c->rows, c->n, err);
}

/* The row as this record alone leaves it; of a message that other records changed, too, with the text of this record. */
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

/* Metadata may be large: it is written only if the batch changed it. */
int messages_write(struct work *w, struct err *err)
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

static void fill(struct str *have, struct str got)
{
	if (!have->p)
		*have = got;
}

/* As the statement does: a known value stays. */
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
int media_write(struct work *w, struct err *err)
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
