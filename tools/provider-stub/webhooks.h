/* Posts to ingest: the statuses and echoes of accepted messages, in the dialect of their session, signed when they are
 * sent. A post that is not answered with 2xx is retried for a time. */
#ifndef PROVIDER_STUB_WEBHOOKS_H
#define PROVIDER_STUB_WEBHOOKS_H

#include "agenda.h"
#include "rules.h"
#include "sessions.h"
#include "settings.h"

struct webhooks;

struct webhooks_stats {
	uint64_t posted, retried, failed, dropped; /* failed: not retried any more; dropped: the queue was full */
	size_t waiting;
};

/* ERR_INPUT, ERR_FATAL. */
int webhooks_open(struct webhooks **out, struct loop *loop, struct agenda *agenda, const struct stub_settings *o,
	struct err *err) ERR_MUST_USE;
void webhooks_close(struct webhooks **closed); /* after the agenda, whose posts are its own; aborts those in flight */
/* Nothing without a webhook_url. Copies all but the session. */
void webhooks_add(struct webhooks *w, const struct session *s, const struct stub_sent *m,
	const struct webhook_plan *plan);
struct webhooks_stats webhooks_stats(const struct webhooks *w);

#endif
