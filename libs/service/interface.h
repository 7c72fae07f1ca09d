/* Which of this machine's addresses lies in a network: a container on several networks listens on one of them. */
#ifndef SERVICE_INTERFACE_H
#define SERVICE_INTERFACE_H

#include "base/buf.h"
#include "base/err.h"

/* "10.0.0.0/8:9101" as "10.1.2.3:9101", with the first address of this machine in the network; what names no network as it is.
 * out is appended to, with a NUL. ERR_INPUT for a network that is none, ERR_FATAL when no address is in it. */
int interface_listen(const char *listen, struct buf *out, struct err *err) ERR_MUST_USE;

#endif
