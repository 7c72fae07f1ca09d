/* See erase.h. */
#include "chat-sync/metadata/erase.h"
#include "chat-sync/metadata/metadata.h"

#include "json/json.h"
#include "json/writer.h"

static bool quotes_person(const json *quoted, const struct erased_names *names)
{
	struct str phone = json_str(json_get(quoted, "phone")), lid = json_str(json_get(quoted, "lid"));

	if (phone.n == 0 && lid.n == 0)
		return json_get(quoted, "body") != NULL;
	return erased_names_have_party(names, phone, lid);
}

static bool has_votes_of(const json *votes, const struct erased_names *names)
{
	struct json_iter it = json_iter(votes);

	while (json_next(&it))
		if (erased_names_have(names, json_iter_key(&it)))
			return true;
	return false;
}

static struct str quote_key(const json *quoted, struct buf *b)
{
	struct json_writer w = json_writer(b);

	jw_obj(&w);
	jw_member_str(&w, "key", json_str(json_get(quoted, "key")));
	jw_member_str(&w, "stanza", json_str(json_get(quoted, "stanza")));
	jw_obj_end(&w);
	return buf_str(b);
}

static struct str votes_of_others(const json *votes, const struct erased_names *names, struct buf *b)
{
	struct json_writer w = json_writer(b);
	struct json_iter it = json_iter(votes);
	struct buf one = BUF_INIT;
	const json *v;
	struct err err;

	jw_obj(&w);
	while ((v = json_next(&it))) {
		buf_clear(&one);
		if (erased_names_have(names, json_iter_key(&it)) || json_write_without(v, NULL, 0, &one, &err) < 0)
			continue;
		jw_key_str(&w, json_iter_key(&it));
		jw_raw(&w, buf_str(&one));
	}
	jw_obj_end(&w);
	buf_fini(&one);
	return buf_str(b);
}

bool metadata_erase(struct str metadata, const struct erased_names *names, struct arena *a, struct str *out)
{
	struct buf quote = BUF_INIT, votes = BUF_INIT;
	struct str now = metadata;
	struct json_doc *doc;
	const json *root;
	struct err err;

	if (json_parse(&doc, metadata, &err) < 0)
		return false;
	root = json_root(doc);
	if (quotes_person(json_get(root, "quoted"), names))
		now = metadata_set(now, "quoted", quote_key(json_get(root, "quoted"), &quote), a);
	if (has_votes_of(json_get(root, "votes"), names))
		now = metadata_set(now, "votes", votes_of_others(json_get(root, "votes"), names, &votes), a);
	json_free(doc);
	buf_fini(&quote);
	buf_fini(&votes);
	if (now.p == metadata.p)
		return false;
	*out = now;
	return true;
}
