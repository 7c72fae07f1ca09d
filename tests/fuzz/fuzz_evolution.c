/* Evolution API's webhooks from outside. */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_dialect(evolution_read, BRIDGE_EVOLUTION, data, size);
	return 0;
}
