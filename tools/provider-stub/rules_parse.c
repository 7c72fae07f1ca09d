/* A rule from JSON. Invariant: an unknown member, and a value of the wrong type, is an error: a test whose rule has no
 * effect would pass for the wrong reason. */
#include "rules.h"

#include <stdlib.h>

#include "base/map.h"

static const char *const end_words[RULE_ENDS] = {
	[RULE_ANSWER] = "answer",
	[RULE_HANG] = "hang",
	[RULE_RESET] = "reset",
	[RULE_CUT] = "cut",
};

const char *rule_end_word(enum rule_end end)
{
	return end_words[end];
}

void rule_fini(struct rule *rule)
{
	free(rule->name);
	free(rule->account);
	free(rule->recipient);
	free(rule->instance);
	free(rule->raw);
	free(rule->error);
	free(rule->title);
	free(rule->details);
	free(rule->message_status);
	free(rule->wa_id);
	map_free(rule->used);
}

static int wrong(const char *member, const char *what, struct err *err)
{
	return err_set(err, ERR_INPUT, "rule", "%s: %s", member, what);
}

/* Readers of one member each. */

static int text_read(const json *v, char **out, const char *member, struct err *err)
{
	if (!json_str(v).p)
		return wrong(member, "not a string", err);
	free(*out);
	*out = mem_cstr(json_str(v));
	return 0;
}

static int number_read(const json *v, int64_t *out, const char *member, struct err *err)
{
	int64_t n;

	if (json_type(v) != JSON_INT || !json_to_i64(v, &n) || n < 0)
		return wrong(member, "not a whole number from 0", err);
	*out = n;
	return 0;
}

static int flag_read(const json *v, bool *out, const char *member, struct err *err)
{
	return json_to_bool(v, out) ? 0 : wrong(member, "not true or false", err);
}

static int account_read(struct rule *r, const json *v, struct err *err)
{
	return text_read(v, &r->account, "account", err);
}

static int recipient_read(struct rule *r, const json *v, struct err *err)
{
	return text_read(v, &r->recipient, "recipient", err);
}

static int instance_read(struct rule *r, const json *v, struct err *err)
{
	return text_read(v, &r->instance, "instance", err);
}

static int name_read(struct rule *r, const json *v, struct err *err)
{
	return text_read(v, &r->name, "name", err);
}

static int provider_read(struct rule *r, const json *v, struct err *err)
{
	r->of_provider = true;
	return stub_provider_parse(json_str(v), &r->provider) ? 0 : wrong("provider", "unknown", err);
}

static int act_read(struct rule *r, const json *v, struct err *err)
{
	r->of_act = true;
	return stub_act_parse(json_str(v), &r->act) ? 0 : wrong("act", "unknown", err);
}

static int nth_read(struct rule *r, const json *v, struct err *err)
{
	return number_read(v, &r->nth, "nth", err);
}

static int every_read(struct rule *r, const json *v, struct err *err)
{
	return number_read(v, &r->every, "every", err);
}

static int times_read(struct rule *r, const json *v, struct err *err)
{
	return number_read(v, &r->times, "times", err);
}

static int share_read(struct rule *r, const json *v, struct err *err)
{
	if (!json_to_f64(v, &r->share) || r->share < 0 || r->share > 1)
		return wrong("share", "not a number from 0 to 1", err);
	return 0;
}

/* {"of": "account" or "pair", "uses", "window_ms", "burst"} */
static int limit_read(struct rule *r, const json *v, struct err *err)
{
	int64_t uses = 0, window_ms = 0, burst = 1;
	struct str of = json_str(json_get(v, "of"));

	if (!str_is(of, "account") && !str_is(of, "pair"))
		return wrong("limit", "of: account or pair", err);
	if (number_read(json_get(v, "uses"), &uses, "limit: uses", err) < 0 ||
		number_read(json_get(v, "window_ms"), &window_ms, "limit: window_ms", err) < 0)
		return -1;
	if (json_get(v, "burst") && number_read(json_get(v, "burst"), &burst, "limit: burst", err) < 0)
		return -1;
	if (uses == 0 || window_ms == 0 || burst == 0 || burst > GCRA_BURST_MAX)
		return wrong("limit", "uses, window_ms and burst: above 0, burst at most 100000", err);
	r->counts = true;
	r->pair = str_is(of, "pair");
	r->limit = gcra_limit_of((double)uses, window_ms * 1000, (int32_t)burst);
	return 0;
}

static int accept_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = r->has_accept = true;
	return flag_read(v, &r->accept, "accept", err);
}

static int end_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = true;
	for (int i = 0; i < RULE_ENDS; i++)
		if (str_is(json_str(v), end_words[i])) {
			r->end = (enum rule_end)i;
			return 0;
		}
	return wrong("end", "answer, hang, reset or cut", err);
}

static int delay_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = true;
	return number_read(v, &r->delay_ms, "delay_ms", err);
}

static int code_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = r->is_fault = true;
	return number_read(v, &r->fault.code, "code", err);
}

static int subcode_read(struct rule *r, const json *v, struct err *err)
{
	return number_read(v, &r->fault.subcode, "subcode", err);
}

static int status_read(struct rule *r, const json *v, struct err *err)
{
	int64_t status = 0;

	r->answers = true;
	if (number_read(v, &status, "status", err) < 0)
		return -1;
	r->fault.status = (int)status;
	return status >= 200 && status <= 599 ? 0 : wrong("status", "not from 200 to 599", err);
}

static int error_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = r->is_fault = true;
	return text_read(v, &r->error, "error", err);
}

static int title_read(struct rule *r, const json *v, struct err *err)
{
	return text_read(v, &r->title, "title", err);
}

static int details_read(struct rule *r, const json *v, struct err *err)
{
	return text_read(v, &r->details, "details", err);
}

/* A string is the body as it is, anything else is written as JSON. */
static int body_read(struct rule *r, const json *v, struct err *err)
{
	struct buf out = BUF_INIT;
	int rc;

	r->answers = true;
	if (json_str(v).p)
		return text_read(v, &r->raw, "body", err);
	rc = json_write_without(v, NULL, 0, &out, err);
	free(r->raw);
	r->raw = mem_cstr(buf_str(&out));
	buf_fini(&out);
	return rc;
}

static int retry_after_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = true;
	return number_read(v, &r->retry_after_s, "retry_after", err);
}

static int no_id_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = true;
	return flag_read(v, &r->success.no_id, "no_id", err);
}

static int message_status_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = true;
	return text_read(v, &r->message_status, "message_status", err);
}

static int wa_id_read(struct rule *r, const json *v, struct err *err)
{
	r->answers = true;
	return text_read(v, &r->wa_id, "wa_id", err);
}

static int statuses_read(struct webhook_plan *plan, const json *v, struct err *err)
{
	struct json_iter it = json_iter(v);
	const json *one;

	if (!json_is_arr(v) || json_count(v) > RULE_STATUSES_MAX)
		return wrong("webhooks: statuses", "not an array of at most 16", err);
	for (plan->n = 0; (one = json_next(&it)); plan->n++)
		if (!stub_status_parse(json_str(one), &plan->statuses[plan->n]))
			return wrong("webhooks: statuses", "pending, sent, delivered, read, played or failed", err);
	return 0;
}

static int plan_member_read(struct webhook_plan *plan, struct str name, const json *v, struct err *err)
{
	if (str_is(name, "statuses"))
		return statuses_read(plan, v, err);
	if (str_is(name, "echo"))
		return flag_read(v, &plan->echo, "webhooks: echo", err);
	if (str_is(name, "reversed"))
		return flag_read(v, &plan->reversed, "webhooks: reversed", err);
	if (str_is(name, "delay_ms"))
		return number_read(v, &plan->delay_ms, "webhooks: delay_ms", err);
	if (str_is(name, "step_ms"))
		return number_read(v, &plan->step_ms, "webhooks: step_ms", err);
	if (str_is(name, "repeat"))
		return number_read(v, &plan->repeat, "webhooks: repeat", err);
	if (str_is(name, "failed_code"))
		return number_read(v, &plan->failed_code, "webhooks: failed_code", err);
	return err_set(err, ERR_INPUT, "rule", "webhooks: %.*s: unknown", STR_ARG(name));
}

static int webhooks_read(struct rule *r, const json *v, struct err *err)
{
	struct json_iter it = json_iter(v);
	const json *member;

	if (!json_is_obj(v))
		return wrong("webhooks", "not an object", err);
	r->plans = true;
	r->plan = (struct webhook_plan){ .repeat = 1 };
	while ((member = json_next(&it)))
		if (plan_member_read(&r->plan, json_iter_key(&it), member, err) < 0)
			return -1;
	return r->plan.repeat >= 1 && r->plan.repeat <= 100 ? 0 : wrong("webhooks: repeat", "not from 1 to 100", err);
}

static const struct {
	const char *name;
	int (*read)(struct rule *r, const json *v, struct err *err);
} members[] = {
	{ "name", name_read },
	{ "provider", provider_read },
	{ "account", account_read },
	{ "recipient", recipient_read },
	{ "instance", instance_read },
	{ "act", act_read },
	{ "nth", nth_read },
	{ "every", every_read },
	{ "times", times_read },
	{ "share", share_read },
	{ "limit", limit_read },
	{ "accept", accept_read },
	{ "end", end_read },
	{ "delay_ms", delay_read },
	{ "code", code_read },
	{ "subcode", subcode_read },
	{ "status", status_read },
	{ "error", error_read },
	{ "title", title_read },
	{ "details", details_read },
	{ "body", body_read },
	{ "retry_after", retry_after_read },
	{ "no_id", no_id_read },
	{ "message_status", message_status_read },
	{ "wa_id", wa_id_read },
	{ "webhooks", webhooks_read },
};

static int member_read(struct rule *r, struct str name, const json *v, struct err *err)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (str_is(name, members[i].name))
			return members[i].read(r, v, err);
	return err_set(err, ERR_INPUT, "rule", "%.*s: unknown", STR_ARG(name));
}

int rule_parse(struct rule *out, const json *v, struct err *err)
{
	struct json_iter it = json_iter(v);
	const json *member;

	if (!json_is_obj(v))
		return err_set(err, ERR_INPUT, "rule", "not an object");
	out->share = 1;
	out->retry_after_s = -1;
	out->used = map_new();
	while ((member = json_next(&it)))
		if (member_read(out, json_iter_key(&it), member, err) < 0)
			return -1;
	if (!out->answers && !out->plans)
		return err_set(err, ERR_INPUT, "rule", "neither answers nor posts anything");
	if (out->raw && out->fault.status == 0)
		return wrong("body", "needs a status", err);
	if (!out->name)
		out->name = mem_cstr(STR(""));
	out->fault.word = str_of(out->error);
	out->fault.title = str_of(out->title);
	out->fault.details = str_of(out->details);
	out->success.message_status = str_of(out->message_status);
	out->success.wa_id = str_of(out->wa_id);
	return 0;
}
