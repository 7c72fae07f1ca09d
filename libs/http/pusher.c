/* Requests of the Pusher HTTP API; see pusher.h. Invariant: app_id, key and channel consist of characters that need no
 * escaping in a URL, so that the signed text equals the text sent. */
#include "http/pusher.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "json/json.h"
#include "json/writer.h"

#define WORD_MAX    64
#define CHANNEL_MAX 164

struct pusher {
	struct buf secret;
	char app_id[WORD_MAX + 1], key[WORD_MAX + 1], channel[CHANNEL_MAX + 1];
};

/* Whether text consists of letters, digits and the characters in `punctuation`. */
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

bool pusher_word_is_valid(struct str app_id_or_key)
{
	return app_id_or_key.n <= WORD_MAX && is_made_of(app_id_or_key, "-_.~");
}

bool pusher_channel_is_valid(struct str channel)
{
	return channel.n <= CHANNEL_MAX && is_made_of(channel, "_-=@,.;");
}

/* The caller has checked that the text fits. */
static void text_keep(char *out, struct str text)
{
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
}

static bool members_read(struct pusher *p, const json *from, struct str channel)
{
	struct str app_id = json_str(json_get(from, "app_id")), key = json_str(json_get(from, "key"));
	struct str secret = json_str(json_get(from, "secret")), own = json_str(json_get(from, "channel"));

	if (own.p)
		channel = own;
	if (!pusher_word_is_valid(app_id) || !pusher_word_is_valid(key) || secret.n == 0 ||
		!pusher_channel_is_valid(channel))
		return false;
	text_keep(p->app_id, app_id);
	text_keep(p->key, key);
	text_keep(p->channel, channel);
	buf_add_str(&p->secret, secret);
	return true;
}

int pusher_parse(struct pusher **out, struct str json_text, struct str channel, struct err *err)
{
	struct json_doc *doc = NULL;
	struct pusher *p;
	bool complete;

	if (json_parse(&doc, json_text, NULL) < 0)
		return err_set(err, ERR_INPUT, "secrets", "the endpoint's secrets are not JSON");
	p = mem_calloc(1, sizeof(*p));
	complete = members_read(p, json_root(doc), channel);
	json_free(doc);
	if (!complete) {
		pusher_free(p);
		return err_set(err, ERR_INPUT, "secrets",
			"the endpoint has no valid app_id, key, secret or channel of a Pusher application");
	}
	*out = p;
	return 0;
}

void pusher_free(struct pusher *p)
{
	if (!p)
		return;
	buf_wipe(&p->secret);
	buf_fini(&p->secret);
	free(p);
}

void pusher_body(const struct pusher *p, struct str event, struct str data, struct buf *out)
{
	struct json_writer w = json_writer(out);

	buf_clear(out);
	jw_obj(&w);
	jw_member_str(&w, "name", event);
	jw_key(&w, "channels");
	jw_arr(&w);
	jw_str(&w, str_of(p->channel));
	jw_arr_end(&w);
	jw_member_str(&w, "data", data);
	jw_obj_end(&w);
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
	/* The signature covers the parameters in alphabetical order, so they are written in it. */
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
