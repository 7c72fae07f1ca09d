/* Requests to a Pusher-compatible server; see pusher.h. Invariant: app_id, key and channel are made of characters that need no escape
 * in a URL, so that what is signed is what is sent. */
#include "webhook-dispatcher/pusher.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "webhook-dispatcher/render.h"
#include "json/json.h"
#include "json/writer.h"

#define EVENT   "new-chat-received"
#define CHANNEL "chats.ch"
#define LATE_MS INT64_C(120000)
/* Reverb takes requests of 10,000 bytes with their header, Pusher data of 10 KB. */
#define BODY_BYTES 9000

struct pusher {
	struct buf secret;
	char app_id[65], key[65], channel[165];
};

/* All of them, and a deadline for each attempt, fit into the time after which a broadcast is late. */
static const int64_t delays_ms[] = { 1000, 5000, 15000 };
const struct schedule pusher_schedule = { delays_ms, sizeof(delays_ms) / sizeof(delays_ms[0]), -1 };

bool pusher_is_late(int64_t published_ms, int64_t now_ms)
{
	return now_ms - published_ms > LATE_MS;
}

/* Letters, digits and these. */
static bool is_made_of(struct str text, const char *punctuation)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			(c == '\0' || !strchr(punctuation, c)))
			return false;
	}
	return text.n > 0;
}

static bool word_take(struct str text, const char *punctuation, char *out, size_t cap)
{
	if (text.n >= cap || !is_made_of(text, punctuation))
		return false;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

static bool channel_take(struct pusher *p, struct str channel, const struct uuid *workspace)
{
	if (channel.p)
		return word_take(channel, "_-=@,.;", p->channel, sizeof(p->channel));
	memcpy(p->channel, CHANNEL, sizeof(CHANNEL));
	uuid_format(workspace, p->channel + sizeof(CHANNEL) - 1);
	return true;
}

static bool members_take(struct pusher *p, const json *from, const struct uuid *workspace)
{
	buf_add_str(&p->secret, json_str(json_get(from, "secret")));
	return p->secret.n > 0 && word_take(json_str(json_get(from, "app_id")), "_-.~", p->app_id, sizeof(p->app_id)) &&
		word_take(json_str(json_get(from, "key")), "_-.~", p->key, sizeof(p->key)) &&
		channel_take(p, json_str(json_get(from, "channel")), workspace);
}

int pusher_parse(struct pusher **out, struct str json_text, const struct uuid *workspace, struct err *err)
{
	struct json_doc *doc = NULL;
	struct pusher *p;
	bool taken;

	if (json_parse(&doc, json_text, NULL) < 0)
		return err_set(err, ERR_INPUT, "secrets", "the endpoint's secrets are not JSON");
	p = mem_calloc(1, sizeof(*p));
	taken = members_take(p, json_get(json_root(doc), "pusher"), workspace);
	json_free(doc);
	if (!taken) {
		pusher_free(p);
		return err_set(err, ERR_INPUT, "secrets",
			"the endpoint has no usable app_id, key, secret or channel of a Pusher application");
	}
	*out = p;
	return 0;
}

void pusher_free(struct pusher *p)
{
	if (!p)
		return;
	if (p->secret.cap > 0)
		OPENSSL_cleanse(p->secret.p, p->secret.cap);
	buf_fini(&p->secret);
	free(p);
}

static void body_write(const struct pusher *p, struct str data, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "name", STR(EVENT));
	jw_key(&w, "channels");
	jw_arr(&w);
	jw_str(&w, str_of(p->channel));
	jw_arr_end(&w);
	jw_member_str(&w, "data", data); /* JSON within JSON: the protocol's data is a text */
	jw_obj_end(&w);
}

void pusher_body(const struct pusher *p, const struct chat_event *e, struct buf *out)
{
	struct buf data = BUF_INIT;

	for (int detail = BROADCAST_WHOLE; detail <= BROADCAST_WITHOUT_TEXT; detail++) {
		buf_clear(&data);
		buf_clear(out);
		render_broadcast(e, (enum broadcast_detail)detail, &data);
		body_write(p, buf_str(&data), out);
		if (out->n <= BODY_BYTES)
			break;
	}
	buf_fini(&data);
}

void pusher_url(const struct pusher *p, struct str base, struct str body, int64_t now_ms, struct buf *out)
{
	struct str parts[] = { STR("POST\n"), STR_NONE, STR("\n"), STR_NONE };
	size_t path_at, query_at, n;
	uint8_t digest[64];

	while (str_ends(base, STR("/")))
		base.n--;
	buf_clear(out);
	buf_add_str(out, base);
	path_at = out->n;
	buf_printf(out, "/apps/%s/events?", p->app_id);
	query_at = out->n;
	/* What is signed has to be in alphabetical order: so it is. */
	buf_printf(out, "auth_key=%s&auth_timestamp=%" PRId64 "&auth_version=1.0&body_md5=", p->key, now_ms / 1000);
	md5(body, digest);
	hex_add(out, digest, 16);
	parts[1] = str_slice(buf_str(out), path_at, query_at - 1);
	parts[3] = str_slice(buf_str(out), query_at, out->n);
	n = hmac_parts(HMAC_SHA256, buf_str(&p->secret), parts, sizeof(parts) / sizeof(parts[0]), digest);
	buf_add_str(out, STR("&auth_signature="));
	hex_add(out, digest, n);
	buf_add_char(out, '\0');
}
