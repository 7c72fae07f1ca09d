/* ingest as a whole: opens its parts, and runs them. One thread with one loop; the thread of the account loader shares
 * nothing with it but two mailboxes.
 *
 * Invariant: a 2xx is answered only after Kafka acknowledged every event and every dead letter of the request.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "ingest/settings.h"
#include "service/service.h"

struct ingest;

/* Borrows settings and service; a reload may change the settings, in the loop's thread. ERR_INPUT, ERR_FATAL. */
int ingest_open(struct ingest **out, const struct ingest_settings *settings, struct service *service,
	struct err *err) ERR_MUST_USE;
/* Runs until SIGTERM, and then until the requests in flight are answered or drain.timeout has passed. */
int ingest_run(struct ingest *in, struct err *err) ERR_MUST_USE;
void ingest_close(struct ingest **ingest);
/* After SIGHUP: applies proxies and keys; limits are read at each use. */
void ingest_reload(struct ingest *in);

#endif
