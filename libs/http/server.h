/* An HTTP/1.1 server on libmicrohttpd.
 *
 * Two ways to run: on the owner's event loop (ingest: its epoll descriptor in the loop, requests suspended until answered)
 * or in a thread of its own (the admin port: answers whatever the worker does). Limits hold before memory is spent: header
 * size, body size per route, connections, connections per address, and one deadline each for the header and the body of a
 * request (libmicrohttpd's own timeouts count idle time only: one byte at a time outlives them).
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "loop/loop.h"

struct http_server;
struct http_request;

/* What the handler says when the header is complete, before any of the body is read. */
struct http_admission {
	/* 0: go on; else answered without the body and the connection closed. admit() may give the answer a text or headers by
	 * calling http_respond() itself. A small body on its way is read and dropped first: closing with unread data would reset
	 * the connection and lose the answer. */
	int refuse_status;
	size_t max_body_bytes; /* beyond: 413 */
};

struct http_server_options {
	const char *listen; /* "127.0.0.1:8080", "[::1]:8080", ":8080" for every address; port 0: any free one */
	struct loop *loop; /* NULL: a thread of its own, and handle() must answer before it returns */
	size_t max_header_bytes; /* 431 beyond; 0: 8 KiB */
	/* 0: 1,000. From fifteen sixteenths of it on each new one closes another: the oldest that is silent, idle or in its header,
	 * else the oldest in its body. Where none is, more wait to be accepted. */
	int max_connections;
	int max_connections_per_address; /* of one IPv4 address or IPv6 /64; more are closed; 0: no limit */
	/* Whether that limit does not hold for this peer, as for a proxy. NULL: for nobody. */
	bool (*exempt)(void *ctx, struct str peer);
	/* The whole header, the whole body; between two requests and for sending one answer. 0: 10 s, 30 s, 60 s. Waiting for the
	 * owner's answer has no limit here. */
	int header_timeout_ms, body_timeout_ms, idle_timeout_ms;
	/* Called when the header is complete. NULL: every request goes on, and none may have a body. */
	struct http_admission (*admit)(void *ctx, struct http_request *r);
	/* Called before n more bytes of the body are kept, which are what has arrived. 0: go on; else the status to refuse with, as
	 * by admit(). NULL: every body that admit() let on is kept. */
	int (*grow)(void *ctx, struct http_request *r, size_t n);
	/* Called with the whole body. Answers with http_respond(), now or (on a loop) later. */
	void (*handle)(void *ctx, struct http_request *r);
	/* A request that admit() let on, or that handle() got, ends without http_respond(): the client left or timed out, the body
	 * became too large, the server closes. The owner must forget r. A client that leaves between handle() and http_respond()
	 * is not noticed: the owner answers in its own time. May be NULL. */
	void (*gone)(void *ctx, struct http_request *r);
	void *ctx;
};

int http_server_open(struct http_server **out, const struct http_server_options *options, struct err *err) ERR_MUST_USE;
int http_server_port(const struct http_server *s);
/* Stops accepting and closes the listening socket; open connections go on, each until its next answer. For draining. */
void http_server_quiesce(struct http_server *s);
size_t http_server_active(const struct http_server *s); /* requests not yet fully answered */
size_t http_server_connections(const struct http_server *s);
void http_server_close(struct http_server **s);
/* Closes the connection whose body has been coming for the longest; gone() runs for it before this returns. False, and nothing
 * happens: it is that of r, or there is none. */
bool http_server_shed(struct http_server *s, const struct http_request *r);
/* What was closed since the server was opened, and why: too many of one address, silent or idle, slow with its body. */
struct http_server_closed {
	uint64_t address, idle, slow;
};
struct http_server_closed http_server_closed(const struct http_server *s);

struct str http_method(const struct http_request *r);
struct str http_path(const struct http_request *r); /* percent-decoded once, without the query */
struct str http_header(const struct http_request *r, const char *name); /* absent when missing */
/* All values of a header in the order of their lines, joined by commas (RFC 9110, 5.3). Bounded by the header's size. */
void http_header_join(const struct http_request *r, const char *name, struct buf *out);
struct str http_query(const struct http_request *r, const char *name);
struct str http_body(const struct http_request *r);
/* Peer address as text; proxies are the owner's business (X-Forwarded-For). */
struct str http_peer(const struct http_request *r);
void http_set_user(struct http_request *r, void *user);
void *http_user(const struct http_request *r);

struct http_extra_header {
	const char *name;
	const char *value;
};
/* Answers exactly once, in the thread of the server. body is copied. Values must not hold line breaks. */
void http_respond(struct http_request *r, int status, const char *content_type, struct str body,
	const struct http_extra_header *headers, size_t n_headers);

#endif
