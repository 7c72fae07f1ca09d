/* A position is one row for each endpoint and partition, of the live stream or of a replay. */
#include "unit.h"

#include "store/webhook_positions.h"
#include "webhooks.h"

#define TOPIC STR("blazz.chat-event.v1")

struct found {
	struct position_row rows[8];
	size_t n;
};

static void keep(void *ctx, const struct position_row *row)
{
	struct found *f = ctx;

	f->rows[f->n++] = *row;
}

static struct found positions(const int32_t *partitions, size_t n)
{
	struct found f = { .n = 0 };

	done(store_positions_read(db.pg, TOPIC, partitions, n, keep, &f, &db.err));
	return f;
}

static void a_position_is_advanced_and_deleted(void **state)
{
	static const int32_t partitions[] = { 3, 4 };
	struct position_row rows[] = {
		{ .workspace_id = 1,
			.endpoint_id = 1,
			.partition = 3,
			.next_offset = 10,
			.live_from = POSITION_NOT_LIVE },
		{ .workspace_id = 1, .endpoint_id = 2, .partition = 3, .next_offset = 11, .live_from = 20 },
		{ .workspace_id = 2,
			.endpoint_id = 3,
			.partition = 5,
			.next_offset = 12,
			.live_from = POSITION_NOT_LIVE },
	};
	struct found f;

	(void)state;
	done(store_positions_write(db.pg, TOPIC, rows, 3, &db.err));
	f = positions(partitions, 2);
	assert_int_equal(f.n, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct position_row *want = &rows[f.rows[i].endpoint_id - 1];

		assert_int_equal(f.rows[i].workspace_id, 1);
		assert_int_equal(f.rows[i].partition, 3);
		assert_int_equal(f.rows[i].next_offset, want->next_offset);
		assert_int_equal(f.rows[i].live_from, want->live_from);
	}

	rows[0].next_offset = 15;
	rows[0].live_from = 18;
	rows[1].gone = true;
	done(store_positions_write(db.pg, TOPIC, rows, 2, &db.err));
	f = positions(partitions, 1);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.rows[0].next_offset, 15);
	assert_int_equal(f.rows[0].live_from, 18);
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_positions"), 2);
	done(store_positions_write(db.pg, TOPIC, rows, 0, &db.err));
	assert_int_equal(positions(partitions, 0).n, 0);
}

static void replays_and_other_topics_are_not_changed(void **state)
{
	static const int32_t partition = 3;
	struct position_row row = {
		.workspace_id = 1, .endpoint_id = 1, .partition = 3, .next_offset = 10, .live_from = 7
	};

	(void)state;
	db_script(
		"INSERT INTO webhook_replays (workspace_id, id, endpoint_id, since) VALUES (1, 5, 1, now());"
		"INSERT INTO webhook_positions (workspace_id, endpoint_id, replay_id, topic, partition, start_offset, next_offset, until_offset)"
		" VALUES (1, 1, 5, 'blazz.chat-event.v1', 3, 0, 1, 9), (1, 1, NULL, 'other', 3, NULL, 2, NULL)");
	done(store_positions_write(db.pg, TOPIC, &row, 1, &db.err));
	assert_int_equal(positions(&partition, 1).n, 1);
	row.gone = true;
	done(store_positions_write(db.pg, TOPIC, &row, 1, &db.err));
	assert_int_equal(positions(&partition, 1).n, 0);
	assert_text("SELECT string_agg(next_offset::text, ' ' ORDER BY next_offset) FROM webhook_positions", "1 2");
}

static void an_endpoint_of_another_workspace_has_no_position(void **state)
{
	struct position_row row = { .workspace_id = 2, .endpoint_id = 1, .partition = 3, .next_offset = 10 };
	static const int32_t partition = 3;

	(void)state;
	done(store_positions_write(db.pg, TOPIC, &row, 1, &db.err));
	assert_int_equal(positions(&partition, 1).n, 0);
}

static void no_position_of_a_deleted_endpoint_is_left_in_these_partitions(void **state)
{
	static const int32_t partitions[] = { 3, 4 };
	const struct endpoint_key one = { 1, 1 };

	(void)state;
	execute(db.admin,
		"INSERT INTO webhook_replays (workspace_id, id, endpoint_id, since) SELECT 1, g, g, now() FROM generate_series(1, 2) g");
	execute(db.admin,
		"INSERT INTO webhook_positions (workspace_id, endpoint_id, topic, partition, next_offset) SELECT 1, e, t, p, 1"
		" FROM generate_series(1, 2) e, generate_series(3, 5) p, unnest('{blazz.chat-event.v1,another}'::text[]) t");
	execute(db.admin,
		"INSERT INTO webhook_positions (workspace_id, endpoint_id, replay_id, topic, partition, start_offset, next_offset, until_offset)"
		" SELECT 1, e, e, 'blazz.chat-event.v1', p, 1, 1, 1 FROM generate_series(1, 2) e, generate_series(3, 5) p");
	done(store_positions_delete(db.pg, TOPIC, partitions, 2, &one, 1, &db.err));
	done(store_positions_delete(db.pg, TOPIC, partitions, 2, &one, 0, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_positions WHERE endpoint_id = 2"), 9);
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_positions WHERE endpoint_id = 1 AND topic = 'another'"),
		3);
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_positions WHERE endpoint_id = 1 AND partition = 5"), 3);
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_positions WHERE endpoint_id = 1"), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_position_is_advanced_and_deleted, with_endpoints),
		cmocka_unit_test_setup(replays_and_other_topics_are_not_changed, with_endpoints),
		cmocka_unit_test_setup(an_endpoint_of_another_workspace_has_no_position, with_endpoints),
		cmocka_unit_test_setup(no_position_of_a_deleted_endpoint_is_left_in_these_partitions, with_endpoints),
	};

	return cmocka_run_group_tests(tests, webhooks_start, db_stop);
}
