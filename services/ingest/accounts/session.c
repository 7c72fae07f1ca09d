/* The names by which a body identifies its account; see session.h. Invariant: session_scan() and session_of() apply the
 * same rules to a raw body and to a parsed one. */
#include "ingest/accounts/session.h"

#include "json/json.h"
#include "json/members.h"

#define SESSION_MAX_BYTES 4096 /* as written: names are shorter, but escapes make them longer */

static bool row_parse(struct str text, int64_t *out)
{
	return str_all_digits(text) && str_to_i64(text, out);
}

void session_names(struct session_names *out, struct str text)
{
	*out = (struct session_names){ .n = 0 };
	if (text.n == 0)
		return;
	out->names[out->n++] = (struct name){ .kind = NAME_SESSION, .text = text };
	if (uuid_parse(text, &out->id))
		out->names[out->n++] = (struct name){ .kind = NAME_ACCOUNT, .text = uuid_bytes(&out->id) };
	else if (row_parse(text, &out->row))
		out->names[out->n++] = name_of_row(&out->row);
}

struct str session_scan(struct str body, const char *const members[static 2], struct arena *a)
{
	struct json_members m = json_members(body);
	struct str name, value, second = STR_NONE, text = STR_NONE;
	bool first = false;

	for (size_t i = 0; i < JSON_MAX_MEMBERS && text.n == 0 && json_members_next(&m, &name, &value); i++)
		if (!first && json_member_is(name, members[0])) {
			first = true;
			text = json_member_text(value, SESSION_MAX_BYTES, a);
		} else if (members[1] && !second.p && json_member_is(name, members[1])) {
			second = value;
		}
	return text.n > 0 || !second.p ? text : json_member_text(second, SESSION_MAX_BYTES, a);
}

struct str session_of(const json *body, const char *const members[static 2], struct arena *a)
{
	struct str text = STR_NONE;

	for (size_t i = 0; i < 2 && members[i] && text.n == 0; i++)
		text = json_text(json_get(body, members[i]), a);
	return text;
}

bool session_fits(struct str text, const struct catalogue_account *account)
{
	struct uuid id;
	int64_t row;

	if (text.n == 0 || str_eq(text, account->info.session_id) || str_eq(text, account->info.provider_ref))
		return true;
	if (uuid_parse(text, &id))
		return uuid_eq(&id, &account->info.id);
	return row_parse(text, &row) && row == account->id;
}

bool session_workspace_fits(const json *body, const struct catalogue_account *account, struct arena *a)
{
	const json *named = json_get(body, "workspace_id");
	struct str text = json_text(named, a);
	struct uuid id;
	int64_t row;

	if (json_type(named) == JSON_ABSENT || json_type(named) == JSON_NULL)
		return true;
	if (uuid_parse(text, &id))
		return uuid_eq(&id, &account->info.workspace);
	return row_parse(text, &row) && row == account->workspace_id;
}
