/* See instances.h. */
#include "instances.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"

#define CAPACITY      300
#define INSTANCES_MAX 1000
#define LIVE_MAX      100000 /* sessions of an instance */

struct instances {
	struct map *by_name;
};

static const char *const states[LIVE_STATES] = {
	[LIVE_ABSENT] = "absent",
	[LIVE_STOPPED] = "stopped",
	[LIVE_STARTING] = "starting",
	[LIVE_QR] = "qr",
	[LIVE_CONNECTED] = "connected",
	[LIVE_FAILED] = "failed",
};

const char *live_state_word(enum live_state state)
{
	return states[state];
}

struct instances *instances_new(void)
{
	struct instances *s = mem_calloc(1, sizeof(*s));

	s->by_name = map_new();
	return s;
}

static void instance_free(struct instance *at)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(at->live, &i, &key, &value);) {
		struct live *l = value;

		free(l->name);
		free(l->phone);
		free(l);
	}
	map_free(at->live);
	free(at->name);
	free(at->key);
	free(at);
}

void instances_free(struct instances *s)
{
	struct str key;
	void *value;

	if (!s)
		return;
	for (size_t i = 0; map_each(s->by_name, &i, &key, &value);)
		instance_free(value);
	map_free(s->by_name);
	free(s);
}

struct instance *instances_find(const struct instances *s, struct str name)
{
	return map_get(s->by_name, name);
}

struct live *instance_live(struct instance *at, struct str name, bool add)
{
	struct live *l = map_get(at->live, name);

	if (l || !add || map_count(at->live) >= LIVE_MAX)
		return l;
	l = mem_calloc(1, sizeof(*l));
	l->name = mem_cstr(name);
	*map_slot(at->live, name) = l;
	return l;
}

enum live_state live_state_of(const struct live *l, int64_t now_mono_ms)
{
	return now_mono_ms < l->ready_mono_ms ? LIVE_STARTING : l->state;
}

bool instance_has_lease(const struct instance *at, int64_t now_mono_ms)
{
	return at->provider != STUB_BLAZZ || now_mono_ms < at->until_mono_ms;
}

void instance_expire(struct instance *at, int64_t now_mono_ms)
{
	struct str key;
	void *value;

	if (instance_has_lease(at, now_mono_ms))
		return;
	for (size_t i = 0; map_each(at->live, &i, &key, &value);) {
		struct live *l = value;

		if (l->state != LIVE_ABSENT)
			l->state = LIVE_STOPPED;
		l->ready_mono_ms = 0;
	}
}

void instance_lease(struct instance *at, struct str token, int64_t ttl_ms, int64_t now_mono_ms)
{
	int64_t given;

	if (str_to_i64(token, &given) && at->token > 0 && (uint64_t)given == at->token)
		at->until_mono_ms = at->issued_mono_ms + ttl_ms;
	at->token++;
	at->issued_mono_ms = now_mono_ms;
}

void live_start(struct instance *at, struct live *l, int64_t now_mono_ms)
{
	l->state = at->starts_as;
	l->ready_mono_ms = now_mono_ms + at->start_ms;
}

void live_logout(struct live *l)
{
	free(l->phone);
	l->phone = NULL;
	l->state = LIVE_STOPPED;
	l->ready_mono_ms = 0;
}

static bool runs(struct instance *at, struct str name, int64_t now_mono_ms)
{
	const struct live *l;

	instance_expire(at, now_mono_ms);
	l = instance_live(at, name, false);
	return l && l->state != LIVE_ABSENT && l->state != LIVE_STOPPED;
}

const char *instances_also_at(const struct instances *s, struct instance *at, struct str name, int64_t now_mono_ms)
{
	struct str key;
	void *value;

	if (name.n == 0 || !runs(at, name, now_mono_ms))
		return NULL;
	for (size_t i = 0; map_each(s->by_name, &i, &key, &value);) {
		struct instance *other = value;

		if (other != at && other->provider == at->provider && runs(other, name, now_mono_ms))
			return other->name;
	}
	return NULL;
}

static int state_read(const json *v, enum live_state *out, struct err *err)
{
	for (int i = 0; i < LIVE_STATES; i++)
		if (str_is(json_str(v), states[i])) {
			*out = (enum live_state)i;
			return 0;
		}
	return err_set(err, ERR_INPUT, "instance", "absent, stopped, starting, qr, connected or failed expected");
}

static void text_put(char **out, const json *v)
{
	if (!json_str(v).p)
		return;
	free(*out);
	*out = mem_cstr(json_str(v));
}

static int live_put(struct instance *at, const json *v, struct err *err)
{
	struct str name = json_str(json_get(v, "name"));
	enum live_state state;
	struct live *l;

	if (stub_require(name, "sessions: name", err) < 0 || state_read(json_get(v, "state"), &state, err) < 0)
		return -1;
	l = instance_live(at, name, true);
	if (!l)
		return err_set(err, ERR_INPUT, "instance", "too many sessions");
	l->state = state;
	l->ready_mono_ms = 0;
	text_put(&l->phone, json_get(v, "phone"));
	return 0;
}

static int member_put(struct instance *at, struct str name, const json *v, struct err *err)
{
	struct json_iter it = json_iter(v);
	const json *one;

	if (str_is(name, "provider") || str_is(name, "name"))
		return 0;
	if (str_is(name, "key"))
		text_put(&at->key, v);
	else if (str_is(name, "starts_as"))
		return state_read(v, &at->starts_as, err);
	else if (str_is(name, "dead"))
		return json_to_bool(v, &at->dead) ? 0 : err_set(err, ERR_INPUT, "instance", "dead: true or false");
	else if (str_is(name, "capacity"))
		return json_to_i64(v, &at->capacity) ? 0 : err_set(err, ERR_INPUT, "instance", "capacity: a number");
	else if (str_is(name, "start_ms"))
		return json_to_i64(v, &at->start_ms) ? 0 : err_set(err, ERR_INPUT, "instance", "start_ms: a number");
	else if (!str_is(name, "sessions"))
		return err_set(err, ERR_INPUT, "instance", "%.*s: unknown", STR_ARG(name));
	while (str_is(name, "sessions") && (one = json_next(&it)))
		if (live_put(at, one, err) < 0)
			return -1;
	return 0;
}

static int new_check(const struct instances *s, const json *v, enum stub_provider *provider, struct err *err)
{
	if (!stub_provider_parse(json_str(json_get(v, "provider")), provider) || *provider == STUB_META)
		return err_set(err, ERR_INPUT, "instance", "provider: blazz, waha, evolution or wwebjs");
	if (stub_require(json_str(json_get(v, "name")), "name", err) < 0 ||
		stub_require(json_str(json_get(v, "key")), "key", err) < 0)
		return -1;
	if (map_count(s->by_name) >= INSTANCES_MAX)
		return err_set(err, ERR_INPUT, "instance", "there are %d instances already", INSTANCES_MAX);
	return 0;
}

static struct instance *instance_add(struct instances *s, enum stub_provider provider, struct str name)
{
	struct instance *at = mem_calloc(1, sizeof(*at));

	*at = (struct instance){
		.provider = provider,
		.name = mem_cstr(name),
		.capacity = CAPACITY,
		.starts_as = LIVE_CONNECTED,
		.live = map_new(),
	};
	*map_slot(s->by_name, name) = at;
	return at;
}

static int put(struct instances *s, const json *v, struct err *err)
{
	struct str name = json_str(json_get(v, "name"));
	struct instance *at = instances_find(s, name);
	struct json_iter it = json_iter(v);
	enum stub_provider provider;
	const json *member;

	if (!at && new_check(s, v, &provider, err) < 0)
		return -1;
	if (!at)
		at = instance_add(s, provider, name);
	instance_expire(at, clock_mono_ms());
	while ((member = json_next(&it)))
		if (member_put(at, json_iter_key(&it), member, err) < 0)
			return err_wrap(err, "%s", at->name);
	return 0;
}

int instances_put(struct instances *s, const json *v, struct err *err)
{
	struct json_iter it = json_iter(v);
	const json *one;

	if (!json_is_arr(v))
		return put(s, v, err);
	while ((one = json_next(&it)))
		if (put(s, one, err) < 0)
			return -1;
	return 0;
}

static void live_write(const struct live *l, struct json_writer *w, int64_t now_mono_ms)
{
	jw_obj(w);
	jw_member_str(w, "name", str_of(l->name));
	jw_member_str(w, "state", str_of(states[live_state_of(l, now_mono_ms)]));
	jw_member_str(w, "phone", str_of(l->phone));
	jw_member_i64(w, "epoch", l->epoch);
	jw_obj_end(w);
}

static void instance_write(const struct instance *at, struct json_writer *w, int64_t now_mono_ms)
{
	struct str key;
	void *value;

	jw_obj(w);
	jw_member_str(w, "name", str_of(at->name));
	jw_member_str(w, "provider", str_of(stub_provider_word(at->provider)));
	jw_member_bool(w, "dead", at->dead);
	jw_member_bool(w, "leased", instance_has_lease(at, now_mono_ms));
	jw_key(w, "sessions");
	jw_arr(w);
	for (size_t i = 0; map_each(at->live, &i, &key, &value);)
		live_write(value, w, now_mono_ms);
	jw_arr_end(w);
	jw_obj_end(w);
}

void instances_write(struct instances *s, struct json_writer *w, int64_t now_mono_ms)
{
	struct str key;
	void *value;

	jw_arr(w);
	for (size_t i = 0; map_each(s->by_name, &i, &key, &value);) {
		instance_expire(value, now_mono_ms);
		instance_write(value, w, now_mono_ms);
	}
	jw_arr_end(w);
}
