/* One body from outside through one dialect. An added event keeps the rules, survives the round trip and has no secret
 * member; a rejected item is JSON that is rejected again when posted alone; the same body parsed again gives the same
 * records; and the HTTP layer knows the answer. */
#ifndef TESTS_FUZZ_DIALECT_H
#define TESTS_FUZZ_DIALECT_H

#include <string.h>

#include "ingest/dialects/dialects.h"
#include "input.h"

struct dialect {
	int (*read)(struct intake *in, const json *body, struct err *err);
	/* Begins the intake: its account, and the others that can be looked up. */
	void (*init)(struct intake *in, struct arena *a, int64_t now_ms);
};

#define DIALECT_NOW_MS INT64_C(1767229200000)

static inline void secrets_check(const json *v)
{
	struct json_iter it = json_iter(v);
	const json *child;

	while ((child = json_next(&it))) {
		for (size_t i = 0; json_is_obj(v) && i < intake_secret_members_count; i++)
			assert(!str_is(json_iter_key(&it), intake_secret_members[i]));
		secrets_check(child);
	}
}

static inline void clean_json_check(struct str text)
{
	struct json_doc *doc = NULL;
	int rc = json_parse(&doc, text, NULL);

	assert(rc == 0);
	secrets_check(json_root(doc));
	json_free(doc);
}

static inline void events_check(const struct intake *in)
{
	struct inbound_event again;

	for (size_t i = 0; i < in->n_events; i++) {
		const struct inbound_event *e = in->events[i];
		int rc = inbound_check(e, NULL);

		assert(rc == 0);
		rc = inbound_decode(&again, in->records[i], in->arena, NULL);
		assert(rc == 0 && uuid_eq(&again.id, &e->id));
		if (e->raw.n > 0 && !e->raw_truncated)
			clean_json_check(e->raw);
	}
}

/* Reads the body into a new arena, which the caller frees. */
static inline void dialect_read(const struct dialect *d, const json *body, struct intake *in)
{
	struct err err;

	d->init(in, arena_new(65536), DIALECT_NOW_MS);
	if (d->read(in, body, &err) < 0)
		assert(err.kind == ERR_INPUT &&
			strcmp(err.code,
				in->too_large                ? "too_large"
					: in->n_rejected > 0 ? "422"
							     : "400") == 0);
	intake_finish(in);
}

static inline bool is_rejected_for(const struct intake *in, enum dead_reason reason)
{
	for (size_t i = 0; i < in->n_rejected; i++)
		if (in->rejected[i].reason == reason)
			return true;
	return false;
}

static inline void rejected_check(const struct dialect *d, const struct intake_reject *r)
{
	struct json_doc *doc = NULL;
	struct intake alone;
	int rc;

	assert(r->message.n > 0);
	if (r->body.n == 0)
		return; /* about the body as a whole */
	clean_json_check(r->body);
	rc = json_parse(&doc, r->body, NULL);
	assert(rc == 0);
	dialect_read(d, json_root(doc), &alone);
	assert(is_rejected_for(&alone, r->reason)); /* with a chat of a sync its messages may be */
	for (size_t i = 0; i < alone.n_events; i++)
		assert(alone.events[i]->origin == ORIGIN_SYNC); /* a message of a sync is posted in its chat */
	arena_free(alone.arena);
	json_free(doc);
}

static inline void same_check(const struct intake *a, const struct intake *b)
{
	assert(a->n_events == b->n_events && a->n_rejected == b->n_rejected && a->n_items == b->n_items);
	for (size_t i = 0; i < a->n_events; i++)
		assert(str_eq(a->records[i], b->records[i]));
}

static inline void dialect_check(const struct dialect *d, const json *body)
{
	struct intake in, again;

	dialect_read(d, body, &in);
	events_check(&in);
	for (size_t i = 0; i < in.n_rejected; i++)
		rejected_check(d, &in.rejected[i]);
	dialect_read(d, body, &again);
	same_check(&in, &again);
	arena_free(in.arena);
	arena_free(again.arena);
}

/* The dialects of bridges know the account from the URL. */
static inline void bridge_account_init(struct intake *in, struct arena *a, int64_t now_ms)
{
	static const struct intake_account account = {
		.id.b = { 0xac },
		.workspace.b = { 0x3b },
		.provider = PROVIDER_WEBJS,
		.bridge = BRIDGE_WWEBJS,
		.phone_number = { "6281234567890", 13 },
	};

	intake_init(in, a, now_ms, &account);
}

static inline void bridge_body_check(int (*read)(struct intake *, const json *, struct err *), const uint8_t *data,
	size_t size)
{
	const struct dialect d = { read, bridge_account_init };
	struct json_doc *doc = NULL;

	if (json_parse(&doc, input_of(data, size), NULL) < 0)
		return;
	dialect_check(&d, json_root(doc));
	json_free(doc);
}

#endif
