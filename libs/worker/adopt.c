/* See adopt.h. */
#include "worker/adopt.h"

#include <stdlib.h>

#include "base/arena.h"

#define ADOPT_ROWS  256 /* outbox rows read at once */
#define DELETE_ROWS 64

struct reading {
	const struct adoption *a;
	struct outbox_row last;
	int n; /* rows of the page */
};

/* The row's topic as a string that lives as long as the publisher, and its index among the topics (0 for a row without
 * one). */
static struct str topic_kept(const struct adoption *a, struct str name, int32_t *topic)
{
	*topic = 0;
	for (int32_t t = 0; t < a->n_topics; t++)
		if (str_is(name, a->topics[t]))
			*topic = t;
	return name.n == 0 ? STR("") : str_of(a->topics[*topic]);
}

static int row_keep(void *ctx, const struct outbox_row *row, struct err *err)
{
	struct reading *r = ctx;
	struct topic_partition slot = { 0, row->slot.number };
	struct buf records = BUF_INIT;

	(void)err;
	r->last = *row;
	r->last.slot.topic = topic_kept(r->a, row->slot.topic, &slot.topic);
	r->n++;
	buf_add_str(&records, row->records);
	publisher_add(r->a->publisher, slot, r->last.slot.topic, row->epoch, row->seq, row->age_ms, &records);
	return 0;
}

/* Reads the next page. A slot that is full in memory is left out; its remaining rows are read later. */
static int page_read(struct reading *r, const struct topic_partition *slots, size_t n, struct outbox_slot *read,
	struct err *err)
{
	struct outbox_row after = r->last;
	bool is_first = r->n == 0;
	size_t n_read = 0;

	for (size_t i = 0; i < n; i++) {
		const char *topic = r->a->topics[slots[i].topic];

		if (publisher_is_full(r->a->publisher, slots[i]))
			continue;
		read[n_read++] = (struct outbox_slot){ str_of(topic), slots[i].number };
		if (slots[i].topic == 0 && topic[0])
			read[n_read++] = (struct outbox_slot){ STR(""), slots[i].number };
	}
	r->n = 0;
	return store_outbox_read(r->a->pg, r->a->producer, read, n_read, is_first ? NULL : &after, ADOPT_ROWS, row_keep,
		r, err);
}

int outbox_adopt(const struct adoption *a, const struct topic_partition *slots, size_t n, struct err *err)
{
	struct topic_partition *wanted = mem_calloc(n + 1, sizeof(*wanted));
	struct outbox_slot *read = mem_calloc(2 * n + 1, sizeof(*read));
	struct reading r = { .a = a };
	size_t n_wanted = 0;
	int rc;

	for (size_t i = 0; i < n; i++)
		if (!publisher_has_slot(a->publisher, slots[i])) {
			wanted[n_wanted++] = slots[i];
			publisher_adopt_begin(a->publisher, slots[i]);
		}
	do
		rc = page_read(&r, wanted, n_wanted, read, err);
	while (rc == 0 && r.n == ADOPT_ROWS);
	for (size_t i = 0; rc == 0 && i < n_wanted; i++)
		publisher_adopt_end(a->publisher, wanted[i]);
	free(wanted);
	free(read);
	return rc;
}

int outbox_delete_acknowledged(const struct adoption *a, struct err *err)
{
	struct outbox_row rows[DELETE_ROWS];
	size_t n;

	while ((n = publisher_acknowledged(a->publisher, rows, DELETE_ROWS)) > 0) {
		if (store_outbox_delete(a->pg, a->producer, rows, n, err) < 0 || pg_collect(a->pg, NULL, err) < 0)
			return -1;
		publisher_deleted(a->publisher, rows, n);
	}
	return 0;
}
