/* See group_settings.h. */
#include "chat-sync/group_settings.h"

#include "json/json.h"
#include "json/writer.h"

#define MEMBERS (sizeof(members) / sizeof(members[0]))

static const struct {
	const char *name;
	bool is_number;
} members[] = {
	{ "messagesAdminsOnly", false },
	{ "editInfoAdminsOnly", false },
	{ "approvalRequired", false },
	{ "memberAddAdminsOnly", false },
	{ "ephemeralSeconds", true },
};

struct values {
	int64_t at[MEMBERS]; /* -1: not set */
};

static int64_t number_of(const json *v)
{
	int64_t n;

	return json_to_i64(v, &n) && n >= 0 ? n : -1;
}

static int64_t value_of(const json *v, bool is_number)
{
	bool yes;

	if (is_number)
		return number_of(v);
	return json_to_bool(v, &yes) ? yes : -1;
}

static struct values values_read(struct str text, bool are_times)
{
	struct json_doc *doc = NULL;
	struct values v;
	struct err err;

	if (text.n == 0 || json_parse(&doc, text, &err) < 0)
		doc = NULL;
	for (size_t i = 0; i < MEMBERS; i++)
		v.at[i] = doc ? value_of(json_get(json_root(doc), members[i].name), are_times || members[i].is_number)
			      : -1;
	json_free(doc);
	return v;
}

static struct str values_write(const struct values *v, bool are_times, struct arena *a)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);
	struct str text;

	jw_obj(&w);
	for (size_t i = 0; i < MEMBERS; i++) {
		if (v->at[i] < 0)
			continue;
		if (are_times || members[i].is_number)
			jw_member_i64(&w, members[i].name, v->at[i]);
		else
			jw_member_bool(&w, members[i].name, v->at[i] > 0);
	}
	jw_obj_end(&w);
	text = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return text;
}

bool group_settings_merge(struct group_settings have, struct str got, int64_t at_us, struct arena *a,
	struct group_settings *out)
{
	struct values values = values_read(have.values, false), times = values_read(have.times, true);
	const struct values update = values_read(got, false);
	bool moved = false;

	for (size_t i = 0; i < MEMBERS; i++) {
		if (update.at[i] < 0 || at_us < times.at[i] || (at_us == times.at[i] && update.at[i] <= values.at[i]))
			continue;
		values.at[i] = update.at[i];
		times.at[i] = at_us;
		moved = true;
	}
	if (moved)
		*out = (struct group_settings){ values_write(&values, false, a), values_write(&times, true, a) };
	return moved;
}

bool group_settings_same(struct str a, struct str b)
{
	const struct values x = values_read(a, false), y = values_read(b, false);

	for (size_t i = 0; i < MEMBERS; i++)
		if (x.at[i] != y.at[i])
			return false;
	return true;
}
