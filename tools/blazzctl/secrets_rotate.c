/* blazzctl secrets rotate: seals every value again that is not sealed with the first key.
 *
 * Invariant: a value is replaced only while it is the one that was opened, so a concurrent change wins. What is done is in the rows
 * alone: a rotation that was killed is finished by the next one, and one that finds nothing to do changes nothing. */
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "crypto/sealed_row.h"
#include "secrets.h"

#define STEP_ROWS       100 /* per transaction */
#define ROW_MS          2 /* 500 rows a second */
#define ATTEMPTS        10 /* of a step whose rows are locked or changed by others */
#define ATTEMPT_WAIT_MS 1000

struct rotation {
	struct pg *pg;
	const struct keyring *keyring;
	bool dry_run;
	struct secrets_tally tally;
	struct buf plain;
	int64_t due_ms; /* of the next step */
	/* One step. */
	struct arena *arena;
	struct sealed_value values[STEP_ROWS];
	size_t n;
	struct sealed_change changes[STEP_ROWS];
	size_t n_changes;
	struct {
		const struct sealed_value *value;
		const char *reason;
	} failures[STEP_ROWS];
	size_t n_failures;
};

static void wait_ms(int64_t ms)
{
	if (ms > 0)
		(void)poll(NULL, 0, (int)ms);
}

/* ERR_INPUT when the value cannot be opened, or its new form would not fit into the column. */
static int value_reseal(struct rotation *r, const struct sealed_column *c, const struct sealed_value *v,
	struct str *out, struct err *err)
{
	struct buf sealed = BUF_INIT;
	int rc = -1;

	if (secrets_open(r->keyring, c, v, &r->plain, err) == 0 &&
		row_seal(r->keyring, c->what, &v->row, buf_str(&r->plain), &sealed, err) == 0)
		rc = sealed.n <= SEALED_VALUE_MAX
			? 0
			: err_set(err, ERR_INPUT, "too_large", "sealed, it does not fit into its column");
	buf_wipe(&r->plain);
	if (rc == 0)
		*out = arena_str(r->arena, buf_str(&sealed));
	buf_fini(&sealed);
	return rc;
}

/* Reads the rows behind `after` and seals those again that need it, in memory. */
static int step_read(struct rotation *r, const struct sealed_column *c, struct sealed_key after, struct err *err)
{
	arena_reset(r->arena);
	r->n_changes = r->n_failures = 0;
	if (store_sealed_page(r->pg, c, after, STEP_ROWS, r->arena, r->values, &r->n, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++) {
		const struct sealed_value *v = &r->values[i];
		struct sealed_change *change = &r->changes[r->n_changes];
		struct err failure;

		if (seal_is_current(r->keyring, v->sealed))
			continue;
		*change = (struct sealed_change){ .from = v, .done = r->dry_run };
		if (value_reseal(r, c, v, &change->to, &failure) == 0) {
			r->n_changes++;
		} else if (failure.kind == ERR_INPUT) {
			r->failures[r->n_failures].value = v;
			r->failures[r->n_failures++].reason = arena_cstr(r->arena, str_of(failure.code));
		} else {
			*err = failure;
			return -1;
		}
	}
	return 0;
}

static int step_write(struct rotation *r, const struct sealed_column *c, struct err *err)
{
	if (r->dry_run || r->n_changes == 0)
		return 0;
	r->due_ms = clock_mono_ms() + (int64_t)r->n_changes * ROW_MS;
	if (pg_begin(r->pg, err) < 0 || store_sealed_replace(r->pg, c, r->changes, r->n_changes, err) < 0) {
		pg_rollback(r->pg);
		return -1;
	}
	(void)failpoint("secrets_rotate_before_commit");
	if (pg_commit(r->pg, err) < 0)
		return -1;
	(void)failpoint("secrets_rotate_after_commit");
	return 0;
}

/* Counts what was replaced; false when rows of the step have changed meanwhile. */
static bool step_count(struct rotation *r, const struct sealed_column *c)
{
	bool whole = true;

	for (size_t i = 0; i < r->n_changes; i++)
		if (r->changes[i].done)
			secrets_tally_add(&r->tally, c, r->changes[i].from, NULL);
		else
			whole = false;
	for (size_t i = 0; whole && i < r->n_failures; i++)
		secrets_tally_add(&r->tally, c, r->failures[i].value, r->failures[i].reason);
	return whole;
}

/* Rows that a concurrent writer has changed are read again: it may have sealed them with a former key. */
static int step(struct rotation *r, const struct sealed_column *c, struct sealed_key after, struct err *err)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		wait_ms(r->due_ms - clock_mono_ms()); /* before reading: what is read is then written at once */
		if (step_read(r, c, after, err) < 0)
			return -1;
		(void)failpoint("secrets_rotate_read");
		if (step_write(r, c, err) == 0) {
			if (step_count(r, c))
				return 0;
		} else if (err->kind != ERR_RETRY || !pg_usable(r->pg)) {
			return -1;
		} else {
			wait_ms(ATTEMPT_WAIT_MS);
		}
	}
	return err_set(err, ERR_RETRY, "contended",
		"rows of %s are locked or changed by others all the time; run it again", c->table);
}

static int column_rotate(struct rotation *r, const struct sealed_column *c, struct err *err)
{
	struct sealed_key after = { 0, 0 };

	do {
		if (step(r, c, after, err) < 0)
			return -1;
		if (r->n > 0)
			after = r->values[r->n - 1].key;
	} while (r->n == STEP_ROWS);
	return 0;
}

static int all_rotate(struct rotation *r, struct err *err)
{
	for (size_t i = 0; i < sealed_columns_count; i++)
		if (sealed_columns[i].replace && column_rotate(r, &sealed_columns[i], err) < 0)
			return -1;
	return 0;
}

struct rotate_options {
	bool dry_run;
};

static const struct option_row rotate_rows[] = {
	{ "dry-run", OPTION_FLAG, offsetof(struct rotate_options, dry_run), NULL,
		"only say what would be sealed again" },
	{ 0 },
};

static int rotate(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct rotate_options *o = options;
	struct rotation *r = mem_calloc(1, sizeof(*r));
	int rc = -1;

	(void)arguments;
	r->dry_run = o->dry_run;
	r->arena = arena_new(65536);
	secrets_tally_init(&r->tally);
	if (ctl_keyring(ctl, &r->keyring, err) == 0 && ctl_pg_admin(ctl, &r->pg, err) == 0)
		rc = all_rotate(r, err);
	ctl_secret_free(&r->plain);
	if (rc == 0)
		rc = secrets_tally_print(&r->tally, NULL, "sealed_again", ctl->json, err);
	secrets_tally_fini(&r->tally);
	arena_free(r->arena);
	free(r);
	return rc;
}

const struct command secrets_rotate_commands[] = {
	{ "secrets", "rotate", NULL, 0, 0, rotate_rows, sizeof(struct rotate_options),
		"seals every value again that is not sealed with the keyring's first key", rotate },
	{ 0 },
};
