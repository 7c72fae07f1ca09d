/* See sessions.h. */
#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "crypto/digest.h"

#define PATTERN "*"

struct sessions {
	struct map *by_name; /* provider and name */
	size_t max;
};

struct sessions *sessions_new(size_t max)
{
	struct sessions *s = mem_calloc(1, sizeof(*s));

	s->by_name = map_new();
	s->max = max;
	return s;
}

static void session_clear(struct session *s)
{
	free(s->name);
	free(s->key);
	free(s->waba);
	free(s->phone);
	free(s->webhook_url);
	free(s->webhook_secret);
}

void sessions_free(struct sessions *s)
{
	struct str key;
	void *session;

	if (!s)
		return;
	for (size_t i = 0; map_each(s->by_name, &i, &key, &session);) {
		session_clear(session);
		free(session);
	}
	map_free(s->by_name);
	free(s);
}

static void **slot_of(struct sessions *s, enum stub_provider provider, struct str name, bool add)
{
	struct buf key = BUF_INIT;
	void **slot = NULL;

	buf_add_char(&key, (char)('0' + (int)provider));
	buf_add_str(&key, name);
	if (add || map_get(s->by_name, buf_str(&key)))
		slot = map_slot(s->by_name, buf_str(&key));
	buf_fini(&key);
	return slot;
}

static char *copy(struct str s)
{
	return s.p ? mem_cstr(s) : NULL;
}

static char *member(const json *v, const char *name)
{
	return copy(json_str(json_get(v, name)));
}

static int check(const json *v, enum stub_provider *provider, struct err *err)
{
	if (!stub_provider_parse(json_str(json_get(v, "provider")), provider))
		return err_set(err, ERR_INPUT, "session", "provider: meta, blazz, waha, evolution or wwebjs");
	if (stub_require(json_str(json_get(v, "name")), "name", err) < 0)
		return -1;
	return stub_require(json_str(json_get(v, "key")), "key", err);
}

static int put(struct sessions *s, const json *v, struct err *err)
{
	struct str name = json_str(json_get(v, "name"));
	struct session *session;
	enum stub_provider provider;
	void **slot;

	if (check(v, &provider, err) < 0)
		return -1;
	slot = slot_of(s, provider, name, map_count(s->by_name) < s->max);
	if (!slot)
		return err_set(err, ERR_INPUT, "session", "there are %zu sessions already", s->max);
	if (!*slot)
		*slot = mem_calloc(1, sizeof(*session));
	session = *slot;
	session_clear(session);
	*session = (struct session){
		.provider = provider,
		.name = copy(name),
		.key = member(v, "key"),
		.waba = member(v, "waba"),
		.phone = member(v, "phone"),
		.webhook_url = member(v, "webhook_url"),
		.webhook_secret = member(v, "webhook_secret"),
	};
	if (!session->phone)
		session->phone = mem_cstr(STR("15550000000"));
	return 0;
}

int sessions_put(struct sessions *s, const json *v, struct err *err)
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

static struct session *copy_of_pattern(struct sessions *s, enum stub_provider provider, struct str name)
{
	void **pattern = slot_of(s, provider, STR(PATTERN), false), **slot;
	const struct session *from;
	struct session *to;

	if (!pattern || name.n == 0 || map_count(s->by_name) >= s->max)
		return NULL;
	from = *pattern;
	to = mem_calloc(1, sizeof(*to));
	*to = (struct session){
		.provider = provider,
		.name = copy(name),
		.key = copy(str_of(from->key)),
		.waba = copy(str_of(from->waba)),
		.phone = copy(str_of(from->phone)),
		.webhook_url = copy(str_of(from->webhook_url)),
		.webhook_secret = copy(str_of(from->webhook_secret)),
	};
	slot = slot_of(s, provider, name, true);
	*slot = to;
	return to;
}

struct session *sessions_find(struct sessions *s, enum stub_provider provider, struct str name)
{
	void **slot = slot_of(s, provider, name, false);

	return slot ? *slot : copy_of_pattern(s, provider, name);
}

struct session *sessions_of_token(const struct sessions *s, struct str token, struct str waba)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(s->by_name, &i, &key, &value);) {
		struct session *session = value;

		if (session->provider == STUB_META && crypto_equal(token, str_of(session->key)) &&
			(!waba.p || str_eq(waba, str_of(session->waba))))
			return session;
	}
	return NULL;
}

size_t sessions_count(const struct sessions *s)
{
	return map_count(s->by_name);
}

void sessions_write(const struct sessions *s, struct json_writer *w)
{
	struct str key;
	void *value;

	jw_arr(w);
	for (size_t i = 0; map_each(s->by_name, &i, &key, &value);) {
		const struct session *session = value;

		jw_obj(w);
		jw_member_str(w, "provider", str_of(stub_provider_word(session->provider)));
		jw_member_str(w, "name", str_of(session->name));
		jw_member_str(w, "waba", str_of(session->waba));
		jw_member_str(w, "phone", str_of(session->phone));
		jw_member_str(w, "webhook_url", str_of(session->webhook_url));
		jw_obj_end(w);
	}
	jw_arr_end(w);
}
