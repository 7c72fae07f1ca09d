/* The addresses in WAHA's payloads. Invariant: the literal "me" is never an address. */
#include "ingest/dialects/waha.h"

struct str waha_address(const json *v, struct arena *a)
{
	struct str jid = wid_read(v, a);

	return str_is(jid, "me") ? STR_NONE : jid;
}
