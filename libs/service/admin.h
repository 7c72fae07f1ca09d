/* The admin port: GET /livez, /readyz, /metrics, and / which lists them. Answers in a thread of its own, even while the
 * worker is blocked. */
#ifndef SERVICE_ADMIN_H
#define SERVICE_ADMIN_H

#include "base/err.h"
#include "service/service.h"

struct admin;

/* service is borrowed. ERR_INPUT for an invalid address, ERR_FATAL when the address cannot be bound. */
int admin_open(struct admin **out, struct service *service, const char *listen, const char *port_file,
	struct err *err) ERR_MUST_USE;
/* Also removes the port file. */
void admin_close(struct admin **a);
int admin_port(const struct admin *a);

/* What the admin thread asks the service (service.c). */
bool service_is_alive(const struct service *s, struct buf *why_not);
bool service_is_ready(const struct service *s, struct buf *why_not); /* NULL: the reasons do not matter */
void service_write_metrics(const struct service *s, struct buf *out);

#endif
