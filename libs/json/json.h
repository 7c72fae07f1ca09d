/* Reading untrusted JSON safely, on yyjson.
 *
 * Before parsing, one pass over the bytes limits the depth (at most JSON_MAX_DEPTH; yyjson accepts 200,000) and the
 * number of values (at most JSON_MAX_VALUES), replaces unpaired \uD8xx-\uDFxx escapes with U+FFFD and removes \u0000
 * (PostgreSQL and protobuf can store neither); everything else stays byte for byte. Numbers are kept as written: no
 * integer passes through a double, and one that does not fit int64 is still readable as text.
 *
 * All accessors accept NULL and values of the wrong type and return "absent" for them, so that a dialect's code is a
 * plain list of the fields it reads.
 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define JSON_MAX_DEPTH       64
#define JSON_MAX_VALUES      1000000 /* per document; 16 MiB of WhatsApp's own objects have about as many */
#define JSON_MAX_MEMBERS     4096 /* members of an object that a lookup compares */
#define JSON_MAX_NUMBER_TEXT 128 /* longest number that is returned as text, in characters; no id is that long */

struct json_doc;
typedef struct yyjson_val json; /* opaque outside libs/json */

/* Parses a whole document; the text is copied. ERR_INPUT with code "not_utf8", "not_json", "too_deep" or "too_many".
 * The document is freed with json_free; values and strings borrow from it. */
int json_parse(struct json_doc **out, struct str text, struct err *err) ERR_MUST_USE;
void json_free(struct json_doc *doc); /* accepts NULL */
const json *json_root(const struct json_doc *doc);

enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STR, JSON_ARR, JSON_OBJ };
enum json_type json_type(const json *v);
bool json_is_obj(const json *v);
bool json_is_arr(const json *v);

/* NULL when absent, not an object, or not among its first JSON_MAX_MEMBERS members, which bounds the cost of a
 * lookup. */
const json *json_get(const json *obj, const char *key);
const json *json_path(const json *v, const char *dotted); /* "data.message.id" */
struct str json_str(const json *v); /* a string's bytes; anything else is absent */
struct str json_number(const json *v); /* a number as written; anything else is absent */
/* A string, borrowed, or a number as written ("wa_id": 16505551234), copied into the arena. A number of more than
 * JSON_MAX_NUMBER_TEXT characters is absent. */
struct str json_text(const json *v, struct arena *a);
bool json_to_i64(const json *v, int64_t *out); /* an integer, or a string of digits */
bool json_to_f64(const json *v, double *out); /* any number */
bool json_true(const json *v); /* exactly true */
bool json_to_bool(const json *v, bool *out);

size_t json_count(const json *arr_or_obj); /* 0 for anything else */
/* struct json_iter it = json_iter(arr); while ((v = json_next(&it))) ...; the whole loop takes linear time. */
struct json_iter {
	const json *at, *key;
	size_t i, n;
};
struct json_iter json_iter(const json *arr_or_obj);
const json *json_next(struct json_iter *it); /* the value; NULL at the end */
/* The name of the member that json_next returned; absent in an array. */
struct str json_iter_key(const struct json_iter *it);

/* Writes v compactly, omitting every object member whose name is in `without` (case-sensitive, at any depth). An
 * event's `raw` is made this way: the original JSON without its secrets. Numbers stay as written. ERR_INPUT when v is
 * NULL. */
int json_write_without(const json *v, const char *const *without, size_t n, struct buf *out,
	struct err *err) ERR_MUST_USE;

#endif
