/* How the body of a request is framed. Requests with both framings, with one of them twice, or with a transfer coding
 * other than chunked are rejected, because they serve to smuggle requests past a proxy (RFC 9112, 6.1 and 6.3). */
#include "http/server_private.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

bool header_name_is(const char *name, size_t n, struct str wanted)
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
	struct body_framing *f = framing;
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

struct body_framing body_framing_of(const struct http_request *r)
{
	struct body_framing f = { .length = -1 };

	MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, framing_header, &f);
	f.chunked = f.coding.p != NULL;
	if (f.chunked)
		f.bad |= f.given_length.p || !header_name_is(f.coding.p, f.coding.n, STR("chunked"));
	else if (f.given_length.p)
		f.bad |= !str_all_digits(f.given_length) || !str_to_i64(f.given_length, &f.length);
	return f;
}
