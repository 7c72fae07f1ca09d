/* WAHA's webhooks from outside. */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_dialect(waha_read, BRIDGE_WAHA, data, size);
	return 0;
}
