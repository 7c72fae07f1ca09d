/* See sections.h. */
#include "cleanup/jobs/sections.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "name 12 345": numbers that are left out are 0. A name that is unknown, as of another release, begins anew. */
static size_t cursor_read(struct str text, const struct section *sections, size_t n, int64_t at[SECTION_NUMBERS],
	struct arena *a)
{
	char *rest = arena_cstr(a, text), *word = strsep(&rest, " ");
	size_t section = 0;

	memset(at, 0, sizeof(int64_t) * SECTION_NUMBERS);
	while (section < n && strcmp(sections[section].name, word) != 0)
		section++;
	if (section == n)
		return 0;
	for (size_t i = 0; i < SECTION_NUMBERS && rest; i++)
		at[i] = strtoll(strsep(&rest, " "), NULL, 10);
	return section;
}

static struct str cursor_print(const struct section *section, const int64_t at[SECTION_NUMBERS], struct arena *a)
{
	struct buf text = BUF_INIT;
	size_t n = SECTION_NUMBERS;
	struct str out;

	while (n > 0 && at[n - 1] == 0)
		n--;
	buf_add_str(&text, str_of(section->name));
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, " %" PRId64, at[i]);
	out = arena_str(a, buf_str(&text));
	buf_fini(&text);
	return out;
}

/* The first section from `section` on that the run includes; n: none. */
static size_t section_from(const struct section *sections, size_t n, size_t section, const struct row_env *env)
{
	while (section < n && sections[section].installation && !uuid_is_nil(&env->workspace))
		section++;
	return section;
}

/* Which workspaces; 0: that of the run does not exist. */
static int bounds_read(const struct row_env *env, int64_t *first, int64_t *last, struct err *err)
{
	*first = 0;
	*last = INT64_MAX;
	if (uuid_is_nil(&env->workspace))
		return 1;
	if (store_cleanup_workspace_id(env->pg, &env->workspace, first, err) < 0)
		return -1;
	*last = *first;
	return *first != 0;
}

int sections_step(const struct section *sections, size_t n, const struct row_env *env, struct row_step *step,
	struct err *err)
{
	struct section_run run = { .env = env, .n = step->n };
	size_t section = cursor_read(step->cursor, sections, n, run.at, env->arena);
	int64_t first;
	int rc = bounds_read(env, &first, &run.last_workspace_id, err);

	if (rc < 0)
		return -1;
	section = rc ? section_from(sections, n, section, env) : n;
	if (section < n) {
		if (run.at[0] == 0)
			run.at[0] = first;
		rc = sections[section].step(&run, err);
		if (rc < 0)
			return -1;
		if (rc == 0) {
			memset(run.at, 0, sizeof(run.at));
			section = section_from(sections, n, section + 1, env);
		}
	}
	step->found = run.found;
	step->acted = run.acted;
	step->done = section == n;
	if (!step->done)
		step->next = cursor_print(&sections[section], run.at, env->arena);
	return 0;
}

struct key_page section_page(const struct section_run *run)
{
	return (struct key_page){ .workspace_id = run->at[0],
		.id = run->at[1],
		.last_workspace_id = run->last_workspace_id,
		.limit = run->n };
}

int section_advance(struct section_run *run, const struct key_page *page)
{
	if (page->n < page->limit)
		return 0;
	run->at[0] = page->end_workspace_id;
	run->at[1] = page->end_id;
	return 1;
}
