/* What comes out of mutated fixtures goes into a real PostgreSQL: each JSON as jsonb, each text, each time. A value
 * that PostgreSQL rejects is one that a dialect should have rejected. SEED picks the mutations, ROUNDS how many of each
 * body. */
#include "posted.h"

#include <glob.h>

#include "../../pg/session.h"
#include "wire/field.h"
#include "wire/shapes.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define REP4(s)  s s s s
#define REP16(s) REP4(REP4(s))

static struct {
	struct pg *pg;
	uint64_t random;
	size_t events;
} fuzz;

static size_t below(size_t n)
{
	fuzz.random = fuzz.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(fuzz.random >> 33) % n;
}

/* ---- mutations */

/* What stands in place of a value. */
static const char *const values[] = { "1e999999", "-1e-999999", "0e131073", "1e1000", "[1e308,5e-324]",
	"99999999999999999999", "-9223372036854775808", "9223372036854775807", "253402300800", "253402300799",
	"4294967296", "-1", "0", "1.5", "null", "true", "{}", "[]", "\"\"", "\"\\u0000\"", "\"a\\u0000b\"",
	"\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\uffff\\ufffe\"", "\"1e999999\"", "\"-1\"",
	"{\"a\":{\"b\":[1e999999]}}", "{\"\\u0000\":\"\\u0000\"}", "\"" REP16(REP16("0123456789")) "\"",
	"\"" REP16(REP4("\\u0001")) "\"", REP16("[") REP16("]"), "{\"low\":-1,\"high\":2147483647}", "\"1@g.us\"",
	"\"120363@lid\"", "\"status@broadcast\"" };

/* The end of the text, number or word that begins at `at`; 0: something else does. */
static size_t scalar_end(struct str s, size_t at)
{
	size_t end = at;

	if (s.p[at] == '"') {
		for (end++; end < s.n && s.p[end] != '"'; end++)
			end += s.p[end] == '\\';
		return end < s.n ? end + 1 : 0;
	}
	while (end < s.n && !memchr(",:]}[{ \n\r\t\"", s.p[end], 11))
		end++;
	return end > at ? end : 0;
}

/* Replaces a value after the place `from`; the names of members are kept. */
static void value_mutate(struct buf *out, struct str s)
{
	size_t from = below(s.n), end = 0;

	while (from < s.n && !memchr(":[,", s.p[from], 3))
		from++;
	for (from++; from < s.n && memchr(" \n\r\t", s.p[from], 4);)
		from++;
	if (from < s.n)
		end = scalar_end(s, from);
	if (end == 0 || (end < s.n && s.p[end] == ':')) {
		buf_add_str(out, s);
		return;
	}
	buf_add_str(out, str_slice(s, 0, from));
	buf_add_str(out, str_of(values[below(COUNT(values))]));
	buf_add_str(out, str_slice(s, end, s.n));
}

/* ---- what is stored */

struct stored {
	struct buf json, text;
};

static void shape_store(const struct shape *s, const void *ours, struct stored *out);

static void text_store(enum text_form form, struct str text, struct stored *out)
{
	if (text.n == 0)
		return;
	if (form == FORM_JSON_OBJECT) {
		buf_add_char(&out->json, out->json.n > 0 ? ',' : '[');
		buf_add_str(&out->json, text);
	} else {
		buf_add_str(&out->text, text);
	}
}

static void list_store(const struct row *r, const void *ours, struct stored *out)
{
	const void *items = pointer_load(field_at(ours, r->ours));

	for (size_t i = 0; i < field_count(ours, r->n_ours); i++)
		if (r->type == ROW_TEXTS)
			text_store(FORM_ANY, ((const struct str *)items)[i], out);
		else
			shape_store(r->shape, field_at(items, i * r->shape->size), out);
}

static void row_store(const struct row *r, const void *ours, struct stored *out)
{
	const void *at = field_at(ours, r->ours);

	switch (r->type) {
	case ROW_TEXT:
		text_store(r->form, *(const struct str *)at, out);
		break;
	case ROW_PART:
	case ROW_OPTIONAL:
		shape_store(r->shape, at, out);
		break;
	case ROW_LIST:
	case ROW_TEXTS:
		list_store(r, ours, out);
		break;
	default:
		break;
	}
}

static void shape_store(const struct shape *s, const void *ours, struct stored *out)
{
	for (size_t i = 0; i < s->n_rows; i++)
		row_store(&s->rows[i], ours, out);
}

static void event_store(const struct inbound_event *e, struct str body)
{
	struct stored s = { BUF_INIT, BUF_INIT };
	struct pg_args *args = pg_args_new();
	struct err err;

	shape_store(inbound_envelope.variants[e->kind].shape, field_at(e, inbound_envelope.u), &s);
	buf_add_char(&s.json, s.json.n > 0 ? ']' : '0');
	pg_arg_text(args, buf_str(&s.json));
	pg_arg_text(args, s.text.n > 0 ? buf_str(&s.text) : STR("-"));
	pg_arg_i64(args, inbound_time_ms(e));
	if (run(fuzz.pg,
		    "SELECT jsonb_build_object('extra', $1::text::jsonb)::text, $2::text, to_timestamp($3::bigint / 1000.0)",
		    args, NULL, &err) < 0)
		fail_msg("%s %s: %.*s", err.code, err.msg, STR_ARG(body));
	fuzz.events++;
	pg_args_free(args);
	buf_fini(&s.json);
	buf_fini(&s.text);
}

/* ---- bodies */

static const struct intake_account *any_number(void *ctx, struct str id)
{
	(void)ctx;
	return id.n > 0 ? &posted_numbers[0] : NULL;
}

static size_t any_waba(void *ctx, struct str id, const struct intake_account **out, size_t max)
{
	(void)ctx;
	if (max > 0)
		out[0] = &posted_numbers[0];
	return id.n > 0;
}

static int read_meta(struct intake *in, const json *body, struct err *err)
{
	in->account = NULL;
	in->by_phone_number_id = any_number;
	in->by_waba = any_waba;
	return meta_read(in, body, err);
}

static int read_bridge(struct intake *in, const json *body, struct err *err)
{
	return json_get(body, "chats") ? bridge_read_sync(in, body, err) : bridge_read_webhook(in, body, err);
}

static void body_try(dialect_read *read, struct str body)
{
	struct inbound_event e;
	struct json_doc *doc;
	struct posted p;

	if (json_parse(&doc, body, NULL) < 0)
		return;
	json_free(doc);
	post_bytes(&p, read, BRIDGE_WAHA, body);
	for (size_t i = 0; i < p.in.n_events; i++) {
		assert_int_equal(inbound_decode(&e, p.in.records[i], p.arena, NULL), 0);
		event_store(&e, body);
	}
	posted_fini(&p);
}

static void file_try(dialect_read *read, const char *path, size_t rounds)
{
	struct arena *a = arena_new(1 << 16);
	struct str body = file_read(a, path);

	body_try(read, body);
	for (size_t i = 0; i < rounds; i++) {
		struct buf once = BUF_INIT, twice = BUF_INIT;

		value_mutate(&once, body);
		value_mutate(&twice, buf_str(&once));
		body_try(read, buf_str(&once));
		body_try(read, buf_str(&twice));
		buf_fini(&once);
		buf_fini(&twice);
	}
	arena_free(a);
}

static void postgresql_accepts_every_event_of_mutated_bodies(void **state)
{
	static const struct {
		const char *folder;
		dialect_read *read;
	} dialects[] = { { "meta", read_meta }, { "webjs-raw", wwebjs_read }, { "waha", waha_read },
		{ "evolution", evolution_read }, { "bridge", read_bridge } };
	const char *seed = getenv("SEED"), *rounds = getenv("ROUNDS");

	(void)state;
	fuzz.random = seed ? strtoull(seed, NULL, 10) : 1;
	fuzz.pg = session_open();
	for (size_t i = 0; i < COUNT(dialects); i++) {
		char pattern[64];
		glob_t files;

		snprintf(pattern, sizeof(pattern), "tests/fixtures/%s/*.json", dialects[i].folder);
		assert_int_equal(glob(pattern, 0, NULL, &files), 0);
		for (size_t f = 0; f < files.gl_pathc; f++)
			file_try(dialects[i].read, files.gl_pathv[f], rounds ? strtoull(rounds, NULL, 10) : 8);
		globfree(&files);
	}
	print_message("%zu events\n", fuzz.events);
	assert_true(fuzz.events > 1000);
	pg_close(&fuzz.pg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(postgresql_accepts_every_event_of_mutated_bodies),
	};

	return cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop);
}
