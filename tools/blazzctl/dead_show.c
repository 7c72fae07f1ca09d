/* A dead letter as JSON. Invariant: the output is valid JSON for any headers and bytes. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "dead.h"
#include "wire/reveal.h"
#include "json/json.h"

/* UTF-8 text unchanged; other bytes in base64, under another name. */
static void bytes_write(struct json_writer *w, const char *name, struct str v)
{
	struct buf key = BUF_INIT, text = BUF_INIT;

	if (!v.p || utf8_valid(v)) {
		jw_key(w, name);
		jw_str(w, v);
		return;
	}
	buf_printf(&key, "%s_base64", name);
	base64_encode(&text, v.p, v.n);
	jw_key_str(w, buf_str(&key));
	jw_str(w, buf_str(&text));
	buf_fini(&key);
	buf_fini(&text);
}

static void headers_write(struct json_writer *w, const struct kafka_message *m)
{
	jw_key(w, "headers");
	jw_arr(w);
	for (size_t i = 0; i < m->headers_count; i++) {
		jw_obj(w);
		jw_member_str(w, "name", m->headers[i].name);
		bytes_write(w, "value", m->headers[i].value);
		jw_obj_end(w);
	}
	jw_arr_end(w);
}

static bool is_json(struct str text)
{
	struct json_doc *doc = NULL;
	struct err err;
	bool good = json_parse(&doc, text, &err) == 0;

	json_free(doc);
	return good;
}

/* The event if it can be decoded, else the posted JSON, else the bytes. */
static void value_write(struct json_writer *w, const struct dead_letter *d)
{
	struct buf event = BUF_INIT;
	struct json_writer inner = json_writer(&event);

	if (reveal_record(&inner, str_of(d->dlq_topic), d->message->value))
		jw_member_raw(w, "event", buf_str(&event));
	else if (dead_is_posted(d) && is_json(d->message->value))
		jw_member_raw(w, "body", d->message->value);
	else
		bytes_write(w, "value", d->message->value);
	buf_fini(&event);
}

void dead_letter_write(struct json_writer *w, const struct dead_letter *d)
{
	char time[25];

	clock_format_ms(d->message->timestamp_ms, time);
	jw_obj(w);
	jw_member_str(w, "topic", str_of(d->dlq_topic));
	jw_member_i64(w, "partition", d->message->partition);
	jw_member_i64(w, "offset", d->message->offset);
	jw_member_str(w, "time", str_of(time));
	jw_member_str(w, "consumer", d->consumer);
	jw_member_str(w, "reason", d->reason);
	jw_member_str(w, "code", d->code);
	jw_member_str(w, "message", d->text);
	bytes_write(w, "key", d->message->key);
	headers_write(w, d->message);
	value_write(w, d);
	jw_obj_end(w);
}
