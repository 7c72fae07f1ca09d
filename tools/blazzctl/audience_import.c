/* See audience_import.h. Invariant: a member that is read breaks no limit of the table. */
#include "audience_import.h"

#include <strings.h>

#include "base/utf8.h"
#include "message/text.h"
#include "phone/phone.h"
#include "json/writer.h"

#define PHONE_MAX_BYTES 100
#define NAME_MAX_BYTES  1024

static bool heading_is(struct str heading, const char *word)
{
	return heading.n == str_of(word).n && strncasecmp(heading.p, word, heading.n) == 0;
}

static int heading_read(struct import_columns *c, size_t i, struct str heading, struct err *err)
{
	if (heading_is(heading, "phone")) {
		c->phone = i;
	} else if (heading_is(heading, "name")) {
		c->name = i;
	} else if (!variable_name_is_valid(heading)) {
		return err_set(err, ERR_INPUT, "csv",
			"column %zu: the name of a variable has 1 to 64 letters, digits, _ and -", i + 1);
	}
	for (size_t j = 0; j < i; j++)
		if (str_eq(c->names[j], heading) || (i == c->phone && heading_is(c->names[j], "phone")) ||
			(i == c->name && heading_is(c->names[j], "name")))
			return err_set(err, ERR_INPUT, "csv", "two columns have the name %.*s", STR_ARG(heading));
	return 0;
}

int import_columns_read(struct import_columns *out, const struct csv_record *header, struct arena *a, struct err *err)
{
	struct import_columns c = { .n = header->n, .phone = header->n, .name = header->n };

	if (header->wrong)
		return err_set(err, ERR_INPUT, "csv", "the first line names the columns: %s", header->wrong);
	for (size_t i = 0; i < c.n; i++) {
		c.names[i] = arena_str(a, str_trim(header->fields[i]));
		if (heading_read(&c, i, c.names[i], err) < 0)
			return -1;
	}
	if (c.phone == c.n)
		return err_set(err, ERR_INPUT, "csv", "the first line names the columns, and none of them is phone");
	*out = c;
	return 0;
}

static struct str variables_write(const struct import_columns *c, const struct csv_record *line, struct arena *a,
	size_t *stored_bytes)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text;
	size_t n = 0;

	jw_obj(&w);
	for (size_t i = 0; i < c->n; i++) {
		struct str value = i == c->phone || i == c->name ? STR_NONE : str_trim(line->fields[i]);

		if (value.n == 0)
			continue;
		jw_key_str(&w, c->names[i]);
		jw_str(&w, value);
		n++;
	}
	jw_obj_end(&w);
	text = arena_str(a, buf_str(&out));
	buf_fini(&out);
	*stored_bytes = text.n + 2 * n; /* PostgreSQL writes a space behind each colon and comma */
	return n ? text : STR_NONE;
}

static const char *line_check(const struct import_columns *c, const struct csv_record *line)
{
	if (line->wrong)
		return line->wrong;
	if (line->n != c->n)
		return "not as many fields as columns";
	for (size_t i = 0; i < line->n; i++)
		if (!utf8_storable(line->fields[i]))
			return "not UTF-8 text";
	return NULL;
}

const char *import_member_read(struct group_member *out, const struct import_columns *c, const struct csv_record *line,
	const char *country, struct arena *a)
{
	const char *wrong = line_check(c, line);
	struct str number, name;
	struct phone phone;
	size_t stored_bytes;

	if (wrong)
		return wrong;
	number = str_trim(line->fields[c->phone]);
	if (number.n == 0)
		return "no phone number";
	if (number.n > PHONE_MAX_BYTES || !phone_normalise(number, country ? country : "", !country, &phone) ||
		!phone_is_possible(str_of(phone.e164)))
		return "not a phone number";
	name = c->name < c->n ? str_trim(line->fields[c->name]) : STR_NONE;
	if (name.n > NAME_MAX_BYTES)
		return "the name is longer than 1,024 bytes";
	out->variables = variables_write(c, line, a, &stored_bytes);
	if (stored_bytes > IMPORT_VARIABLES_MAX_BYTES)
		return "the variables are longer than 16 KiB";
	out->address = arena_str(a, str_of(phone.match_key));
	out->phone = arena_str(a, str_of(phone.e164));
	out->name = name.n ? arena_str(a, name) : STR_NONE;
	return NULL;
}
