/* The tables of names; see group_settings.h. Invariant: an unknown word leaves a setting unset. */
#include "ingest/dialects/group_settings.h"

#include "json/writer.h"

enum setting {
	MESSAGES_ADMINS_ONLY,
	EDIT_INFO_ADMINS_ONLY,
	APPROVAL_REQUIRED,
	MEMBER_ADD_ADMINS_ONLY,
	EPHEMERAL_SECONDS,
	SETTINGS
};

static const char *const names[SETTINGS] = {
	[MESSAGES_ADMINS_ONLY] = "messagesAdminsOnly",
	[EDIT_INFO_ADMINS_ONLY] = "editInfoAdminsOnly",
	[APPROVAL_REQUIRED] = "approvalRequired",
	[MEMBER_ADD_ADMINS_ONLY] = "memberAddAdminsOnly",
	[EPHEMERAL_SECONDS] = "ephemeralSeconds",
};

/* Each setting's value: -1 unknown, else 0 or 1, or seconds. */
struct values {
	int64_t value[SETTINGS];
};

static struct values nothing(void)
{
	struct values v;

	for (size_t i = 0; i < SETTINGS; i++)
		v.value[i] = -1;
	return v;
}

static struct str written(const struct values *v, struct arena *a)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text = STR_NONE;

	jw_obj(&w);
	for (size_t i = 0; i < SETTINGS; i++)
		if (v->value[i] >= 0 && i == EPHEMERAL_SECONDS)
			jw_member_i64(&w, names[i], v->value[i]);
		else if (v->value[i] >= 0)
			jw_member_bool(&w, names[i], v->value[i] > 0);
	jw_obj_end(&w);
	if (out.n > 2)
		text = arena_str(a, buf_str(&out));
	buf_fini(&out);
	return text;
}

/* -1 for a word that means neither yes nor no. */
static int64_t word_of(struct str word)
{
	static const char *const yes[] = { "on", "true", "admin_add", "approval_required" };
	static const char *const no[] = { "off", "false", "all_member_add", "auto_approve" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (str_is(word, yes[i]))
			return 1;
		if (str_is(word, no[i]))
			return 0;
	}
	return -1;
}

static int64_t yes_or_no(const json *v)
{
	bool is;

	return json_to_bool(v, &is) ? is : word_of(json_str(v));
}

static int64_t in_range(int64_t n)
{
	return n >= 0 && n <= INT32_MAX ? n : -1;
}

static int64_t seconds(const json *v)
{
	int64_t n;

	return json_to_i64(v, &n) ? in_range(n) : -1;
}

/* "off" when messages no longer disappear. */
static int64_t seconds_of(struct str words)
{
	int64_t n;

	if (str_is(words, "off"))
		return 0;
	return str_to_i64(words, &n) ? in_range(n) : -1;
}

struct str group_settings_read(const json *group, struct arena *a)
{
	static const struct {
		const char *member;
		enum setting setting;
		bool is_permission; /* inverted: says what members may do, while Blazz's says what only admins may */
	} members[] = {
		{ "announce", MESSAGES_ADMINS_ONLY, false },
		{ "membersCanSendMessages", MESSAGES_ADMINS_ONLY, true },
		{ "restrict", EDIT_INFO_ADMINS_ONLY, false },
		{ "membershipApprovalMode", APPROVAL_REQUIRED, false },
		{ "joinApprovalMode", APPROVAL_REQUIRED, false },
		{ "join_approval_mode", APPROVAL_REQUIRED, false },
		{ "newMembersApprovalRequired", APPROVAL_REQUIRED, false },
		{ "membersCanAddNewMember", MEMBER_ADD_ADMINS_ONLY, true },
		{ "memberAddMode", MEMBER_ADD_ADMINS_ONLY,
			true }, /* true: all members may; a word names the role that may */
		{ "ephemeralDuration", EPHEMERAL_SECONDS, false },
	};
	struct values v = nothing();

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json *member = json_get(group, members[i].member);
		int64_t value = members[i].setting == EPHEMERAL_SECONDS ? seconds(member) : yes_or_no(member);

		if (value >= 0 && members[i].is_permission && json_type(member) == JSON_BOOL)
			value = !value;
		if (value >= 0)
			v.value[members[i].setting] = value;
	}
	return written(&v, a);
}

struct str group_settings_notified(struct str type, struct str value, struct arena *a)
{
	static const struct {
		const char *type;
		enum setting setting;
	} types[] = {
		{ "announce", MESSAGES_ADMINS_ONLY },
		{ "restrict", EDIT_INFO_ADMINS_ONLY },
		{ "membership_approval_mode", APPROVAL_REQUIRED },
		{ "member_add_mode", MEMBER_ADD_ADMINS_ONLY },
		{ "ephemeral", EPHEMERAL_SECONDS },
	};
	struct values v = nothing();

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_is(type, types[i].type))
			v.value[types[i].setting] =
				types[i].setting == EPHEMERAL_SECONDS ? seconds_of(value) : word_of(value);
	return written(&v, a);
}
