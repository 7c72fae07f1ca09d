/* cleanup as a whole: of all replicas one leads. It loads the instances of bridges and the accounts, and reconciles each account's session
 * with what is desired. One thread decides everything; what waits for PostgreSQL turns the event loop meanwhile. */
#ifndef CLEANUP_CLEANER_H
#define CLEANUP_CLEANER_H

#include "cleanup/settings.h"
#include "service/service.h"

struct cleaner;

/* settings and service are borrowed. ERR_INPUT, ERR_FATAL. */
int cleaner_open(struct cleaner **out, const struct cleanup_settings *settings, struct service *service,
	struct err *err) ERR_MUST_USE;
/* Until SIGTERM, and then until the calls in flight have ended or drain.timeout has passed. */
int cleaner_run(struct cleaner *c, struct err *err) ERR_MUST_USE;
void cleaner_close(struct cleaner **c);
/* After SIGHUP. */
void cleaner_reload(struct cleaner *c);

#endif
