/* Endpoints of kind http: the event's JSON, signed in headers as Standard Webhooks specifies. Source: README.md, Signatures. */
#include <string.h>

#include "webhook-dispatcher/sending/sinks.h"

static int keys_parse(const struct endpoint_row *row, struct str json_text, void **out, struct err *err)
{
	struct signing_keys *keys;

	(void)row;
	if (signing_keys_parse(&keys, json_text, err) < 0)
		return -1;
	*out = keys;
	return 0;
}

static void keys_free(void *keys)
{
	signing_keys_free(keys);
}

static void request_sign(const struct endpoint *to, const struct event *e, int64_t now_ms, struct sink_request *r)
{
	char id[SIGNING_ID_SIZE];
	const char *line;

	signing_id(&e->id, &to->row.uuid, id);
	buf_clear(&r->header_text);
	signing_headers(to->secrets, id, now_ms, r->body, &r->header_text);
	line = r->header_text.p;
	for (int i = 0; i < SIGNING_HEADERS; i++, line += strlen(line) + 1)
		r->headers[r->n_headers++] = line;
}

const struct sink sink_webhook = {
	.secrets_parse = keys_parse,
	.secrets_free = keys_free,
	.prepare = request_sign,
};
