/* A call to an instance of a bridge, below "/~NAME", from its last byte to its end. Invariant: it is in the journal of calls
 * before it ends, also when the instance is dead. */
#include <string.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/webhook_signature.h"
#include "exchange.h"
#include "manage.h"

/* The path below the instance; *name: the instance's. */
static struct str path_below(struct str target, struct str *name)
{
	struct str rest = str_slice(target, strlen("/~"), target.n), below;

	return str_cut(rest, '/', name, &below) ? str_slice(rest, name->n, rest.n) : STR_NONE;
}

static bool is_signed(const struct instance *at, const struct stub_call *c)
{
	const struct str key = str_of(at->key);
	struct str name, text = http_body(c->http);

	if (text.n == 0)
		text = arena_printf(c->arena, "%.*s %.*s", STR_ARG(http_method(c->http)),
			STR_ARG(path_below(http_target(c->http), &name)));
	return webhook_verify(&key, 1, http_header(c->http, "webhook-id"), http_header(c->http, "webhook-timestamp"),
		http_header(c->http, "webhook-signature"), text, clock_now_ms());
}

static bool is_authentic(const struct instance *at, const struct stub_call *c)
{
	const char *header = at->provider == STUB_EVOLUTION ? "apikey" : "x-api-key";

	if (c->act == STUB_HEALTH || (at->provider == STUB_WAHA && c->act == STUB_PROBE))
		return true;
	if (at->provider == STUB_BLAZZ)
		return is_signed(at, c);
	return crypto_equal(http_header(c->http, header), str_of(at->key));
}

/* What a rule says instead: an answer, or none. A call that hangs or is cut may still be done, as `accept` says. */
static bool is_done(const struct rule *rule)
{
	if (!rule)
		return true;
	if (rule->has_accept)
		return rule->accept;
	return !rule->is_fault && rule->fault.status < 400 && (rule->end == RULE_ANSWER || rule->end == RULE_CUT);
}

static void serve(struct stub *s, struct instance *at, struct stub_call *c, struct outcome *o)
{
	int64_t now = clock_mono_ms();
	struct verdict v = rules_decide(s->rules, c, clock_now_us());
	enum managed result = MANAGED_DONE;
	struct live *l = NULL;

	*o = stub_outcome(s, v.rule);
	if (is_done(v.rule)) {
		result = manage_do(at, c, now, &l);
		manage_answer(at, c, l, result, now, &o->answer);
	}
	stub_rule_answers(v.rule, c, &o->answer);
}

static void with_body(struct stub *s, struct instance *at, struct stub_call *c)
{
	struct outcome o = stub_outcome(s, NULL);
	struct json_doc *doc = NULL;

	if (at->dead)
		o.end = RULE_CUT;
	else if (!is_authentic(at, c))
		c->dialect->fault(c, &(struct stub_fault){ .word = STR("unauthenticated") }, &o.answer);
	else if (http_body(c->http).n > 0 && json_parse(&doc, http_body(c->http), NULL) < 0)
		c->dialect->fault(c, &(struct stub_fault){ .word = STR("invalid"), .status = 400 }, &o.answer);
	c->body = doc ? json_root(doc) : NULL;
	manage_name(c);
	if (!at->dead && o.answer.status == 0)
		serve(s, at, c, &o);
	calls_add(s->calls, c, clock_now_ms(), o.end == RULE_ANSWER ? o.answer.status : 0, rule_end_word(o.end),
		instances_also_at(s->instances, at, c->account, clock_mono_ms()));
	stub_conclude(s, c->http, &o);
	json_free(doc);
}

void stub_instance(struct stub *s, struct http_request *r)
{
	struct stub_call c = { .http = r, .arena = s->arena };
	struct str path = path_below(http_path(r), &c.instance);
	struct instance *at = instances_find(s->instances, c.instance);

	if (!at || !manage_route(&c, at->provider, http_method(r), path)) {
		http_respond(r, 404, "application/json", STR("{\"message\":\"Cannot GET here\"}"), NULL, 0);
		return;
	}
	c.dialect = stub_dialect(at->provider);
	if (at->provider == STUB_EVOLUTION && c.act == STUB_LIST && http_query(r, "number").p)
		c.act = STUB_PROBE;
	instance_expire(at, clock_mono_ms());
	with_body(s, at, &c);
}
