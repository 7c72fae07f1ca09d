/* Checks a struct against its shape: the rules of single fields. Which fields a kind of event requires is checked
 * elsewhere (inbound_check.c). Invariant: error messages name the field, never its content. */
#include <math.h>

#include "base/utf8.h"
#include "base/uuid.h"
#include "wire/field.h"
#include "wire/json_object.h"
#include "wire/party.h"
#include "wire/shape.h"

static int broken(struct err *err, const char *what)
{
	return err_reject(err, DEAD_RULE, "%s", what);
}

static bool is_phone(struct str text)
{
	return str_all_digits(str_slice(text, text.p[0] == '+', text.n));
}

static int form_check(enum text_form form, struct str text, size_t max, struct err *err)
{
	struct uuid u;

	switch (form) {
	case FORM_ANY:
		return 0;
	case FORM_PHONE:
		return is_phone(text) ? 0 : broken(err, "not a phone number");
	case FORM_DIGITS:
		return str_all_digits(text) ? 0 : broken(err, "not digits");
	case FORM_UUID:
		return uuid_parse(text, &u) ? 0 : broken(err, "not a UUID");
	case FORM_JSON_OBJECT:
		return json_object_check(text, max, err);
	case FORM_JSON_ARRAY:
		return json_array_check(text, max, err);
	}
	return 0;
}

static int text_check(enum text_form form, struct str text, size_t max, struct err *err)
{
	if (text.n == 0)
		return 0;
	if (text.n > max)
		return err_reject(err, DEAD_RULE, "longer than %zu bytes", max);
	if (!utf8_storable(text))
		return err_reject(err, DEAD_DECODE, "not UTF-8 without NUL");
	return form_check(form, text, max, err);
}

static int number_check(const struct row *r, int64_t v, struct err *err)
{
	return v < r->min || v > r->max ? broken(err, "out of range") : 0;
}

/* NaN is out of range, too. */
static int double_check(const struct row *r, double v, struct err *err)
{
	return isfinite(v) && fabs(v) <= (double)r->max ? 0 : broken(err, "out of range");
}

static int enum_check(const struct row *r, unsigned v, struct err *err)
{
	return v <= r->max ? 0 : err_reject(err, DEAD_UNSUPPORTED, "an unknown value");
}

static int texts_check(const struct str *items, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (text_check(FORM_ANY, items[i], WIRE_MAX_NAME_BYTES, err) < 0)
			return -1;
	return 0;
}

static int list_check(const struct row *r, const void *ours, struct err *err)
{
	const void *items = pointer_load(field_at(ours, r->ours));
	size_t n = field_count(ours, r->n_ours);

	if (n > (size_t)r->max)
		return broken(err, "too many");
	if (r->type == ROW_TEXTS)
		return texts_check(items, n, err);
	for (size_t i = 0; i < n; i++)
		if (shape_check(r->shape, field_at(items, i * r->shape->size), err) < 0)
			return -1;
	return 0;
}

static int row_check(const struct row *r, const void *ours, struct err *err)
{
	const void *at = field_at(ours, r->ours);

	switch (r->type) {
	case ROW_TEXT:
		return text_check(r->form, *(const struct str *)at, (size_t)r->max, err);
	case ROW_BYTES:
		return ((const struct str *)at)->n <= (size_t)r->max ? 0 : broken(err, "too long");
	case ROW_UUID:
	case ROW_BOOL:
		return 0;
	case ROW_I32:
		return number_check(r, *(const int32_t *)at, err);
	case ROW_I64:
		return number_check(r, *(const int64_t *)at, err);
	case ROW_F64:
		return double_check(r, *(const double *)at, err);
	case ROW_ENUM:
		return enum_check(r, *(const unsigned *)at, err);
	case ROW_PART:
	case ROW_OPTIONAL:
		return shape_check(r->shape, at, err);
	case ROW_LIST:
	case ROW_TEXTS:
		return list_check(r, ours, err);
	}
	return 0;
}

int shape_check(const struct shape *s, const void *ours, struct err *err)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (row_check(&s->rows[i], ours, err) < 0)
			return err_wrap(err, "%s", s->rows[i].name);
	return 0;
}

int envelope_check(const struct envelope *env, const void *ours, struct err *err)
{
	unsigned kind = field_enum(ours, env->kind);

	if (shape_check(env->shape, ours, err) < 0)
		return -1;
	if (kind == 0 || kind >= env->n_variants)
		return err_reject(err, DEAD_UNSUPPORTED, "an event of an unknown kind");
	if (shape_check(env->variants[kind].shape, field_at(ours, env->u), err) < 0)
		return err_wrap(err, "%s", env->variants[kind].word);
	return 0;
}
