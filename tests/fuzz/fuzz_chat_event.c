/* ChatEvents: whatever decodes can be encoded, and its second encoding is that of the first. */
#include <assert.h>

#include "wire/chat_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct chat_event *e, struct arena *a)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct chat_event again;
	int rc;

	/* A whole event is no larger than what it was read from, but for an origin that was not said. */
	rc = chat_event_encode(e, &once, NULL);
	assert(rc == 0);
	rc = chat_event_decode(&again, buf_str(&once), a, NULL);
	assert(rc == 0);
	rc = chat_event_encode(&again, &twice, NULL);
	assert(rc == 0 && str_eq(buf_str(&once), buf_str(&twice)));
	buf_fini(&once);
	buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(65536);
	struct chat_event e;

	if (size < WIRE_MAX_RECORD_BYTES - 2 &&
		chat_event_decode(&e, (struct str){ (const char *)data, size }, a, NULL) == 0)
		round_trip(&e, a);
	arena_free(a);
	return 0;
}
