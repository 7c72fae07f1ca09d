/* See calls.h: a ring of calls. */
#include "calls.h"

#include <stdlib.h>

struct called {
	enum stub_provider provider;
	enum stub_act act;
	char *instance, *session; /* session: NULL when the call is about none */
	char *also_at; /* another instance that runs the session, too; NULL: none */
	int64_t at_ms;
	int status;
	const char *end;
};

struct calls {
	struct called *ring;
	size_t keep;
	uint64_t next; /* seq of the next, from 1; call n is at n % keep */
};

struct calls *calls_new(size_t keep)
{
	struct calls *c = mem_calloc(1, sizeof(*c));

	c->ring = mem_calloc(keep, sizeof(*c->ring));
	c->keep = keep;
	c->next = 1;
	return c;
}

static void called_fini(struct called *one)
{
	free(one->instance);
	free(one->session);
	free(one->also_at);
}

void calls_free(struct calls *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->keep; i++)
		called_fini(&c->ring[i]);
	free(c->ring);
	free(c);
}

void calls_add(struct calls *c, const struct stub_call *call, int64_t at_ms, int status, const char *end,
	const char *also_at)
{
	struct called *one = &c->ring[c->next++ % c->keep];

	called_fini(one);
	*one = (struct called){
		.provider = call->dialect->provider,
		.act = call->act,
		.instance = mem_cstr(call->instance),
		.session = call->account.n > 0 ? mem_cstr(call->account) : NULL,
		.at_ms = at_ms,
		.status = status,
		.end = end,
		.also_at = also_at ? mem_cstr(str_of(also_at)) : NULL,
	};
}

static void line_write(const struct called *one, uint64_t seq, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_i64(&w, "seq", (int64_t)seq);
	jw_member_i64(&w, "at_ms", one->at_ms);
	jw_member_str(&w, "provider", str_of(stub_provider_word(one->provider)));
	jw_member_str(&w, "instance", str_of(one->instance));
	jw_member_str(&w, "act", str_of(stub_act_word(one->act)));
	jw_member_str(&w, "session", str_of(one->session));
	jw_member_i64(&w, "status", one->status);
	jw_member_str(&w, "end", str_of(one->end));
	jw_member_str(&w, "also_at", str_of(one->also_at));
	jw_obj_end(&w);
	buf_add_char(out, '\n');
}

static bool fits(struct str wanted, const char *value)
{
	return !wanted.p || str_eq(wanted, str_of(value));
}

void calls_read(const struct calls *c, const struct calls_filter *f, struct buf *out)
{
	uint64_t first = c->next > c->keep ? c->next - c->keep : 1;
	int64_t left = f->limit;

	for (uint64_t seq = first; seq < c->next && left > 0; seq++) {
		const struct called *one = &c->ring[seq % c->keep];

		if ((int64_t)seq <= f->after || !fits(f->instance, one->instance) || !fits(f->session, one->session) ||
			!fits(f->act, stub_act_word(one->act)))
			continue;
		line_write(one, seq, out);
		left--;
	}
}
