/* Adding and rejecting an item of a Meta POST. Invariant: the body of a rejected item is a POST with that item alone,
 * which meta_read() reads like the original.
 */
#include "ingest/dialects/meta.h"
#include "json/writer.h"

/* Writes the item in its list; a message of a history also within its thread. */
static void item_write(struct json_writer *w, const struct meta_item *it)
{
	struct intake *in = it->change->in;

	if (!it->thread) {
		jw_raw(w, intake_json(in, it->v));
		return;
	}
	jw_obj(w);
	jw_key(w, "threads");
	jw_arr(w);
	jw_obj(w);
	intake_envelope(in, w, it->thread, (const char *const[]){ "id", NULL });
	jw_key(w, "messages");
	jw_arr(w);
	jw_raw(w, intake_json(in, it->v));
	jw_arr_end(w);
	jw_obj_end(w);
	jw_arr_end(w);
	jw_obj_end(w);
}

static void value_write(struct json_writer *w, const struct meta_item *it)
{
	static const char *const number[] = { "display_phone_number", "phone_number_id", NULL };
	struct intake *in = it->change->in;

	jw_obj(w);
	intake_envelope(in, w, it->change->value, (const char *const[]){ "messaging_product", NULL });
	jw_key(w, "metadata");
	jw_obj(w);
	intake_envelope(in, w, json_get(it->change->value, "metadata"), number);
	jw_obj_end(w);
	meta_contacts_write(it, w);
	jw_key(w, it->list);
	jw_arr(w);
	item_write(w, it);
	jw_arr_end(w);
	jw_obj_end(w);
}

static void change_write(struct json_writer *w, const struct meta_item *it)
{
	jw_obj(w);
	intake_envelope(it->change->in, w, it->change->change, (const char *const[]){ "field", NULL });
	jw_key(w, "value");
	if (it->list)
		value_write(w, it);
	else if (it->change->value)
		jw_raw(w, intake_json(it->change->in, it->change->value));
	else
		jw_null(w);
	jw_obj_end(w);
}

static void envelope_begin(struct json_writer *w)
{
	jw_obj(w);
	jw_member_str(w, "object", STR("whatsapp_business_account"));
	jw_key(w, "entry");
	jw_arr(w);
}

/* Closes the envelope and returns the text, in the arena. */
static struct str envelope_end(struct json_writer *w, struct arena *a)
{
	struct str text;

	jw_arr_end(w);
	jw_obj_end(w);
	text = arena_str(a, buf_str(w->out));
	buf_fini(w->out);
	return text;
}

static struct str item_body(void *ctx)
{
	const struct meta_item *it = ctx;
	struct intake *in = it->change->in;
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	envelope_begin(&w);
	jw_obj(&w);
	intake_envelope(in, &w, it->change->entry, (const char *const[]){ "id", "time", NULL });
	jw_key(&w, "changes");
	jw_arr(&w);
	change_write(&w, it);
	jw_arr_end(&w);
	jw_obj_end(&w);
	return envelope_end(&w, in->arena);
}

struct str meta_entry_body(struct intake *in, const json *entry)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	envelope_begin(&w);
	jw_raw(&w, intake_json(in, entry));
	return envelope_end(&w, in->arena);
}

bool meta_add(struct meta_item *it, struct inbound_event *e, struct str provider_key, struct str content)
{
	return intake_add(it->change->in, e, provider_key, content, it->path, item_body, it);
}

void meta_reject(struct meta_item *it, enum dead_reason reason, const char *message)
{
	intake_reject(it->change->in, it->change->account, reason, it->path, item_body(it), message);
}

struct inbound_event *meta_event(struct meta_item *it, enum inbound_kind kind, const json *seconds)
{
	struct inbound_event *e = intake_event(it->change->in, it->change->account, kind);

	e->origin = it->origin;
	intake_time(it->change->in, e, seconds ? meta_time(seconds) : it->change->time_ms);
	return e;
}
