/* ErasureRecords of the ledger: a decoded one is encoded to the same bytes twice, and can be shown as JSON; its key names its
 * workspace.
 */
#include <string.h>

#include "reveal.h"
#include "wire/erasure.h"

static void round_trip(const struct erasure_record *r, struct arena *a)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct erasure_record again;
	char key[74], text[37];
	int rc;

	rc = erasure_record_encode(r, &once, NULL);
	assert(rc == 0);
	rc = erasure_record_decode(&again, buf_str(&once), a, NULL);
	assert(rc == 0 && uuid_eq(&again.contact, &r->contact) && again.until_ms == r->until_ms);
	rc = erasure_record_encode(&again, &twice, NULL);
	assert(rc == 0 && str_eq(buf_str(&once), buf_str(&twice)));
	erasure_record_key(r, key);
	uuid_format(&r->workspace, text);
	assert(strlen(key) == 73 && key[36] == ':' && memcmp(key, text, 36) == 0);
	buf_fini(&once);
	buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(65536);
	struct str bytes = input_of(data, size);
	bool shown = reveal_check(reveal_erasure, bytes);
	struct erasure_record r;

	if (erasure_record_decode(&r, bytes, a, NULL) == 0) {
		assert(shown);
		round_trip(&r, a);
	}
	arena_free(a);
	return 0;
}
