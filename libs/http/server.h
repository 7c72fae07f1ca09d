/* An HTTP/1.1 server on libmicrohttpd.
 *
 * Two ways to run: on the owner's event loop (ingest: libmicrohttpd's epoll descriptor in the loop, requests suspended
 * until answered) or in a thread of its own (the admin port: answers even while the worker blocks). Limits are checked
 * before memory is allocated: header size, body size per route, connections, connections per address, and one deadline
 * each for the header and the body of a request (libmicrohttpd's own timeouts count idle time only: sending one byte at
 * a time defeats them).
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "loop/loop.h"

struct http_server;
struct http_request;

/* The handler's decision when the header is complete, before any of the body is read. */
struct http_admission {
	/* 0: continue; else the status of the response, after which the connection is closed without using the body.
	 * admit() may call http_respond() itself to give the response a body or headers. A small body is read and
	 * dropped first: closing with unread data would reset the connection and lose the response. */
	int refuse_status;
	size_t max_body_bytes; /* more: 413 */
};

struct http_server_options {
	const char *listen; /* "127.0.0.1:8080", "[::1]:8080", ":8080" for every address; port 0: any free one */
	struct loop *loop; /* NULL: a thread of its own, and handle() must answer before it returns */
	size_t max_header_bytes; /* more: 431; 0: 8 KiB */
	/* 0: 1,000. Above fifteen sixteenths of it, each new connection closes another one: the oldest that is idle
	 * or still sending its header, else the oldest that is sending its body. If there is none, new ones wait to
	 * be accepted. */
	int max_connections;
	int max_connections_per_address; /* per IPv4 address or IPv6 /64; further ones are closed; 0: no limit */
	/* Whether this peer, such as a proxy, is exempt from that limit. NULL: no peer is. */
	bool (*exempt)(void *ctx, struct str peer);
	/* Deadlines for the whole header; for the whole body; between two requests, and for sending one response. 0:
	 * 10 s, 30 s, 60 s. The owner's time to answer is not limited here. */
	int header_timeout_ms, body_timeout_ms, idle_timeout_ms;
	/* Called when the header is complete. NULL: every request is admitted, and none may have a body. */
	struct http_admission (*admit)(void *ctx, struct http_request *r);
	/* Called before the n bytes of body that have just arrived are stored. 0: store them; else the status to
	 * refuse the request with, as from admit(). NULL: every admitted body is stored. */
	int (*grow)(void *ctx, struct http_request *r, size_t n);
	/* Called with the whole body. Must call http_respond(), now or (on the owner's loop) later. */
	void (*handle)(void *ctx, struct http_request *r);
	/* Called when a request that admit() or handle() saw ends without http_respond(): the client disconnected or
	 * timed out, the body became too large, or the server is closing. The owner must drop its references to r. A
	 * client that disconnects between handle() and http_respond() goes unnoticed: the owner answers in its own
	 * time. May be NULL. */
	void (*gone)(void *ctx, struct http_request *r);
	void *ctx;
};

int http_server_open(struct http_server **out, const struct http_server_options *options, struct err *err) ERR_MUST_USE;
int http_server_port(const struct http_server *s);
/* Stops accepting and closes the listening socket; each open connection stays until its next response. For draining. */
void http_server_quiesce(struct http_server *s);
size_t http_server_active(const struct http_server *s); /* requests not yet fully answered */
size_t http_server_connections(const struct http_server *s);
void http_server_close(struct http_server **s);
/* Sheds load: closes the connection whose body has been arriving for the longest; gone() runs for it before this
 * returns. False, without effect: that is r's own connection, or there is none. */
bool http_server_shed(struct http_server *s, const struct http_request *r);
/* Connections that the server closed since it was opened, by reason: too many from one address, idle, slow body. */
struct http_server_closed {
	uint64_t address, idle, slow;
};
struct http_server_closed http_server_closed(const struct http_server *s);

struct str http_method(const struct http_request *r);
struct str http_path(const struct http_request *r); /* percent-decoded once, without the query */
struct str http_target(const struct http_request *r); /* path and query as sent: what a signature covers */
struct str http_header(const struct http_request *r, const char *name); /* absent when missing */
/* All values of a header in the order of their lines, joined by commas (RFC 9110, 5.3). Bounded by the header's
 * size. */
void http_header_join(const struct http_request *r, const char *name, struct buf *out);
struct str http_query(const struct http_request *r, const char *name);
struct str http_body(const struct http_request *r);
/* Peer address as text. The owner has to deal with proxies (X-Forwarded-For). */
struct str http_peer(const struct http_request *r);
void http_set_user(struct http_request *r, void *user);
void *http_user(const struct http_request *r);

struct http_extra_header {
	const char *name;
	const char *value;
};
/* Must be called exactly once per request, in the server's thread. body is copied. Header values must not contain line
 * breaks. */
void http_respond(struct http_request *r, int status, const char *content_type, struct str body,
	const struct http_extra_header *headers, size_t n_headers);
/* Instead of http_respond(): closes the connection without a response; with `reset` by a TCP reset. For test servers,
 * whose clients must cope with that. */
void http_abort(struct http_request *r, bool reset);

#endif
