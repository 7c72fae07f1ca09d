/* The steps of a call in its message's metadata; see call.h. */
#include "chat-sync/metadata/call.h"
#include "chat-sync/metadata/metadata.h"

#include "chat-sync/rules.h"
#include "json/json.h"
#include "json/writer.h"

struct call_state {
	unsigned steps;
	struct str outcome;
	int64_t duration_s;
};

static struct call_state call_read(struct str metadata, struct arena *a)
{
	struct call_state s = { .steps = 0 };
	struct json_doc *doc;
	struct json_iter it;
	const json *step;
	struct err err;

	if (json_parse(&doc, metadata, &err) < 0)
		return s;
	for (it = json_iter(json_get(json_root(doc), "steps")); (step = json_next(&it));)
		s.steps |= call_step_parse(json_str(step));
	s.outcome = arena_str(a, json_str(json_get(json_root(doc), "outcome")));
	(void)json_to_i64(json_get(json_root(doc), "duration"), &s.duration_s);
	json_free(doc);
	return s;
}

static struct str call_json(const struct call_state *s, struct arena *a)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);
	struct str text;

	jw_obj(&w);
	jw_member_str(&w, "outcome", s->outcome);
	jw_key(&w, "steps");
	jw_arr(&w);
	for (unsigned step = CALL_OFFERED; step <= CALL_ACCEPTED; step <<= 1)
		if (s->steps & step)
			jw_str(&w, str_of(call_step_word(step)));
	jw_arr_end(&w);
	if (s->duration_s > 0)
		jw_member_i64(&w, "duration", s->duration_s);
	jw_obj_end(&w);
	text = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return text;
}

bool metadata_call(struct str metadata, const struct in_call *c, struct arena *a, struct str *out)
{
	const struct call_state have = call_read(metadata, a);
	struct call_state s = have;
	const char *outcome;

	s.steps |= call_step_parse(c->outcome);
	if (c->duration_s > s.duration_s)
		s.duration_s = c->duration_s;
	outcome = call_outcome(s.steps, s.duration_s);
	if (outcome)
		s.outcome = str_of(outcome);
	else if (str_cmp(c->outcome, s.outcome) > 0) /* unknown words: the greatest wins, in any order of arrival */
		s.outcome = c->outcome;
	*out = metadata_merge(metadata, call_json(&s, a), a);
	return s.duration_s != have.duration_s || !str_eq(s.outcome, have.outcome);
}
