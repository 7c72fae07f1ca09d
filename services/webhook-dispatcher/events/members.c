/* See members.h. */
#include "webhook-dispatcher/events/members.h"

#include "base/clock.h"

void member_text(struct json_writer *w, const char *key, struct str v)
{
	jw_key(w, key);
	jw_str(w, v);
}

void member_word(struct json_writer *w, const char *key, const char *word)
{
	member_text(w, key, *word ? str_of(word) : STR_NONE);
}

void member_uuid(struct json_writer *w, const char *key, const struct uuid *u)
{
	char text[37];

	uuid_format(u, text);
	member_text(w, key, uuid_is_nil(u) ? STR_NONE : str_of(text));
}

void member_time(struct json_writer *w, const char *key, int64_t ms)
{
	char text[25];

	clock_format_ms(ms, text);
	member_text(w, key, ms == 0 ? STR_NONE : str_of(text));
}

void member_count(struct json_writer *w, const char *key, int64_t n)
{
	jw_key(w, key);
	if (n == 0)
		jw_null(w);
	else
		jw_i64(w, n);
}

void member_texts(struct json_writer *w, const char *key, const struct str *texts, size_t n)
{
	jw_key(w, key);
	jw_arr(w);
	for (size_t i = 0; i < n; i++)
		jw_str(w, texts[i]);
	jw_arr_end(w);
}

void member_object(struct json_writer *w, const char *key)
{
	jw_key(w, key);
	jw_obj(w);
}

static void contact_members(struct json_writer *w, const struct contact_view *c)
{
	member_uuid(w, "id", &c->id);
	member_text(w, "name", c->name);
	member_text(w, "phone", c->phone);
}

void member_contact(struct json_writer *w, const char *key, const struct contact_view *c)
{
	if (uuid_is_nil(&c->id))
		return;
	member_object(w, key);
	contact_members(w, c);
	jw_obj_end(w);
}

void member_group(struct json_writer *w, const struct group_view *g)
{
	if (uuid_is_nil(&g->id))
		return;
	member_object(w, "group");
	member_uuid(w, "id", &g->id);
	member_text(w, "name", g->name);
	jw_member_i64(w, "participants_count", g->participants_count);
	member_text(w, "jid", g->jid);
	jw_obj_end(w);
}

void party_members(struct json_writer *w, const struct party *p)
{
	jw_member_str(w, "phone", p->phone);
	jw_member_str(w, "lid", p->lid);
	jw_member_str(w, "bsuid", p->bsuid);
	jw_member_str(w, "username", p->username);
	jw_member_str(w, "jid", p->jid);
	jw_member_str(w, "name", p->name);
}

void member_party(struct json_writer *w, const char *key, const struct party *p)
{
	if (!party_identified(p) && p->name.n == 0)
		return;
	member_object(w, key);
	party_members(w, p);
	jw_obj_end(w);
}

void member_error(struct json_writer *w, const struct provider_error *e)
{
	if (e->code.n == 0 && e->title.n == 0 && e->details.n == 0)
		return;
	member_object(w, "error");
	member_text(w, "code", e->code);
	member_text(w, "title", e->title);
	member_text(w, "details", e->details);
	jw_obj_end(w);
}
