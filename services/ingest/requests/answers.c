/* Bodies of responses; see answers.h. Invariant: no response quotes a request's body. */
#include "ingest/requests/answers.h"

#include <string.h>

#include "json/writer.h"

void answer_queued(struct buf *out, size_t events, size_t rejected)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "status", STR("queued"));
	jw_member_i64(&w, "events", (int64_t)events);
	jw_member_i64(&w, "rejected", (int64_t)rejected);
	jw_obj_end(&w);
}

void answer_error(struct buf *out, const char *error)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "error", str_of(error));
	jw_obj_end(&w);
}

static void details_begin(struct json_writer *w, const char *error)
{
	jw_obj(w);
	jw_member_str(w, "error", str_of(error));
	jw_key(w, "details");
	jw_arr(w);
}

static void detail(struct json_writer *w, struct str path, struct str message)
{
	jw_obj(w);
	jw_member_str(w, "path", path);
	jw_member_str(w, "message", message);
	jw_obj_end(w);
}

static void details_end(struct json_writer *w)
{
	jw_arr_end(w);
	jw_obj_end(w);
}

void answer_invalid(struct buf *out, const char *error, const char *message)
{
	struct json_writer w = json_writer(out);
	struct str text = str_of(message), path = STR("");
	const char *end = strstr(message, ": ");

	if (end && end > message && !memchr(message, ' ', (size_t)(end - message))) {
		path = (struct str){ message, (size_t)(end - message) };
		text = str_of(end + 2);
	}
	details_begin(&w, error);
	detail(&w, path, text);
	details_end(&w);
}

void answer_rejected(struct buf *out, const char *error, const struct intake_reject *rejected, size_t n)
{
	struct json_writer w = json_writer(out);

	details_begin(&w, error);
	for (size_t i = 0; i < n && i < ANSWER_MAX_DETAILS; i++)
		detail(&w, rejected[i].path.p ? rejected[i].path : STR(""), rejected[i].message);
	details_end(&w);
}

int64_t answer_retry_after_s(int64_t wait_ms)
{
	return (wait_ms + 999) / 1000;
}

const char *answer_word(int status)
{
	switch (status) {
	case 400:
		return "the body cannot be read";
	case 401:
		return "unauthorized";
	case 403:
		return "forbidden";
	case 404:
		return "not found";
	case 405:
		return "method not allowed";
	case 413:
		return "body too large";
	case 415:
		return "not JSON";
	case 422:
		return "nothing acceptable";
	case 429:
		return "too many requests";
	default:
		return "unavailable";
	}
}
