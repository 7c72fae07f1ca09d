/* CloudEvents headers. Invariant: every value is valid text for a header, and borrows from the storage and the source
 * only. */
#include "wire/cloudevents.h"

#include <stdio.h>

#include "base/clock.h"

size_t cloudevents_headers(struct header out[static CLOUDEVENTS_MAX], struct cloudevents_storage *storage,
	const struct uuid *id, const char *family, const char *kind, struct str source, int64_t time_ms,
	struct str traceparent)
{
	size_t n = 0;

	uuid_format(id, storage->id);
	clock_format_ms(time_ms, storage->time);
	snprintf(storage->type, sizeof(storage->type), "blazz.%s.%s", family, kind);
	out[n++] = (struct header){ STR("ce_specversion"), STR("1.0") };
	out[n++] = (struct header){ STR("ce_id"), str_of(storage->id) };
	out[n++] = (struct header){ STR("ce_type"), str_of(storage->type) };
	out[n++] = (struct header){ STR("ce_source"), source };
	out[n++] = (struct header){ STR("ce_time"), str_of(storage->time) };
	out[n++] = (struct header){ STR("content-type"), STR("application/protobuf") };
	if (traceparent.n > 0)
		out[n++] = (struct header){ STR("traceparent"), traceparent };
	return n;
}

/* Whether there are n lower-case hex digits at `from`; sets *zero to whether all are 0. */
static bool hex_field(struct str s, size_t from, size_t n, bool *zero)
{
	*zero = true;
	for (size_t i = from; i < from + n; i++) {
		char c = s.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
		*zero = *zero && c == '0';
	}
	return true;
}

/* "00-<trace id, 32>-<parent id, 16>-<flags, 2>"; later versions may append a dash and text of any length. */
struct str traceparent_check(struct str header)
{
	bool version_0, trace_0, parent_0, flags_0;

	if (header.n < 55 || header.p[2] != '-' || header.p[35] != '-' || header.p[52] != '-')
		return STR_NONE;
	if (!hex_field(header, 0, 2, &version_0) || !hex_field(header, 3, 32, &trace_0) ||
		!hex_field(header, 36, 16, &parent_0) || !hex_field(header, 53, 2, &flags_0))
		return STR_NONE;
	if (trace_0 || parent_0 || str_starts(header, STR("ff")))
		return STR_NONE;
	if (header.n > 55 && (version_0 || header.p[55] != '-'))
		return STR_NONE;
	return str_slice(header, 0, 55);
}
