/* See audience.h. Invariant: a member of the definition that is not understood is a reason not to send, since it might have
 * narrowed the audience. */
#include "campaign-sender/driver/audience.h"

#include "store/campaign_audience.h"
#include "json/json.h"

#define DAYS_MAX 36500

static void days_read(const json *v, const char *name, int32_t *out, struct reasons *why)
{
	int64_t days;

	if (json_type(v) == JSON_NULL)
		return;
	if (json_type(v) != JSON_INT || !json_to_i64(v, &days) || days < 1 || days > DAYS_MAX)
		reasons_add(why, "%s must be a number of days from 1 to %d", name, DAYS_MAX);
	else
		*out = (int32_t)days;
}

/* Once. False: there are too many. */
static bool group_add(struct uuid *groups, size_t *n, const struct uuid *group)
{
	for (size_t i = 0; i < *n; i++)
		if (uuid_eq(&groups[i], group))
			return true;
	if (*n == AUDIENCE_GROUPS_MAX)
		return false;
	groups[(*n)++] = *group;
	return true;
}

static void groups_read(const json *v, const char *name, struct arena *a, struct uuid **out, size_t *n,
	struct reasons *why)
{
	struct json_iter it = json_iter(v);
	struct uuid group;
	const json *one;

	if (json_type(v) == JSON_NULL)
		return;
	if (!json_is_arr(v)) {
		reasons_add(why, "%s must be a list of groups", name);
		return;
	}
	*out = ARENA_ARRAY(a, struct uuid, AUDIENCE_GROUPS_MAX);
	while ((one = json_next(&it)))
		if (!uuid_parse(json_str(one), &group)) {
			reasons_add(why, "%s: \"%s\" is not the id of a group", name,
				reasons_quote(why, json_str(one)));
		} else if (!group_add(*out, n, &group)) {
			reasons_add(why, "%s names more than %d groups", name, AUDIENCE_GROUPS_MAX);
			return;
		}
}

static void member_read(struct str key, const json *v, struct arena *a, struct audience_definition *out,
	struct reasons *why)
{
	if (str_is(key, "groups"))
		groups_read(v, "groups", a, &out->groups, &out->n_groups, why);
	else if (str_is(key, "exclude"))
		groups_read(v, "exclude", a, &out->excluded, &out->n_excluded, why);
	else if (str_is(key, "last_inbound_within_days"))
		days_read(v, "last_inbound_within_days", &out->last_inbound_within_days, why);
	else if (str_is(key, "not_contacted_for_days"))
		days_read(v, "not_contacted_for_days", &out->not_contacted_for_days, why);
	else if (!str_is(key, "all"))
		reasons_add(why, "unknown member \"%s\"", reasons_quote(why, key));
	else if (!json_to_bool(v, &out->all) && json_type(v) != JSON_NULL)
		reasons_add(why, "all must be true or false");
}

int audience_parse(struct str text, struct arena *a, struct audience_definition *out, struct reasons *why)
{
	size_t before = reasons_count(why);
	struct json_doc *doc = NULL;
	struct json_iter it;
	const json *v;
	struct err err;

	*out = (struct audience_definition){ 0 };
	reasons_about(why, "audience: ");
	if (json_parse(&doc, text, &err) < 0) {
		reasons_add(why, "%s", err.msg);
		reasons_about_all(why);
		return -1;
	}
	it = json_iter(json_root(doc));
	while ((v = json_next(&it)))
		member_read(json_iter_key(&it), v, a, out, why);
	if (out->all && out->n_groups > 0)
		reasons_add(why, "names groups, and all");
	json_free(doc);
	reasons_about_all(why);
	return reasons_count(why) > before ? -1 : 0;
}

/* Ids of the groups that exist, in their order. */
static int groups_find(struct pg *pg, int64_t workspace_id, const struct uuid *uuids, size_t n, struct arena *a,
	int64_t **out, size_t *found, struct reasons *why, struct err *err)
{
	int64_t *ids = ARENA_ARRAY(a, int64_t, n);

	if (store_audience_groups(pg, workspace_id, uuids, n, ids, err) < 0)
		return -1;
	*out = ids;
	*found = 0;
	for (size_t i = 0; i < n; i++) {
		char text[37];

		uuid_format(&uuids[i], text);
		if (ids[i] > 0)
			ids[(*found)++] = ids[i];
		else
			reasons_add(why, "group %s does not exist", text);
	}
	return 0;
}

int audience_resolve(struct pg *pg, const struct campaign_row *row, const struct audience_definition *definition,
	const struct campaign_references *references, struct arena *a, struct audience_groups *out, struct reasons *why,
	struct err *err)
{
	*out = (struct audience_groups){ 0 };
	reasons_about(why, "audience: ");
	if (groups_find(pg, row->workspace_id, definition->groups, definition->n_groups, a, &out->ids, &out->n, why,
		    err) < 0 ||
		groups_find(pg, row->workspace_id, definition->excluded, definition->n_excluded, a, &out->excluded,
			&out->n_excluded, why, err) < 0)
		return -1;
	if (!definition->all && definition->n_groups == 0) {
		out->ids = ARENA_NEW(a, int64_t);
		out->ids[0] = row->group_id;
		out->n = references->group_exists ? 1 : 0;
		if (row->group_id == 0)
			reasons_add(why, "it names no group");
		else if (!references->group_exists)
			reasons_add(why, "its group does not exist");
	}
	reasons_about_all(why);
	return 0;
}
