/* One request from its first line to its last byte, driven by libmicrohttpd's callbacks: the request line was read, the
 * header is complete, part of the body arrived, the request is complete, the exchange is over. server_private.h draws
 * the phases.
 *
 * Before a refusal is sent while the body is still arriving, up to DROP_MAX_BYTES of it are read and dropped: closing a
 * socket with unread data resets the connection, and the client would lose the response. Invariant: a request that the
 * owner knows gets either its response or gone(), exactly once.
 */
#include "http/server_private.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/hex.h"

#define BODY_KEEP_BYTES ((size_t)16 * 1024) /* memory that a connection keeps for its next body */
#define DROP_MAX_BYTES  ((size_t)32 * 1024 * 1024) /* needs no memory, and is limited by the body's deadline */

static struct http_request *connection_new(struct http_server *s, struct MHD_Connection *connection)
{
	struct http_request *r = mem_calloc(1, sizeof(*r));

	r->server = s;
	r->connection = connection;
	phase_enter(r, PHASE_HEADER);
	atomic_fetch_add_explicit(&s->connections, 1, memory_order_relaxed);
	room_enter(r);
	return r;
}

/* At its connection limit libmicrohttpd stops accepting, and resumes only when it runs. */
static void connection_free(struct http_request *r)
{
	size_t before = atomic_fetch_sub_explicit(&r->server->connections, 1, memory_order_relaxed);

	if (before == (size_t)r->server->options.max_connections)
		server_run_soon(r->server);
	room_leave(r);
	phase_leave(r);
	buf_fini(&r->target);
	buf_fini(&r->body);
	free(r);
}

void request_on_connection(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = connection_new(cls, connection);
		return;
	}
	if (*context)
		connection_free(*context);
	*context = NULL;
}

/* Requests that libmicrohttpd itself rejects also end in request_on_completed(), where the request's context is
 * undefined: the connection's context always works. */
static struct http_request *request_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The request line is complete. The header deadline of a connection's first request starts at the accept, that of later
 * ones here; until then the idle deadline applies, however slowly the bytes of the line arrive. */
void *request_on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct http_request *r = request_of(connection);

	(void)cls;
	if (r->phase == PHASE_IDLE)
		phase_change(r, PHASE_HEADER);
	buf_clear(&r->target);
	buf_add_str(&r->target, str_of(uri));
	return r;
}

/* As libmicrohttpd's default, but "%00" is not decoded: the path is a NUL-terminated string and would end there. */
size_t request_unescape(void *cls, struct MHD_Connection *connection, char *s)
{
	char *out = s;
	const char *in = s;

	(void)cls;
	(void)connection;
	while (*in) {
		char c;

		if (*in == '%' && in[1] && in[2] && hex_decode((struct str){ in + 1, 2 }, &c, 1) && c != '\0') {
			*out++ = c;
			in += 3;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	return (size_t)(out - s);
}

/* The owner gets gone() unless it has answered, and no further callback for this request. */
static void owner_release(struct http_request *r)
{
	if (r->owned && !r->answered && r->server->options.gone)
		r->server->options.gone(r->server->options.ctx, r);
	r->owned = false;
}

static void refuse(struct http_request *r, int status)
{
	static const struct http_extra_header close_header = { "Connection", "close" };

	owner_release(r);
	if (!r->answered)
		http_respond(r, status, NULL, STR_NONE, &close_header, 1);
}

static bool method_needs_body(struct str method)
{
	return str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) || str_eq(method, STR("PATCH"));
}

static bool header_too_large(const struct http_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info && info->header_size > r->server->options.max_header_bytes;
}

/* The status to refuse the request with; 0 to continue. */
static int admit(struct http_request *r, const struct body_framing *f)
{
	const struct http_server_options *o = &r->server->options;
	struct http_admission a = { 0, 0 };

	if (header_too_large(r))
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	if (f->bad)
		return MHD_HTTP_BAD_REQUEST;
	if (!f->chunked && f->length < 0 && method_needs_body(r->method))
		return MHD_HTTP_LENGTH_REQUIRED;
	if (o->admit)
		a = o->admit(o->ctx, r);
	r->owned = o->admit && !a.refuse_status && !r->answered;
	r->max_body_bytes = a.max_body_bytes;
	if (a.refuse_status)
		return a.refuse_status;
	return f->length > 0 && (uint64_t)f->length > a.max_body_bytes ? MHD_HTTP_CONTENT_TOO_LARGE : 0;
}

/* A client that waits for "100 Continue" sends no body, and a large body is too much to read: both are answered at
 * once. */
static bool body_worth_dropping(const struct http_request *r, const struct body_framing *f)
{
	if (http_header(r, "Expect").p || f->bad)
		return false;
	return f->chunked || (f->length > 0 && (uint64_t)f->length <= DROP_MAX_BYTES);
}

static enum MHD_Result header_complete(struct http_request *r, const char *method, const char *url)
{
	struct body_framing f;
	int status;

	r->method = str_of(method);
	r->path = str_of(url);
	r->active = true;
	atomic_fetch_add_explicit(&r->server->active, 1, memory_order_relaxed);
	f = body_framing_of(r);
	status = admit(r, &f);
	if (status)
		refuse(r, status);
	if (r->response && !body_worth_dropping(r, &f))
		return response_queue(r);
	if (f.chunked || f.length > 0)
		phase_change(r, PHASE_BODY);
	return MHD_YES;
}

/* The status to refuse n more bytes of body with; 0 to keep them. */
static int body_refusal(struct http_request *r, size_t n)
{
	const struct http_server_options *o = &r->server->options;

	if (n > r->max_body_bytes - r->body.n)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return o->grow ? o->grow(o->ctx, r, n) : 0;
}

static enum MHD_Result body_piece(struct http_request *r, const char *data, size_t n)
{
	int status = r->answered ? 0 : body_refusal(r, n);

	if (status) {
		buf_fini(&r->body);
		refuse(r, status);
	}
	if (!r->answered) {
		buf_add(&r->body, data, n);
		return MHD_YES;
	}
	r->dropped_bytes += n;
	return r->dropped_bytes <= DROP_MAX_BYTES ? MHD_YES : MHD_NO;
}

/* Suspends the connection until the owner answers, but only at libmicrohttpd's second call: it calls again while
 * there is no response. A connection suspended in the first call counts as still reading, and libmicrohttpd would
 * make a useless read before it sends the response. This way the read follows the response; if the next request has
 * arrived by then, the descriptor need not be added to the epoll set again. */
static enum MHD_Result request_complete(struct http_request *r)
{
	const struct http_server_options *o = &r->server->options;

	if (!r->answered && r->phase != PHASE_OWNER) {
		r->owned = true;
		phase_change(r, PHASE_OWNER);
		o->handle(o->ctx, r);
		assert(r->answered || !r->server->own_loop);
		if (r->phase == PHASE_CLOSING)
			return MHD_NO;
		if (!r->response)
			return MHD_YES;
	}
	if (r->response)
		return response_queue(r);
	r->suspended = true;
	MHD_suspend_connection(r->connection);
	return MHD_YES;
}

enum MHD_Result request_on_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *data_n, void **context)
{
	struct http_request *r = *context;
	size_t n = *data_n;

	(void)cls;
	(void)connection;
	(void)version;
	if (r->phase == PHASE_CLOSING)
		return MHD_NO;
	if (!r->active)
		return header_complete(r, method, url);
	*data_n = 0;
	if (n > 0)
		return body_piece(r, data, n);
	/* Answered, but no response left to queue: libmicrohttpd did not accept it. */
	return r->answered && !r->response ? MHD_NO : request_complete(r);
}

static void request_reset(struct http_request *r)
{
	if (r->active)
		atomic_fetch_sub_explicit(&r->server->active, 1, memory_order_relaxed);
	if (r->response)
		MHD_destroy_response(r->response);
	if (r->body.cap > BODY_KEEP_BYTES)
		buf_fini(&r->body);
	buf_clear(&r->body);
	r->response = NULL;
	r->method = r->path = STR_NONE;
	r->max_body_bytes = r->dropped_bytes = 0;
	r->user = NULL;
	r->active = r->owned = r->answered = r->suspended = false;
}

void request_on_completed(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode code)
{
	struct http_request *r = request_of(connection);

	(void)cls;
	(void)context;
	(void)code;
	if (!r)
		return;
	owner_release(r);
	request_reset(r);
	phase_change(r, PHASE_IDLE);
}

void request_abandon(struct http_request *r)
{
	owner_release(r);
	r->answered = true;
	if (r->suspended)
		MHD_resume_connection(r->connection);
	r->suspended = false;
	phase_change(r, PHASE_CLOSING);
}

static int socket_of(const struct http_request *r)
{
	return MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

void request_close(struct http_request *r)
{
	owner_release(r);
	buf_fini(&r->body);
	shutdown(socket_of(r), SHUT_RDWR);
	phase_change(r, PHASE_CLOSING);
}

/* Linux resets a connection whose address is dissolved. A socket that is closed with a linger time of 0 would do so,
 * too, but libmicrohttpd shuts it down first, which the client sees as a regular end. */
void http_abort(struct http_request *r, bool reset)
{
	const struct sockaddr dissolved = { .sa_family = AF_UNSPEC };

	assert(!r->answered);
	r->answered = true;
	if (!reset || connect(socket_of(r), &dissolved, sizeof(dissolved)) < 0)
		shutdown(socket_of(r), SHUT_RDWR);
	request_abandon(r);
	server_run_soon(r->server);
}
