/* The conditions of readiness: set by the worker, read by the admin thread. */
#ifndef SERVICE_READINESS_H
#define SERVICE_READINESS_H

#include "base/buf.h"
#include "service/service.h"

struct readiness;

struct readiness *readiness_new(void);
void readiness_free(struct readiness *r);
struct service_condition *readiness_add(struct readiness *r, const char *name);
/* False when a condition does not hold, or none has been added yet: the admin port answers before the parts are open. Appends "name: reason" of each such condition to out, one per line; out may be
 * NULL. */
bool readiness_check(struct readiness *r, struct buf *out);

#endif
