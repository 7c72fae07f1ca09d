/* See webjs.h. Sources: services/ingest/README.md, "whatsapp-web.js, as wwebjs-api posts it". */
#include "webjs.h"

#include <string.h>

void webjs_stanza_write(char out[static STUB_ID_BYTES], const char *unique)
{
	memcpy(out, "3EB0", 4);
	memcpy(out + 4, unique, 16);
	out[20] = '\0';
}

struct str webjs_recipient(struct str to)
{
	struct str user, server;

	if (str_cut(to, '@', &user, &server) && (str_is(server, "c.us") || str_is(server, "s.whatsapp.net")))
		return user;
	return to;
}

void webjs_serialized_write(struct buf *out, const struct stub_sent *m)
{
	buf_printf(out, "true_%.*s_%s", STR_ARG(m->to), m->id);
}

int64_t webjs_ack_of(enum stub_status status)
{
	return status == STUB_FAILED ? -1 : (int64_t)status;
}

struct str webjs_type_word(struct str type)
{
	if (str_is(type, "text"))
		return STR("chat");
	return str_is(type, "voice") ? STR("ptt") : type;
}

const struct webjs_fault *webjs_fault_find(const struct webjs_fault *table, struct str word)
{
	while (table->word && !str_is(word, table->word))
		table++;
	return table;
}

static void id_write(struct json_writer *w, const struct stub_sent *m)
{
	struct buf serialized = BUF_INIT;

	webjs_serialized_write(&serialized, m);
	jw_key(w, "id");
	jw_obj(w);
	jw_member_bool(w, "fromMe", true);
	jw_member_str(w, "remote", m->to);
	jw_member_str(w, "id", str_of(m->id));
	jw_member_str(w, "_serialized", buf_str(&serialized));
	jw_obj_end(w);
	buf_fini(&serialized);
}

/* _data: where whatsapp-web.js keeps captions and MIME types. */
static void hidden_write(struct json_writer *w, const struct stub_sent *m)
{
	jw_key(w, "_data");
	jw_obj(w);
	if (m->media_url.p) {
		jw_member_str(w, "caption", m->text);
		jw_member_str(w, "mimetype", m->mime);
		jw_member_str(w, "filename", m->file_name);
	}
	jw_obj_end(w);
}

static void message_write(struct json_writer *w, const struct session *s, const struct stub_sent *m, int64_t ack)
{
	struct buf own = BUF_INIT;

	buf_printf(&own, "%s@c.us", s->phone);
	jw_key(w, "message");
	jw_obj(w);
	hidden_write(w, m);
	id_write(w, m);
	jw_member_i64(w, "ack", ack);
	jw_member_bool(w, "hasMedia", m->media_url.p != NULL);
	jw_member_str(w, "body", m->text.p ? m->text : STR(""));
	jw_member_str(w, "type", webjs_type_word(m->type));
	if (m->place.given) {
		jw_key(w, "location");
		jw_obj(w);
		stub_place_write(w, &m->place, "latitude", "longitude", "description");
		jw_obj_end(w);
	}
	jw_member_i64(w, "timestamp", m->at_ms / 1000);
	jw_member_str(w, "from", buf_str(&own));
	jw_member_str(w, "to", m->to);
	jw_member_bool(w, "fromMe", true);
	jw_obj_end(w);
	buf_fini(&own);
}

static void post_write(const struct session *s, const struct stub_sent *m, const char *event, int64_t ack,
	struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "dataType", str_of(event));
	jw_key(&w, "data");
	jw_obj(&w);
	message_write(&w, s, m, ack);
	if (strcmp(event, "message_ack") == 0)
		jw_member_i64(&w, "ack", ack);
	jw_obj_end(&w);
	jw_member_str(&w, "sessionId", str_of(s->name));
	jw_obj_end(&w);
}

void webjs_status(const struct session *s, const struct stub_sent *m, const struct stub_progress *p, struct buf *out)
{
	post_write(s, m, "message_ack", webjs_ack_of(p->status), out);
}

void webjs_echo(const struct session *s, const struct stub_sent *m, struct buf *out)
{
	post_write(s, m, "message_create", 0, out);
}
