/* Words, the table of dialects, and what dialects share. See stub.h. */
#include "stub.h"

static const char *const providers[STUB_PROVIDERS] = {
	[STUB_META] = "meta",
	[STUB_BLAZZ] = "blazz",
	[STUB_WAHA] = "waha",
	[STUB_EVOLUTION] = "evolution",
	[STUB_WWEBJS] = "wwebjs",
};
static const char *const acts[STUB_ACTS] = {
	[STUB_SEND] = "send",
	[STUB_REACTION] = "reaction",
	[STUB_READ] = "read",
	[STUB_LOOKUP] = "lookup",
	[STUB_MEDIA] = "media",
	[STUB_TEMPLATES] = "templates",
	[STUB_PROBE] = "probe",
	[STUB_HEALTH] = "health",
	[STUB_LIST] = "list",
	[STUB_LOOK] = "look",
	[STUB_CREATE] = "create",
	[STUB_UPDATE] = "update",
	[STUB_START] = "start",
	[STUB_STOP] = "stop",
	[STUB_RESTART] = "restart",
	[STUB_LOGOUT] = "logout",
	[STUB_DELETE] = "delete",
	[STUB_FETCH_QR] = "fetch_qr",
	[STUB_SYNC] = "sync",
};
static const char *const statuses[STUB_STATUSES] = {
	[STUB_PENDING] = "pending",
	[STUB_SENT] = "sent",
	[STUB_DELIVERED] = "delivered",
	[STUB_READ_BY] = "read",
	[STUB_PLAYED] = "played",
	[STUB_FAILED] = "failed",
};

/* The index of a word, or -1. */
static int word_find(const char *const *words, int n, struct str word)
{
	for (int i = 0; i < n; i++)
		if (str_is(word, words[i]))
			return i;
	return -1;
}

const char *stub_provider_word(enum stub_provider provider)
{
	return providers[provider];
}

bool stub_provider_parse(struct str word, enum stub_provider *out)
{
	int i = word_find(providers, STUB_PROVIDERS, word);

	*out = i < 0 ? STUB_META : (enum stub_provider)i;
	return i >= 0;
}

const char *stub_act_word(enum stub_act act)
{
	return acts[act];
}

bool stub_act_parse(struct str word, enum stub_act *out)
{
	int i = word_find(acts, STUB_ACTS, word);

	*out = i < 0 ? STUB_SEND : (enum stub_act)i;
	return i >= 0;
}

const char *stub_status_word(enum stub_status status)
{
	return statuses[status];
}

bool stub_status_parse(struct str word, enum stub_status *out)
{
	int i = word_find(statuses, STUB_STATUSES, word);

	*out = i < 0 ? STUB_PENDING : (enum stub_status)i;
	return i >= 0;
}

const struct dialect *stub_dialect(enum stub_provider provider)
{
	static const struct dialect *const dialects[STUB_PROVIDERS] = {
		[STUB_META] = &dialect_meta,
		[STUB_BLAZZ] = &dialect_blazz,
		[STUB_WAHA] = &dialect_waha,
		[STUB_EVOLUTION] = &dialect_evolution,
		[STUB_WWEBJS] = &dialect_wwebjs,
	};

	return dialects[provider];
}

int stub_require(struct str value, const char *member, struct err *err)
{
	return value.n > 0 ? 0 : err_set(err, ERR_INPUT, "missing", "%s: required", member);
}

int stub_place_read(const json *v, const char *name, struct stub_place *out, struct err *err)
{
	struct stub_place p = { .given = true, .name = json_str(json_get(v, name)) };

	if (!json_to_f64(json_get(v, "latitude"), &p.latitude) || !json_to_f64(json_get(v, "longitude"), &p.longitude))
		return err_set(err, ERR_INPUT, "missing", "latitude and longitude: required");
	*out = p;
	return 0;
}

void stub_place_write(struct json_writer *w, const struct stub_place *p, const char *latitude, const char *longitude,
	const char *name)
{
	jw_key(w, latitude);
	jw_f64(w, p->latitude);
	jw_key(w, longitude);
	jw_f64(w, p->longitude);
	jw_member_str(w, name, p->name);
}

struct str stub_segment(struct str path, size_t n)
{
	struct str head = STR_NONE, rest = path;
	bool more = str_cut(path, '/', &head, &rest); /* nothing is before the first slash */

	for (size_t i = 0; more; i++) {
		more = str_cut(rest, '/', &head, &rest);
		if (i == n)
			return head;
	}
	return STR_NONE;
}

size_t stub_segments(struct str path)
{
	size_t n = 0;

	for (size_t i = 0; i < path.n; i++)
		n += path.p[i] == '/';
	return n;
}

struct json_writer stub_answer_begin(struct stub_answer *out, int status)
{
	out->status = status;
	out->content_type = "application/json";
	buf_clear(&out->body);
	return json_writer(&out->body);
}
