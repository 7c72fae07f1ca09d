/* kafka/publication against librdkafka's mock cluster: a queue that is full, a broker that refuses, a caller that goes. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/publication.h"
#include "kafka/reader.h"
#include "mock_kafka.h"

#define DEADLINE_MS 30000
#define QUEUE       "10"
#define TOPIC       "posts"

struct fixture {
	struct mock_kafka kafka;
	struct loop *loop;
	struct loop_timer *deadline, *check;
	const struct kafka_publication *watched;
	struct kafka_publications *line;
	struct arena *arena;
	size_t done, waited_for;
	struct err failure; /* of the last one that failed */
	int order[8]; /* of done() */
};

/* Its records' values are <number>.<i>: which of them it is tells its place in the order. */
struct post {
	struct fixture *f;
	int number;
	bool broken; /* its second record cannot be made */
	struct kafka_publication publication;
};

static void too_late(void *ctx)
{
	struct fixture *f = ctx;

	loop_stop(f->loop);
}

static void watched_check(void *ctx)
{
	struct fixture *f = ctx;

	if (f->watched->outstanding > 0)
		loop_stop(f->loop);
	else
		loop_timer_set(f->check, 1);
}

static int setup(void **state)
{
	struct fixture *f = mem_calloc(1, sizeof(*f));
	struct err err;

	*state = f;
	f->arena = arena_new(4096);
	if (mock_kafka_open(&f->kafka, TOPIC) < 0 ||
		kafka_config_set(f->kafka.config, "queue.buffering.max.messages", QUEUE, &err) < 0 ||
		loop_new(&f->loop, &err) < 0)
		return -1;
	f->deadline = loop_timer_new(f->loop, too_late, f);
	f->check = loop_timer_new(f->loop, watched_check, f);
	return kafka_publications_open(&f->line,
		&(struct kafka_publications_options){ .loop = f->loop,
			.config = f->kafka.config,
			.client_id = "test",
			.message_timeout_ms = DEADLINE_MS },
		&err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kafka_publications_close(&f->line, 0);
	loop_timer_free(f->deadline);
	loop_timer_free(f->check);
	loop_free(f->loop);
	arena_free(f->arena);
	mock_kafka_close(&f->kafka);
	free(f);
	return 0;
}

static void on_done(void *ctx, const struct err *failure)
{
	struct post *p = ctx;
	struct fixture *f = p->f;

	if (failure)
		f->failure = *failure;
	f->order[f->done++] = p->number;
	if (f->done == f->waited_for)
		loop_stop(f->loop);
}

static int record_make(void *ctx, size_t i, struct kafka_record *out, struct err *err)
{
	struct post *p = ctx;

	if (p->broken && i == 1)
		return err_set(err, ERR_INPUT, "broken", "a record that cannot be made");
	*out = (struct kafka_record){
		.topic = TOPIC,
		.partition = KAFKA_ANY_PARTITION,
		.value = arena_printf(p->f->arena, "%d.%zu", p->number, i),
	};
	return 0;
}

static void post_begin(struct fixture *f, struct post *p, int number, size_t n)
{
	*p = (struct post){
		.f = f, .number = number, .publication = { .n = n, .record = record_make, .done = on_done, .ctx = p }
	};
	kafka_publication_submit(f->line, &p->publication);
}

static void run_until_done(struct fixture *f, size_t n)
{
	struct err err;

	f->waited_for = n;
	loop_timer_set(f->deadline, DEADLINE_MS);
	assert_int_equal(loop_run(f->loop, &err), 0);
	assert_int_equal(f->done, n);
}

static void run_until_in_flight(struct fixture *f, const struct kafka_publication *pub)
{
	struct err err;

	f->watched = pub;
	loop_timer_set(f->check, 0);
	loop_timer_set(f->deadline, DEADLINE_MS);
	assert_int_equal(loop_run(f->loop, &err), 0);
	assert_true(pub->outstanding > 0);
}

/* How many records the topic holds; each post's come in order. */
static size_t topic_check(struct fixture *f, size_t posts)
{
	struct kafka_message m = { 0 };
	struct kafka_reader *r;
	size_t next[8] = { 0 }, n = 0;
	struct err err;

	assert_int_equal(kafka_reader_open(&r, f->kafka.config, TOPIC, DEADLINE_MS, &err), 0);
	for (; kafka_reader_next(r, DEADLINE_MS, &m, &err) == 1; n++) {
		struct str post, place;
		int64_t p = -1, i = -1;

		assert_true(str_cut(m.value, '.', &post, &place) && str_to_i64(post, &p) && str_to_i64(place, &i));
		assert_in_range(p, 0, posts - 1);
		assert_int_equal(i, next[p]++);
		kafka_message_release(&m);
	}
	kafka_reader_close(&r);
	return n;
}

static void posts_larger_than_the_queue_are_published_whole_and_in_line(void **state)
{
	struct fixture *f = *state;
	struct post posts[3];

	for (int i = 0; i < 3; i++)
		post_begin(f, &posts[i], i, 35);
	assert_int_equal(f->done, 0);
	run_until_done(f, 3);
	assert_int_equal(f->failure.kind, ERR_NONE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->order[i], i);
	assert_int_equal(topic_check(f, 3), 3 * 35);
}

static void a_record_that_the_broker_rejects_fails_its_post_only(void **state)
{
	struct fixture *f = *state;
	struct post posts[2];

	mock_kafka_refuse(&f->kafka, RD_KAFKA_RESP_ERR_INVALID_RECORD);
	post_begin(f, &posts[0], 0, 5);
	run_until_done(f, 1);
	assert_int_not_equal(f->failure.kind, ERR_NONE);
	f->failure.kind = ERR_NONE;
	post_begin(f, &posts[1], 1, 5);
	run_until_done(f, 2);
	if (f->failure.kind != ERR_NONE)
		fail_msg("%s", f->failure.msg);
}

static void a_record_that_cannot_be_encoded_fails_its_post_only(void **state)
{
	struct fixture *f = *state;
	struct post posts[2];

	post_begin(f, &posts[0], 0, 3);
	posts[0].broken = true;
	post_begin(f, &posts[1], 1, 3);
	run_until_done(f, 2);
	assert_string_equal(posts[0].publication.failure.code, "broken");
	assert_int_equal(posts[1].publication.failure.kind, ERR_NONE);
	assert_int_equal(topic_check(f, 2), 1 + 3);
}

static void an_abandoned_publication_leaves_the_line(void **state)
{
	struct fixture *f = *state;
	struct post posts[3];

	for (int i = 0; i < 3; i++)
		post_begin(f, &posts[i], i, 35);
	run_until_in_flight(f, &posts[0].publication);
	/* Nothing of the second is in flight yet; the first still hears of its own. */
	assert_true(kafka_publication_abandon(&posts[1].publication));
	assert_false(kafka_publication_abandon(&posts[0].publication));
	run_until_done(f, 2);
	assert_int_equal(f->order[0], 0);
	assert_int_equal(f->order[1], 2);
	assert_string_equal(f->failure.code, "abandoned");
	assert_int_equal(posts[2].publication.failure.kind, ERR_NONE);
	assert_true(topic_check(f, 3) < (size_t)2 * 35);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(posts_larger_than_the_queue_are_published_whole_and_in_line, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_record_that_the_broker_rejects_fails_its_post_only, setup, teardown),
		cmocka_unit_test_setup_teardown(a_record_that_cannot_be_encoded_fails_its_post_only, setup, teardown),
		cmocka_unit_test_setup_teardown(an_abandoned_publication_leaves_the_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
