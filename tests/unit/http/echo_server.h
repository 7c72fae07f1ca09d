/* A server that answers every POST of up to 1 MiB with 200 and its own body, on a thread of its own. */
#ifndef ECHO_SERVER_H
#define ECHO_SERVER_H

#include "unit.h"

#include "http/server.h"

static inline void echo_respond(void *ctx, struct http_request *r)
{
	(void)ctx;
	http_respond(r, 200, "text/plain", http_body(r), NULL, 0);
}

static inline struct http_admission echo_admit(void *ctx, struct http_request *r)
{
	(void)ctx;
	(void)r;
	return (struct http_admission){ .max_body_bytes = 1 << 20 };
}

/* http_server_port() says where; the caller closes it. */
static inline struct http_server *echo_server_open(void)
{
	const struct http_server_options options = {
		.listen = "127.0.0.1:0", .admit = echo_admit, .handle = echo_respond
	};
	struct http_server *server;

	assert_int_equal(http_server_open(&server, &options, NULL), 0);
	return server;
}

#endif
