/* ChatEvents: a decoded event can be encoded, is encoded to the same bytes twice, and can be shown as JSON; its type
 * is known.
 */
#include "reveal.h"
#include "wire/chat_event.h"

static void round_trip(const struct chat_event *e, struct arena *a)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct chat_event again;
	char type[CHAT_EVENT_TYPE_SIZE];
	int rc;

	/* A whole event is no larger than its input, except for an absent origin. */
	rc = chat_event_encode(e, &once, NULL);
	assert(rc == 0);
	rc = chat_event_decode(&again, buf_str(&once), a, NULL);
	assert(rc == 0);
	rc = chat_event_encode(&again, &twice, NULL);
	assert(rc == 0 && str_eq(buf_str(&once), buf_str(&twice)));
	assert(chat_event_kind_parse(chat_event_full_type(e, type)) == e->kind);
	buf_fini(&once);
	buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(65536);
	bool shown = reveal_check(reveal_chat_event, input_of(data, size));
	struct chat_event e;

	if (size < WIRE_MAX_RECORD_BYTES - 2 && chat_event_decode(&e, input_of(data, size), a, NULL) == 0) {
		assert(shown);
		round_trip(&e, a);
	}
	arena_free(a);
	return 0;
}
