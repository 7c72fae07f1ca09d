/* What a request says besides its signature: path, content type, the proxies it came through, its trace. A route that is found has
 * its UUID read whole; an address that is believed stands in the headers or is the peer's; a trace that is passed on is text of
 * 55 characters.
 */
#include <strings.h>

#include "base/utf8.h"
#include "ingest/proxies.h"
#include "ingest/routes.h"
#include "input.h"
#include "wire/cloudevents.h"

static void path_check(struct str path)
{
	const struct route *r;
	struct uuid target;
	char text[37];

	r = route_find(path, &target);
	if (!r)
		return;
	assert(route_allows(r, STR("POST")) && !route_allows(r, STR("DELETE")));
	if (r->subject == SUBJECT_SESSION) {
		assert(str_is(path, r->path) && uuid_is_nil(&target));
		return;
	}
	uuid_format(&target, text);
	assert(path.n == str_of(r->path).n + 36 && strncasecmp(path.p + path.n - 36, text, 36) == 0);
}

static void source_check(const struct networks *p, struct str peer, struct str forwarded)
{
	struct str source = proxies_source(p, peer, forwarded);
	uint8_t key[16];

	assert(lies_within(source, peer) || lies_within(source, forwarded));
	assert(address_key(source, key) <= sizeof(key));
}

static void trace_check(struct str header)
{
	struct str trace = traceparent_check(header);

	assert(trace.n == 0 || (trace.n == 55 && utf8_storable(trace)));
	assert(str_eq(traceparent_check(trace), trace));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char trusted[] = "10.0.0.0/8", also[] = "2001:db8::/33", own[] = "127.0.0.1";
	char *networks[] = { trusted, also, own, NULL };
	struct str text = input_of(data, size), peer;
	struct networks *p;
	int rc = networks_parse(&p, networks, NULL);

	assert(rc == 0);
	path_check(line_take(&text));
	content_type_fits(line_take(&text));
	trace_check(line_take(&text));
	peer = line_take(&text);
	source_check(p, peer, line_take(&text));
	networks_free(p);
	return 0;
}
