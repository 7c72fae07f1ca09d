/* See members.h. */
#include "chat-sync/members.h"

#include "base/utf8.h"
#include "base/vec.h"
#include "json/json.h"
#include "json/writer.h"

#include <stdlib.h>

static struct member *member_new(struct members *m)
{
	m->at = vec_grow_in(m->arena, m->at, m->n, &m->cap, sizeof(struct member *));
	m->at[m->n] = ARENA_NEW(m->arena, struct member);
	m->at[m->n]->at_ms = m->snapshot_ms;
	return m->at[m->n++];
}

static struct str digits(struct str phone)
{
	return phone.n > 0 && phone.p[0] == '+' ? str_slice(phone, 1, phone.n) : phone;
}

/* The id of a participant beside the phone: the LID; of a participant without either, another id. */
static struct str lid_of(const struct party *p)
{
	if (p->lid.n > 0 || p->phone.n > 0)
		return p->lid;
	return p->jid.n > 0 ? p->jid : p->bsuid;
}

static struct str phone_key(const struct members *m, struct str phone)
{
	return arena_printf(m->arena, "p%.*s", STR_ARG(phone));
}

static struct str lid_key(const struct members *m, struct str lid)
{
	return arena_printf(m->arena, "l%.*s", STR_ARG(lid));
}

/* The index may still have an entry that had this phone before. */
static struct member *by_phone(const struct members *m, struct str phone)
{
	struct member *x = phone.n > 0 ? map_get(m->index, phone_key(m, phone)) : NULL;

	return x && !x->merged && str_eq(x->phone, phone) ? x : NULL;
}

static struct member *by_lid(const struct members *m, struct str lid)
{
	struct member *x = lid.n > 0 ? map_get(m->index, lid_key(m, lid)) : NULL;

	return x && !x->merged && str_eq(x->lid, lid) ? x : NULL;
}

static void member_index(struct members *m, struct member *x)
{
	if (x->phone.n > 0)
		*map_slot(m->index, phone_key(m, x->phone)) = x;
	if (x->lid.n > 0)
		*map_slot(m->index, lid_key(m, x->lid)) = x;
}

static size_t member_bytes(const struct member *x)
{
	return x->phone.n + x->lid.n + x->name.n;
}

static void member_count(struct members *m, const struct member *x)
{
	m->n_in += x->in;
	m->bytes_in += x->in ? member_bytes(x) : 0;
}

static void member_uncount(struct members *m, const struct member *x)
{
	m->n_in -= x->in;
	m->bytes_in -= x->in ? member_bytes(x) : 0;
}

/* Sets a text of x unless the members in the group would exceed MEMBERS_MAX_BYTES. */
static void member_set_text(struct members *m, struct member *x, struct str *what, struct str text)
{
	member_uncount(m, x);
	if (!x->in || m->bytes_in + member_bytes(x) - what->n + text.n <= MEMBERS_MAX_BYTES)
		*what = text;
	member_count(m, x);
}

/* Two entries turn out to be one person: x gets the state of the later change, y is skipped from now on. */
static struct member *members_merge(struct members *m, struct member *x, struct member *y)
{
	struct member one = x->at_ms >= y->at_ms ? *x : *y;

	one.phone = x->phone.n > 0 ? x->phone : y->phone;
	one.lid = y->lid.n > 0 ? y->lid : x->lid;
	if (one.name.n == 0)
		one.name = x->name.n > 0 ? x->name : y->name;
	one.joined_ms = x->joined_ms > y->joined_ms ? x->joined_ms : y->joined_ms;
	member_uncount(m, x);
	member_uncount(m, y);
	member_count(m, &one);
	*x = one;
	*y = (struct member){ .merged = true };
	member_index(m, x);
	return x;
}

/* One event may name a person by phone, another one by LID. */
static struct member *member_find(struct members *m, const struct party *p)
{
	struct member *x = by_phone(m, digits(p->phone)), *y = by_lid(m, lid_of(p));

	return x && y && x != y ? members_merge(m, x, y) : x ? x : y;
}

/* NULL: the party has no id, or one that is too long. */
static struct member *member_find_or_add(struct members *m, const struct party *p, int64_t at_ms)
{
	struct member *x;

	if (p->phone.n > MEMBER_ID_BYTES || lid_of(p).n > MEMBER_ID_BYTES) {
		m->over_limit++;
		return NULL;
	}
	x = member_find(m, p);
	if (!x && p->phone.n == 0 && lid_of(p).n == 0)
		return NULL;
	if (!x)
		x = member_new(m);
	if (x->phone.n == 0)
		member_set_text(m, x, &x->phone, digits(p->phone));
	if (x->lid.n == 0)
		member_set_text(m, x, &x->lid, lid_of(p));
	if (p->name.n > 0 && (x->name.n == 0 || at_ms >= x->at_ms))
		member_set_text(m, x, &x->name, utf8_truncate(p->name, MEMBER_NAME_BYTES));
	member_index(m, x);
	return x;
}

void members_read(struct members *m, struct str log, int64_t snapshot_ms, struct map *index, struct arena *a)
{
	struct json_doc *doc;
	struct json_iter it;
	const json *v;
	struct err err;

	*m = (struct members){ .snapshot_ms = snapshot_ms, .index = index, .arena = a };
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
		member_count(m, x);
		member_index(m, x);
	}
	json_free(doc);
}

static struct str json_finish(const struct members *m, struct buf *b)
{
	struct str s = arena_str(m->arena, buf_str(b));

	buf_fini(b);
	return s;
}

static void member_text(struct json_writer *w, const char *name, struct str s)
{
	jw_member_str(w, name, s.n > 0 ? s : STR_NONE);
}

static int later_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y) - (x > y);
}

static bool has_left(const struct member *x)
{
	return !x->in && !x->merged;
}

/* Former members who left at this time or before do not fit into the log; INT64_MIN: all fit. */
static int64_t log_cutoff_ms(const struct members *m)
{
	int64_t *left = ARENA_ARRAY(m->arena, int64_t, m->n);
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		if (has_left(m->at[i]))
			left[n++] = m->at[i]->at_ms;
	if (n <= MEMBERS_LEFT_MAX)
		return INT64_MIN;
	qsort(left, n, sizeof(*left), later_first);
	return left[MEMBERS_LEFT_MAX];
}

struct str members_log(const struct members *m)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);
	int64_t cutoff_ms = log_cutoff_ms(m);

	jw_arr(&w);
	for (size_t i = 0; i < m->n; i++) {
		const struct member *x = m->at[i];

		if (x->merged || (!x->in && x->at_ms <= cutoff_ms))
			continue;
		jw_obj(&w);
		member_text(&w, "phone", x->phone);
		member_text(&w, "lid", x->lid);
		member_text(&w, "name", x->name);
		jw_member_i64(&w, "at", x->at_ms);
		jw_member_i64(&w, "joined", x->joined_ms);
		jw_member_bool(&w, "in", x->in);
		jw_member_bool(&w, "admin", x->admin);
		jw_member_bool(&w, "super", x->super_admin);
		jw_obj_end(&w);
	}
	jw_arr_end(&w);
	return json_finish(m, &b);
}

struct str members_list(const struct members *m)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);

	jw_arr(&w);
	for (size_t i = 0; i < m->n; i++) {
		const struct member *x = m->at[i];

		if (!x->in)
			continue;
		jw_obj(&w);
		member_text(&w, "phone", x->phone);
		member_text(&w, "lid", x->lid);
		member_text(&w, "name", x->name);
		jw_member_bool(&w, "isAdmin", x->admin || x->super_admin);
		if (x->joined_ms > 0)
			jw_member_i64(&w, "joinedAt", x->joined_ms);
		jw_obj_end(&w);
	}
	jw_arr_end(&w);
	return json_finish(m, &b);
}

int32_t members_count(const struct members *m)
{
	return (int32_t)m->n_in;
}

static bool member_set(struct members *m, struct member *x, bool in, bool admin, bool super_admin, int64_t at_ms)
{
	bool changed = x->in != in || x->admin != admin || x->super_admin != super_admin;

	if (in && !x->in && (m->n_in >= MEMBERS_MAX || m->bytes_in + member_bytes(x) > MEMBERS_MAX_BYTES)) {
		m->over_limit++;
		return false;
	}
	member_uncount(m, x);
	x->in = in;
	member_count(m, x);
	x->admin = admin;
	x->super_admin = super_admin;
	x->at_ms = at_ms;
	return changed;
}

static bool is_joining(enum group_action action)
{
	return action == GROUP_CREATE || action == GROUP_ADD || action == GROUP_JOIN;
}

bool members_change(struct members *m, enum group_action action, const struct participant *participant, int64_t at_ms)
{
	struct member *x = member_find_or_add(m, &participant->party, at_ms);

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
		return member_set(m, x, true, participant->admin || x->admin,
			participant->super_admin || x->super_admin, at_ms);
	case GROUP_REMOVE:
	case GROUP_LEAVE:
		return member_set(m, x, false, false, false, at_ms);
	case GROUP_PROMOTE:
		return member_set(m, x, true, true, x->super_admin, at_ms);
	case GROUP_DEMOTE:
		return member_set(m, x, true, false, false, at_ms);
	case GROUP_NONE:
	case GROUP_SUBJECT:
	case GROUP_DESCRIPTION:
	case GROUP_SETTINGS:
	case GROUP_DELETE:
		break;
	}
	return false;
}

static bool member_leaves(struct members *m, struct member *x, int64_t at_ms)
{
	return !x->listed && x->in && at_ms >= x->at_ms && member_set(m, x, false, false, false, at_ms);
}

/* Applies leaves before joins: they make room. */
bool members_snapshot(struct members *m, const struct participant *list, size_t n, int64_t at_ms)
{
	bool changed = false;
	struct member *x;

	for (size_t i = 0; i < n; i++)
		(void)member_find_or_add(m, &list[i].party, at_ms);
	if (at_ms > m->snapshot_ms)
		m->snapshot_ms = at_ms;
	for (size_t i = 0; i < n; i++)
		if ((x = member_find(m, &list[i].party)))
			x->listed = true;
	for (size_t i = 0; i < m->n; i++) {
		changed = member_leaves(m, m->at[i], at_ms) || changed;
		m->at[i]->listed = false;
	}
	for (size_t i = 0; i < n; i++) {
		x = member_find(m, &list[i].party);
		if (x && at_ms >= x->at_ms)
			changed = member_set(m, x, true, list[i].admin, list[i].super_admin, at_ms) || changed;
	}
	return changed;
}

bool members_forget(struct members *m, const struct erased_names *names)
{
	bool any = false;

	for (size_t i = 0; i < m->n; i++) {
		struct member *x = m->at[i];

		if (x->merged || !erased_names_have_party(names, x->phone, x->lid))
			continue;
		member_uncount(m, x);
		*x = (struct member){ .merged = true };
		any = true;
	}
	return any;
}
