/* Internals of the sender. Only sender*.c include it.
 *
 *   sender_socket.c  registers libcurl's sockets with the loop
 *   sender_result.c  turns libcurl's outcome of an exchange into its result
 *   sender.c         begins, completes and aborts exchanges
 */
#ifndef HTTP_SENDER_PRIVATE_H
#define HTTP_SENDER_PRIVATE_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "http/sender.h"

struct exchange {
	LIST_ENTRY(exchange) entry; /* in the sender's active or idle list */
	struct sender *sender;
	CURL *easy;
	bool (*may_begin)(void *ctx);
	void (*done)(void *ctx, const struct exchange_result *result);
	void *ctx;
	enum http_method method; /* as currently set on the handle */
	int max_idle_ms; /* as currently set on the handle */
	int64_t begin_by_mono_ms;
	struct curl_slist *header_lines; /* an array of linked nodes that borrow the request's lines */
	size_t header_lines_cap;
	struct curl_slist resolved[SENDER_RESOLVED_LINES]; /* likewise */
	bool is_resolved;
	struct buf response;
	size_t response_bytes; /* limit of the response's body */
	size_t response_header_bytes;
	bool refused, admitted; /* the guard refused, admitted, at least one address of the host */
	enum exchange_failure denied; /* why the request must not begin; EXCHANGE_ANSWERED: it may */
	bool begun; /* the request, or part of it, was passed to a connection */
	bool reused; /* that connection was already open */
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

/* sender_socket.c: sets the socket callbacks of an easy handle, and of the multi handle. */
void exchange_sockets_setup(struct exchange *x);
void sender_sockets_setup(struct sender *s);
/* sender.c: lets libcurl handle a ready descriptor (CURL_CSELECT_*), or CURL_SOCKET_TIMEOUT. */
void sender_act(struct sender *s, curl_socket_t fd, int ready);

/* sender_result.c: the result of an exchange that libcurl ended with `code`. Borrows from x. */
void exchange_result_fill(const struct exchange *x, CURLcode code, struct exchange_result *r);

#endif
