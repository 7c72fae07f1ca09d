/* One body read by one dialect, for the tests: post(), look at in, posted_fini(). */
#ifndef TESTS_INGEST_POSTED_H
#define TESTS_INGEST_POSTED_H

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/dialects/dialects.h"

#define NOW_MS INT64_C(1767226000000)

/* Two numbers of one WABA, for posted_meta(). */
static const struct intake_account posted_numbers[] = {
	{ .id.b = { 1 },
		.workspace.b = { 9 },
		.provider = PROVIDER_META,
		.phone_number_id = { "N", 1 },
		.waba_id = { "W", 1 } },
	{ .id.b = { 2 },
		.workspace.b = { 9 },
		.provider = PROVIDER_META,
		.phone_number_id = { "M", 1 },
		.waba_id = { "W", 1 } },
};

static inline const struct intake_account *posted_by_number(void *ctx, struct str id)
{
	(void)ctx;
	return str_is(id, "N") ? &posted_numbers[0] : NULL;
}

static inline size_t posted_by_waba(void *ctx, struct str id, const struct intake_account **out, size_t max)
{
	(void)ctx;
	for (size_t i = 0; i < 2 && i < max; i++)
		out[i] = &posted_numbers[i];
	return str_is(id, "W") ? 2 : 0;
}

/* A dialect_read like the others'. */
static inline int posted_meta(struct intake *in, const json *body, struct err *err)
{
	struct meta_references refs;

	in->account = NULL;
	in->by_phone_number_id = posted_by_number;
	in->by_waba = posted_by_waba;
	return meta_references(&refs, body, in->arena, err) < 0 ? -1 : meta_read(in, body, err);
}

typedef int dialect_read(struct intake *in, const json *body, struct err *err);

struct posted {
	struct arena *arena;
	struct json_doc *doc;
	struct intake_account account;
	struct intake in;
	struct err err;
	int rc;
};

static inline void post_bytes(struct posted *p, dialect_read *read, enum bridge_kind bridge, struct str body)
{
	memset(p, 0, sizeof(*p));
	p->arena = arena_new(65536);
	assert_true(uuid_parse(STR("0b6b1a2e-3f4d-4b5a-8c7d-9e0f1a2b3c4d"), &p->account.id));
	assert_true(uuid_parse(STR("1c6b1a2e-3f4d-4b5a-8c7d-9e0f1a2b3c4d"), &p->account.workspace));
	p->account.provider = PROVIDER_WEBJS;
	p->account.bridge = bridge;
	p->account.phone_number = STR("6281234567890");
	intake_init(&p->in, p->arena, NOW_MS, &p->account);
	intake_bound(&p->in, body.n);
	assert_int_equal(json_parse(&p->doc, body, &p->err), 0);
	p->rc = read(&p->in, json_root(p->doc), &p->err);
	intake_finish(&p->in);
}

static inline void posted_fini(struct posted *p)
{
	json_free(p->doc);
	arena_free(p->arena);
}

/* The only event of the body, which was accepted. */
static inline const struct inbound_event *posted_one(const struct posted *p, enum inbound_kind kind)
{
	assert_int_equal(p->rc, 0);
	assert_int_equal(p->in.n_rejected, 0);
	assert_int_equal(p->in.n_events, 1);
	assert_string_equal(inbound_kind_word(p->in.events[0]->kind), inbound_kind_word(kind));
	return p->in.events[0];
}

static inline void assert_str_is(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)) && (got.n > 0 || want[0]))
		fail_msg("got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

static inline void assert_refused(const struct posted *p, const char *code)
{
	assert_int_equal(p->rc, -1);
	assert_int_equal(p->err.kind, ERR_INPUT);
	assert_string_equal(p->err.code, code);
	assert_int_equal(p->in.n_rejected > 0, strcmp(code, "422") == 0);
	assert_int_equal(p->in.n_events, 0);
}

static inline void assert_ignored(const struct posted *p, const char *kind)
{
	assert_int_equal(p->rc, 0);
	assert_int_equal(p->in.n_events, 0);
	assert_int_equal(p->in.n_rejected, 0);
	assert_int_equal(p->in.n_ignored, 1);
	assert_string_equal(p->in.ignored[0].kind, kind);
}

static inline bool text_holds(struct str all, struct str part)
{
	return part.n > 0 && memmem(all.p, all.n, part.p, part.n);
}

/* No record and no rejected body of p holds the words. */
static inline void assert_secret(const struct posted *p, struct str words)
{
	for (size_t i = 0; i < p->in.n_events; i++)
		if (text_holds(p->in.records[i], words))
			fail_msg("event %zu holds \"%.*s\"", i, STR_ARG(words));
	for (size_t i = 0; i < p->in.n_rejected; i++)
		if (text_holds(p->in.rejected[i].body, words))
			fail_msg("rejected item %zu holds \"%.*s\"", i, STR_ARG(words));
}

static inline struct str file_read(struct arena *a, const char *path)
{
	struct buf all = BUF_INIT;
	FILE *f = fopen(path, "rb");
	struct str text;
	size_t n;

	assert_non_null(f);
	do {
		n = fread(buf_reserve(&all, 65536), 1, 65536, f);
		all.n += n;
	} while (n > 0);
	fclose(f);
	text = arena_str(a, buf_str(&all));
	buf_fini(&all);
	return text;
}

/* What must stay here of any body: strings below a secret member, and inline pictures. `secret`: below one already. */
static inline void secrets_check(const struct posted *p, const json *v, bool secret)
{
	struct json_iter it = json_iter(v);
	const json *member;

	if ((secret && json_str(v).n >= 6) || str_starts(json_str(v), STR("/9j/")))
		assert_secret(p, json_str(v));
	while ((member = json_next(&it))) {
		bool below = secret;

		for (size_t i = 0; i < intake_secret_members_count; i++)
			below = below || str_is(json_iter_key(&it), intake_secret_members[i]);
		/* A code names its session or instance, which is none. */
		secrets_check(p, member, below && !str_is(json_iter_key(&it), "instance"));
	}
}

#endif
