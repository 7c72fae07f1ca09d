/* Internals of the server and its requests.
 *
 *   server.c          opens, runs and closes libmicrohttpd
 *   request.c         a request, as libmicrohttpd's callbacks report it
 *   request_fields.c  what the owner may read of a request
 *   body_framing.c    how a body is framed, and what is rejected as ambiguous
 *   response.c        responses
 *   deadline.c        phases and their deadlines
 *   room.c            which connections are closed when there are too many
 *
 * A connection is in one phase at a time:
 *
 *   accept ──► HEADER ──► BODY ──► OWNER ──► SEND ──► IDLE ──► HEADER of the next request
 *                 │                  ▲
 *                 └── no body ───────┘
 *
 *   OWNER            handle() was called; http_respond() leads to SEND
 *   a refusal        leads from HEADER or BODY to SEND, at once or after the rest of the body was dropped
 *   CLOSING          follows any phase at its deadline, for lack of room, or when the server closes; it lasts until
 *                    libmicrohttpd frees the connection
 */
#ifndef HTTP_SERVER_PRIVATE_H
#define HTTP_SERVER_PRIVATE_H

#include "base/buf.h"
#include "base/map.h"
#include "http/server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

/* What a connection is waiting for. All phases but PHASE_OWNER and PHASE_CLOSING have a deadline. */
enum http_phase { PHASE_HEADER, PHASE_BODY, PHASE_OWNER, PHASE_SEND, PHASE_IDLE, PHASE_CLOSING, PHASES };

/* Connections are counted by this key: an IPv4 address or an IPv6 /64, the usual assignment to one subscriber. n 0:
 * neither. */
struct peer_key {
	uint8_t bytes[8];
	size_t n;
};

/* One connection and its current request: libmicrohttpd processes the requests of a connection one at a time. */
struct http_request {
	TAILQ_ENTRY(http_request) link; /* in the list of its phase */
	struct http_server *server;
	struct MHD_Connection *connection;
	enum http_phase phase;
	int64_t deadline_mono_ms; /* 0: none */
	char peer[INET6_ADDRSTRLEN];
	struct peer_key key;
	bool counted; /* in `addresses` of the server */

	/* Of the current request; method and path point into libmicrohttpd's memory, valid until it is answered. */
	struct str method, path;
	struct buf target;
	struct buf body;
	size_t max_body_bytes, dropped_bytes;
	void *user;
	bool active;    /* counted in the server's `active` */
	bool owned;     /* the owner knows the request: it will answer, or get gone() */
	bool answered;  /* http_respond() was called, by the owner or for a refusal */
	bool suspended; /* suspended in libmicrohttpd until answered */
	struct MHD_Response *response; /* created, not yet queued */
	unsigned status;
};

TAILQ_HEAD(http_request_list, http_request);

struct http_server {
	struct http_server_options options; /* defaults filled in */
	struct MHD_Daemon *daemon;
	struct loop *loop;
	struct loop_io *io;         /* the daemon's epoll descriptor */
	struct loop_timer *run;     /* runs the daemon when it has work that its descriptor does not signal */
	bool run_wanted;            /* `run` is armed */
	struct loop_timer *expiry;  /* fires at the earliest deadline, or earlier */
	int64_t expiry_mono_ms;     /* when `expiry` fires; INT64_MAX: not armed */
	struct http_request_list phases[PHASES];
	int listen_fd, port;
	_Atomic size_t active, connections;
	size_t closing;           /* connections in PHASE_CLOSING */
	struct map *addresses;    /* from struct peer_key's bytes to the number of connections, stored as a pointer */
	struct http_server_closed closed;
	struct MHD_Response *last; /* the shared response: a content type and a small body, no other headers */
	const char *last_type;
	struct buf last_body;
	bool quiesced;

	/* For a server with a thread of its own. */
	bool own_loop;
	pthread_t thread;
	int wake_fd;
	struct loop_io *wake;
	atomic_bool stop_wanted, quiesce_wanted;
};

/* deadline.c */
void phase_enter(struct http_request *r, enum http_phase phase);
void phase_leave(struct http_request *r);
/* Enters another phase; PHASE_CLOSING is never left. */
void phase_change(struct http_request *r, enum http_phase phase);
int phase_timeout_ms(const struct http_server *s, enum http_phase phase);
void deadlines_expire(void *server);

/* room.c */
enum MHD_Result room_accept(void *server, const struct sockaddr *address, socklen_t n);
void room_enter(struct http_request *r); /* a new connection */
void room_leave(struct http_request *r); /* the connection is closed */

/* request.c: libmicrohttpd's callbacks; cls is the server. */
void request_on_connection(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code);
void *request_on_uri(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result request_on_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *data_n, void **context);
void request_on_completed(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode code);
size_t request_unescape(void *cls, struct MHD_Connection *connection, char *s);
/* Ends a request that waits for its owner; the caller is about to close the connection. */
void request_abandon(struct http_request *r);
/* Shuts the socket down; libmicrohttpd then sees a disconnected client. gone() runs at once. */
void request_close(struct http_request *r);

/* body_framing.c */
struct body_framing {
	struct str coding, given_length; /* the headers' values; absent when missing */
	bool chunked, bad; /* bad: reject the request */
	int64_t length; /* -1: not given */
};
struct body_framing body_framing_of(const struct http_request *r);
/* Whether a header has this name, in any case. */
bool header_name_is(const char *name, size_t n, struct str wanted);

/* response.c: passes r->response to libmicrohttpd. */
enum MHD_Result response_queue(struct http_request *r);

/* server.c: schedules a run of libmicrohttpd. */
void server_run_soon(struct http_server *s);

#endif
