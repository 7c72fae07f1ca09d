/* How items of the WhatsApp Web dialects become events. Invariant: no data of one item enters another item's event,
 * and an address that does not belong to a person never becomes a contact. */
#include "ingest/dialects/webjs_common.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "crypto/digest.h"

bool webjs_add(const struct webjs_item *it, struct inbound_event *e, struct str provider_key, struct str content)
{
	return intake_add(it->in, e, provider_key, content, it->path, it->body, it->ctx);
}

bool webjs_reject(const struct webjs_item *it, const char *message)
{
	intake_reject(it->in, it->in->account, DEAD_RULE, it->path, it->body(it->ctx), message);
	return false;
}

int webjs_finish(struct intake *in, struct err *err)
{
	if (intake_is_full(in))
		return intake_too_large(err);
	if (in->n_rejected > 0 && in->n_events == 0 && in->n_ignored == 0)
		return err_set(err, ERR_INPUT, "422", "no item is acceptable");
	return 0;
}

void webjs_party(struct party *p, struct str jid, struct str alias)
{
	address_to_party(address_parse(jid), p);
	address_to_party(address_parse(alias), p);
}

bool webjs_chat(const struct webjs_item *it, struct str jid, struct str alias, struct chat_ref *out)
{
	struct address a = address_parse(jid);
	struct chat_ref chat = { 0 };

	switch (a.kind) {
	case ADDRESS_NONE:
		return webjs_reject(it, "the chat is missing");
	case ADDRESS_STATUS:
		intake_ignore(it->in, "status_post");
		return false;
	case ADDRESS_NEWSLETTER:
		intake_ignore(it->in, "newsletter_post");
		return false;
	case ADDRESS_BROADCAST:
		intake_ignore(it->in, "broadcast_list");
		return false;
	case ADDRESS_GROUP:
		chat.is_group = true;
		chat.group.jid = a.value;
		break;
	case ADDRESS_PHONE:
	case ADDRESS_LID:
	case ADDRESS_BSUID:
	case ADDRESS_OTHER:
		webjs_party(&chat.contact, jid, alias);
		if (!party_identified(&chat.contact))
			return webjs_reject(it, "the chat is missing");
		break;
	}
	*out = chat;
	return true;
}

bool webjs_place(const struct webjs_item *it, const struct webjs_where *w, struct webjs_place *out)
{
	struct webjs_place place = { .direction = w->from_me ? DIR_OUTBOUND : DIR_INBOUND };

	if (!webjs_chat(it, w->chat, w->chat_alias, &place.chat))
		return false;
	if (!w->from_me && place.chat.is_group) {
		webjs_party(&place.sender, w->author, w->author_alias);
		place.sender.name = webjs_name(w->name);
	} else if (!w->from_me) {
		place.chat.contact.name = webjs_name(w->name);
		place.sender = place.chat.contact;
	}
	*out = place;
	return true;
}

size_t webjs_participants_room(const json *list)
{
	size_t n = json_count(list);

	return n < WIRE_MAX_PARTICIPANTS ? n : WIRE_MAX_PARTICIPANTS + 1;
}

struct target webjs_target(struct arena *a, const struct stanza_id *id)
{
	if (!id->known)
		return (struct target){ .stanza = id->stanza };
	return (struct target){ .key = stanza_key(a, id->from_me, id->stanza), .stanza = id->stanza };
}

struct str webjs_synthetic_key(struct arena *a, const struct in_message *m, int64_t time_ms)
{
	const struct party *parties[] = { &m->chat.contact, &m->sender };
	struct str time = arena_printf(a, "%lld", (long long)time_ms);
	struct str parts[8] = { m->chat.group.jid, time, m->body, str_of(direction_word(m->direction)) };
	uint8_t digest[32];
	char *hex = arena_alloc(a, 2 * sizeof(digest));

	for (size_t i = 0; i < 2; i++) {
		parts[4 + 2 * i] = parties[i]->phone;
		parts[5 + 2 * i] = parties[i]->phone.n ? STR_NONE
			: parties[i]->lid.n            ? parties[i]->lid
			: parties[i]->bsuid.n          ? parties[i]->bsuid
						       : parties[i]->jid;
	}
	sha256_parts(parts, 8, digest);
	hex_encode(digest, sizeof(digest), hex);
	return arena_printf(a, "s:%.*s", (int)(2 * sizeof(digest)), hex);
}

void webjs_message_key(struct arena *a, struct in_message *m, const struct stanza_id *id, int64_t time_ms)
{
	m->synthetic_key = id->stanza.n == 0;
	m->provider_id = webjs_id_text(id->serialized.n ? id->serialized : id->stanza);
	m->key = m->synthetic_key ? webjs_synthetic_key(a, m, time_ms)
				  : stanza_key(a, m->direction == DIR_OUTBOUND, id->stanza);
}

struct str webjs_options(struct in_poll_vote *vote, const json *options, struct arena *a)
{
	struct json_iter it = json_iter(json_is_arr(options) ? options : NULL);
	struct buf lines = BUF_INIT;
	struct str all;
	const json *v;

	vote->options = ARENA_ARRAY(a, struct str, WIRE_MAX_OPTIONS);
	while (vote->n_options < WIRE_MAX_OPTIONS && (v = json_next(&it))) {
		struct str name = json_str(json_is_obj(v) ? json_get(v, "name") : v);

		if (name.n == 0)
			continue;
		vote->options[vote->n_options++] = utf8_truncate(name, WIRE_MAX_NAME_BYTES);
		buf_add_char(&lines, '\n');
		buf_add_str(&lines, utf8_truncate(name, WIRE_MAX_NAME_BYTES));
	}
	all = arena_str(a, buf_str(&lines));
	buf_fini(&lines);
	return all;
}

void webjs_session(const struct webjs_item *it, enum session_word state, enum session_reason reason, struct str details,
	struct str phone, int64_t time_ms)
{
	struct inbound_event *e = intake_event(it->in, it->in->account, IN_SESSION_STATE);
	struct address own = address_parse(phone);

	e->u.session_state = (struct in_session_state){ .state = state, .reason = reason };
	e->u.session_state.details = utf8_truncate(details, WIRE_MAX_NAME_BYTES);
	if (own.kind == ADDRESS_PHONE)
		e->u.session_state.phone = own.value;
	intake_time(it->in, e, time_ms);
	webjs_add(it, e, STR("session"), e->u.session_state.details);
}

void webjs_qr(const struct webjs_item *it, struct str code, bool pairing, int64_t time_ms)
{
	if (code.n > 0)
		intake_keep_qr(it->in, it->in->account, code, pairing);
	webjs_session(it, SESSION_QR, REASON_NONE, STR("qr"), STR_NONE, time_ms);
}

static int64_t scaled_ms(const json *v, int64_t scale)
{
	const int64_t beyond = WIRE_MAX_TIME_MS + 1;
	int64_t n;
	double ms;

	if (json_to_i64(v, &n))
		return n > WIRE_MAX_TIME_MS / scale || n < 0 ? beyond : n * scale;
	if (!json_to_f64(v, &ms))
		return 0;
	ms *= (double)scale;
	return ms >= 0 && ms <= (double)WIRE_MAX_TIME_MS ? (int64_t)llround(ms) : beyond;
}

int64_t webjs_seconds_ms(const json *v)
{
	return scaled_ms(v, 1000);
}

int64_t webjs_ms(const json *v)
{
	return scaled_ms(v, 1);
}

bool webjs_is_thumbnail(struct str body)
{
	static const char *const magic[] = { "/9j/", "iVBORw0KGgo", "UklGR" }; /* base64 of JPEG, PNG, WebP */

	for (size_t i = 0; i < sizeof(magic) / sizeof(*magic); i++)
		if (str_starts(body, str_of(magic[i])))
			return true;
	return false;
}

static bool spells_phone_number(struct str s)
{
	size_t digits = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= '0' && s.p[i] <= '9')
			digits++;
		else if (!s.p[i] || !strchr("+-() .", s.p[i]))
			return false;
	return digits >= 7;
}

struct str webjs_name(struct str name)
{
	if (name.n == 0 || spells_phone_number(name))
		return STR_NONE;
	return utf8_truncate(name, WIRE_MAX_NAME_BYTES);
}

struct str webjs_id_text(struct str id)
{
	return id.n <= WIRE_MAX_ID_BYTES ? id : STR_NONE;
}

struct str webjs_link(struct str url)
{
	return url.n <= WIRE_MAX_LINK_BYTES && !str_starts(url, STR("data:")) ? url : STR_NONE;
}

static bool degrees(const json *v, double most, double *out)
{
	struct str s = json_str(v);
	char text[32], *end;
	double d;

	if (!json_to_f64(v, &d)) {
		if (s.n == 0 || s.n >= sizeof(text))
			return false;
		memcpy(text, s.p, s.n);
		text[s.n] = 0;
		d = strtod(text, &end);
		if (end != text + s.n)
			return false;
	}
	if (!isfinite(d) || fabs(d) > most)
		return false;
	*out = d;
	return true;
}

void webjs_location(struct location *out, const json *latitude, const json *longitude)
{
	double lat, lon;

	if (!degrees(latitude, 90, &lat) || !degrees(longitude, 180, &lon))
		return;
	out->present = true;
	out->latitude = lat;
	out->longitude = lon;
}

void webjs_facts_init(struct webjs_facts *f)
{
	f->buf = (struct buf)BUF_INIT;
	f->w = json_writer(&f->buf);
	jw_obj(&f->w);
}

struct str webjs_facts_finish(struct webjs_facts *f, struct arena *a)
{
	struct str all, text = STR_NONE;

	jw_obj_end(&f->w);
	all = buf_str(&f->buf);
	if (all.n > 2 && all.n <= WIRE_MAX_JSON_BYTES)
		text = arena_str(a, all);
	buf_fini(&f->buf);
	return text;
}

void webjs_facts_strings(struct webjs_facts *f, const char *key, const json *arr)
{
	struct json_iter it = json_iter(json_is_arr(arr) ? arr : NULL);
	bool open = false;
	const json *v;

	while ((v = json_next(&it))) {
		if (json_str(v).n == 0)
			continue;
		if (!open) {
			jw_key(&f->w, key);
			jw_arr(&f->w);
		}
		open = true;
		jw_str(&f->w, json_str(v));
	}
	if (open)
		jw_arr_end(&f->w);
}

void webjs_facts_poll(struct webjs_facts *f, const json *options, const char *name)
{
	struct json_iter it = json_iter(json_is_arr(options) ? options : NULL);
	const json *v;

	jw_key(&f->w, "poll_options");
	jw_arr(&f->w);
	while ((v = json_next(&it)))
		jw_str(&f->w, json_str(json_get(v, name)));
	jw_arr_end(&f->w);
}
