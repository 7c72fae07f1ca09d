/* Responses: made by http_respond(), queued in libmicrohttpd when it is ready for them. Invariant: a request is
 * answered once, and its connection, if suspended, is resumed after the response was queued. */
#include "http/server_private.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"

#define SHARED_MAX_BYTES 256 /* largest body of a response that requests share */

static enum MHD_Result response_send(struct http_request *r, struct MHD_Response *response)
{
	enum MHD_Result rc = MHD_queue_response(r->connection, r->status, response);

	if (rc == MHD_YES)
		phase_change(r, PHASE_SEND);
	return rc;
}

enum MHD_Result response_queue(struct http_request *r)
{
	struct MHD_Response *response = r->response;
	enum MHD_Result rc;

	r->response = NULL;
	rc = response_send(r, response);
	MHD_destroy_response(response);
	return rc;
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
