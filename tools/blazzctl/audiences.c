/* blazzctl audiences: groups of addresses for campaigns, and their import from CSV. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audience_import.h"
#include "crypto/ids.h"
#include "tenants.h"
#include "terminal.h"

#define CHUNK_ROWS    1000 /* of one transaction */
#define REASONS_SHOWN 20 /* on standard error; all of them go to --report */
#define MEMBERS_CHUNK 1000
#define MEMBERS_LIMIT 100

struct audience_options {
	const char *workspace, *country, *report, *after;
	int64_t limit;
	bool dry_run;
};

#define AT(field) offsetof(struct audience_options, field)

static const struct option_row add_rows[] = {
	{ "workspace", OPTION_TEXT, AT(workspace), "UUID|NAME", "whose" },
	{ 0 },
};
static const struct option_row import_rows[] = {
	{ "workspace", OPTION_TEXT, AT(workspace), "UUID|NAME", "whose" },
	{ "country", OPTION_TEXT, AT(country), "XX",
		"of numbers in national format (ISO 3166, two letters);\n"
		"                                default: all numbers are international" },
	{ "report", OPTION_TEXT, AT(report), "FILE", "writes line number and reason of each rejected line, as CSV" },
	{ "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only check the file" },
	{ 0 },
};
static const struct option_row members_rows[] = {
	{ "workspace", OPTION_TEXT, AT(workspace), "UUID|NAME", "whose" },
	{ "after", OPTION_TEXT, AT(after), "ADDRESS", "only members behind this address" },
	{ "limit", OPTION_NUMBER, AT(limit), "N", "at most so many; default: 100" },
	{ 0 },
};

static int add(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "audience", "name", NULL };
	const struct audience_options *o = options;
	struct contact_group g = { .name = str_of(arguments[0]) };
	struct tenant tenant;
	struct table *t;
	struct pg *pg;

	uuid_v4(&g.uuid);
	if (tenant_find(ctl, o->workspace, &tenant, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0)
		return -1;
	g.workspace_id = tenant.id;
	if (store_contact_group_add(pg, &g, err) < 0)
		return -1;
	t = table_new(columns);
	table_uuid(t, &g.uuid);
	table_text(t, g.name);
	table_print(t, ctl->json);
	table_free(t);
	return 0;
}

static void group_row(void *ctx, const struct contact_group *g)
{
	struct table *t = ctx;

	table_uuid(t, &g->uuid);
	table_text(t, g->name);
	table_i64(t, g->members);
	table_time_ms(t, g->created_us / 1000);
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "audience", "name", "members", "created_at", NULL };
	const struct audience_options *o = options;
	struct table *t = table_new(columns);
	struct tenant tenant;
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if (tenant_find(ctl, o->workspace, &tenant, err) == 0 && ctl_pg_admin(ctl, &pg, err) == 0)
		rc = store_contact_groups_list(pg, tenant.id, group_row, t, err);
	if (rc == 0)
		table_print(t, ctl->json);
	table_free(t);
	return rc;
}

/* Import */

struct import {
	struct pg *pg;
	const struct audience_options *options;
	int64_t workspace_id;
	struct uuid group;
	struct csv csv;
	FILE *report;
	struct import_columns columns;
	struct arena *names, *arena; /* of the columns; of the chunk */
	struct group_member *rows;
	size_t n;
	int64_t lines, imported, added, rejected; /* lines: without the heading and empty ones */
};

static void line_reject(struct import *im, int64_t line, const char *why)
{
	if (im->rejected++ < REASONS_SHOWN)
		fprintf(stderr, "line %lld: %s\n", (long long)line, why);
	else if (im->rejected == REASONS_SHOWN + 1)
		fprintf(stderr, "further rejected lines are %s\n",
			im->report ? "in the report" : "not listed without --report");
	if (im->report)
		fprintf(im->report, "%lld,%s\n", (long long)line, why);
}

/* The group's lock keeps a second import out until this chunk is committed. */
static int chunk_write(struct import *im, int64_t *added, struct err *err)
{
	int64_t group_id;
	int found;

	if (pg_begin(im->pg, err) < 0)
		return -1;
	found = store_contact_group_lock(im->pg, im->workspace_id, &im->group, &group_id, err);
	if (found == 0)
		err_set(err, ERR_INPUT, "unknown", "the audience was deleted");
	if (found == 1 &&
		store_group_members_put(im->pg, im->workspace_id, group_id, im->rows, im->n, added, err) == 0 &&
		pg_commit(im->pg, err) == 0)
		return 0;
	pg_rollback(im->pg);
	return -1;
}

static int chunk_end(struct import *im, struct err *err)
{
	int64_t added = 0;

	if (im->n > 0 && !im->options->dry_run && chunk_write(im, &added, err) < 0)
		return err_wrap(err,
			"before line %lld; what was read earlier is imported, and importing the file again does no harm",
			(long long)im->csv.line);
	im->imported += (int64_t)im->n;
	im->added += added;
	im->n = 0;
	arena_reset(im->arena);
	return 0;
}

static int lines_import(struct import *im, struct err *err)
{
	struct csv_record line;
	const char *wrong;

	while (csv_next(&im->csv, &line)) {
		im->lines++;
		wrong = import_member_read(&im->rows[im->n], &im->columns, &line, im->options->country, im->arena);
		if (wrong)
			line_reject(im, line.line, wrong);
		else if (++im->n == CHUNK_ROWS && chunk_end(im, err) < 0)
			return -1;
	}
	if (ferror(im->csv.file))
		return err_set(err, ERR_INPUT, "file", "the file cannot be read");
	return chunk_end(im, err);
}

static int file_import(struct import *im, struct err *err)
{
	struct csv_record header;

	if (!csv_next(&im->csv, &header))
		return err_set(err, ERR_INPUT, "csv", "the file is empty");
	if (import_columns_read(&im->columns, &header, im->names, err) < 0)
		return -1;
	return lines_import(im, err);
}

static void totals_print(const struct import *im, bool json)
{
	static const char *const columns[] = { "lines", "added", "replaced", "rejected", NULL };
	struct table *t = table_new(columns);

	table_i64(t, im->lines);
	table_i64(t, im->added);
	table_i64(t, im->imported - im->added);
	table_i64(t, im->rejected);
	table_print(t, json);
	table_free(t);
}

static int file_open(const char *path, const char *mode, FILE **out, struct err *err)
{
	*out = fopen(path, mode);
	return *out ? 0 : err_set(err, ERR_INPUT, "file", "%s: %s", path, strerror(errno));
}

static int report_close(struct import *im, struct err *err)
{
	bool failed = ferror(im->report);

	failed |= fclose(im->report) != 0;
	return failed ? err_set(err, ERR_INPUT, "file", "the report cannot be written") : 0;
}

static int files_import(struct import *im, const char *path, struct err *err)
{
	FILE *file = NULL;
	int rc = -1;

	if (file_open(strcmp(path, "-") == 0 ? "/dev/stdin" : path, "re", &file, err) < 0)
		return -1;
	csv_init(&im->csv, file);
	if (!im->options->report) {
		rc = file_import(im, err);
	} else if (file_open(im->options->report, "we", &im->report, err) == 0) {
		fputs("line,reason\n", im->report);
		rc = file_import(im, err);
		if (report_close(im, rc < 0 ? NULL : err) < 0)
			rc = -1;
	}
	csv_fini(&im->csv);
	fclose(file);
	return rc;
}

static int import(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct audience_options *o = options;
	struct import im = { .options = o, .names = arena_new(4096), .arena = arena_new(1 << 18) };
	struct tenant tenant;
	int rc = -1;

	im.rows = mem_calloc(CHUNK_ROWS, sizeof(*im.rows));
	if (tenant_find(ctl, o->workspace, &tenant, err) < 0 ||
		tenant_group(ctl, &tenant, arguments[0], &im.group, err) < 0 || ctl_pg_admin(ctl, &im.pg, err) < 0)
		goto out;
	im.workspace_id = tenant.id;
	rc = files_import(&im, arguments[1], err);
	if (rc == 0)
		totals_print(&im, ctl->json);
out:
	free(im.rows);
	arena_free(im.arena);
	arena_free(im.names);
	return rc;
}

/* Members */

struct members {
	struct table *table;
	struct arena *arena;
	struct str last;
	int64_t n;
};

static void member_row(void *ctx, const struct group_member *m)
{
	struct members *s = ctx;

	table_text(s->table, m->address);
	table_text(s->table, m->phone);
	table_text(s->table, m->name);
	table_text(s->table, m->variables);
	s->last = arena_str(s->arena, m->address);
	s->n++;
}

static int members_read(struct pg *pg, const struct tenant *t, const struct uuid *group, int64_t limit,
	struct members *s, struct err *err)
{
	int64_t id, before;
	int found = store_contact_group_lock(pg, t->id, group, &id, err);

	if (found < 1)
		return found < 0 ? -1 : err_set(err, ERR_INPUT, "unknown", "the audience was deleted");
	do {
		int64_t rest = limit - s->n;

		before = s->n;
		if (store_group_members_list(pg, t->id, id, s->last, (int)(rest < MEMBERS_CHUNK ? rest : MEMBERS_CHUNK),
			    member_row, s, err) < 0)
			return -1;
	} while (s->n > before && s->n < limit);
	return 0;
}

static int members(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "address", "phone", "name", "variables", NULL };
	const struct audience_options *o = options;
	struct members s = {
		.table = table_new(columns), .arena = arena_new(4096), .last = o->after ? str_of(o->after) : STR("")
	};
	struct tenant tenant;
	struct uuid group;
	struct pg *pg;
	int rc = -1;

	if (tenant_find(ctl, o->workspace, &tenant, err) == 0 &&
		tenant_group(ctl, &tenant, arguments[0], &group, err) == 0 && ctl_pg_admin(ctl, &pg, err) == 0)
		rc = members_read(pg, &tenant, &group, o->limit > 0 ? o->limit : MEMBERS_LIMIT, &s, err);
	if (rc == 0)
		table_print(s.table, ctl->json);
	table_free(s.table);
	arena_free(s.arena);
	return rc;
}

const struct command audiences_commands[] = {
	{ "audiences", "add", "NAME", 1, 1, add_rows, sizeof(struct audience_options), "adds an empty audience", add },
	{ "audiences", "import", "AUDIENCE FILE", 2, 2, import_rows, sizeof(struct audience_options),
		"adds the members in a CSV file (- is standard input) whose first line names the columns: phone,\n"
		"      name, and variables; a member who is there already is replaced, the last line of a number counts",
		import },
	{ "audiences", "list", NULL, 0, 0, add_rows, sizeof(struct audience_options),
		"lists audiences and counts their members", list },
	{ "audiences", "members", "AUDIENCE", 1, 1, members_rows, sizeof(struct audience_options),
		"lists members by address", members },
	{ 0 },
};
