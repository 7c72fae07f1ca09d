/* Evolution API's webhooks from outside. */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bridge_body_check(evolution_read, data, size);
	return 0;
}
