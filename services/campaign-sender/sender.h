/* campaign-sender as a whole: its parts, and the main loop. One thread decides everything; libcurl and TLS have threads of their own
 * (http/sender_pool.h). What waits for PostgreSQL turns the event loop meanwhile, so that answers are taken in. */
#ifndef CAMPAIGN_SENDER_SENDER_H
#define CAMPAIGN_SENDER_SENDER_H

#include "campaign-sender/settings.h"
#include "service/service.h"

struct sender_service;

/* settings and service are borrowed. ERR_INPUT, ERR_FATAL. */
int sender_service_open(struct sender_service **out, const struct sender_settings *settings, struct service *service,
	struct err *err) ERR_MUST_USE;
/* Until SIGTERM, and then until requests in flight have ended or drain.timeout has passed. */
int sender_service_run(struct sender_service *s, struct err *err) ERR_MUST_USE;
void sender_service_close(struct sender_service **s);
/* After SIGHUP. */
void sender_service_reload(struct sender_service *s);

#endif
