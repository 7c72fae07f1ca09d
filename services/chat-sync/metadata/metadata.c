/* chats.metadata; see metadata.h. */
#include "chat-sync/metadata/metadata.h"

#include "json/json.h"
#include "json/writer.h"

static struct str keep(struct buf *b, struct arena *a)
{
	struct str s = arena_str(a, buf_str(b));

	buf_fini(b);
	return s;
}

static void write_media(struct json_writer *w, const struct media *m)
{
	jw_key(w, "media");
	jw_obj(w);
	jw_member_str(w, "id", m->provider_media_id);
	jw_member_str(w, "mime", m->mime);
	jw_member_str(w, "file_name", m->file_name);
	jw_member_str(w, "sha256", m->sha256);
	jw_member_str(w, "url", m->url);
	jw_member_str(w, "caption", m->caption);
	if (m->size_bytes > 0)
		jw_member_i64(w, "size", m->size_bytes);
	if (m->missing)
		jw_member_bool(w, "missing", true);
	jw_obj_end(w);
}

static void write_location(struct json_writer *w, const struct location *l)
{
	jw_key(w, "location");
	jw_obj(w);
	jw_key(w, "latitude");
	jw_f64(w, l->latitude);
	jw_key(w, "longitude");
	jw_f64(w, l->longitude);
	jw_member_str(w, "name", l->name);
	jw_member_str(w, "address", l->address);
	jw_member_str(w, "url", l->url);
	jw_obj_end(w);
}

static void write_quoted(struct json_writer *w, const struct quoted *q)
{
	jw_key(w, "quoted");
	jw_obj(w);
	jw_member_str(w, "key", q->target.key);
	jw_member_str(w, "stanza", q->target.stanza);
	jw_member_str(w, "phone", q->sender.phone);
	jw_member_str(w, "lid", q->sender.lid);
	jw_member_str(w, "body", q->body);
	jw_obj_end(w);
}

static void write_error(struct json_writer *w, const struct provider_error *e)
{
	jw_obj(w);
	jw_member_str(w, "code", e->code);
	jw_member_str(w, "title", e->title);
	jw_member_str(w, "details", e->details);
	jw_obj_end(w);
}

struct str metadata_error(const struct provider_error *e, struct arena *a)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);

	if (e->code.n == 0 && e->title.n == 0)
		return STR_NONE;
	write_error(&w, e);
	return keep(&b, a);
}

struct str metadata_of(const struct in_message *m, int64_t suspect_ms, struct buf *scratch, struct arena *a)
{
	struct json_writer w;

	buf_clear(scratch);
	w = json_writer(scratch);
	jw_obj(&w);
	jw_member_str(&w, "body", m->body);
	if (m->media.present)
		write_media(&w, &m->media);
	if (m->location.present)
		write_location(&w, &m->location);
	if (m->quoted.present)
		write_quoted(&w, &m->quoted);
	if (m->error.code.n > 0 || m->error.title.n > 0) {
		jw_key(&w, "error");
		write_error(&w, &m->error);
	}
	jw_member_str(&w, "sender_name", m->chat.is_group ? m->sender.name : STR_NONE);
	jw_member_raw(&w, "extra", m->extra.n > 0 ? m->extra : STR_NONE);
	if (suspect_ms)
		jw_member_i64(&w, "source_time", suspect_ms);
	jw_obj_end(&w);
	return arena_str(a, buf_str(scratch));
}

struct str metadata_body(struct str metadata, struct arena *a)
{
	struct json_doc *doc;
	struct err err;
	struct str body;

	if (json_parse(&doc, metadata, &err) < 0)
		return STR_NONE;
	body = arena_str(a, json_str(json_get(json_root(doc), "body")));
	json_free(doc);
	return body;
}

struct str metadata_get(struct str metadata, const char *name, struct arena *a)
{
	struct buf b = BUF_INIT;
	struct json_doc *doc;
	const json *v;
	struct err err;

	if (json_parse(&doc, metadata, &err) < 0)
		return STR_NONE;
	v = json_get(json_root(doc), name);
	if (!v || json_write_without(v, NULL, 0, &b, &err) < 0) {
		json_free(doc);
		return STR_NONE;
	}
	json_free(doc);
	return keep(&b, a);
}

struct str metadata_set(struct str metadata, const char *name, struct str value, struct arena *a)
{
	struct buf b = BUF_INIT, member = BUF_INIT;
	struct json_writer w = json_writer(&b);
	struct json_doc *doc = NULL;
	struct json_iter it;
	const json *v;
	struct err err;

	jw_obj(&w);
	if (json_parse(&doc, metadata, &err) == 0) {
		for (it = json_iter(json_root(doc)); (v = json_next(&it));) {
			buf_clear(&member);
			if (str_is(json_iter_key(&it), name) || json_write_without(v, NULL, 0, &member, &err) < 0)
				continue;
			jw_key_str(&w, json_iter_key(&it));
			jw_raw(&w, buf_str(&member));
		}
		json_free(doc);
	}
	jw_member_raw(&w, name, value);
	jw_obj_end(&w);
	buf_fini(&member);
	return keep(&b, a);
}

struct str metadata_merge(struct str base, struct str set, struct arena *a)
{
	struct buf member = BUF_INIT;
	struct json_doc *doc = NULL;
	struct json_iter it;
	const json *v;
	struct err err;

	if (json_parse(&doc, set, &err) < 0)
		return base;
	for (it = json_iter(json_root(doc)); (v = json_next(&it));) {
		buf_clear(&member);
		if (json_write_without(v, NULL, 0, &member, &err) == 0)
			base = metadata_set(base, arena_cstr(a, json_iter_key(&it)), buf_str(&member), a);
	}
	json_free(doc);
	buf_fini(&member);
	return base;
}

struct str metadata_set_body(struct str metadata, struct str body, struct arena *a)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);
	struct str out;

	jw_str(&w, body.p ? body : STR(""));
	out = metadata_set(metadata, "body", buf_str(&b), a);
	buf_fini(&b);
	return out;
}
