/* What the files of the sender share. Only sender*.c include it.
 *
 *   sender_socket.c  libcurl's sockets in the loop
 *   sender_result.c  what libcurl says of an exchange, as its result
 *   sender.c         exchanges: begun, answered, aborted
 */
#ifndef HTTP_SENDER_PRIVATE_H
#define HTTP_SENDER_PRIVATE_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "http/sender.h"

struct exchange {
	LIST_ENTRY(exchange) entry; /* of the sender's active or idle ones */
	struct sender *sender;
	CURL *easy;
	bool (*may_begin)(void *ctx);
	void (*done)(void *ctx, const struct exchange_result *result);
	void *ctx;
	enum http_method method; /* as the handle has it */
	int max_idle_ms; /* the same */
	int64_t begin_by_mono_ms;
	struct curl_slist *header_lines; /* an array, chained; borrows the request's lines */
	size_t header_lines_cap;
	struct curl_slist resolved[SENDER_RESOLVED_LINES]; /* the same */
	bool is_resolved;
	struct buf response;
	size_t response_bytes; /* that it may have */
	size_t response_header_bytes;
	bool refused, admitted; /* an address of the host was */
	enum exchange_failure denied; /* why it may not begin; EXCHANGE_ANSWERED: it may */
	bool begun; /* the request was, or part of it, given to a connection */
	bool reused; /* to one that was open */
	bool cut;
	char error[CURL_ERROR_SIZE];
};

LIST_HEAD(exchanges, exchange);

struct sender {
	CURLM *multi;
	struct loop_timer *timer;
	struct sender_options options;
	struct exchanges active, idle;
	size_t n_active, n_idle;
	struct watch **watches; /* by descriptor */
	size_t watches_cap;
	bool closing;
};

/* sender_socket.c: sets what an easy handle does with sockets, and a multi handle with those of all. */
void exchange_sockets_setup(struct exchange *x);
void sender_sockets_setup(struct sender *s);
/* libcurl acts on a descriptor that is ready (CURL_CSELECT_*), or on CURL_SOCKET_TIMEOUT; sender.c. */
void sender_act(struct sender *s, curl_socket_t fd, int ready);

/* sender_result.c: of an exchange that libcurl has ended with `code`. Borrows from it. */
void exchange_result_fill(const struct exchange *x, CURLcode code, struct exchange_result *r);

#endif
