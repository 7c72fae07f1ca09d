/* Our own bridge contract: looking a message up by the id that we gave it, when it is unknown whether it was sent. */
#ifndef PROVIDER_BLAZZ_H
#define PROVIDER_BLAZZ_H

#include "http/exchange.h"
#include "provider/provider.h"

/* Whether the message of this client_message_id was sent. Errors as of provider_build(). */
int blazz_lookup_build(const struct provider_account *from, struct str client_message_id, int64_t now_ms,
	struct arena *a, struct provider_request *out, struct err *err) ERR_MUST_USE;

enum blazz_lookup {
	LOOKUP_NONE, /* says nothing: look again later */
	LOOKUP_SENT, /* answer->provider_id and key are set */
	LOOKUP_FAILED, /* answer->error and decision are set */
	LOOKUP_PENDING, /* look again later */
	LOOKUP_ABSENT, /* the bridge never got it: send it again under the same client_message_id */
};
enum blazz_lookup blazz_lookup_read(const struct exchange_result *result, struct arena *a,
	struct provider_answer *answer);

#endif
