/* See erasure.h. */
#include "cleanup/jobs/erasure.h"

#include <inttypes.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "cleanup/stats.h"
#include "crypto/sealed_row.h"
#include "store/cleanup_erasure.h"
#include "store/cleanup_jobs.h"
#include "wire/erased_names.h"
#include "json/json.h"
#include "json/writer.h"

#define APPLY_MS  3000 /* until chat-sync has applied what was published, or it is published again */
#define FAILED_MS 60000 /* after an error that a person has to correct */
#define GROUPS    50 /* rows with members in a step, and groups in an event */
#define MESSAGES  500 /* keys in an event */
#define TEXT_MIN  7 /* shorter texts are found in records of other people */
#define NAMES_MAX WIRE_MAX_ERASE_NAMES

/* One erasure in one step. */
struct erasing {
	const struct row_env *env;
	int64_t limit;
	struct erasure *row;
	struct erased_person person;
	struct erased_person others; /* contacts to which its names lead, after a restore */
	struct alias_row *held; /* those names that were the person's at the erasure, and not only before */
	size_t n_held;
	struct party *parties; /* all names but the ids, for events and comparisons */
	struct erasure_name *known; /* of each party, its value */
	bool *is_held;
	size_t n_parties;
	struct erasure_name *addresses, *texts; /* the same as sends and as reactions have them; texts with the ids */
	size_t n_addresses, n_texts;
	struct cleanup_account account; /* the workspace's oldest */
};

static bool stage_is(const struct erasure *e, const char *stage)
{
	return str_is(e->stage, stage);
}

/* Names */

/* What is sealed: the person's aliases, the first n_held of them those that it has at present. */
struct aliases {
	struct alias_row *rows;
	int64_t *until_us;
	size_t n, n_held;
};

static struct str names_json(const struct aliases *names, struct arena *a)
{
	struct buf b = BUF_INIT;
	struct json_writer w = json_writer(&b);
	struct str text;

	jw_arr(&w);
	for (size_t i = 0; i < names->n && i < NAMES_MAX; i++) {
		jw_obj(&w);
		jw_member_str(&w, "kind", str_of(store_alias_kind_word(names->rows[i].kind)));
		jw_member_str(&w, "scope", names->rows[i].scope);
		jw_member_str(&w, "value", names->rows[i].value);
		jw_member_bool(&w, "held", i < names->n_held);
		if (names->until_us[i] != PG_NO_TIME)
			jw_member_i64(&w, "until_us", names->until_us[i]);
		jw_obj_end(&w);
	}
	jw_arr_end(&w);
	text = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return text;
}

static int names_seal(struct erasing *e, const struct aliases *names, struct err *err)
{
	struct keyring *keyring = NULL;
	struct buf sealed = BUF_INIT;
	int rc = -1;

	if (keyring_parse(&keyring, str_of(e->env->settings->keyring), err) == 0 &&
		row_seal(keyring, SEALED_ERASURE, &e->row->uuid, names_json(names, e->env->arena), &sealed, err) == 0) {
		e->row->aliases = arena_str(e->env->arena, buf_str(&sealed));
		rc = 0;
	}
	keyring_free(keyring);
	buf_fini(&sealed);
	return rc;
}

static void text_add(struct erasing *e, struct str text, int64_t until_us)
{
	e->texts[e->n_texts++] = (struct erasure_name){ text, until_us };
}

static void address_add(struct erasing *e, struct str address, int64_t until_us)
{
	e->addresses[e->n_addresses++] = (struct erasure_name){ address, until_us };
}

static void name_add(struct erasing *e, enum alias_kind kind, struct str value, int64_t until_us, bool held)
{
	struct party *p = &e->parties[e->n_parties];
	struct arena *a = e->env->arena;

	e->known[e->n_parties] = (struct erasure_name){ value, until_us };
	e->is_held[e->n_parties++] = held;
	switch (kind) {
	case ALIAS_PHONE:
		p->phone = value;
		address_add(e, value, until_us);
		text_add(e, arena_printf(a, "+%.*s", STR_ARG(value)), until_us);
		break;
	case ALIAS_LID:
		p->lid = value;
		address_add(e, arena_printf(a, "lid:%.*s", STR_ARG(value)), until_us);
		text_add(e, arena_printf(a, "%.*s@lid", STR_ARG(value)), until_us);
		break;
	case ALIAS_BSUID:
		p->bsuid = value;
		address_add(e, arena_printf(a, "bsuid:%.*s", STR_ARG(value)), until_us);
		text_add(e, value, until_us);
		break;
	case ALIAS_JID:
		p->jid = value;
		text_add(e, value, until_us);
		break;
	case ALIAS_USERNAME:
		p->username = value;
		text_add(e, value, until_us);
		break;
	}
}

static bool known_at(const struct erasing *e, size_t i, int64_t at_us)
{
	return e->known[i].until_us == PG_NO_TIME || at_us <= e->known[i].until_us;
}

static size_t count_known_at(const struct erasing *e, int64_t at_us)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n_parties; i++)
		n += known_at(e, i, at_us);
	return n;
}

/* For messages of that time. */
static struct in_contact_erase named_at(const struct erasing *e, int64_t at_us)
{
	struct party *names = ARENA_ARRAY(e->env->arena, struct party, e->n_parties);
	struct in_contact_erase what = { .stage = ERASE_MESSAGES, .names = names };

	for (size_t i = 0; i < e->n_parties; i++)
		if (known_at(e, i, at_us))
			names[what.n_names++] = e->parties[i];
	return what;
}

static struct erased_names names_of(const struct erasing *e, const struct in_contact_erase *what)
{
	return (struct erased_names){ what->names, what->n_names, e->person.uuids, e->person.n };
}

static struct erasure_name id_name(const struct erasing *e, const struct uuid *uuid)
{
	char id[37];

	uuid_format(uuid, id);
	return (struct erasure_name){ arena_str(e->env->arena, str_of(id)), PG_NO_TIME };
}

static void texts_add_ids(struct erasing *e, const struct erased_person *p)
{
	struct erasure_name *texts = ARENA_ARRAY(e->env->arena, struct erasure_name, e->n_texts + p->n);

	for (size_t i = 0; i < e->n_texts; i++)
		texts[i] = e->texts[i];
	e->texts = texts;
	for (size_t i = 0; i < p->n; i++)
		e->texts[e->n_texts++] = id_name(e, &p->uuids[i]);
}

/* What is of the person in other contacts is older than this. */
static int64_t others_until_us(const struct erasing *e)
{
	return e->row->happened_us == PG_NO_TIME ? e->row->requested_us : e->row->happened_us;
}

/* Until a restore is accepted chat-sync applies what happened before the erasure and the erasure in any order, a partition at a time: what one of
 * them applies too late is stored under a new contact, which those names lead to. */
static int others_read(struct erasing *e, struct err *err)
{
	if (!e->row->restored)
		return 0;
	if (store_erasure_others(e->env->pg, &e->person, e->held, e->n_held, e->env->arena, &e->others, err) < 0)
		return -1;
	if (e->row->happened_us != PG_NO_TIME) /* reactions and receipts are told from those of its next contact */
		texts_add_ids(e, &e->others);
	return 0;
}

static int names_open(struct erasing *e, struct err *err)
{
	struct keyring *keyring = NULL;
	struct json_doc *doc = NULL;
	struct buf text = BUF_INIT;
	struct json_iter it;
	const json *one;
	size_t n;
	int rc = -1;

	if (keyring_parse(&keyring, str_of(e->env->settings->keyring), err) < 0 ||
		row_unseal(keyring, SEALED_ERASURE, &e->row->uuid, e->row->aliases, &text, err) < 0 ||
		json_parse(&doc, buf_str(&text), err) < 0)
		goto out;
	n = json_count(json_root(doc));
	e->parties = ARENA_ARRAY(e->env->arena, struct party, n);
	e->known = ARENA_ARRAY(e->env->arena, struct erasure_name, n);
	e->is_held = ARENA_ARRAY(e->env->arena, bool, n);
	e->addresses = ARENA_ARRAY(e->env->arena, struct erasure_name, n);
	e->texts = ARENA_ARRAY(e->env->arena, struct erasure_name, n);
	e->held = ARENA_ARRAY(e->env->arena, struct alias_row, n);
	for (it = json_iter(json_root(doc)); (one = json_next(&it));) {
		struct alias_row name = { .kind = store_alias_kind_parse(json_str(json_get(one, "kind"))),
			.scope = arena_str(e->env->arena, json_str(json_get(one, "scope"))),
			.value = arena_str(e->env->arena, json_str(json_get(one, "value"))) };
		bool held = json_true(json_get(one, "held"));
		int64_t until_us;

		if (held)
			e->held[e->n_held++] = name;
		if (!json_to_i64(json_get(one, "until_us"), &until_us))
			until_us = PG_NO_TIME;
		name_add(e, name.kind, name.value, until_us, held);
	}
	texts_add_ids(e, &e->person);
	rc = 0;
out:
	keyring_free(keyring);
	json_free(doc);
	buf_fini(&text);
	return rc;
}

/* Events */

static void erase_emit(const struct erasing *e, const struct cleanup_account *account, struct in_contact_erase what,
	struct str part)
{
	what.contact = e->row->contact;
	what.forget_opt_outs = e->row->forget_opt_outs;
	record_erase(e->env->to, account, &e->row->uuid, &what,
		arena_printf(e->env->arena, "%d %.*s", (int)e->row->passes, STR_ARG(part)));
}

static int64_t ms_of(int64_t us)
{
	return us == PG_NO_TIME ? 0 : us / 1000;
}

/* A restore takes back what the row says, but not what the ledger says: each record has all of it. */
static void ledger_record(const struct erasing *e, const char *word)
{
	const struct erasure *row = e->row;

	record_erasure(e->env->to,
		&(struct erasure_record){ .erasure = row->uuid,
			.workspace = row->workspace,
			.contact = row->contact,
			.forget_opt_outs = row->forget_opt_outs,
			.requested_at_ms = ms_of(row->requested_us),
			.until_ms = ms_of(row->happened_us == PG_NO_TIME ? row->until_us : row->happened_us),
			.completed_at_ms = ms_of(row->completed_us) },
		word);
}

static int advance(struct erasing *e, int64_t in_ms, struct err *err)
{
	bool had_until = e->row->until_us != PG_NO_TIME;

	if (store_erasure_advance(e->env->pg, e->row, in_ms, err) < 0)
		return -1;
	if (e->row->completed_us != PG_NO_TIME)
		ledger_record(e, "completed");
	else if (!had_until && e->row->until_us != PG_NO_TIME)
		ledger_record(e, "until");
	else if (!e->row->recorded)
		ledger_record(e, "begun");
	return 0;
}

static struct erasure_bounds bounds_of(const struct erasing *e)
{
	return (struct erasure_bounds){ e->row->until_us, e->row->happened_us };
}

static int stage_set(struct erasing *e, const char *stage, int64_t in_ms, struct err *err)
{
	if (!stage_is(e->row, stage))
		log_info("erasure continues", LOG_I("workspace", e->row->workspace_id), LOG_I("erasure", e->row->id),
			LOG_S("stage", stage), LOG_I("found", e->row->found));
	e->row->stage = str_of(stage);
	return advance(e, in_ms, err);
}

/* Each time with the aliases that the person has by then: the stage has no effect while there are others. If it had its effect before they were
 * read, those that are sealed already are all. */
static int identity_publish(struct erasing *e, struct err *err)
{
	struct in_contact_erase what = { .stage = ERASE_IDENTITY };
	struct aliases names;

	if (store_erasure_aliases(e->env->pg, &e->person, e->env->arena, &names.rows, &names.until_us, &names.n,
		    &names.n_held, &what.aliases, err) < 0 ||
		store_erased_person(e->env->pg, e->row->workspace_id, &e->row->contact, e->env->arena, &e->person,
			err) < 0)
		return -1;
	if (e->person.erased && e->row->aliases.p)
		return stage_set(e, "identity", 0, err);
	if (names_seal(e, &names, err) < 0)
		return -1;
	e->row->passes++;
	what.erasure = e->row->uuid;
	what.sealed = e->row->aliases;
	erase_emit(e, &e->account, what, STR("identity"));
	return stage_set(e, "identity", APPLY_MS, err);
}

/* Searches. Each finds at most so many rows behind the cursor, and sets it to where the next one continues; "": there is nothing behind. */
struct search {
	struct str cursor, next;
	int64_t found;
};

/* Whether a group names the person. An entry of a later time is of the person's next contact. */
static bool group_names(const struct erasure_group *g, const json *members, const struct erased_names *names,
	struct erasure_bounds bounds)
{
	int64_t until_us = bounds.happened_us == PG_NO_TIME ? bounds.until_us : bounds.happened_us;
	struct json_iter it = json_iter(members);
	const json *m;

	if (g->owner_phone.n > 0 && erased_names_have(names, g->owner_phone))
		return true;
	while ((m = json_next(&it))) {
		int64_t at_ms = 0;

		(void)json_to_i64(json_get(m, "at"), &at_ms);
		if (at_ms <= until_us / 1000 &&
			erased_names_have_party(names, json_str(json_get(m, "phone")), json_str(json_get(m, "lid"))))
			return true;
	}
	return false;
}

/* Whether a former name is in the group of the one who had it next: chat-sync erases by the name alone. */
static bool group_has_next(const struct erasure_group *g, const json *members, const struct party *name,
	int64_t until_us)
{
	const struct erased_names names = { name, 1, NULL, 0 };
	struct json_iter it = json_iter(members);
	const json *m;

	if (g->created_us > until_us && g->owner_phone.n > 0 && erased_names_have(&names, g->owner_phone))
		return true;
	while ((m = json_next(&it))) {
		int64_t at_ms = 0;

		if (json_to_i64(json_get(m, "at"), &at_ms) && at_ms > until_us / 1000 &&
			erased_names_have_party(&names, json_str(json_get(m, "phone")), json_str(json_get(m, "lid"))))
			return true;
	}
	return false;
}

/* The names by which the person is in the group. */
static struct in_contact_erase named_in(const struct erasing *e, const struct erasure_group *g, const json *members)
{
	struct party *names = ARENA_ARRAY(e->env->arena, struct party, e->n_parties);
	struct in_contact_erase what = { .stage = ERASE_GROUPS, .names = names };

	for (size_t i = 0; i < e->n_parties; i++)
		if (e->known[i].until_us == PG_NO_TIME ||
			!group_has_next(g, members, &e->parties[i], e->known[i].until_us))
			names[what.n_names++] = e->parties[i];
	return what;
}

static struct str cursor_i64(const struct erasing *e, int64_t v)
{
	return arena_printf(e->env->arena, "%" PRId64, v);
}

static int64_t i64_of(struct str text)
{
	int64_t v = 0;

	return str_to_i64(text, &v) ? v : 0;
}

/* Groups in which the person has all its names share an event, *shared. */
static void group_look(const struct erasing *e, const struct erasure_group *g, struct in_contact_erase *shared,
	struct search *s)
{
	struct json_doc *doc = NULL;
	struct err ignored;
	const json *members =
		json_parse(&doc, g->members, &ignored) == 0 ? json_root(doc) : NULL; /* its owner counts without them */
	struct in_contact_erase what = named_in(e, g, members);
	struct erased_names names = names_of(e, &what);

	if (group_names(g, members, &names, bounds_of(e))) {
		s->found++;
		if (what.n_names == e->n_parties) {
			shared->groups[shared->n_groups++] = g->jid;
		} else if (!e->env->dry_run) {
			what.groups = ARENA_ARRAY(e->env->arena, struct str, 1);
			what.groups[what.n_groups++] = g->jid;
			erase_emit(e, &e->account, what, arena_printf(e->env->arena, "group %" PRId64, g->id));
		}
	}
	json_free(doc);
}

static int groups_search(struct erasing *e, struct search *s, struct err *err)
{
	struct in_contact_erase what = { .stage = ERASE_GROUPS, .names = e->parties, .n_names = e->n_parties };
	struct erasure_group *groups;
	size_t n;

	if (store_erasure_groups(e->env->pg, e->row->workspace_id, i64_of(s->cursor), GROUPS, e->env->arena, &groups,
		    &n, err) < 0)
		return -1;
	what.groups = ARENA_ARRAY(e->env->arena, struct str, n);
	for (size_t i = 0; i < n; i++)
		group_look(e, &groups[i], &what, s);
	if (what.n_groups > 0 && !e->env->dry_run)
		erase_emit(e, &e->account, what, s->cursor);
	s->next = n == GROUPS ? cursor_i64(e, groups[n - 1].id) : STR("");
	return 0;
}

static bool message_names(const struct erasure_message *m, const struct erased_names *names)
{
	if ((m->sender.n > 0 && erased_names_have(names, m->sender)) ||
		erased_names_have_party(names, m->quoted_phone, m->quoted_lid))
		return true;
	for (size_t i = 0; i < m->n_voters; i++)
		if (erased_names_have(names, m->voters[i]))
			return true;
	return false;
}

/* The cursor is "<conversation>:<sent_at>:<id>" of the last message that was looked at, or "<conversation>::" for the next conversation. */
static void message_cursor(struct str cursor, int64_t *conversation, int64_t *sent_us, int64_t *id)
{
	struct str head, rest, sent, last;

	*conversation = *id = 0;
	*sent_us = PG_NO_TIME;
	if (!str_cut(cursor, ':', &head, &rest) || !str_cut(rest, ':', &sent, &last))
		return;
	*conversation = i64_of(head);
	if (sent.n > 0)
		*sent_us = i64_of(sent);
	*id = i64_of(last);
}

/* Publishes what was found of a page so far. */
static void messages_emit(const struct erasing *e, const struct erasure_conversation *v, struct in_contact_erase *what,
	struct search *s)
{
	if (what->n_keys > 0 && !e->env->dry_run)
		erase_emit(e, &v->account, *what,
			arena_printf(e->env->arena, "%" PRId64 " %.*s %" PRId64, v->id, STR_ARG(s->cursor), s->found));
	s->found += (int64_t)what->n_keys;
}

/* An event has the messages of a time in which the person had the same names. */
static void messages_look(const struct erasing *e, const struct erasure_conversation *v,
	const struct erasure_message *rows, size_t n, struct search *s)
{
	struct in_contact_erase what = { 0 };
	struct erased_names names = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (i == 0 || count_known_at(e, rows[i].sent_us) != what.n_names) { /* names are added only */
			messages_emit(e, v, &what, s);
			what = named_at(e, rows[i].sent_us);
			what.keys = ARENA_ARRAY(e->env->arena, struct str, n - i);
			names = names_of(e, &what);
		}
		if (v->own || v->other || message_names(&rows[i], &names))
			what.keys[what.n_keys++] = rows[i].key;
	}
	messages_emit(e, v, &what, s);
}

static int messages_search(struct erasing *e, struct search *s, struct err *err)
{
	struct erasure_bounds bounds = bounds_of(e);
	struct erasure_conversation v;
	struct erasure_message *rows;
	int64_t from, sent_us, id;
	size_t n;

	message_cursor(s->cursor, &from, &sent_us, &id);
	s->next = STR("");
	if (store_erasure_conversation(e->env->pg, &e->person, &e->others, from, &v, err) < 0)
		return -1;
	if (v.id == 0)
		return 0;
	if (v.id != from)
		sent_us = PG_NO_TIME;
	if (v.own) /* nothing of the next contact is in it */
		bounds.happened_us = PG_NO_TIME;
	else if (v.other)
		bounds.happened_us = others_until_us(e);
	if (store_step_sorts_by_groups(e->env->pg, err) < 0 ||
		store_erasure_messages(e->env->pg, e->row->workspace_id, v.id, sent_us, id, bounds, MESSAGES,
			e->env->arena, &rows, &n, err) < 0)
		return -1;
	messages_look(e, &v, rows, n, s);
	s->next = n == MESSAGES ? arena_printf(e->env->arena, "%" PRId64 ":%" PRId64 ":%" PRId64, v.id,
					  rows[n - 1].sent_us, rows[n - 1].id)
				: arena_printf(e->env->arena, "%" PRId64 "::", v.id + 1);
	return 0;
}

/* Contacts of which nothing is of a later time are erased as a request would erase them. */
static int others_search(struct erasing *e, struct search *s, struct err *err)
{
	s->next = STR("");
	if (e->others.n == 0)
		return 0;
	return store_erasure_others_add(e->env->pg, &e->others, e->row->forget_opt_outs, others_until_us(e), &s->found,
		err);
}

/* Of those that delete what they find: again until fewer are found. */
static struct str again(const struct erasing *e, int64_t found)
{
	return found >= e->limit ? STR("again") : STR("");
}

static int reactions_search(struct erasing *e, struct search *s, struct err *err)
{
	if (store_erasure_reactions(e->env->pg, e->row->workspace_id, e->texts, e->n_texts, bounds_of(e), e->limit,
		    &s->found, err) < 0)
		return -1;
	s->next = again(e, s->found);
	return 0;
}

static int sends_search(struct erasing *e, struct search *s, struct err *err)
{
	int64_t last;

	if (store_erasure_sends(e->env->pg, &e->person, e->addresses, e->n_addresses, bounds_of(e), i64_of(s->cursor),
		    e->limit, &s->found, &last, err) < 0)
		return -1;
	s->next = last ? cursor_i64(e, last) : STR("");
	return 0;
}

static int audiences_search(struct erasing *e, struct search *s, struct err *err)
{
	if (store_erasure_audiences(e->env->pg, e->row->workspace_id, e->addresses, e->n_addresses, bounds_of(e),
		    e->limit, &s->found, err) < 0)
		return -1;
	s->next = again(e, s->found);
	return 0;
}

/* By which records name the person, with room for its ids. A username, and what is short, is in records of others, too. unknown: also former names of
 * which it is not known until when. */
static struct erasure_name *record_names(const struct erasing *e, bool unknown, size_t *n)
{
	struct erasure_name *names = ARENA_ARRAY(e->env->arena, struct erasure_name, e->n_parties + e->person.n);

	*n = 0;
	for (size_t i = 0; i < e->n_parties; i++)
		if (e->parties[i].username.n == 0 && e->known[i].text.n >= TEXT_MIN &&
			(unknown || e->is_held[i] || e->known[i].until_us != PG_NO_TIME))
			names[(*n)++] = e->known[i];
	return names;
}

static int webhooks_search(struct erasing *e, struct search *s, struct err *err)
{
	int64_t last;
	size_t n;
	struct erasure_name *names = record_names(e, false, &n);

	for (size_t i = 0; i < e->person.n; i++)
		names[n++] = id_name(e, &e->person.uuids[i]);
	if (store_erasure_webhooks(e->env->pg, &e->person, names, n, bounds_of(e), i64_of(s->cursor), e->limit,
		    &s->found, &last, err) < 0)
		return -1;
	s->next = last ? cursor_i64(e, last) : STR("");
	return 0;
}

static int parked_search(struct erasing *e, struct search *s, struct err *err)
{
	size_t n;
	const struct erasure_name *names = record_names(e, true, &n);

	if (store_erasure_parked(e->env->pg, e->row->workspace_id, names, n, bounds_of(e), e->limit, &s->found, err) <
		0)
		return -1;
	s->next = again(e, s->found);
	return 0;
}

static const struct {
	const char *word;
	int (*search)(struct erasing *e, struct search *s, struct err *err);
} searches[] = {
	{ "audiences", audiences_search }, /* before messages to send: no campaign adds any */
	{ "groups", groups_search },
	{ "messages", messages_search },
	{ "reactions", reactions_search },
	{ "sends", sends_search },
	{ "webhooks", webhooks_search },
	{ "parked", parked_search },
	{ "others", others_search },
};
#define SEARCHES (sizeof(searches) / sizeof(searches[0]))

/* Publishes the end of every conversation that is left. *any: there is one. */
static int conversations_end(struct erasing *e, bool *any, struct err *err)
{
	struct cleanup_account *accounts;
	size_t n;

	if (store_erasure_accounts(e->env->pg, &e->person, e->env->arena, &accounts, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		erase_emit(e, &accounts[i], (struct in_contact_erase){ .stage = ERASE_CONVERSATIONS }, STR("end"));
	*any = n > 0;
	return 0;
}

static int pass_begin(struct erasing *e, const char *stage, int64_t in_ms, struct err *err)
{
	e->row->cursor = STR("");
	e->row->found = 0;
	e->row->passes++;
	return stage_set(e, stage, in_ms, err);
}

static int pass_end(struct erasing *e, struct err *err)
{
	int64_t wait_ms = e->env->settings->erasure.after_ms;
	bool any;

	e->row->cursor = STR("");
	if (conversations_end(e, &any, err) < 0)
		return -1;
	if (any)
		return stage_set(e, "rest", APPLY_MS, err);
	if (!stage_is(e->row, "verify") || e->row->found > 0)
		return pass_begin(e, "verify", 2 * wait_ms, err);
	e->row->aliases = STR_NONE;
	return stage_set(e, "done", 0, err);
}

/* The cursor of a pass is "<number of the search> <its cursor>". */
static int search_step(struct erasing *e, struct row_step *step, struct err *err)
{
	struct str head, tail;
	struct search s = { .cursor = STR("") };
	int64_t at = 0;

	if (str_cut(e->row->cursor, ' ', &head, &tail)) {
		at = i64_of(head);
		s.cursor = tail;
	}
	if (at < 0 || at >= (int64_t)SEARCHES)
		at = 0;
	if (searches[at].search(e, &s, err) < 0)
		return -1;
	step->found += s.found;
	step->acted += s.found;
	e->row->found += s.found;
	e->row->erased += s.found;
	if (s.next.n == 0 && ++at == (int64_t)SEARCHES)
		return pass_end(e, err);
	e->row->cursor = arena_printf(e->env->arena, "%" PRId64 " %.*s", at, STR_ARG(s.next));
	return advance(e, 0, err);
}

/* A campaign whose audience is being written must not write of members that are gone when the pass begins: it would be the next contact's. */
static int wait_step(struct erasing *e, struct row_step *step, struct err *err)
{
	int64_t found;

	if (store_erasure_audiences(e->env->pg, e->row->workspace_id, e->addresses, e->n_addresses, bounds_of(e),
		    e->limit, &found, err) < 0)
		return -1;
	if (found == 0)
		return pass_begin(e, "bulk", 0, err);
	step->found += found;
	step->acted += found;
	e->row->erased += found;
	return stage_set(e, "wait", APPLY_MS, err);
}

static int rest_step(struct erasing *e, struct err *err)
{
	struct cleanup_account *left;
	size_t n;

	if (store_erasure_accounts(e->env->pg, &e->person, e->env->arena, &left, &n, err) < 0)
		return -1;
	return n > 0 ? pass_begin(e, "bulk", 0, err)
		     : pass_begin(e, "verify", 2 * e->env->settings->erasure.after_ms, err);
}

/* The other erasures, and everything else that the leader does, must not wait for this one. */
static int postpone(struct erasing *e, struct err *err)
{
	log_error("erasure waits", LOG_I("workspace", e->row->workspace_id), LOG_I("erasure", e->row->id),
		LOG_ERR(err));
	return advance(e, FAILED_MS, err);
}

static int erasing_step(struct erasing *e, struct row_step *step, struct err *err)
{
	struct erasure *row = e->row;

	if (stage_is(row, "start"))
		return row->passed ? identity_publish(e, err) : stage_set(e, "start", APPLY_MS, err);
	if (stage_is(row, "identity"))
		return e->person.erased ? stage_set(e, "wait", e->env->settings->erasure.after_ms, err)
					: identity_publish(e, err);
	if (stage_is(row, "rest"))
		return rest_step(e, err);
	if (names_open(e, err) < 0)
		return err->kind == ERR_INPUT ? postpone(e, err) : -1;
	if (stage_is(row, "wait"))
		return wait_step(e, step, err);
	if (others_read(e, err) < 0)
		return -1;
	return search_step(e, step, err);
}

static int stages_count(const struct row_env *env, struct err *err)
{
	int64_t n[ERASURE_STAGES];

	if (store_erasure_stages(env->pg, n, err) < 0)
		return -1;
	stats_erasures(n);
	return 0;
}

/* A row of the ledger whose contact the restored database lacks: chat-sync stores it again, under the same id, from the same events, under
 * another one, when a later event came first, or never. In the second case its names find it. */
static int absent_step(struct erasing *e, struct row_step *step, struct err *err)
{
	if (!e->row->passed)
		return advance(e, APPLY_MS, err);
	if (!e->row->aliases.p || e->account.id == 0) {
		e->row->aliases = STR_NONE;
		return stage_set(e, "done", 0, err);
	}
	if (stage_is(e->row, "start") || stage_is(e->row, "identity"))
		return pass_begin(e, "bulk", 0, err);
	return erasing_step(e, step, err);
}

/* The cursor of a step is the id of the erasure that is next. A dry run says how many are due. */
int erasure_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	struct erasure row;
	struct erasing e = { .env = env, .limit = step->n, .row = &row };

	if (step->cursor.n == 0 && !env->dry_run && stages_count(env, err) < 0)
		return -1;
	if (store_erasure_due(env->pg, i64_of(step->cursor), &env->workspace, env->arena, &row, err) < 0)
		return -1;
	if (row.id == 0) {
		step->done = true;
		return 0;
	}
	(void)failpoint(arena_cstr(env->arena, arena_printf(env->arena, "erasure_%.*s", STR_ARG(row.stage))));
	step->next = cursor_i64(&e, env->dry_run ? row.id + 1 : row.id);
	if (env->dry_run) {
		step->found = 1;
		return 0;
	}
	if (store_erased_person(env->pg, row.workspace_id, &row.contact, env->arena, &e.person, err) < 0 ||
		store_erasure_account(env->pg, row.workspace_id, &e.account, err) < 0)
		return -1;
	if (e.person.n == 0)
		return absent_step(&e, step, err);
	if (e.account.id == 0) {
		(void)err_set(err, ERR_INPUT, "unknown", "the workspace has no account");
		return postpone(&e, err);
	}
	return erasing_step(&e, step, err);
}
