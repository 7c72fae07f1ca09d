/* Reading JSON. Numbers are kept as text and converted on access, so a number passes through a double only when the
 * caller asks for one. Invariant: a parsed document nests at most JSON_MAX_DEPTH deep, is valid UTF-8 and contains no
 * NUL, so the functions below may recurse and every string can be stored in PostgreSQL.
 */
#include "json/json.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "base/utf8.h"
#include "json/scan.h"
#include "json/writer.h"

struct json_doc {
	yyjson_doc *doc;
	char text[]; /* parsed in place: strings and numbers point into it */
};

static void *parser_malloc(void *ctx, size_t size)
{
	(void)ctx;
	return mem_alloc(size);
}

static void *parser_realloc(void *ctx, void *p, size_t old_size, size_t size)
{
	(void)ctx;
	(void)old_size;
	return mem_realloc(p, size);
}

static void parser_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static const yyjson_alc parser_memory = { parser_malloc, parser_realloc, parser_free, NULL };

static int parse_failed(struct str text, const yyjson_read_err *why, struct err *err)
{
	if (!utf8_valid(text))
		return err_set(err, ERR_INPUT, "not_utf8", "the body is not UTF-8");
	return err_set(err, ERR_INPUT, "not_json", "not JSON near byte %zu: %s", why->pos, why->msg);
}

static int scan_failed(enum json_scanned why, struct err *err)
{
	if (why == JSON_TOO_DEEP)
		return err_set(err, ERR_INPUT, "too_deep", "nested deeper than %d", JSON_MAX_DEPTH);
	return err_set(err, ERR_INPUT, "too_many", "more than %d values", JSON_MAX_VALUES);
}

int json_parse(struct json_doc **out, struct str text, struct err *err)
{
	const yyjson_read_flag flags = YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW;
	struct json_doc *doc = mem_alloc(sizeof(*doc) + text.n + YYJSON_PADDING_SIZE);
	yyjson_read_err why;
	enum json_scanned scanned;
	size_t n;

	scanned = json_scan(text, doc->text, &n);
	if (scanned != JSON_SCANNED) {
		free(doc);
		return scan_failed(scanned, err);
	}
	memset(doc->text + n, 0, YYJSON_PADDING_SIZE);
	doc->doc = yyjson_read_opts(doc->text, n, flags, &parser_memory, &why);
	if (!doc->doc) {
		free(doc);
		return parse_failed(text, &why, err);
	}
	*out = doc;
	return 0;
}

void json_free(struct json_doc *doc)
{
	if (!doc)
		return;
	yyjson_doc_free(doc->doc);
	free(doc);
}

const json *json_root(const struct json_doc *doc)
{
	return yyjson_doc_get_root(doc->doc);
}

/* yyjson's accessors take non-const pointers but modify nothing. */
static yyjson_val *val(const json *v)
{
	return (yyjson_val *)(uintptr_t)v;
}

static struct str number_str(const json *v)
{
	return (struct str){ yyjson_get_raw(val(v)), yyjson_get_len(val(v)) };
}

static enum json_type number_type(struct str number)
{
	for (size_t i = 0; i < number.n; i++)
		if (number.p[i] == '.' || number.p[i] == 'e' || number.p[i] == 'E')
			return JSON_REAL;
	return JSON_INT;
}

enum json_type json_type(const json *v)
{
	switch (yyjson_get_type(val(v))) {
	case YYJSON_TYPE_NULL:
		return JSON_NULL;
	case YYJSON_TYPE_BOOL:
		return JSON_BOOL;
	case YYJSON_TYPE_RAW:
		return number_type(number_str(v));
	case YYJSON_TYPE_STR:
		return JSON_STR;
	case YYJSON_TYPE_ARR:
		return JSON_ARR;
	case YYJSON_TYPE_OBJ:
		return JSON_OBJ;
	default:
		return JSON_ABSENT;
	}
}

bool json_is_obj(const json *v)
{
	return yyjson_is_obj(val(v));
}

bool json_is_arr(const json *v)
{
	return yyjson_is_arr(val(v));
}

static const json *member_among_first(const json *obj, struct str name)
{
	struct json_iter it = json_iter(obj);
	const json *v;

	while (it.i < JSON_MAX_MEMBERS && (v = json_next(&it)))
		if (str_eq(json_iter_key(&it), name))
			return v;
	return NULL;
}

static const json *member(const json *obj, struct str name)
{
	if (yyjson_obj_size(val(obj)) > JSON_MAX_MEMBERS)
		return member_among_first(obj, name);
	return yyjson_obj_getn(val(obj), name.p, name.n);
}

const json *json_get(const json *obj, const char *key)
{
	return member(obj, str_of(key));
}

const json *json_path(const json *v, const char *dotted)
{
	struct str name, rest = str_of(dotted);
	bool more = true;

	while (more && v) {
		more = str_cut(rest, '.', &name, &rest);
		v = member(v, name);
	}
	return v;
}

struct str json_str(const json *v)
{
	return (struct str){ yyjson_get_str(val(v)), yyjson_is_str(val(v)) ? yyjson_get_len(val(v)) : 0 };
}

struct str json_number(const json *v)
{
	return yyjson_is_raw(val(v)) ? number_str(v) : STR_NONE;
}

struct str json_text(const json *v, struct arena *a)
{
	struct str number = json_number(v);

	if (!number.p)
		return json_str(v);
	return number.n <= JSON_MAX_NUMBER_TEXT ? arena_str(a, number) : STR_NONE;
}

bool json_to_i64(const json *v, int64_t *out)
{
	return str_to_i64(yyjson_is_raw(val(v)) ? number_str(v) : json_str(v), out);
}

bool json_to_f64(const json *v, double *out)
{
	const char *number = yyjson_get_raw(val(v)); /* NUL-terminated by the parser */
	yyjson_val read;

	if (!number || !yyjson_read_number(number, &read, YYJSON_READ_NOFLAG, NULL, NULL))
		return false;
	*out = yyjson_get_num(&read);
	return true;
}

bool json_true(const json *v)
{
	return yyjson_is_true(val(v));
}

bool json_to_bool(const json *v, bool *out)
{
	if (!yyjson_is_bool(val(v)))
		return false;
	*out = yyjson_get_bool(val(v));
	return true;
}

size_t json_count(const json *arr_or_obj)
{
	return yyjson_is_ctn(val(arr_or_obj)) ? yyjson_get_len(val(arr_or_obj)) : 0;
}

struct json_iter json_iter(const json *arr_or_obj)
{
	struct json_iter it = { .n = json_count(arr_or_obj) };

	if (it.n > 0)
		it.at = unsafe_yyjson_get_first(val(arr_or_obj));
	if (json_is_obj(arr_or_obj))
		it.key = it.at; /* a non-NULL key makes json_next iterate over members */
	return it;
}

const json *json_next(struct json_iter *it)
{
	const json *value = it->at;

	if (it->i >= it->n)
		return NULL;
	it->i++;
	if (it->key) {
		it->key = it->at;
		value++; /* yyjson stores a member's value right after its key */
	}
	it->at = unsafe_yyjson_get_next(val(value));
	return value;
}

struct str json_iter_key(const struct json_iter *it)
{
	return json_str(it->key);
}

static bool is_one_of(struct str name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n && name.n > 0; i++)
		if (names[i][0] == name.p[0] && strncmp(name.p, names[i], name.n) == 0 && names[i][name.n] == '\0')
			return true;
	return false;
}

static void write_value(struct json_writer *w, const json *v, const char *const *without, size_t n);

static void write_children(struct json_writer *w, const json *v, const char *const *without, size_t n)
{
	struct json_iter it = json_iter(v);
	const json *child;

	while ((child = json_next(&it))) {
		if (it.key) {
			if (is_one_of(json_iter_key(&it), without, n))
				continue;
			jw_key_str(w, json_iter_key(&it));
		}
		write_value(w, child, without, n);
	}
}

static void write_value(struct json_writer *w, const json *v, const char *const *without, size_t n)
{
	switch (json_type(v)) {
	case JSON_ABSENT:
	case JSON_NULL:
		jw_null(w);
		break;
	case JSON_BOOL:
		jw_bool(w, json_true(v));
		break;
	case JSON_INT:
	case JSON_REAL:
		jw_raw(w, number_str(v));
		break;
	case JSON_STR:
		jw_str(w, json_str(v));
		break;
	case JSON_ARR:
		jw_arr(w);
		write_children(w, v, without, n);
		jw_arr_end(w);
		break;
	case JSON_OBJ:
		jw_obj(w);
		write_children(w, v, without, n);
		jw_obj_end(w);
		break;
	}
}

int json_write_without(const json *v, const char *const *without, size_t n, struct buf *out, struct err *err)
{
	struct json_writer w = json_writer(out);

	if (!v)
		return err_set(err, ERR_INPUT, "absent", "no JSON to write");
	write_value(&w, v, without, n);
	return 0;
}
