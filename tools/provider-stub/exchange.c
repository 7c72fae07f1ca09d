/* See exchange.h. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* An answer on its way: what has been decided, and how the exchange ends. */
struct outcome {
	struct stub_answer answer;
	enum rule_end end;
	int64_t delay_ms;
};

struct late {
	struct agenda_item item;
	struct http_request *http;
	struct outcome outcome;
};

void stub_respond(struct http_request *r, const struct stub_answer *answer)
{
	char seconds[24];
	const struct http_extra_header retry_after = { "Retry-After", seconds };

	snprintf(seconds, sizeof(seconds), "%lld", (long long)answer->retry_after_s);
	http_respond(r, answer->status, answer->content_type, buf_str(&answer->body), &retry_after,
		answer->retry_after_s >= 0 ? 1 : 0);
}

static void finish(struct http_request *r, struct outcome *o)
{
	if (o->end == RULE_ANSWER)
		stub_respond(r, &o->answer);
	else
		http_abort(r, o->end == RULE_RESET);
	buf_fini(&o->answer.body);
}

static void late_run(struct agenda_item *item)
{
	struct late *late = (struct late *)item;

	finish(late->http, &late->outcome);
	free(late);
}

/* The server is closed by now. */
static void late_drop(struct agenda_item *item)
{
	struct late *late = (struct late *)item;

	buf_fini(&late->outcome.answer.body);
	free(late);
}

static void conclude(struct stub *s, struct http_request *r, struct outcome *o)
{
	struct late *late;

	s->stats.ends[o->end]++;
	if (o->delay_ms == 0) {
		finish(r, o);
		return;
	}
	late = mem_calloc(1, sizeof(*late));
	late->item.run = late_run;
	late->item.drop = late_drop;
	late->http = r;
	late->outcome = *o;
	agenda_add(s->agenda, &late->item, o->delay_ms);
}

/* The journal cannot be written: nothing may be accepted any more. */
static void journal_lost(struct stub *s, const struct err *err)
{
	s->failure = *err;
	loop_stop(s->loop);
}

static int journal(struct stub *s, const struct stub_call *c, const struct outcome *o, const struct rule *rule,
	const char *id, struct str reason, int64_t now_ms)
{
	struct stub_journal_entry entry = {
		.call = c,
		.accepted = id != NULL,
		.id = id,
		.status = o->end == RULE_ANSWER ? o->answer.status : 0,
		.end = rule_end_word(o->end),
		.reason = reason,
		.rule = rule ? str_of(rule->name) : STR_NONE,
		.at_ms = now_ms,
	};
	struct err err;

	if (stub_journal_write(s->journal, &entry, &err) == 0)
		return 0;
	journal_lost(s, &err);
	return -1;
}

static struct outcome outcome_of(const struct stub *s, const struct rule *rule)
{
	struct outcome o = { .answer.retry_after_s = -1 };

	if (!rule)
		return o;
	o.end = rule->end;
	o.delay_ms = rule->delay_ms;
	if (o.end == RULE_HANG)
		o.delay_ms = s->settings.hang_ms;
	return o;
}

/* A body that no dialect wrote: a proxy's, say. */
static void raw_answer(const struct rule *rule, struct stub_answer *out)
{
	const char *body = rule->raw ? rule->raw : "<html><body><h1>Error</h1></body></html>\n";

	out->status = rule->fault.status;
	out->content_type = body[0] == '{' || body[0] == '[' ? "application/json" : "text/html";
	buf_clear(&out->body);
	buf_add_str(&out->body, str_of(body));
}

/* The answer that the rule gives instead of the usual one; false: none. */
static bool rule_answers(const struct rule *rule, const struct dialect *dialect, struct stub_answer *out)
{
	if (!rule)
		return false;
	out->retry_after_s = rule->retry_after_s;
	if (rule->raw || (!rule->is_fault && rule->fault.status >= 400))
		raw_answer(rule, out);
	else if (rule->is_fault)
		dialect->fault(&rule->fault, out);
	else
		return false;
	return true;
}

/* Whether the message is accepted, whatever the answer says. */
static bool accepts(const struct rule *rule)
{
	if (!rule)
		return true;
	if (rule->has_accept)
		return rule->accept;
	return !rule->is_fault && rule->fault.status < 400 && (rule->end == RULE_ANSWER || rule->end == RULE_CUT);
}

static struct str fault_reason(const struct rule *rule, struct arena *a)
{
	if (rule->fault.word.p)
		return rule->fault.word;
	if (rule->is_fault)
		return arena_printf(a, "%lld", (long long)rule->fault.code);
	if (rule->fault.status >= 400)
		return arena_printf(a, "http %d", rule->fault.status);
	return str_of(rule_end_word(rule->end));
}

static struct stub_sent sent_of(const struct stub_call *c, const char *id, int64_t now_ms)
{
	return (struct stub_sent){
		.kind = c->dialect->kind,
		.id = id,
		.to = c->to,
		.recipient = c->recipient,
		.client_message_id = c->client_message_id,
		.type = c->type,
		.text = c->text,
		.media_url = c->media_url,
		.mime = c->mime,
		.file_name = c->file_name,
		.at_ms = now_ms,
	};
}

static void remember(struct stub *s, const struct stub_call *c, const struct known_id *id)
{
	if (c->client_message_id.n > 0)
		known_ids_put(s->ids, c->dialect->kind, c->account, c->client_message_id, id);
}

static void message_accept(struct stub *s, const struct stub_call *c, const struct verdict *v, struct outcome *o)
{
	static const struct stub_success usual = { 0 };
	int64_t now_ms = clock_now_ms();
	struct known_id id = { .at_ms = now_ms, .ready_mono_ms = clock_mono_ms() + o->delay_ms };
	char unique[20];
	struct stub_sent m;

	snprintf(unique, sizeof(unique), "%s%08X", s->run, (unsigned)++s->messages);
	c->dialect->id_write(id.id, unique);
	m = sent_of(c, id.id, now_ms);
	if (!rule_answers(v->rule, c->dialect, &o->answer))
		c->dialect->success(c, &m, v->rule ? &v->rule->success : &usual, &o->answer);
	if (journal(s, c, o, v->rule, id.id, STR_NONE, now_ms) < 0)
		return;
	s->stats.accepted++;
	if (c->act == STUB_SEND && c->client_message_id.n > 0 &&
		known_ids_find(s->ids, c->dialect->kind, c->account, c->client_message_id, now_ms))
		s->stats.duplicates++;
	remember(s, c, &id);
	if (c->act == STUB_SEND)
		webhooks_add(s->webhooks, c->session, &m, v->plan);
}

/* A bridge of our own kind says later why the message failed, unless it may have been sent. */
static void failure_remember(struct stub *s, const struct stub_call *c, const struct rule *rule, int64_t now_ms,
	const struct outcome *o)
{
	struct known_id id = { .at_ms = now_ms, .ready_mono_ms = clock_mono_ms() + o->delay_ms };

	if (c->dialect->kind != STUB_BLAZZ || !rule->fault.word.p || o->answer.status >= 500)
		return;
	snprintf(id.error, sizeof(id.error), "%.*s", STR_ARG(rule->fault.word));
	remember(s, c, &id);
}

static void message_refuse(struct stub *s, const struct stub_call *c, const struct verdict *v, struct outcome *o)
{
	int64_t now_ms = clock_now_ms();

	if (!rule_answers(v->rule, c->dialect, &o->answer))
		c->dialect->fault(&(struct stub_fault){ .word = STR("invalid") }, &o->answer);
	if (journal(s, c, o, v->rule, NULL, fault_reason(v->rule, c->arena), now_ms) < 0)
		return;
	s->stats.refused++;
	failure_remember(s, c, v->rule, now_ms, o);
}

/* Our own contract: a message that was accepted before is answered with the first one's id. */
static bool is_repeat(const struct stub *s, const struct stub_call *c, const struct known_id **first)
{
	*first = NULL;
	if (c->dialect->kind == STUB_BLAZZ)
		*first = known_ids_find(s->ids, STUB_BLAZZ, c->account, c->client_message_id, clock_now_ms());
	return *first && (*first)->id[0];
}

static void message_repeat(struct stub *s, const struct stub_call *c, const struct known_id *first,
	const struct verdict *v, struct outcome *o)
{
	static const struct stub_success usual = { 0 };
	struct stub_sent m = sent_of(c, first->id, first->at_ms);
	bool pending = clock_mono_ms() < first->ready_mono_ms;

	if (pending)
		c->dialect->fault(&(struct stub_fault){ .word = STR("pending") }, &o->answer);
	else if (!rule_answers(v->rule, c->dialect, &o->answer))
		c->dialect->success(c, &m, &usual, &o->answer);
	s->stats.repeated++;
	(void)!journal(s, c, o, v->rule, NULL, pending ? STR("pending") : STR("repeated"), clock_now_ms());
}

static void message(struct stub *s, const struct stub_call *c, const struct verdict *v, struct outcome *o)
{
	const struct known_id *first;

	if (is_repeat(s, c, &first))
		message_repeat(s, c, first, v, o);
	else if (accepts(v->rule))
		message_accept(s, c, v, o);
	else
		message_refuse(s, c, v, o);
}

/* {state, id, error}, or 404. */
static void lookup(const struct stub *s, const struct stub_call *c, struct stub_answer *out)
{
	const struct known_id *id =
		known_ids_find(s->ids, STUB_BLAZZ, c->account, c->client_message_id, clock_now_ms());
	struct json_writer w;

	if (!id) {
		c->dialect->fault(&(struct stub_fault){ .word = STR("not_found") }, out);
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
	if (rule_answers(v->rule, c->dialect, &o->answer))
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

	c->dialect->fault(&fault, &o->answer);
	s->stats.refused++;
	if (c->act <= STUB_READ)
		(void)!journal(s, c, o, NULL, NULL, fault.word, clock_now_ms());
}

static bool is_found(struct stub *s, struct stub_call *c)
{
	struct str bearer = http_header(c->http, "authorization");

	if (c->dialect->kind != STUB_META || c->act <= STUB_READ) {
		c->session = sessions_find(s->sessions, c->dialect->kind, c->account);
		return c->session != NULL;
	}
	c->session = sessions_of_token(s->sessions, str_slice(bearer, strlen("Bearer "), bearer.n),
		c->act == STUB_TEMPLATES ? c->object : STR_NONE);
	return c->session != NULL;
}

static void serve(struct stub *s, struct stub_call *c, struct outcome *o)
{
	bool about_number = c->dialect->kind != STUB_META || c->act <= STUB_READ;
	struct verdict v;
	struct err err;

	if (c->dialect->read(c, &err) < 0) {
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
	*o = outcome_of(s, v.rule);
	if (c->act <= STUB_READ)
		message(s, c, &v, o);
	else
		question(s, c, &v, o);
}

static void with_body(struct stub *s, struct stub_call *c)
{
	struct outcome o = outcome_of(s, NULL);
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
	conclude(s, c->http, &o);
	json_free(doc);
}

static bool is_routed(struct stub_call *c)
{
	const struct stub_call empty = *c;

	for (int kind = 0; kind < STUB_KINDS; kind++) {
		*c = empty;
		c->dialect = stub_dialect((enum stub_kind)kind);
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
	else if (is_routed(&c))
		with_body(s, &c);
	else
		http_respond(r, 404, "application/json", STR("{\"error\":\"no such route\"}"), NULL, 0);
}
