/* Header fields set by tenants; see headers.h. Invariant: no value contains a line break. */
#include "http/headers.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "json/json.h"

/* Lower case; a name that ends with "-" is a prefix. Includes hop-by-hop fields (RFC 9110, 7.6.1) and those that
 * frame the message. */
static const char *const reserved[] = { "host", "connection", "keep-alive", "proxy-connection", "proxy-authenticate",
	"proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "expect",
	"content-type", "content-length", "content-encoding", "content-range", "date", "user-agent", "traceparent",
	"tracestate", "x-whatsapp-signature", "webhook-" };

static bool name_is_token(struct str name)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';

		if (!letter && !digit && (c == '\0' || !strchr(marks, c)))
			return false;
	}
	return name.n > 0;
}

static bool name_is_reserved(struct str name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		size_t n = strlen(reserved[i]);
		bool prefix = reserved[i][n - 1] == '-';

		if ((prefix ? name.n >= n : name.n == n) && strncasecmp(name.p, reserved[i], n) == 0)
			return true;
	}
	return false;
}

/* A C1 control, U+0080 to U+009F: c2, then 80 to 9f. */
static bool is_c1(struct str at)
{
	return at.n > 1 && (unsigned char)at.p[0] == 0xc2 && (unsigned char)at.p[1] < 0xa0;
}

static bool value_is_plain(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == '\x7f' || is_c1(str_slice(value, i, value.n)))
			return false;
	return utf8_storable(value);
}

int header_check(struct str name, struct str value, struct err *err)
{
	if (!name_is_token(name) || name.n > HEADER_NAME_BYTES)
		return err_set(err, ERR_INPUT, "header", "a header's name is not valid");
	if (name_is_reserved(name))
		return err_set(err, ERR_INPUT, "header", "%.*s is reserved", STR_ARG(name));
	if (!value_is_plain(value))
		return err_set(err, ERR_INPUT, "header", "%.*s: its value contains control characters", STR_ARG(name));
	if (value.n > HEADER_VALUE_BYTES)
		return err_set(err, ERR_INPUT, "header", "%.*s: its value is longer than %d bytes", STR_ARG(name),
			HEADER_VALUE_BYTES);
	return 0;
}

static int lines_make(const json *object, struct arena *a, char **lines, struct err *err)
{
	struct json_iter it = json_iter(object);
	const json *v;
	size_t n = 0;

	while ((v = json_next(&it))) {
		struct str name = json_iter_key(&it), value = str_trim(json_str(v));

		if (json_type(v) != JSON_STR)
			return err_set(err, ERR_INPUT, "header", "a header's value is not a string");
		if (header_check(name, value, err) < 0)
			return -1;
		lines[n++] = arena_cstr(a, arena_printf(a, "%.*s: %.*s", STR_ARG(name), STR_ARG(value)));
	}
	return 0;
}

int headers_parse(struct str object, struct arena *a, char ***out, struct err *err)
{
	struct json_doc *doc = NULL;
	char **lines;
	int rc = -1;

	if (object.n > 0 && json_parse(&doc, object, err) < 0)
		return -1;
	if (doc && !json_is_obj(json_root(doc))) {
		err_set(err, ERR_INPUT, "header", "the headers are not a JSON object");
	} else if (doc && json_count(json_root(doc)) > HEADERS_MAX) {
		err_set(err, ERR_INPUT, "header", "more than %d headers", HEADERS_MAX);
	} else {
		lines = ARENA_ARRAY(a, char *, HEADERS_MAX + 1);
		rc = doc ? lines_make(json_root(doc), a, lines, err) : 0;
		if (rc == 0)
			*out = lines;
	}
	json_free(doc);
	return rc;
}
