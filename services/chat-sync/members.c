/* Participants of a group; see members.h. */
#include "chat-sync/members.h"

#include "json/json.h"
#include "json/writer.h"

#include <string.h>

static struct member *member_new(struct members *m)
{
	if (m->n == m->cap) {
		struct member *grown;

		m->cap = m->cap ? m->cap * 2 : 16;
		grown = ARENA_ARRAY(m->arena, struct member, m->cap);
		if (m->n > 0)
			memcpy(grown, m->at, m->n * sizeof(*grown));
		m->at = grown;
	}
	m->at[m->n] = (struct member){ .at_ms = m->snapshot_ms };
	return &m->at[m->n++];
}

static struct str digits(struct str phone)
{
	return phone.n > 0 && phone.p[0] == '+' ? str_slice(phone, 1, phone.n) : phone;
}

static bool same(struct str a, struct str b)
{
	return a.n > 0 && str_eq(a, b);
}

/* The name of a participant beside the phone; whoever has a phone needs no other than the LID. */
static struct str lid_of(const struct party *p)
{
	if (p->lid.n > 0 || p->phone.n > 0)
		return p->lid;
	return p->jid.n > 0 ? p->jid : p->bsuid;
}

static struct member *by_phone(const struct members *m, struct str phone)
{
	for (size_t i = 0; i < m->n; i++)
		if (same(m->at[i].phone, phone))
			return &m->at[i];
	return NULL;
}

static struct member *by_lid(const struct members *m, struct str lid)
{
	for (size_t i = 0; i < m->n; i++)
		if (same(m->at[i].lid, lid))
			return &m->at[i];
	return NULL;
}

/* Two entries turn out to be one person: the later change counts, the other entry goes. */
static struct member *members_unite(struct members *m, struct member *x, struct member *y)
{
	struct member *kept = x < y ? x : y, *gone = kept == x ? y : x;
	struct member one = x->at_ms >= y->at_ms ? *x : *y;

	one.phone = x->phone.n > 0 ? x->phone : y->phone;
	one.lid = y->lid.n > 0 ? y->lid : x->lid;
	if (one.name.n == 0)
		one.name = x->name.n > 0 ? x->name : y->name;
	one.joined_ms = x->joined_ms > y->joined_ms ? x->joined_ms : y->joined_ms;
	*kept = one;
	memmove(gone, gone + 1, (size_t)(m->at + m->n - (gone + 1)) * sizeof(*gone));
	m->n--;
	return kept;
}

/* The same person may be named by phone here and by LID there. */
static struct member *member_find(struct members *m, const struct party *p)
{
	struct member *x = by_phone(m, digits(p->phone)), *y = by_lid(m, lid_of(p));

	return x && y && x != y ? members_unite(m, x, y) : x ? x : y;
}

/* NULL: nobody is named. */
static struct member *member_get(struct members *m, const struct party *p, int64_t at_ms)
{
	struct member *x = member_find(m, p);

	if (!x && p->phone.n == 0 && lid_of(p).n == 0)
		return NULL;
	if (!x)
		x = member_new(m);
	if (x->phone.n == 0)
		x->phone = digits(p->phone);
	if (x->lid.n == 0)
		x->lid = lid_of(p);
	if (p->name.n > 0 && (x->name.n == 0 || at_ms >= x->at_ms))
		x->name = p->name;
	return x;
}

void members_read(struct members *m, struct str log, int64_t snapshot_ms, struct arena *a)
{
	struct json_doc *doc;
	struct json_iter it;
	const json *v;
	struct err err;

	*m = (struct members){ .snapshot_ms = snapshot_ms, .arena = a };
	if (json_parse(&doc, log, &err) < 0)
		return;
	for (it = json_iter(json_root(doc)); (v = json_next(&it));) {
		struct member *x = member_new(m);

		x->phone = arena_str(a, json_str(json_get(v, "phone")));
		x->lid = arena_str(a, json_str(json_get(v, "lid")));
		x->name = arena_str(a, json_str(json_get(v, "name")));
		(void)json_to_i64(json_get(v, "at"), &x->at_ms);
		(void)json_to_i64(json_get(v, "joined"), &x->joined_ms);
		x->in = json_true(json_get(v, "in"));
		x->admin = json_true(json_get(v, "admin"));
		x->super_admin = json_true(json_get(v, "super"));
	}
	json_free(doc);
}

static struct str kept(const struct members *m, struct buf *b)
{
	struct str s = arena_str(m->arena, buf_str(b));

	buf_fini(b);
	return s;
}

static void present(struct json_writer *w, const char *name, struct str s)
{
	jw_member_str(w, name, s.n > 0 ? s : STR_NONE);
}

struct str members_log(const struct members *m)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);

	jw_arr(&w);
	for (size_t i = 0; i < m->n; i++) {
		jw_obj(&w);
		present(&w, "phone", m->at[i].phone);
		present(&w, "lid", m->at[i].lid);
		present(&w, "name", m->at[i].name);
		jw_member_i64(&w, "at", m->at[i].at_ms);
		jw_member_i64(&w, "joined", m->at[i].joined_ms);
		jw_member_bool(&w, "in", m->at[i].in);
		jw_member_bool(&w, "admin", m->at[i].admin);
		jw_member_bool(&w, "super", m->at[i].super_admin);
		jw_obj_end(&w);
	}
	jw_arr_end(&w);
	return kept(m, &b);
}

struct str members_list(const struct members *m)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);

	jw_arr(&w);
	for (size_t i = 0; i < m->n; i++) {
		if (!m->at[i].in)
			continue;
		jw_obj(&w);
		present(&w, "phone", m->at[i].phone);
		present(&w, "lid", m->at[i].lid);
		present(&w, "name", m->at[i].name);
		jw_member_bool(&w, "isAdmin", m->at[i].admin || m->at[i].super_admin);
		if (m->at[i].joined_ms > 0)
			jw_member_i64(&w, "joinedAt", m->at[i].joined_ms);
		jw_obj_end(&w);
	}
	jw_arr_end(&w);
	return kept(m, &b);
}

int32_t members_count(const struct members *m)
{
	int32_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->at[i].in;
	return n;
}

static bool member_set(struct member *x, bool in, bool admin, bool super_admin, int64_t at_ms)
{
	bool changed = x->in != in || x->admin != admin || x->super_admin != super_admin;

	x->in = in;
	x->admin = admin;
	x->super_admin = super_admin;
	x->at_ms = at_ms;
	return changed;
}

static bool is_joining(enum group_action action)
{
	return action == GROUP_CREATE || action == GROUP_ADD || action == GROUP_JOIN;
}

bool members_change(struct members *m, enum group_action action, const struct participant *who, int64_t at_ms)
{
	struct member *x = member_get(m, &who->party, at_ms);

	if (!x)
		return false;
	if (is_joining(action) && at_ms > x->joined_ms)
		x->joined_ms = at_ms;
	if (at_ms < x->at_ms)
		return false;
	switch (action) {
	case GROUP_CREATE:
	case GROUP_ADD:
	case GROUP_JOIN:
	case GROUP_INVITE:
		return member_set(x, true, who->admin || x->admin, who->super_admin || x->super_admin, at_ms);
	case GROUP_REMOVE:
	case GROUP_LEAVE:
		return member_set(x, false, false, false, at_ms);
	case GROUP_PROMOTE:
		return member_set(x, true, true, x->super_admin, at_ms);
	case GROUP_DEMOTE:
		return member_set(x, true, false, false, at_ms);
	default:
		return false;
	}
}

bool members_snapshot(struct members *m, const struct participant *list, size_t n, int64_t at_ms)
{
	bool *listed, changed = false;

	for (size_t i = 0; i < n; i++)
		(void)member_get(m, &list[i].party, at_ms);
	if (at_ms > m->snapshot_ms)
		m->snapshot_ms = at_ms;
	listed = ARENA_ARRAY(m->arena, bool, m->n);
	for (size_t i = 0; i < n; i++) {
		struct member *x = member_find(m, &list[i].party);

		if (!x)
			continue;
		listed[x - m->at] = true;
		if (at_ms >= x->at_ms)
			changed = member_set(x, true, list[i].admin, list[i].super_admin, at_ms) || changed;
	}
	for (size_t i = 0; i < m->n; i++)
		if (!listed[i] && m->at[i].in && at_ms >= m->at[i].at_ms)
			changed = member_set(&m->at[i], false, false, false, at_ms) || changed;
	return changed;
}
