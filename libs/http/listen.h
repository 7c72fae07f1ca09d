/* Listening sockets from a configured address. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include "base/err.h"

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", or ":8080" for every address of both families (IPv4 only where
 * the host has no IPv6). Port 0 picks any free port. Returns a listening, non-blocking socket and its port. ERR_INPUT
 * when text is not an address, ERR_FATAL when the address is not available. */
int listen_open(const char *text, int *fd, int *port, struct err *err) ERR_MUST_USE;

#endif
