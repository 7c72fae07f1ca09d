/* POST /api/whatsapp/chats/sync: a batch of chats in Blazz's bridge contract (README.md). Invariant: an invalid chat is
 * rejected alone, and the batch's end counts accepted and rejected chats.
 */
#include "ingest/dialects/bridge.h"
#include "ingest/dialects/dialects.h"
#include "json/writer.h"

struct sync_chat {
	struct sync_batch *batch;
	const json *body, *chat;
	struct str path;
};

/* A body with this chat alone, as a sync of its own: with the batch's id, a replay would complete that batch again. */
static struct str chat_body(void *ctx)
{
	static const char *const members[] = { "session_id", "whatsapp_account_id", "workspace_id", NULL };
	const struct sync_chat *c = ctx;
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text;

	jw_obj(&w);
	intake_envelope(c->batch->in, &w, c->body, members);
	jw_key(&w, "chats");
	jw_arr(&w);
	jw_raw(&w, intake_json(c->batch->in, c->chat));
	jw_arr_end(&w);
	jw_obj_end(&w);
	text = arena_str(c->batch->in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static struct str fault_path(const struct sync_chat *c, const struct bridge_fault *fault)
{
	if (!json_is_obj(c->chat))
		return c->path;
	return arena_printf(c->batch->in->arena, "%.*s.%.*s", STR_ARG(c->path), STR_ARG(fault->path));
}

static void chat_read(struct sync_chat *c, size_t place)
{
	struct intake *in = c->batch->in;
	struct sync_item item = { .place = place, .path = c->path, .body = chat_body, .body_ctx = c };
	struct bridge_fault fault = { .message = NULL };

	in->n_items = place; /* a chat counts as one item, however many parts it has */
	if (bridge_sync_chat(in->arena, c->chat, &item, &fault)) {
		sync_batch_add(c->batch, &item);
	} else if (fault.ignored) {
		intake_ignore(in, fault.ignored);
	} else {
		intake_reject(in, in->account, DEAD_RULE, fault_path(c, &fault), chat_body(c), fault.message);
		sync_batch_rejected(c->batch);
	}
	in->n_items = place + 1;
}

static bool count_read(const json *body, const char *member, int64_t most, int32_t *out)
{
	const json *v = json_get(body, member);
	int64_t n = 0;

	if (json_type(v) != JSON_ABSENT && json_type(v) != JSON_NULL && !json_to_i64(v, &n))
		return false;
	if (n < 0 || n > most)
		return false;
	*out = (int32_t)n;
	return true;
}

static int reject_batch(struct intake *in, const char *path, const char *message, struct err *err)
{
	intake_reject(in, in->account, DEAD_RULE, str_of(path), STR_NONE, message);
	return err_set(err, ERR_INPUT, "422", "%s: %s", path, message);
}

static int batch_read(struct sync_batch *b, const json *body, struct err *err)
{
	const int64_t max_index = INT32_MAX / SYNC_MAX_CHATS - 1;

	if (!json_is_obj(body) || !json_is_arr(json_get(body, "chats")))
		return err_set(err, ERR_INPUT, "400", "chats: not a list");
	if (json_count(json_get(body, "chats")) > SYNC_MAX_CHATS)
		return reject_batch(b->in, "chats", "more than 50 chats", err);
	b->sync_id = json_text(json_get(body, "sync_id"), b->in->arena);
	if (b->sync_id.n > WIRE_MAX_ID_BYTES)
		return reject_batch(b->in, "sync_id", "too long for an id", err);
	if (b->sync_id.n == 0) {
		b->sync_id = sync_own_id(b->in, json_get(body, "chats"));
		b->total = 1;
		b->last = true;
		return 0;
	}
	if (!count_read(body, "index", max_index, &b->index))
		return reject_batch(b->in, "index", "out of range", err);
	if (!count_read(body, "total", INT32_MAX, &b->total))
		return reject_batch(b->in, "total", "not a count", err);
	b->last = json_true(json_get(body, "last"));
	return 0;
}

int bridge_read_sync(struct intake *in, const json *body, struct err *err)
{
	struct sync_batch batch = { .in = in };
	struct sync_chat c = { .batch = &batch, .body = body };
	struct json_iter it = json_iter(json_get(body, "chats"));

	if (batch_read(&batch, body, err) < 0)
		return -1;
	for (size_t i = 0; (c.chat = json_next(&it)) && !intake_is_full(in); i++) {
		c.path = arena_printf(in->arena, "chats[%zu]", i);
		chat_read(&c, i);
	}
	if (intake_is_full(in))
		return intake_too_large(err);
	if (in->n_rejected > 0 && in->n_events == 0)
		return err_set(err, ERR_INPUT, "422", "no chat is acceptable");
	sync_batch_end(&batch);
	return 0;
}
