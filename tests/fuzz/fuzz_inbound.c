/* InboundEvents from outside: a decoded event passes its check, is encoded to the same bytes twice, and can be shown as
 * JSON.
 */
#include "reveal.h"
#include "wire/inbound.h"

static void round_trip(const struct inbound_event *e, struct arena *a)
{
	struct inbound_event again;
	struct str once, twice;
	int rc;

	rc = inbound_check(e, NULL);
	assert(rc == 0);
	if (inbound_encode(e, a, &once, NULL) < 0)
		return; /* too large, once the defaults are written out */
	rc = inbound_decode(&again, once, a, NULL);
	assert(rc == 0 && again.kind == e->kind && uuid_eq(&again.id, &e->id));
	rc = inbound_encode(&again, a, &twice, NULL);
	assert(rc == 0 && str_eq(once, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(65536);
	bool shown = reveal_check(reveal_inbound, input_of(data, size));
	struct inbound_event e;

	if (inbound_decode(&e, input_of(data, size), a, NULL) == 0) {
		assert(shown);
		round_trip(&e, a);
	}
	arena_free(a);
	return 0;
}
