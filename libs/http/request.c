/* One request from its first line to its last byte, driven by libmicrohttpd's callbacks: the request line was read, the
 * header is complete, part of the body arrived, the request is complete, the exchange is over. request.h draws the
 * phases.
 *
 * Before a refusal is sent while the body is still arriving, up to DROP_MAX_BYTES of it are read and dropped: closing a
 * socket with unread data resets the connection, and the client would lose the response. Invariant: a request that the
 * owner knows gets either its response or gone(), exactly once.
 */
#include "http/request.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hex.h"

#define SHARED_MAX_BYTES 256 /* largest body of a response that requests share */
#define BODY_KEEP_BYTES  ((size_t)16 * 1024) /* memory that a connection keeps for its next body */
#define DROP_MAX_BYTES   ((size_t)32 * 1024 * 1024) /* needs no memory, and is limited by the body's deadline */

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

static void phase_change(struct http_request *r, enum http_phase phase)
{
	if (r->phase == PHASE_CLOSING)
		return;
	phase_leave(r);
	phase_enter(r, phase);
}

/* The request line is complete. The header deadline of a connection's first request starts at the accept, that of later
 * ones here; until then the idle deadline applies, however slowly the bytes of the line arrive. */
void *request_on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct http_request *r = request_of(connection);

	(void)cls;
	(void)uri;
	if (r->phase == PHASE_IDLE)
		phase_change(r, PHASE_HEADER);
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

/* How the body is framed. Requests with both framings, with one of them twice, or with a transfer coding other than
 * chunked are rejected, because they serve to smuggle requests past a proxy (RFC 9112, 6.1 and 6.3). */
struct framing {
	struct str coding, given_length;
	bool chunked, bad;
	int64_t length; /* -1: not given */
};

static bool name_is(const char *name, size_t n, struct str wanted)
{
	return n == wanted.n && strncasecmp(name, wanted.p, n) == 0;
}

/* RFC 9110, 5.6.2: a name is a token. In particular, white space before the colon can hide a header from a proxy (RFC
 * 9112, 5.1). */
static bool name_is_token(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] >= 0x7f ||
			memchr("\"(),/:;<=>?@[\\]{}", name[i], 17))
			return false;
	return n > 0;
}

/* Some proxies treat '_' and '-' as equal. */
static bool name_resembles(const char *name, size_t n, struct str wanted)
{
	if (n != wanted.n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (tolower((unsigned char)name[i]) != tolower((unsigned char)wanted.p[i]) &&
			!(name[i] == '_' && wanted.p[i] == '-'))
			return false;
	return true;
}

static enum MHD_Result framing_header(void *framing, enum MHD_ValueKind kind, const char *name, size_t name_n,
	const char *value, size_t value_n)
{
	struct framing *f = framing;
	struct str *field = NULL;

	(void)kind;
	assert(f);
	if (name_resembles(name, name_n, STR("Content-Length")))
		field = &f->given_length;
	else if (name_resembles(name, name_n, STR("Transfer-Encoding")))
		field = &f->coding;
	f->bad |= !name_is_token(name, name_n) || (field && memchr(name, '_', name_n));
	if (!field)
		return MHD_YES;
	f->bad |= field->p != NULL;
	*field = value ? (struct str){ value, value_n } : STR("");
	return MHD_YES;
}

static struct framing framing_of(const struct http_request *r)
{
	struct framing f = { .length = -1 };

	MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, framing_header, &f);
	f.chunked = f.coding.p != NULL;
	if (f.chunked)
		f.bad |= f.given_length.p || !name_is(f.coding.p, f.coding.n, STR("chunked"));
	else if (f.given_length.p)
		f.bad |= !str_all_digits(f.given_length) || !str_to_i64(f.given_length, &f.length);
	return f;
}

static bool header_too_large(const struct http_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info && info->header_size > r->server->options.max_header_bytes;
}

/* The status to refuse the request with; 0 to continue. */
static int admit(struct http_request *r, const struct framing *f)
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

static enum MHD_Result response_send(struct http_request *r, struct MHD_Response *response)
{
	enum MHD_Result rc = MHD_queue_response(r->connection, r->status, response);

	if (rc == MHD_YES)
		phase_change(r, PHASE_SEND);
	return rc;
}

static enum MHD_Result response_queue(struct http_request *r)
{
	struct MHD_Response *response = r->response;
	enum MHD_Result rc;

	r->response = NULL;
	rc = response_send(r, response);
	MHD_destroy_response(response);
	return rc;
}

/* A client that waits for "100 Continue" sends no body, and a large body is too much to read: both are answered at
 * once. */
static bool body_worth_dropping(const struct http_request *r, const struct framing *f)
{
	if (http_header(r, "Expect").p || f->bad)
		return false;
	return f->chunked || (f->length > 0 && (uint64_t)f->length <= DROP_MAX_BYTES);
}

static enum MHD_Result header_complete(struct http_request *r, const char *method, const char *url)
{
	struct framing f;
	int status;

	r->method = str_of(method);
	r->path = str_of(url);
	r->active = true;
	atomic_fetch_add_explicit(&r->server->active, 1, memory_order_relaxed);
	f = framing_of(r);
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
		assert(r->response || !r->server->own_loop);
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

void request_close(struct http_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	owner_release(r);
	buf_fini(&r->body);
	shutdown(info->connect_fd, SHUT_RDWR);
	phase_change(r, PHASE_CLOSING);
}

static struct MHD_Response *response_new(struct str body)
{
	static char empty[1];
	char *copy;

	if (body.n == 0)
		return MHD_create_response_from_buffer(0, empty, MHD_RESPMEM_PERSISTENT);
	copy = mem_alloc(body.n);
	memcpy(copy, body.p, body.n);
	return MHD_create_response_from_buffer(body.n, copy, MHD_RESPMEM_MUST_FREE);
}

static void header_add(struct MHD_Response *response, const char *name, const char *value)
{
	enum MHD_Result added = MHD_add_response_header(response, name, value);

	assert(added == MHD_YES); /* fails only for line breaks in a value, which would be a bug */
}

static struct MHD_Response *response_typed(const char *content_type, struct str body)
{
	struct MHD_Response *response = response_new(body);

	assert(response);
	if (content_type)
		header_add(response, "Content-Type", content_type);
	return response;
}

/* Under load most responses are identical, and libmicrohttpd allows many connections to send the same one. The server
 * owns it. */
static struct MHD_Response *response_shared(struct http_server *s, const char *content_type, struct str body)
{
	if (s->last && s->last_type == content_type && str_eq(buf_str(&s->last_body), body))
		return s->last;
	if (s->last)
		MHD_destroy_response(s->last);
	s->last = response_typed(content_type, body);
	s->last_type = content_type;
	buf_clear(&s->last_body);
	buf_add_str(&s->last_body, body);
	return s->last;
}

/* If queueing the response failed, request_on_access() notices when libmicrohttpd calls it again. */
static void resume(struct http_request *r)
{
	r->suspended = false;
	MHD_resume_connection(r->connection);
	server_run_soon(r->server);
}

void http_respond(struct http_request *r, int status, const char *content_type, struct str body,
	const struct http_extra_header *headers, size_t n_headers)
{
	assert(!r->answered);
	r->status = (unsigned)status;
	r->answered = true;
	if (r->suspended && n_headers == 0 && !r->server->quiesced && body.n <= SHARED_MAX_BYTES) {
		response_send(r, response_shared(r->server, content_type, body));
		resume(r);
		return;
	}
	r->response = response_typed(content_type, body);
	for (size_t i = 0; i < n_headers; i++)
		header_add(r->response, headers[i].name, headers[i].value);
	if (r->server->quiesced)
		header_add(r->response, "Connection", "close");
	if (!r->suspended)
		return; /* called from a libmicrohttpd callback, which queues the response */
	response_queue(r);
	resume(r);
}

struct str http_method(const struct http_request *r)
{
	return r->method;
}

struct str http_path(const struct http_request *r)
{
	return r->path;
}

static struct str lookup(const struct http_request *r, enum MHD_ValueKind kind, const char *name)
{
	struct str s = STR_NONE;

	if (MHD_lookup_connection_value_n(r->connection, kind, name, strlen(name), &s.p, &s.n) != MHD_YES)
		return STR_NONE;
	return s.p ? s : STR(""); /* "?name" without "=" has no value: present and empty */
}

struct str http_header(const struct http_request *r, const char *name)
{
	return lookup(r, MHD_HEADER_KIND, name);
}

struct joined {
	struct str name;
	struct buf *out;
	bool any;
};

static enum MHD_Result header_join(void *joined, enum MHD_ValueKind kind, const char *name, size_t name_n,
	const char *value, size_t value_n)
{
	struct joined *j = joined;

	(void)kind;
	if (!name_is(name, name_n, j->name))
		return MHD_YES;
	if (j->any)
		buf_add_char(j->out, ',');
	if (value)
		buf_add(j->out, value, value_n);
	j->any = true;
	return MHD_YES;
}

void http_header_join(const struct http_request *r, const char *name, struct buf *out)
{
	struct joined j = { str_of(name), out, false };

	MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, header_join, &j);
}

struct str http_query(const struct http_request *r, const char *name)
{
	return lookup(r, MHD_GET_ARGUMENT_KIND, name);
}

struct str http_body(const struct http_request *r)
{
	return buf_str(&r->body);
}

struct str http_peer(const struct http_request *r)
{
	return str_of(r->peer);
}

void http_set_user(struct http_request *r, void *user)
{
	r->user = user;
}

void *http_user(const struct http_request *r)
{
	return r->user;
}
