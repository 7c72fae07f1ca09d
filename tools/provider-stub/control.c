/* The stub's own routes, for tests: below "/_". README.md has their table. */
#include "base/clock.h"
#include "exchange.h"

#define JOURNAL_LIMIT     1000
#define JOURNAL_LIMIT_MAX 10000

static void answer_json(struct http_request *r, struct stub_answer *a)
{
	a->retry_after_s = -1;
	stub_respond(r, a);
	buf_fini(&a->body);
}

static void answer_error(struct http_request *r, const struct err *err)
{
	struct stub_answer a = { 0 };
	struct json_writer w = stub_answer_begin(&a, 400);

	jw_obj(&w);
	jw_member_str(&w, "error", str_of(err->msg));
	jw_obj_end(&w);
	answer_json(r, &a);
}

static void put(struct stub *s, struct http_request *r, int (*change)(struct stub *s, const json *v, struct err *err))
{
	struct json_doc *doc = NULL;
	struct err err;

	if (json_parse(&doc, http_body(r), &err) < 0 || change(s, json_root(doc), &err) < 0)
		answer_error(r, &err);
	else
		http_respond(r, 204, NULL, STR(""), NULL, 0);
	json_free(doc);
}

static int sessions_change(struct stub *s, const json *v, struct err *err)
{
	return sessions_put(s->sessions, v, err);
}

static int rules_change(struct stub *s, const json *v, struct err *err)
{
	return rules_put(s->rules, v, err);
}

static int templates_change(struct stub *s, const json *v, struct err *err)
{
	return templates_put(s->templates, v, err);
}

static int instances_change(struct stub *s, const json *v, struct err *err)
{
	return instances_put(s->instances, v, err);
}

static void sessions_post(struct stub *s, struct http_request *r)
{
	put(s, r, sessions_change);
}

static void rules_post(struct stub *s, struct http_request *r)
{
	put(s, r, rules_change);
}

static void templates_post(struct stub *s, struct http_request *r)
{
	put(s, r, templates_change);
}

static void instances_post(struct stub *s, struct http_request *r)
{
	put(s, r, instances_change);
}

static void instances_get(struct stub *s, struct http_request *r)
{
	struct stub_answer a = { 0 };
	struct json_writer w = stub_answer_begin(&a, 200);

	instances_write(s->instances, &w, clock_mono_ms());
	answer_json(r, &a);
}

/* after: 0 unless given; limit: JOURNAL_LIMIT unless given and allowed. */
static void page_read(const struct http_request *r, int64_t *after, int64_t *limit)
{
	if (!str_to_i64(http_query(r, "after"), after))
		*after = 0;
	if (!str_to_i64(http_query(r, "limit"), limit) || *limit < 1 || *limit > JOURNAL_LIMIT_MAX)
		*limit = JOURNAL_LIMIT;
}

static void calls_get(struct stub *s, struct http_request *r)
{
	struct calls_filter f = {
		.instance = http_query(r, "instance"),
		.session = http_query(r, "session"),
		.act = http_query(r, "act"),
	};
	struct stub_answer a = { .status = 200, .content_type = "application/x-ndjson" };

	page_read(r, &f.after, &f.limit);
	calls_read(s->calls, &f, &a.body);
	answer_json(r, &a);
}

static void sessions_get(struct stub *s, struct http_request *r)
{
	struct stub_answer a = { 0 };
	struct json_writer w = stub_answer_begin(&a, 200);

	sessions_write(s->sessions, &w);
	answer_json(r, &a);
}

static void rules_get(struct stub *s, struct http_request *r)
{
	struct stub_answer a = { 0 };
	struct json_writer w = stub_answer_begin(&a, 200);

	rules_write(s->rules, &w);
	answer_json(r, &a);
}

static void journal_get(struct stub *s, struct http_request *r)
{
	struct stub_journal_filter f = {
		.provider = http_query(r, "provider"),
		.account = http_query(r, "account"),
		.recipient = http_query(r, "recipient"),
		.client_message_id = http_query(r, "client_message_id"),
		.act = http_query(r, "act"),
		.accepted = http_query(r, "accepted"),
		.rule = http_query(r, "rule"),
	};
	struct stub_answer a = { .status = 200, .content_type = "application/x-ndjson" };

	page_read(r, &f.after, &f.limit);
	stub_journal_read(s->journal, &f, &a.body);
	answer_json(r, &a);
}

static void webhooks_write(const struct stub *s, struct json_writer *w)
{
	struct webhooks_stats stats = webhooks_stats(s->webhooks);

	jw_key(w, "webhooks");
	jw_obj(w);
	jw_member_i64(w, "posted", (int64_t)stats.posted);
	jw_member_i64(w, "retried", (int64_t)stats.retried);
	jw_member_i64(w, "failed", (int64_t)stats.failed);
	jw_member_i64(w, "dropped", (int64_t)stats.dropped);
	jw_member_i64(w, "waiting", (int64_t)stats.waiting);
	jw_obj_end(w);
}

static void stats_get(struct stub *s, struct http_request *r)
{
	struct stub_answer a = { 0 };
	struct json_writer w = stub_answer_begin(&a, 200);

	jw_obj(&w);
	jw_member_i64(&w, "requests", (int64_t)s->stats.requests);
	jw_member_i64(&w, "accepted", (int64_t)s->stats.accepted);
	jw_member_i64(&w, "refused", (int64_t)s->stats.refused);
	jw_member_i64(&w, "repeated", (int64_t)s->stats.repeated);
	jw_member_i64(&w, "duplicates", (int64_t)s->stats.duplicates);
	jw_key(&w, "ends");
	jw_obj(&w);
	for (int end = 0; end < RULE_ENDS; end++)
		jw_member_i64(&w, rule_end_word((enum rule_end)end), (int64_t)s->stats.ends[end]);
	jw_obj_end(&w);
	jw_member_i64(&w, "journal", (int64_t)stub_journal_lines(s->journal));
	jw_member_i64(&w, "ids", (int64_t)known_ids_count(s->ids));
	jw_member_i64(&w, "sessions", (int64_t)sessions_count(s->sessions));
	webhooks_write(s, &w);
	jw_obj_end(&w);
	answer_json(r, &a);
}

static const struct {
	const char *method, *path;
	void (*handle)(struct stub *s, struct http_request *r);
} routes[] = {
	{ "POST", "/_sessions", sessions_post },
	{ "GET", "/_sessions", sessions_get },
	{ "POST", "/_instances", instances_post },
	{ "GET", "/_instances", instances_get },
	{ "GET", "/_calls", calls_get },
	{ "POST", "/_rules", rules_post },
	{ "GET", "/_rules", rules_get },
	{ "POST", "/_templates", templates_post },
	{ "GET", "/_journal", journal_get },
	{ "GET", "/_stats", stats_get },
};

void stub_control(struct stub *s, struct http_request *r)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (str_is(http_path(r), routes[i].path) && str_is(http_method(r), routes[i].method)) {
			routes[i].handle(s, r);
			return;
		}
	http_respond(r, 404, NULL, STR(""), NULL, 0);
}
