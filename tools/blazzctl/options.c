/* Options. Invariant: a command gets only values that were checked against its table; this file knows no command. */
#include "options.h"

#include <string.h>
#include <time.h>

#define USAGE(err, ...) err_set((err), ERR_USAGE, "usage", __VA_ARGS__)

static const struct {
	char unit;
	int64_t ms;
} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };

bool option_duration_parse(struct str text, int64_t *out)
{
	int64_t count;

	for (size_t i = 0; text.n > 1 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (text.p[text.n - 1] != units[i].unit)
			continue;
		if (!str_to_i64(str_slice(text, 0, text.n - 1), &count) || count < 0 || count > INT64_MAX / units[i].ms)
			return false;
		*out = count * units[i].ms;
		return true;
	}
	return false;
}

static bool ago_parse(struct str text, int64_t now_ms, int64_t *out)
{
	int64_t ago;

	if (!option_duration_parse(text, &ago) || ago > now_ms)
		return false;
	*out = now_ms - ago;
	return true;
}

/* Parses the part after the seconds: "Z", or milliseconds and "Z", as in the output of blazzctl. */
static bool fraction_parse(const char *p, int64_t *ms)
{
	int64_t value = 0;

	if (*p == '.') {
		struct str digits = { p + 1, 3 };

		if (strlen(p) != 5 || !str_all_digits(digits) || !str_to_i64(digits, &value))
			return false;
		p += 4;
	}
	*ms = value;
	return strcmp(p, "Z") == 0;
}

static bool calendar_parse(struct str text, int64_t *out)
{
	struct tm date = { 0 }, moment = { 0 };
	char copy[32];
	const char *end;
	int64_t ms;

	if (text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &moment);
	if (end && fraction_parse(end, &ms)) {
		*out = (int64_t)timegm(&moment) * 1000 + ms;
		return true;
	}
	end = strptime(copy, "%Y-%m-%d", &date);
	if (!end || *end != '\0')
		return false;
	*out = (int64_t)timegm(&date) * 1000;
	return true;
}

bool option_time_parse(struct str text, int64_t now_ms, int64_t *out)
{
	return ago_parse(text, now_ms, out) || calendar_parse(text, out);
}

static const struct option_row *row_find(const struct option_row *rows, struct str name)
{
	for (; rows && rows->name; rows++)
		if (str_is(name, rows->name))
			return rows;
	return NULL;
}

static int texts_add(struct option_texts *texts, const struct option_row *row, const char *value, struct err *err)
{
	if (texts->n == OPTION_TEXTS_MAX)
		return USAGE(err, "--%s: may be given at most %d times", row->name, OPTION_TEXTS_MAX);
	texts->text[texts->n++] = value;
	return 0;
}

static int value_store(const struct option_row *row, void *out, const char *value, int64_t now_ms, struct err *err)
{
	void *at = (char *)out + row->offset;
	int64_t number;

	switch (row->type) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)at = value;
		return 0;
	case OPTION_TEXTS:
		return texts_add(at, row, value, err);
	case OPTION_NUMBER:
		if (!str_to_i64(str_of(value), &number) || number < 0)
			return USAGE(err, "--%s: %s is not a number", row->name, value);
		break;
	case OPTION_TIME:
		if (!option_time_parse(str_of(value), now_ms, &number))
			return USAGE(err, "--%s: %s is not a time", row->name, value);
		break;
	case OPTION_DURATION:
		if (!option_duration_parse(str_of(value), &number))
			return USAGE(err, "--%s: %s is not a duration: 15s, 5m, 24h, 7d", row->name, value);
		break;
	}
	*(int64_t *)at = number;
	return 0;
}

/* Parses the option at argv[*i], whose value is part of it or the next argument. */
static int option_take(const struct option_row *rows, void *out, int argc, char **argv, int *i, int64_t now_ms,
	struct err *err)
{
	struct str name, value = STR_NONE;
	const struct option_row *row;
	const char *text = NULL;

	if (str_cut(str_of(argv[*i] + 2), '=', &name, &value))
		text = value.p;
	row = row_find(rows, name);
	if (!row)
		return USAGE(err, "--%.*s is not an option of this command", STR_ARG(name));
	if (row->type == OPTION_FLAG && text)
		return USAGE(err, "--%s takes no value", row->name);
	if (row->type != OPTION_FLAG && !text) {
		if (*i + 1 >= argc)
			return USAGE(err, "--%s needs a value", row->name);
		text = argv[++*i];
	}
	return value_store(row, out, text, now_ms, err);
}

int options_parse(const struct option_row *rows, void *out, int argc, char **argv, int64_t now_ms, int *n_rest,
	struct err *err)
{
	bool only_arguments = false;
	int rest = 0;

	for (int i = 0; i < argc; i++) {
		if (!only_arguments && strcmp(argv[i], "--") == 0)
			only_arguments = true;
		else if (only_arguments || strncmp(argv[i], "--", 2) != 0)
			argv[rest++] = argv[i];
		else if (option_take(rows, out, argc, argv, &i, now_ms, err) < 0)
			return -1;
	}
	*n_rest = rest;
	return 0;
}

void options_help(const struct option_row *rows, struct buf *out)
{
	for (; rows && rows->name; rows++) {
		int width = (int)(strlen(rows->name) + (rows->value ? strlen(rows->value) + 1 : 0));

		buf_printf(out, "      --%s%s%s", rows->name, rows->value ? " " : "", rows->value ? rows->value : "");
		buf_printf(out, "%*s%s\n", width < 24 ? 26 - width : 2, "", rows->help);
	}
}
