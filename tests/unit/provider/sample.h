/* An account and messages of each kind, and comparing whole requests. */
#ifndef PROVIDER_SAMPLE_H
#define PROVIDER_SAMPLE_H

#include "unit.h"

#include <string.h>

#include "provider/provider.h"

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define NOW_MS     INT64_C(1767225600123)
#define MESSAGE_ID "3b1f8c52-1111-4111-8111-0000000000c0.9001"

/* In a static table. */
#define LIT(literal) { literal, sizeof(literal) - 1 }

#define TO_PHONE \
	{ \
		.contact = {.phone = LIT("+6281234567890"), .lid = LIT("777"), .bsuid = LIT("ID.42") } \
	}
#define TO_LID \
	{ \
		.contact = {.lid = LIT("123456789012345") } \
	}
#define TO_GROUP \
	{ \
		.is_group = true, .group = {.jid = LIT("120363000000000001@g.us") } \
	}

static inline struct provider_account sample_account(enum provider provider, enum bridge_kind bridge)
{
	return (struct provider_account){
		.provider = provider,
		.bridge = bridge,
		.uuid = { { 0x0b, 0x8e } },
		.base_url =
			provider == PROVIDER_META ? STR("https://graph.facebook.com") : STR("http://bridge:3000/wa/"),
		.version = STR("v25.0"),
		.phone_number_id = STR("106540352242922"),
		.session = STR("sales 1"),
		.key = STR("EAAJtoken"),
	};
}

struct sample {
	const char *name;
	struct provider_message message;
	enum http_method method;
	const char *url, *body;
};

/* The lines as one text, each followed by "\n". */
static inline void sample_headers(const struct provider_request *r, struct buf *out)
{
	for (size_t i = 0; r->headers[i]; i++)
		buf_printf(out, "%s\n", r->headers[i]);
	buf_add_char(out, '\0');
}

static inline void sample_check(const struct provider_api *api, const struct provider_account *from,
	const struct sample *s, const char *headers)
{
	struct provider_request r = { .method = HTTP_DELETE };
	struct provider_message m = s->message;
	struct arena *a = arena_new(0);
	struct buf lines = BUF_INIT;
	struct err err = { .kind = ERR_NONE };

	if (m.client_message_id.n == 0)
		m.client_message_id = STR(MESSAGE_ID);
	if (provider_check(api, &m, a, &err) < 0 || provider_build(api, from, &m, NOW_MS, a, &r, &err) < 0)
		fail_msg("%s: %s", s->name, err.msg);
	sample_headers(&r, &lines);
	if (r.method != s->method || strcmp(r.url.p, s->url) != 0)
		fail_msg("%s: %d %s", s->name, r.method, r.url.p);
	if (headers && strcmp(lines.p, headers) != 0)
		fail_msg("%s: %s", s->name, lines.p);
	if (!str_is(buf_str(&r.body), s->body))
		fail_msg("%s:\n%.*s\n%s", s->name, STR_ARG(buf_str(&r.body)), s->body);
	buf_fini(&lines);
	provider_request_fini(&r);
	arena_free(a);
}

#endif
