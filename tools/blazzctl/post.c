/* Posting to ingest. Source: services/ingest/README.md, Routes and Authentication. Invariant: the signature covers
 * exactly the bytes that are sent, and a secret is sent only if the dialect's scheme requires it (Evolution's token).
 */
#include "post.h"

#include <string.h>

#include "base/hex.h"
#include "crypto/digest.h"
#include "json/json.h"

static const struct {
	const char *word, *route; /* a route that ends in a slash is completed with an id */
} dialects[] = {
	[DIALECT_META] = { "meta", "/webhooks/meta/" },
	[DIALECT_WWEBJS] = { "webjs-raw", "/webhooks/wwebjs/" },
	[DIALECT_WAHA] = { "waha", "/webhooks/waha/" },
	[DIALECT_EVOLUTION] = { "evolution", "/webhooks/evolution/" },
	[DIALECT_BRIDGE] = { "bridge", "/api/" },
};
#define N_DIALECTS (sizeof(dialects) / sizeof(dialects[0]))

enum dialect dialect_parse(struct str word)
{
	for (size_t i = 1; i < N_DIALECTS; i++)
		if (str_is(word, dialects[i].word))
			return (enum dialect)i;
	return DIALECT_NONE;
}

enum dialect dialect_of_route(struct str route)
{
	for (size_t i = 1; i < N_DIALECTS; i++)
		if (str_starts(route, str_of(dialects[i].route)))
			return (enum dialect)i;
	return DIALECT_NONE;
}

/* A batch of chats, not a single event. */
static bool is_sync(struct str body)
{
	struct json_doc *doc = NULL;
	struct err err;
	bool sync = json_parse(&doc, body, &err) == 0 && json_is_arr(json_get(json_root(doc), "chats"));

	json_free(doc);
	return sync;
}

void post_route(enum dialect d, const char *id, struct str body, struct buf *out)
{
	if (d == DIALECT_BRIDGE)
		buf_add_str(out, is_sync(body) ? STR("/api/whatsapp/chats/sync") : STR("/api/whatsapp/webhook"));
	else
		buf_printf(out, "%s%s", dialects[d].route, id);
}

static void hmac_header(const char *name, enum hmac_kind kind, const struct post *p, struct buf *out)
{
	uint8_t mac[64];
	char hex[129];
	size_t n = hmac(kind, p->secret, p->body, mac);

	hex_encode(mac, n, hex);
	buf_printf(out, "%s%.*s", name, (int)(2 * n), hex);
}

static void authentication(enum dialect d, const struct post *p, struct buf *out)
{
	switch (d) {
	case DIALECT_META:
		hmac_header("X-Hub-Signature-256: sha256=", HMAC_SHA256, p, out);
		break;
	case DIALECT_WAHA:
		hmac_header("X-Webhook-Hmac: ", HMAC_SHA512, p, out);
		break;
	case DIALECT_EVOLUTION:
		buf_printf(out, "apikey: %.*s", STR_ARG(p->secret));
		break;
	case DIALECT_NONE:
	case DIALECT_WWEBJS:
	case DIALECT_BRIDGE:
		hmac_header("X-WhatsApp-Signature: ", HMAC_SHA256, p, out);
		break;
	}
	buf_add_char(out, '\0');
}

int post_send(struct http_client *client, enum dialect d, const struct post *p, int *status, struct buf *answer,
	struct err *err)
{
	const char *headers[] = { "Content-Type: application/json", NULL, NULL };
	struct http_call call = { .method = "POST", .headers = headers, .body = p->body };
	struct buf url = BUF_INIT, auth = BUF_INIT;
	size_t base = strlen(p->base_url);
	int rc;

	while (base > 0 && p->base_url[base - 1] == '/')
		base--;
	buf_add(&url, p->base_url, base);
	buf_add_str(&url, p->route);
	buf_add_char(&url, '\0');
	authentication(d, p, &auth);
	headers[1] = auth.p;
	call.url = url.p;
	rc = http_client_call(client, &call, status, answer, err);
	buf_wipe(&auth);
	buf_fini(&auth);
	buf_fini(&url);
	return rc;
}
