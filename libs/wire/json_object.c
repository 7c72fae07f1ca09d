/* Whether jsonb can store a text. Invariant: a text that passes neither fails in PostgreSQL nor exceeds its limit
 * there. */
#include "wire/json_object.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "json/json.h"
#include "json/scan.h"

static int broken(struct err *err, const char *what)
{
	return err_reject(err, DEAD_RULE, "%s", what);
}

static size_t digits_at(struct str s, size_t at)
{
	size_t n = 0;

	while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
		n++;
	return n;
}

/* The exponent; 0 when there is none; far above the limit when it has too many digits. */
static int64_t exponent_of(struct str number, size_t at)
{
	int64_t exponent = 0;

	if (at == number.n)
		return 0;
	if (number.p[at + 1] == '+')
		at++;
	return str_to_i64(str_slice(number, at + 1, number.n), &exponent) ? exponent : INT64_MAX;
}

/* The length of the number written without an exponent; 0: too long. `number` follows JSON's grammar. */
static size_t plain_bytes(struct str number)
{
	size_t sign = number.p[0] == '-', whole = digits_at(number, sign), at = sign + whole, fraction = 0;
	int64_t exponent, before, behind;

	if (at < number.n && number.p[at] == '.') {
		fraction = digits_at(number, at + 1);
		at += 1 + fraction;
	}
	exponent = exponent_of(number, at);
	if (whole + fraction > WIRE_MAX_JSON_DIGITS || exponent > WIRE_MAX_JSON_EXPONENT ||
		exponent < -WIRE_MAX_JSON_EXPONENT)
		return 0;
	before = (int64_t)whole + exponent;
	behind = (int64_t)fraction - exponent;
	return sign + (size_t)(before > 1 ? before : 1) + (size_t)(behind > 0 ? behind + 1 : 0);
}

/* Adds to *grown by how many bytes numbers in v become longer when PostgreSQL writes them. */
static int numbers_check(const json *v, size_t depth, size_t *grown, struct err *err)
{
	struct str number = json_number(v);
	struct json_iter it = json_iter(v);
	const json *child;
	size_t plain;

	if (depth > WIRE_MAX_JSON_DEPTH)
		return broken(err, "nested too deep to be stored");
	if (number.n > 0) {
		plain = plain_bytes(number);
		*grown += plain > number.n ? plain - number.n : 0;
		return plain > 0 ? 0 : broken(err, "a number too long to be stored");
	}
	while ((child = json_next(&it)))
		if (numbers_check(child, depth + 1, grown, err) < 0)
			return -1;
	return 0;
}

/* Whether json_parse() repaired escapes that PostgreSQL cannot store. The text is stored as it is, not as it was
 * parsed. */
static bool is_repaired(struct str text)
{
	char *copy = mem_alloc(text.n);
	size_t n = 0;
	bool same = json_scan(text, copy, &n) == JSON_SCANNED && n == text.n && memcmp(copy, text.p, n) == 0;

	free(copy);
	return !same;
}

static int document_check(struct str text, const json *root, size_t max, struct err *err)
{
	size_t grown = 0;

	if (memmem(text.p, text.n, "\\u", 2) && is_repaired(text))
		return broken(err, "an escape that cannot be stored");
	if (numbers_check(root, 1, &grown, err) < 0)
		return -1;
	return text.n + grown <= max ? 0 : err_reject(err, DEAD_RULE, "longer than %zu bytes when stored", max);
}

static int text_check(struct str text, enum json_type type, const char *otherwise, size_t max, struct err *err)
{
	struct json_doc *doc = NULL;
	int rc;

	if (json_parse(&doc, text, NULL) < 0)
		return broken(err, otherwise);
	if (json_type(json_root(doc)) == type)
		rc = document_check(text, json_root(doc), max, err);
	else
		rc = broken(err, otherwise);
	json_free(doc);
	return rc;
}

int json_object_check(struct str text, size_t max, struct err *err)
{
	return text_check(text, JSON_OBJ, "not a JSON object", max, err);
}

int json_array_check(struct str text, size_t max, struct err *err)
{
	return text_check(text, JSON_ARR, "not a JSON array", max, err);
}
