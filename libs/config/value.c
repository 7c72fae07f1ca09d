/* Values. A duration must carry a unit, so that 5 cannot be read as milliseconds in one place and as seconds in
 * another; a byte count may omit it. Invariant: a value is parsed and within its range, or it is not stored.
 */
#include "config/value.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, as config_number_format() requires. */
static const struct unit duration_units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	{ "ms", 1 }, { NULL, 0 } };
static const struct unit byte_units[] = { { "G", 1 << 30 }, { "M", 1 << 20 }, { "k", 1 << 10 }, { "", 1 },
	{ NULL, 0 } };
static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *units_of(enum config_type type)
{
	if (type == CONFIG_DURATION_MS)
		return duration_units;
	return type == CONFIG_BYTES ? byte_units : no_units;
}

const char *config_type_name(enum config_type type)
{
	static const char *const names[] = { [CONFIG_STRING] = "text",
		[CONFIG_INT] = "whole number",
		[CONFIG_BOOL] = "true or false",
		[CONFIG_DURATION_MS] = "duration",
		[CONFIG_BYTES] = "bytes",
		[CONFIG_LIST] = "list" };

	return names[type];
}

void config_number_format(enum config_type type, int64_t number, struct buf *out)
{
	const struct unit *u = units_of(type);

	while (u[1].name && (number == 0 || number % u->factor != 0))
		u++;
	buf_printf(out, "%lld%s", (long long)(number / u->factor), number == 0 ? "" : u->name);
}

static size_t number_length(struct str s)
{
	size_t n = s.n > 0 && s.p[0] == '-';

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

static bool number_parse(enum config_type type, struct str text, int64_t *out)
{
	size_t digits = number_length(text);
	struct str unit = str_slice(text, digits, text.n);
	int64_t v;

	if (!str_to_i64(str_slice(text, 0, digits), &v) || (v < 0 && type != CONFIG_INT))
		return false;
	if (v == 0 && unit.n == 0) {
		*out = 0;
		return true;
	}
	for (const struct unit *u = units_of(type); u->name; u++)
		if (str_is(unit, u->name))
			return !__builtin_mul_overflow(v, u->factor, out);
	return false;
}

static bool bool_parse(struct str text, int64_t *out)
{
	static const char *const words[][2] = { { "false", "true" }, { "no", "yes" }, { "off", "on" }, { "0", "1" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int v = 0; v < 2; v++)
			if (str_is(text, words[i][v])) {
				*out = v;
				return true;
			}
	return false;
}

/* Splits at commas, trims the items and drops empty ones. One allocation: the pointers, then the text they point
 * into. */
static char **list_parse(struct str text)
{
	size_t n = 1, at = 0;
	char **list, *copy;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == ',';
	list = mem_alloc((n + 1) * sizeof(*list) + text.n + n);
	copy = (char *)(list + n + 1);
	while (text.n > 0) {
		struct str item;

		str_cut(text, ',', &item, &text);
		item = str_trim(item);
		if (item.n == 0)
			continue;
		list[at++] = memcpy(copy, item.p, item.n);
		copy[item.n] = '\0';
		copy += item.n + 1;
	}
	list[at] = NULL;
	return list;
}

static const char *shown(const struct config_key *key, const char *text)
{
	return key->flags & CONFIG_SECRET ? "the value" : text;
}

static int reject_type(const struct config_key *key, const char *text, struct err *err)
{
	static const char *const wants[] = { [CONFIG_INT] = "a whole number",
		[CONFIG_BOOL] = "true or false",
		[CONFIG_DURATION_MS] = "a duration such as 250ms, 5s, 2m, 1h or 7d",
		[CONFIG_BYTES] = "a number of bytes such as 4096, 64k or 4M" };

	return err_set(err, ERR_INPUT, "config", "%s is not %s", shown(key, text), wants[key->type]);
}

static int check_range(const struct config_key *key, const char *text, int64_t number, struct err *err)
{
	struct buf range = BUF_INIT;

	if ((key->min == 0 && key->max == 0) || (number >= key->min && number <= key->max))
		return 0;
	config_number_format(key->type, key->min, &range);
	buf_printf(&range, "..");
	config_number_format(key->type, key->max, &range);
	err_set(err, ERR_INPUT, "config", "%s is not in %.*s", shown(key, text), STR_ARG(buf_str(&range)));
	buf_fini(&range);
	return -1;
}

static int numeric_parse(const struct config_key *key, const char *text, int64_t *out, struct err *err)
{
	struct str s = str_trim(str_of(text));
	int64_t v = 0;

	if (!(key->type == CONFIG_BOOL ? bool_parse(s, &v) : number_parse(key->type, s, &v)))
		return reject_type(key, text, err);
	if (key->type != CONFIG_BOOL && check_range(key, text, v, err) < 0)
		return -1;
	*out = v;
	return 0;
}

int config_value_parse(struct config_value *out, const struct config_key *key, const char *text, struct err *err)
{
	bool numeric = key->type != CONFIG_STRING && key->type != CONFIG_LIST;
	struct config_value v = { 0 };

	if (text && numeric && numeric_parse(key, text, &v.number, err) < 0)
		return -1;
	if (key->type == CONFIG_LIST)
		v.list = list_parse(str_of(text));
	v.text = text ? mem_cstr(str_of(text)) : NULL;
	*out = v;
	return 0;
}

void config_value_fini(struct config_value *v)
{
	free(v->text);
	free(v->list);
	*v = (struct config_value){ 0 };
}

void config_value_store(const struct config_value *v, const struct config_key *key, void *settings)
{
	char *at = (char *)settings + key->offset;
	bool flag = v->number != 0;

	switch (key->type) {
	case CONFIG_STRING:
		memcpy(at, &v->text, sizeof(v->text));
		break;
	case CONFIG_INT:
	case CONFIG_DURATION_MS:
	case CONFIG_BYTES:
		memcpy(at, &v->number, sizeof(v->number));
		break;
	case CONFIG_BOOL:
		memcpy(at, &flag, sizeof(flag));
		break;
	case CONFIG_LIST:
		memcpy(at, &v->list, sizeof(v->list));
		break;
	}
}
