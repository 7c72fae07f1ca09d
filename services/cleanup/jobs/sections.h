/* A job that works through several tables, one after the other, each in the order of its key: its cursor names the section and has its numbers.
 *
 * Invariant: a section's step looks at the rows behind the cursor, and leaves in the cursor where it stopped. */
#ifndef CLEANUP_SECTIONS_H
#define CLEANUP_SECTIONS_H

#include "cleanup/jobs/rows.h"
#include "store/cleanup_page.h"

#define SECTION_NUMBERS 11

struct section_run {
	const struct row_env *env;
	int64_t n; /* rows to work on at most */
	int64_t at[SECTION_NUMBERS]; /* the cursor; all 0 when the section begins, but at[0]: the first workspace */
	int64_t last_workspace_id; /* the section's rows are those of workspaces up to this one */
	int64_t found, acted; /* the section adds to them */
};

/* 1: there may be more, 0: the section is done, -1: failed. */
typedef int section_fn(struct section_run *run, struct err *err);

struct section {
	const char *name;
	bool installation; /* of no workspace: left out when the run is restricted to one */
	section_fn *step;
};

/* One step of the job: of the section that the cursor names, the first one when it names none. */
int sections_step(const struct section *sections, size_t n, const struct row_env *env, struct row_step *step,
	struct err *err) ERR_MUST_USE;

/* The page behind (at[0], at[1]); and that key moved to its end. 1: there may be more. */
struct key_page section_page(const struct section_run *run);
int section_advance(struct section_run *run, const struct key_page *page);

#endif
