/* Members of Meta's objects as an event has them. Invariant: a value above its field's limit is truncated or left out,
 * never an error. */
#include "base/utf8.h"
#include "ingest/dialects/meta.h"

int64_t meta_time(const json *seconds)
{
	int64_t s;

	if (!json_to_i64(seconds, &s) || s < 0 || s > WIRE_MAX_TIME_MS / 1000)
		return 0;
	return s * 1000;
}

struct str meta_name(const json *v)
{
	return utf8_truncate(json_str(v), WIRE_MAX_NAME_BYTES);
}

struct str meta_link(const json *v)
{
	struct str s = json_str(v);

	return s.n <= WIRE_MAX_LINK_BYTES ? s : STR_NONE;
}

struct str meta_id(const json *v, struct arena *a)
{
	struct str s = json_text(v, a);

	return s.n <= WIRE_MAX_ID_BYTES ? s : STR_NONE;
}

struct provider_error meta_error(struct arena *a, const json *error)
{
	struct provider_error e = {
		.code = meta_id(json_get(error, "code"), a),
		.title = meta_name(json_get(error, "title")),
		.details = json_str(json_path(error, "error_data.details")),
	};

	if (e.title.n == 0)
		e.title = meta_name(json_get(error, "message"));
	if (e.details.n == 0)
		e.details = json_str(json_get(error, "details"));
	if (e.details.n == 0)
		e.details = json_str(json_get(error, "message"));
	e.details = utf8_truncate(e.details, WIRE_MAX_LINK_BYTES);
	return e;
}
