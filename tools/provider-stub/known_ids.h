/* The messages that were accepted or failed, by the id that their sender gave them: our bridge contract's idempotency,
 * its look-up, and the count of messages that were sent twice. Bounded: the oldest ids are forgotten. */
#ifndef PROVIDER_STUB_KNOWN_IDS_H
#define PROVIDER_STUB_KNOWN_IDS_H

#include "stub.h"

struct known_ids;

struct known_id {
	char id[STUB_ID_BYTES]; /* that the stub gave; "": it failed */
	char error[32]; /* its word, when it failed */
	int64_t at_ms; /* wall clock */
	int64_t ready_mono_ms; /* until then it is pending */
};

struct known_ids *known_ids_new(size_t keep, int64_t ttl_ms);
void known_ids_free(struct known_ids *k); /* accepts NULL */
/* NULL when it is unknown, or older than the ttl. Valid until the next known_ids_put(). */
const struct known_id *known_ids_find(const struct known_ids *k, enum stub_provider provider, struct str account,
	struct str client_message_id, int64_t now_ms);
void known_ids_put(struct known_ids *k, enum stub_provider provider, struct str account, struct str client_message_id,
	const struct known_id *id);
size_t known_ids_count(const struct known_ids *k);

#endif
