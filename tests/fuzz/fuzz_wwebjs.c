/* whatsapp-web.js events from outside. */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_dialect(wwebjs_read, BRIDGE_WWEBJS, data, size);
	return 0;
}
