/* See exchange.h. */
#include "exchange.h"

#include <string.h>

#include "base/clock.h"

#define KEPT_MAX_BYTES 600 /* longer than any id that a provider takes */

/* {state, id, error}, or 404. */
static void lookup(const struct stub *s, const struct stub_call *c, struct stub_answer *out)
{
	const struct known_id *id =
		known_ids_find(s->ids, STUB_BLAZZ, c->account, c->client_message_id, clock_now_ms());
	struct json_writer w;

	if (!id) {
		c->dialect->fault(c, &(struct stub_fault){ .word = STR("not_found") }, out);
		return;
	}
	w = stub_answer_begin(out, 200);
	jw_obj(&w);
	if (clock_mono_ms() < id->ready_mono_ms) {
		jw_member_str(&w, "state", STR("pending"));
	} else if (id->id[0]) {
		jw_member_str(&w, "state", STR("sent"));
		jw_member_str(&w, "id", str_of(id->id));
	} else {
		jw_member_str(&w, "state", STR("failed"));
		jw_key(&w, "error");
		jw_obj(&w);
		jw_member_str(&w, "code", str_of(id->error));
		jw_obj_end(&w);
	}
	jw_obj_end(&w);
}

static void page(const struct stub *s, const struct stub_call *c, struct stub_answer *out)
{
	struct str base = arena_printf(c->arena, "http://%.*s%.*s", STR_ARG(http_header(c->http, "host")),
		STR_ARG(http_path(c->http)));
	int64_t limit = 0;

	if (!str_to_i64(http_query(c->http, "limit"), &limit) || limit < 0)
		limit = 0;
	templates_page(s->templates, c->object, limit, http_query(c->http, "after"), base, out);
}

/* Calls that send nothing. */
static void question(const struct stub *s, const struct stub_call *c, const struct verdict *v, struct outcome *o)
{
	if (stub_rule_answers(v->rule, c, &o->answer))
		return;
	if (c->act == STUB_LOOKUP)
		lookup(s, c, &o->answer);
	else if (c->act == STUB_TEMPLATES)
		page(s, c, &o->answer);
	else
		c->dialect->success(c, NULL, NULL, &o->answer);
}

/* A request that no rule is asked about, because it is wrong in itself. */
static void reject(struct stub *s, const struct stub_call *c, const char *word, const char *details, struct outcome *o)
{
	struct stub_fault fault = { .word = str_of(word), .title = details ? str_of(details) : STR_NONE };

	c->dialect->fault(c, &fault, &o->answer);
	if (c->act > STUB_READ)
		return;
	s->stats.refused++;
	stub_journal_message(s, c, o, NULL, NULL, fault.word, clock_now_ms());
}

static bool is_found(struct stub *s, struct stub_call *c)
{
	struct str bearer = http_header(c->http, "authorization");

	if (c->dialect->provider != STUB_META || c->act <= STUB_READ) {
		c->session = sessions_find(s->sessions, c->dialect->provider, c->account);
		return c->session != NULL;
	}
	c->session = sessions_of_token(s->sessions, str_slice(bearer, strlen("Bearer "), bearer.n),
		c->act == STUB_TEMPLATES ? c->object : STR_NONE);
	return c->session != NULL;
}

/* What is kept of a request has a bound. */
static int bounds_check(const struct stub_call *c, struct err *err)
{
	const struct str kept[] = { c->account, c->to, c->client_message_id, c->type };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i].n > KEPT_MAX_BYTES)
			return err_set(err, ERR_INPUT, "long", "an id, a recipient or a type is too long");
	return 0;
}

static void serve(struct stub *s, struct stub_call *c, struct outcome *o)
{
	bool about_number = c->dialect->provider != STUB_META || c->act <= STUB_READ;
	struct verdict v;
	struct err err;

	if (c->dialect->read(c, &err) < 0 || bounds_check(c, &err) < 0) {
		reject(s, c, "invalid", err.msg, o);
		return;
	}
	if (!is_found(s, c)) {
		reject(s, c, about_number ? "unknown_session" : "unauthenticated", NULL, o);
		return;
	}
	if (!c->dialect->authentic(c)) {
		reject(s, c, "unauthenticated", NULL, o);
		return;
	}
	v = rules_decide(s->rules, c, clock_now_us());
	*o = stub_outcome(s, v.rule);
	if (c->act <= STUB_READ)
		stub_message(s, c, &v, o);
	else
		question(s, c, &v, o);
}

static void with_body(struct stub *s, struct stub_call *c)
{
	struct outcome o = stub_outcome(s, NULL);
	struct json_doc *doc = NULL;
	struct err err;

	if (http_body(c->http).n > 0 && json_parse(&doc, http_body(c->http), &err) < 0) {
		reject(s, c, "invalid", err.msg, &o);
	} else {
		c->body = doc ? json_root(doc) : NULL;
		serve(s, c, &o);
	}
	if (s->failure.kind != ERR_NONE)
		o.end = RULE_CUT;
	stub_conclude(s, c->http, &o);
	json_free(doc);
}

static bool is_routed(struct stub_call *c)
{
	const struct stub_call empty = *c;

	for (int provider = 0; provider < STUB_PROVIDERS; provider++) {
		*c = empty;
		c->dialect = stub_dialect((enum stub_provider)provider);
		if (c->dialect->route(c))
			return true;
	}
	return false;
}

void stub_handle(void *ctx, struct http_request *r)
{
	struct stub *s = ctx;
	struct stub_call c = { .http = r, .arena = s->arena };

	s->stats.requests++;
	arena_reset(s->arena);
	if (str_starts(http_path(r), STR("/_")))
		stub_control(s, r);
	else if (str_starts(http_path(r), STR("/~")))
		stub_instance(s, r);
	else if (is_routed(&c))
		with_body(s, &c);
	else
		http_respond(r, 404, "application/json", STR("{\"error\":\"no such route\"}"), NULL, 0);
}
