/* Rows go into a statement as they are, wherever their NULLs are. */
#include "unit.h"

#include "../pg/session.h"
#include "store/cells.h"
#include "store/columns.h"

static struct pg *pg;
static struct err err;

static const struct pg_stmt echo = { "echo", PG_UNNAMED,
	"SELECT r.*, $1::text FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::uuid[], $6::bigint[], $7::bytea[])"
	" WITH ORDINALITY AS r (id, t, at, u, ref, b, place)" };

static void nulls_keep_their_place(void **state)
{
	/* A letter for each row: a value where it is 'v'. */
	static const char *const patterns[] = { "vvvv", "nnnn", "vnnn", "nnnv", "nvnn", "vnvn", "nvnv", "nnvv" };

	(void)state;
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
		const struct uuid uuid = { { 9 } }, nil = { { 0 } };
		struct pg_rows *rows = NULL;
		struct columns c;

		columns_init(&c);
		pg_arg_text(columns_scalars(&c), STR("scalar"));
		for (int i = 0; i < 4; i++) {
			bool v = patterns[p][i] == 'v';

			columns_row(&c);
			columns_i64(&c, i);
			columns_text(&c, v ? STR("t") : STR_NONE);
			columns_time(&c, v ? i : PG_NO_TIME);
			columns_uuid(&c, v ? &uuid : &nil);
			columns_id(&c, v ? i + 1 : 0);
			columns_bytea(&c, v ? STR("") : STR_NONE);
		}
		assert_done(columns_run(&c, pg, &echo, &rows, &err), err);
		assert_int_equal(pg_rows_count(rows), 4);
		for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
			bool v = patterns[p][at.row] == 'v';
			struct uuid u;

			assert_int_equal(cells_i64(&at), at.row);
			assert_true(str_eq(cells_borrow(&at), v ? STR("t") : STR_NONE));
			assert_true(cells_time(&at) == (v ? at.row : PG_NO_TIME));
			u = cells_uuid(&at);
			assert_true(uuid_eq(&u, v ? &uuid : &nil));
			assert_int_equal(cells_id(&at), v ? at.row + 1 : 0);
			assert_int_equal(cells_borrow(&at).p != NULL, v);
			assert_int_equal(cells_place(&at, 4), at.row);
			assert_true(str_is(cells_borrow(&at), "scalar"));
		}
		pg_rows_free(rows);
	}
}

static void values_that_cannot_be_stored_are_rejected(void **state)
{
	static const struct pg_stmt one = { "one", PG_UNNAMED, "SELECT * FROM unnest($1::text[])" };
	struct columns c;

	(void)state;
	columns_init(&c);
	columns_row(&c);
	columns_text(&c, (struct str){ "a\0b", 3 });
	assert_failed(columns_run(&c, pg, &one, NULL, &err), err, ERR_INPUT, "22021");
}

static int start(void **state)
{
	if (pg_temp_start(state) < 0)
		return -1;
	pg = session_open();
	return 0;
}

static int stop(void **state)
{
	pg_close(&pg);
	return pg_temp_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nulls_keep_their_place),
		cmocka_unit_test(values_that_cannot_be_stored_are_rejected),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
