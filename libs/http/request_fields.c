/* What the owner may read of a request; see server.h. */
#include "http/server_private.h"

#include <string.h>

struct str http_method(const struct http_request *r)
{
	return r->method;
}

struct str http_path(const struct http_request *r)
{
	return r->path;
}

struct str http_target(const struct http_request *r)
{
	return buf_str(&r->target);
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
	if (!header_name_is(name, name_n, j->name))
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
