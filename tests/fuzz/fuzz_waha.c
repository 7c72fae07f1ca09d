/* WAHA's webhooks from outside. */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bridge_body_check(waha_read, data, size);
	return 0;
}
