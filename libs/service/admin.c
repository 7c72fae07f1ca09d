/* The admin port: a table of paths, each with a function that fills the body and returns the status.
 *
 * Invariant: a request never waits for the worker; the handlers read only what is atomic or guarded by a lock. */
#include "service/admin.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "http/port_file.h"
#include "http/server.h"
#include "service/interface.h"

#define MAX_CONNECTIONS 64
#define TIMEOUT_MS      5000

struct admin {
	struct service *service;
	struct http_server *http;
	char *port_file; /* NULL: none */
};

static int list(const struct service *s, struct buf *out)
{
	(void)s;
	buf_printf(out,
		"/livez    whether the loop turns\n"
		"/readyz   whether the service can work\n"
		"/metrics  OpenMetrics\n");
	return 200;
}

static int livez(const struct service *s, struct buf *out)
{
	if (!service_is_alive(s, out))
		return 503;
	buf_printf(out, "alive\n");
	return 200;
}

static int readyz(const struct service *s, struct buf *out)
{
	if (!service_is_ready(s, out))
		return 503;
	buf_printf(out, "ready\n");
	return 200;
}

static int metrics(const struct service *s, struct buf *out)
{
	service_write_metrics(s, out);
	return 200;
}

static const struct page {
	const char *path, *content_type;
	int (*write)(const struct service *s, struct buf *out);
} pages[] = {
	{ "/", "text/plain; charset=utf-8", list },
	{ "/livez", "text/plain; charset=utf-8", livez },
	{ "/readyz", "text/plain; charset=utf-8", readyz },
	{ "/metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics },
};

static void answer(const struct admin *a, struct http_request *r, const struct page *page)
{
	static const struct http_extra_header fresh = { "Cache-Control", "no-store" };
	struct buf text = BUF_INIT;
	int status = page->write(a->service, &text);

	http_respond(r, status, page->content_type, buf_str(&text), &fresh, 1);
	buf_fini(&text);
}

static void handle(void *ctx, struct http_request *r)
{
	static const struct http_extra_header allow = { "Allow", "GET, HEAD" };

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (!str_is(http_path(r), pages[i].path))
			continue;
		if (str_is(http_method(r), "GET") || str_is(http_method(r), "HEAD"))
			answer(ctx, r, &pages[i]);
		else
			http_respond(r, 405, NULL, STR_NONE, &allow, 1);
		return;
	}
	http_respond(r, 404, NULL, STR_NONE, NULL, 0);
}

static int server_open(struct admin *a, const char *listen, struct err *err)
{
	struct buf address = BUF_INIT;
	struct http_server_options options = { .max_connections = MAX_CONNECTIONS,
		.header_timeout_ms = TIMEOUT_MS,
		.body_timeout_ms = TIMEOUT_MS,
		.handle = handle,
		.ctx = a };
	int rc = interface_listen(listen, &address, err);

	options.listen = address.p;
	if (rc == 0)
		rc = http_server_open(&a->http, &options, err);
	if (rc < 0)
		err_wrap(err, "admin.listen");
	buf_fini(&address);
	return rc;
}

int admin_open(struct admin **out, struct service *service, const char *listen, const char *port_file, struct err *err)
{
	struct admin *a = mem_calloc(1, sizeof(*a));

	a->service = service;
	if (server_open(a, listen, err) < 0)
		goto fail;
	if (port_file_write(port_file, http_server_port(a->http), err) < 0) {
		err_wrap(err, "admin.port_file");
		goto fail;
	}
	if (port_file && *port_file)
		a->port_file = mem_cstr(str_of(port_file));
	*out = a;
	return 0;
fail:
	admin_close(&a);
	return -1;
}

void admin_close(struct admin **admin)
{
	struct admin *a = *admin;

	*admin = NULL;
	if (!a)
		return;
	http_server_close(&a->http);
	if (a->port_file)
		unlink(a->port_file);
	free(a->port_file);
	free(a);
}

int admin_port(const struct admin *a)
{
	return http_server_port(a->http);
}
