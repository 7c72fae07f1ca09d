/* Letters between threads: none lost, none twice, each thread's in their order, and the reader is woken. */
#include "unit.h"

#include "loop/mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"

#define WRITERS  4
#define MESSAGES 20000

struct numbered {
	struct mailbox_node node; /* first */
	int writer, number;
};

struct writer {
	struct mailbox *box;
	struct numbered *messages;
	int me;
};

static bool is_readable(const struct mailbox *m, int timeout_ms)
{
	struct pollfd p = { .fd = mailbox_fd(m), .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static struct mailbox *box_open(void)
{
	struct mailbox *m = NULL;

	assert_int_equal(mailbox_open(&m, NULL), 0);
	return m;
}

static void messages_arrive_in_the_order_of_posting(void **state)
{
	struct mailbox *m = box_open();
	struct numbered n[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };

	(void)state;
	mailbox_post(m, &n[0].node);
	mailbox_post(m, &n[1].node);
	assert_ptr_equal(mailbox_receive(m), &n[0]);
	mailbox_post(m, &n[2].node);
	assert_ptr_equal(mailbox_receive(m), &n[1]);
	assert_ptr_equal(mailbox_receive(m), &n[2]);
	assert_null(mailbox_receive(m));
	mailbox_close(&m);
	assert_null(m);
}

static void the_descriptor_is_readable_until_the_mailbox_was_found_empty(void **state)
{
	struct mailbox *m = box_open();
	struct numbered n[2] = { { .number = 0 }, { .number = 1 } };

	(void)state;
	assert_false(is_readable(m, 0));
	assert_null(mailbox_receive(m));
	mailbox_post(m, &n[0].node);
	mailbox_post(m, &n[1].node);
	assert_true(is_readable(m, 0));
	mailbox_receive(m);
	assert_true(is_readable(m, 0)); /* one more */
	mailbox_receive(m);
	assert_null(mailbox_receive(m));
	assert_false(is_readable(m, 0));
	mailbox_post(m, &n[0].node);
	assert_true(is_readable(m, 0));
	mailbox_receive(m);
	mailbox_close(&m);
}

static void *write_all(void *ctx)
{
	struct writer *w = ctx;

	for (int i = 0; i < MESSAGES; i++) {
		w->messages[i] = (struct numbered){ .writer = w->me, .number = i };
		mailbox_post(w->box, &w->messages[i].node);
	}
	return NULL;
}

static void messages_of_many_threads_arrive_once_and_in_each_threads_order(void **state)
{
	struct mailbox *m = box_open();
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	int next[WRITERS] = { 0 };

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ m, mem_calloc(MESSAGES, sizeof(struct numbered)), i };
		assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
	}
	for (int got = 0; got < WRITERS * MESSAGES;) {
		const struct numbered *n;

		assert_true(is_readable(m, 20000)); /* a wakening that is lost ends here */
		while ((n = (const struct numbered *)mailbox_receive(m))) {
			assert_int_equal(n->number, next[n->writer]++);
			got++;
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		free(writers[i].messages);
	}
	assert_null(mailbox_receive(m));
	assert_false(is_readable(m, 0));
	mailbox_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_in_the_order_of_posting),
		cmocka_unit_test(the_descriptor_is_readable_until_the_mailbox_was_found_empty),
		cmocka_unit_test(messages_of_many_threads_arrive_once_and_in_each_threads_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
