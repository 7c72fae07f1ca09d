/* The votes of a poll in its message's metadata; see vote.h. */
#include "chat-sync/metadata/vote.h"
#include "chat-sync/metadata/metadata.h"

#include "json/json.h"
#include "json/writer.h"

static struct str vote_json(const struct str *options, size_t n, int64_t at_ms, struct buf *b)
{
	struct json_writer w = json_writer(b);

	jw_obj(&w);
	jw_member_i64(&w, "at", at_ms);
	jw_key(&w, "options");
	jw_arr(&w);
	for (size_t i = 0; i < n; i++)
		jw_str(&w, options[i]);
	jw_arr_end(&w);
	jw_obj_end(&w);
	return buf_str(b);
}

static bool voter_is(struct voter voter, struct str name)
{
	for (size_t i = 0; i < voter.n; i++)
		if (str_eq(voter.names[i], name))
			return true;
	return false;
}

static void copy_other_votes(struct json_writer *w, const json *votes, struct voter voter)
{
	struct json_iter it = json_iter(votes);
	struct buf one = BUF_INIT;
	const json *v;
	struct err err;

	while ((v = json_next(&it))) {
		buf_clear(&one);
		if (voter_is(voter, json_iter_key(&it)) || json_write_without(v, NULL, 0, &one, &err) < 0)
			continue;
		jw_key_str(w, json_iter_key(&it));
		jw_raw(w, buf_str(&one));
	}
	buf_fini(&one);
}

static bool voted_since(const json *votes, struct voter voter, int64_t at_ms)
{
	struct json_iter it = json_iter(votes);
	const json *v;
	int64_t at;

	while ((v = json_next(&it)))
		if (voter_is(voter, json_iter_key(&it)) && json_to_i64(json_get(v, "at"), &at) && at >= at_ms)
			return true;
	return false;
}

/* The votes with this one; false: they exceed the bounds. */
static bool votes_with(const json *votes, struct voter voter, const struct str *options, size_t n, int64_t at_ms,
	struct buf *all)
{
	struct json_writer w = json_writer(all);
	struct buf one = BUF_INIT;
	bool fits = vote_json(options, n, at_ms, &one).n <= VOTE_MAX_BYTES;

	jw_obj(&w);
	copy_other_votes(&w, votes, voter);
	jw_key_str(&w, voter.names[0]);
	jw_raw(&w, buf_str(&one));
	jw_obj_end(&w);
	buf_fini(&one);
	return fits && buf_str(all).n <= VOTES_MAX_BYTES;
}

enum vote_effect metadata_vote(struct str metadata, struct voter voter, const struct str *options, size_t n,
	int64_t at_ms, struct arena *a, struct str *out)
{
	enum vote_effect effect = VOTE_OLD;
	struct buf all = BUF_INIT;
	struct json_doc *doc;
	const json *votes;
	struct err err;

	if (json_parse(&doc, metadata, &err) < 0)
		return VOTE_OLD;
	votes = json_get(json_root(doc), "votes");
	if (!voted_since(votes, voter, at_ms))
		effect = votes_with(votes, voter, options, n, at_ms, &all) ? VOTE_STORED : VOTE_OVER_LIMIT;
	if (effect == VOTE_STORED)
		*out = metadata_set(metadata, "votes", buf_str(&all), a);
	json_free(doc);
	buf_fini(&all);
	return effect;
}
