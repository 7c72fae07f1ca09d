/* See rules.h. */
#include "rules.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"

#define USED_MAX 1000000 /* accounts or pairs that a limit remembers */

struct rules {
	struct rule *list;
	size_t n;
	uint64_t random;
};

/* What is posted when no rule says otherwise. */
static const struct webhook_plan usual = {
	.echo = true,
	.statuses = { STUB_SENT, STUB_DELIVERED },
	.n = 2,
	.delay_ms = 20,
	.step_ms = 20,
	.repeat = 1,
};

struct rules *rules_new(uint64_t seed)
{
	struct rules *r = mem_calloc(1, sizeof(*r));

	r->random = seed;
	return r;
}

static void list_free(struct rule *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rule_fini(&list[i]);
	free(list);
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	list_free(r->list, r->n);
	free(r);
}

int rules_put(struct rules *r, const json *v, struct err *err)
{
	struct json_iter it = json_iter(v);
	struct rule *list = NULL;
	size_t n = 0, cap = 0;
	const json *one;

	if (!json_is_arr(v))
		return err_set(err, ERR_INPUT, "rule", "not an array of rules");
	while ((one = json_next(&it))) {
		list = vec_grow(list, n, &cap, sizeof(*list));
		list[n] = (struct rule){ 0 };
		if (rule_parse(&list[n++], one, err) < 0) {
			err_wrap(err, "rule %zu", n);
			list_free(list, n);
			return -1;
		}
	}
	list_free(r->list, r->n);
	r->list = list;
	r->n = n;
	return 0;
}

void rules_write(const struct rules *r, struct json_writer *w)
{
	jw_arr(w);
	for (size_t i = 0; i < r->n; i++) {
		jw_obj(w);
		jw_member_str(w, "name", str_of(r->list[i].name));
		jw_member_i64(w, "seen", r->list[i].seen);
		jw_member_i64(w, "applied", r->list[i].applied);
		jw_obj_end(w);
	}
	jw_arr_end(w);
}

/* splitmix64: the same seed and requests give the same decisions. */
static double random_unit(struct rules *r)
{
	uint64_t z = r->random += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static bool is_of(const struct rule *rule, const struct stub_call *c)
{
	if (rule->of_provider && rule->provider != c->dialect->provider)
		return false;
	/* Without `act`, rules are about messages. */
	if (rule->of_act ? rule->act != c->act : c->act > STUB_READ)
		return false;
	if (rule->instance && !str_is(c->instance, rule->instance))
		return false;
	return (!rule->account || str_is(c->account, rule->account)) &&
		(!rule->recipient || str_is(c->recipient, rule->recipient));
}

/* Whether the request is beyond the limit; if not, it counts. */
static bool is_beyond(struct rule *rule, const struct stub_call *c, int64_t now_us)
{
	struct buf key = BUF_INIT;
	int64_t at_us, again_us;
	bool beyond;
	void **slot;

	buf_add_char(&key, (char)('0' + (int)c->dialect->provider));
	buf_add_str(&key, c->account);
	if (rule->pair) {
		buf_add_char(&key, '\n');
		buf_add_str(&key, c->recipient);
	}
	if (map_count(rule->used) >= USED_MAX)
		map_clear(rule->used);
	slot = map_slot(rule->used, buf_str(&key));
	buf_fini(&key);
	at_us = (int64_t)(intptr_t)*slot;
	beyond = gcra_room(&at_us, rule->limit, now_us, &again_us) == 0;
	if (!beyond)
		gcra_take(&at_us, rule->limit, 1, now_us);
	*slot = (void *)(intptr_t)at_us;
	return beyond;
}

static bool applies(struct rules *r, struct rule *rule, const struct stub_call *c, int64_t now_us)
{
	if (!is_of(rule, c))
		return false;
	rule->seen++;
	if (rule->times && rule->applied >= rule->times)
		return false;
	if (rule->nth && rule->seen != rule->nth)
		return false;
	if (rule->every && rule->seen % rule->every != 0)
		return false;
	if (rule->share < 1 && random_unit(r) >= rule->share)
		return false;
	if (rule->counts && !is_beyond(rule, c, now_us))
		return false;
	rule->applied++;
	return true;
}

struct verdict rules_decide(struct rules *r, const struct stub_call *c, int64_t now_us)
{
	struct verdict v = { NULL, NULL };

	for (size_t i = 0; i < r->n; i++) {
		struct rule *rule = &r->list[i];
		bool wanted = (rule->answers && !v.rule) || (rule->plans && !v.plan);

		if (!wanted || !applies(r, rule, c, now_us))
			continue;
		if (rule->answers && !v.rule)
			v.rule = rule;
		if (rule->plans && !v.plan)
			v.plan = &rule->plan;
	}
	if (!v.plan)
		v.plan = &usual;
	return v;
}
