/* services/cleanup/jobs/sections: a job of several tables ends each before the next begins, and continues where its cursor says. */
#include "cleanup/jobs/sections.h"

#include "unit.h"

static struct arena *arena;
static int64_t left[3]; /* rows of each fake table */
static struct key_page pages[64]; /* that were read */
static size_t n_pages;

static int page_step(struct section_run *run, int64_t *rows)
{
	struct key_page page = section_page(run);

	pages[n_pages++] = page;
	page.n = *rows < page.limit ? *rows : page.limit;
	*rows -= page.n;
	page.end_workspace_id = page.workspace_id + 1;
	page.end_id = page.id + page.n;
	run->found += page.n;
	run->acted += run->env->dry_run ? 0 : page.n;
	return section_advance(run, &page);
}

static int first(struct section_run *run, struct err *err)
{
	(void)err;
	return page_step(run, &left[0]);
}

static int second(struct section_run *run, struct err *err)
{
	(void)err;
	return page_step(run, &left[1]);
}

static int third(struct section_run *run, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < SECTION_NUMBERS; i++)
		if (run->at[i] != (left[2] == 5 ? 0 : -(int64_t)i - 1))
			fail_msg("number %zu is %lld", i, (long long)run->at[i]);
	for (size_t i = 0; i < SECTION_NUMBERS; i++)
		run->at[i] = -(int64_t)i - 1;
	return --left[2] > 0;
}

static const struct section sections[] = { { "first", false, first }, { "second", true, second },
	{ "third", false, third } };

/* All steps of a run; how many there were. */
static int run_all(const struct row_env *env, const char *cursor, int64_t *found, int64_t *acted)
{
	struct row_step step = { .cursor = str_of(cursor), .n = 10 };
	int steps = 0;
	struct err err;

	*found = *acted = 0;
	n_pages = 0;
	do {
		step.found = step.acted = 0;
		assert_int_equal(sections_step(sections, 3, env, &step, &err), 0);
		assert_true(step.done || (step.next.n > 0 && step.next.n <= ROW_CURSOR_MAX));
		*found += step.found;
		*acted += step.acted;
		step.cursor = step.next;
		assert_true(++steps < 60);
	} while (!step.done);
	return steps;
}

static void each_table_is_read_to_its_end_before_the_next(void **state)
{
	const struct row_env env = { .arena = arena };
	int64_t found, acted;

	(void)state;
	left[0] = 25;
	left[1] = 10; /* a full page may be the last: another one is empty */
	left[2] = 5;
	assert_int_equal(run_all(&env, "", &found, &acted), 3 + 2 + 5);
	assert_true(found == 35 && acted == 35 && n_pages == 5);
	assert_true(pages[0].workspace_id == 0 && pages[0].id == 0 && pages[0].last_workspace_id == INT64_MAX);
	assert_true(pages[2].workspace_id == 2 && pages[2].id == 20 && pages[2].limit == 10);
	assert_true(pages[3].workspace_id == 0 && pages[3].id == 0); /* the next table, from its begin */
}

static void a_run_continues_at_its_cursor(void **state)
{
	const struct row_env env = { .arena = arena, .dry_run = true };
	int64_t found, acted;

	(void)state;
	left[1] = 5;
	left[2] = 5;
	assert_int_equal(run_all(&env, "second 7 4611686018427387904", &found, &acted), 1 + 5);
	assert_true(found == 5 && acted == 0);
	assert_true(pages[0].workspace_id == 7 && pages[0].id == INT64_C(4611686018427387904));
}

static void a_cursor_of_another_release_begins_anew(void **state)
{
	const struct row_env env = { .arena = arena };
	int64_t found, acted;

	(void)state;
	left[0] = 1;
	left[1] = 1;
	left[2] = 5;
	assert_int_equal(run_all(&env, "elsewhere 7 8", &found, &acted), 1 + 1 + 5);
	assert_true(pages[0].workspace_id == 0 && pages[0].id == 0);
}

static int start(void **state)
{
	(void)state;
	arena = arena_new(1 << 12);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_table_is_read_to_its_end_before_the_next),
		cmocka_unit_test(a_run_continues_at_its_cursor),
		cmocka_unit_test(a_cursor_of_another_release_begins_anew),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
