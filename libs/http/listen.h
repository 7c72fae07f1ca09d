/* Listening sockets from their text form. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include "base/err.h"

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", or ":8080" for every address of both families (IPv4 alone where the host
 * has no IPv6). Port 0 takes any free one. Gives a listening, non-blocking socket and its port. ERR_INPUT for a text that is
 * no address, ERR_FATAL when the address cannot be had. */
int listen_open(const char *text, int *fd, int *port, struct err *err) ERR_MUST_USE;

#endif
