/* Finds this machine's address in a given network: a container on several networks listens on one of them only. */
#ifndef SERVICE_INTERFACE_H
#define SERVICE_INTERFACE_H

#include "base/buf.h"
#include "base/err.h"

/* Appends "10.1.2.3:9101" to out, with a NUL, for "10.0.0.0/8:9101": the first address of this machine in the network.
 * A value without a network is copied unchanged. ERR_INPUT for an invalid network, ERR_FATAL when this machine has no
 * address in it. */
int interface_listen(const char *listen, struct buf *out, struct err *err) ERR_MUST_USE;

#endif
