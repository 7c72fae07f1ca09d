/* webhook-dispatcher as a whole: its parts, and what all partitions share. One thread decides everything; libcurl and TLS have threads of
 * their own (http/sender_pool.h). What waits for PostgreSQL turns the event loop meanwhile, so that records are taken in and deliveries go on.
 */
#ifndef WEBHOOK_DISPATCHER_DISPATCHER_H
#define WEBHOOK_DISPATCHER_DISPATCHER_H

#include "service/service.h"
#include "webhook-dispatcher/settings.h"

struct dispatcher;

/* settings and service are borrowed. ERR_INPUT, ERR_FATAL. */
int dispatcher_open(struct dispatcher **out, const struct dispatcher_settings *settings, struct service *service,
	struct err *err) ERR_MUST_USE;
/* Until SIGTERM, and then until what is under way has ended or drain.timeout has passed. */
int dispatcher_run(struct dispatcher *d, struct err *err) ERR_MUST_USE;
void dispatcher_close(struct dispatcher **d);
/* After SIGHUP. */
void dispatcher_reload(struct dispatcher *d);

#endif
