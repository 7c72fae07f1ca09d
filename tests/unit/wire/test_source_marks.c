/* Late records: at or below the last source of their partition, producer and slot. */
#include "unit.h"

#include "wire/source_marks.h"

/* In order, on one set of marks. */
static const struct {
	const char *name;
	int32_t partition;
	const char *producer;
	int32_t slot;
	int64_t epoch, seq;
	int32_t index;
	bool replayed, late;
	const char *topic;
} records[] = {
	{ "the first of a slot", 1, "chat-sync", 3, 100, 5, 0, false, false, "" },
	{ "the next of its row", 1, "chat-sync", 3, 100, 5, 1, false, false, "" },
	{ "the same again", 1, "chat-sync", 3, 100, 5, 1, false, true, "" },
	{ "an earlier one of the row", 1, "chat-sync", 3, 100, 5, 0, false, true, "" },
	{ "another slot has its own mark", 1, "chat-sync", 4, 90, 1, 0, false, false, "" },
	{ "so has another partition", 2, "chat-sync", 3, 100, 5, 0, false, false, "" },
	{ "and another producer", 1, "cleanup", 3, 1, 1, 0, false, false, "" },
	{ "the next row, with a gap of what went to other partitions", 1, "chat-sync", 3, 100, 9, 0, false, false, "" },
	{ "a new owner counts on", 1, "chat-sync", 3, 200, 10, 0, false, false, "" },
	{ "the old one wakes up, however far it counted", 1, "chat-sync", 3, 100, 11, 0, false, true, "" },
	{ "what is replayed is never late", 1, "chat-sync", 3, 100, 5, 0, true, false, "" },
	{ "nor does it move the mark", 1, "chat-sync", 3, 300, 1, 0, true, false, "" },
	{ "so the owner goes on", 1, "chat-sync", 3, 200, 10, 1, false, false, "" },
	{ "another topic has its own mark", 1, "chat-sync", 3, 50, 1, 0, false, false, "inbound" },
	{ "under which an earlier one is late", 1, "chat-sync", 3, 49, 9, 9, false, true, "inbound" },
	{ "as is one without a topic under its own", 1, "chat-sync", 3, 200, 10, 0, false, true, "" },
	{ "names do not run into each other", 1, "chat-syncin", 3, 50, 1, 0, false, false, "bound" },
	{ "without a source nothing is late", 1, "", 0, 0, 0, 0, false, false, "" },
	{ "ever", 1, "", 0, 0, 0, 0, false, false, "" },
};

static void a_record_at_or_below_the_last_one_is_late(void **state)
{
	struct source_marks *marks = source_marks_new();

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct event_source s = { str_of(records[i].producer), str_of(records[i].topic), records[i].slot,
			records[i].epoch, records[i].seq, records[i].index };

		if (source_is_late(marks, records[i].partition, &s, records[i].replayed) != records[i].late)
			fail_msg("%s", records[i].name);
	}
	source_marks_free(marks);
	source_marks_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_record_at_or_below_the_last_one_is_late) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
