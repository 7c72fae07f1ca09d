/* Messages: accepted, refused, or answered as a repeat. Invariant: a message is in the journal before it is concluded, and
 * before anything about it is posted. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "exchange.h"

/* The journal cannot be written: nothing may be accepted any more. */
static void journal_lost(struct stub *s, const struct err *err)
{
	s->failure = *err;
	loop_stop(s->loop);
}

bool stub_journal_message(struct stub *s, const struct stub_call *c, const struct outcome *o, const struct rule *rule,
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
		return true;
	journal_lost(s, &err);
	return false;
}

struct outcome stub_outcome(const struct stub *s, const struct rule *rule)
{
	struct outcome o = { .answer.retry_after_s = -1 };

	if (!rule)
		return o;
	o.end = rule->end;
	o.delay_ms = rule->delay_ms;
	if (o.end == RULE_HANG && o.delay_ms == 0)
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

bool stub_rule_answers(const struct rule *rule, const struct stub_call *c, struct stub_answer *out)
{
	if (!rule)
		return false;
	out->retry_after_s = rule->retry_after_s;
	if (rule->raw || (!rule->is_fault && rule->fault.status >= 400))
		raw_answer(rule, out);
	else if (rule->is_fault)
		c->dialect->fault(c, &rule->fault, out);
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
	return rule->end == RULE_ANSWER ? STR("not accepted") : str_of(rule_end_word(rule->end));
}

static struct stub_sent sent_of(const struct stub_call *c, const char *id, int64_t now_ms)
{
	return (struct stub_sent){
		.provider = c->dialect->provider,
		.is_group = c->is_group,
		.id = id,
		.to = c->to,
		.recipient = c->recipient,
		.client_message_id = c->client_message_id,
		.type = c->type,
		.text = c->text,
		.media_url = c->media_url,
		.mime = c->mime,
		.file_name = c->file_name,
		.place = c->place,
		.at_ms = now_ms,
	};
}

static void remember(struct stub *s, const struct stub_call *c, const struct known_id *id)
{
	if (c->client_message_id.n > 0)
		known_ids_put(s->ids, c->dialect->provider, c->account, c->client_message_id, id);
}

static void id_new(struct stub *s, const struct stub_call *c, char out[static STUB_ID_BYTES])
{
	char unique[20];

	snprintf(unique, sizeof(unique), "%s%08X", s->run, (unsigned)++s->messages);
	c->dialect->id_write(out, unique);
}

/* As the rule says, else as of a message that was accepted. */
static void message_answer(const struct stub_call *c, const struct stub_sent *m, const struct rule *rule,
	struct stub_answer *out)
{
	static const struct stub_success usual = { 0 };

	if (stub_rule_answers(rule, c, out))
		return;
	c->dialect->success(c, m, rule ? &rule->success : &usual, out);
	if (rule && rule->fault.status)
		out->status = rule->fault.status;
}

static bool was_accepted(const struct stub *s, const struct stub_call *c, int64_t now_ms)
{
	const struct known_id *id;

	if (c->client_message_id.n == 0)
		return false;
	id = known_ids_find(s->ids, c->dialect->provider, c->account, c->client_message_id, now_ms);
	return id && id->id[0];
}

static void message_accept(struct stub *s, const struct stub_call *c, const struct verdict *v, struct outcome *o)
{
	int64_t now_ms = clock_now_ms();
	struct known_id id = { .at_ms = now_ms, .ready_mono_ms = clock_mono_ms() + o->delay_ms };
	struct stub_sent m;

	id_new(s, c, id.id);
	m = sent_of(c, id.id, now_ms);
	if (v->rule && v->rule->success.wa_id.p)
		m.recipient = v->rule->success.wa_id;
	message_answer(c, &m, v->rule, &o->answer);
	if (!stub_journal_message(s, c, o, v->rule, id.id, STR_NONE, now_ms))
		return;
	s->stats.accepted++;
	s->stats.duplicates += c->act == STUB_SEND && was_accepted(s, c, now_ms);
	remember(s, c, &id);
	if (c->act == STUB_SEND)
		webhooks_add(s->webhooks, c->session, &m, v->plan);
}

/* Our own bridge says later why the message failed, unless it may have been sent. */
static void failure_remember(struct stub *s, const struct stub_call *c, const struct rule *rule, int64_t now_ms,
	const struct outcome *o)
{
	struct known_id id = { .at_ms = now_ms, .ready_mono_ms = clock_mono_ms() + o->delay_ms };

	if (c->dialect->provider != STUB_BLAZZ || !rule->fault.word.p || o->answer.status >= 500)
		return;
	snprintf(id.error, sizeof(id.error), "%.*s", STR_ARG(rule->fault.word));
	remember(s, c, &id);
}

/* A rule may refuse a message and still answer as if it had been accepted. */
static void message_refuse(struct stub *s, const struct stub_call *c, const struct verdict *v, struct outcome *o)
{
	int64_t now_ms = clock_now_ms();
	char id[STUB_ID_BYTES];
	struct stub_sent m = sent_of(c, id, now_ms);

	id_new(s, c, id);
	message_answer(c, &m, v->rule, &o->answer);
	if (!stub_journal_message(s, c, o, v->rule, NULL, fault_reason(v->rule, c->arena), now_ms))
		return;
	s->stats.refused++;
	failure_remember(s, c, v->rule, now_ms, o);
}

/* Our own contract: a message that was accepted before is answered with the first one's id. */
static bool is_repeat(const struct stub *s, const struct stub_call *c, const struct known_id **first)
{
	*first = NULL;
	if (c->dialect->provider == STUB_BLAZZ)
		*first = known_ids_find(s->ids, STUB_BLAZZ, c->account, c->client_message_id, clock_now_ms());
	return *first && (*first)->id[0];
}

static void message_repeat(struct stub *s, const struct stub_call *c, const struct known_id *first,
	const struct verdict *v, struct outcome *o)
{
	struct stub_sent m = sent_of(c, first->id, first->at_ms);
	bool pending = clock_mono_ms() < first->ready_mono_ms;

	if (pending)
		c->dialect->fault(c, &(struct stub_fault){ .word = STR("pending") }, &o->answer);
	else
		message_answer(c, &m, v->rule, &o->answer);
	s->stats.repeated++;
	stub_journal_message(s, c, o, v->rule, NULL, pending ? STR("pending") : STR("repeated"), clock_now_ms());
}

void stub_message(struct stub *s, const struct stub_call *c, const struct verdict *v, struct outcome *o)
{
	const struct known_id *first;

	if (is_repeat(s, c, &first))
		message_repeat(s, c, first, v, o);
	else if (accepts(v->rule))
		message_accept(s, c, v, o);
	else
		message_refuse(s, c, v, o);
}
