/* Building a request; see request.h. */
#include "provider/request.h"

#include <assert.h>
#include <string.h>

#include "http/guard.h"

void provider_request_fini(struct provider_request *r)
{
	buf_wipe(&r->header_text);
	buf_fini(&r->header_text);
	buf_fini(&r->url);
	buf_fini(&r->body);
}

/* Visible ASCII that does not end an authority or a path. */
static bool is_plain(struct str url)
{
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("\"#<>?@\\^`{|}", url.p[i]))
			return false;
	return true;
}

static bool has_host(struct str url)
{
	struct str rest = STR_NONE;

	if (str_starts(url, STR("https://")))
		rest = str_slice(url, 8, url.n);
	else if (str_starts(url, STR("http://")))
		rest = str_slice(url, 7, url.n);
	return rest.n > 0 && rest.p[0] != '/' && rest.p[0] != ':';
}

int provider_request_begin(struct provider_request *r, enum http_method method, struct str base_url, struct err *err)
{
	if (base_url.n > GUARD_URL_BYTES || !has_host(base_url) || !is_plain(base_url))
		return err_set(err, ERR_INPUT, "account", "the account's address is not a valid http or https URL");
	while (str_ends(base_url, STR("/")))
		base_url.n--;
	r->method = method;
	buf_clear(&r->url);
	buf_clear(&r->body);
	buf_wipe(&r->header_text);
	buf_add_str(&r->url, base_url);
	r->path_at = r->url.n;
	return 0;
}

void provider_request_path(struct provider_request *r, const char *literal)
{
	buf_add_str(&r->url, str_of(literal));
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		c == '_' || c == '~';
}

int provider_request_segment(struct provider_request *r, struct str segment, const char *what, struct err *err)
{
	static const char digits[] = "0123456789ABCDEF";

	if (segment.n == 0 || str_is(segment, ".") || str_is(segment, ".."))
		return err_set(err, ERR_INPUT, "account", "the %s is missing or cannot be part of a URL", what);
	for (size_t i = 0; i < segment.n; i++) {
		unsigned char c = (unsigned char)segment.p[i];

		if (is_unreserved((char)c))
			buf_add_char(&r->url, (char)c);
		else
			buf_add(&r->url, (const char[]){ '%', digits[c >> 4], digits[c & 15] }, 3);
	}
	return 0;
}

int provider_request_secret(struct provider_request *r, const char *prefix, struct str secret, struct err *err)
{
	for (size_t i = 0; i < secret.n; i++)
		if (secret.p[i] <= ' ' || secret.p[i] > '~')
			secret.n = 0;
	if (secret.n == 0)
		return err_set(err, ERR_INPUT, "account", "the account's key is missing or not printable");
	/* At once: what buf_add() leaves behind when it grows is not wiped. */
	buf_reserve(&r->header_text, strlen(prefix) + secret.n + 64);
	buf_add_str(&r->header_text, str_of(prefix));
	buf_add_str(&r->header_text, secret);
	buf_add_char(&r->header_text, '\0');
	return 0;
}

void provider_request_end(struct provider_request *r)
{
	const char *line;
	size_t n = 0;

	buf_add_char(&r->url, '\0');
	if (r->body.n > 0)
		buf_add_str(&r->header_text, STR("content-type: application/json\0"));
	line = r->header_text.p;
	while (line && line < r->header_text.p + r->header_text.n) {
		assert(n < PROVIDER_HEADERS);
		r->headers[n++] = line;
		line += strlen(line) + 1;
	}
	r->headers[n] = NULL;
}
