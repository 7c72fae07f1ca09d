/* See answer.h. */
#include "provider/answer.h"

#include "base/utf8.h"

bool answer_is_success(int http_status)
{
	return http_status >= 200 && http_status < 300;
}

struct str answer_id(const json *v, struct arena *a)
{
	struct str id = json_text(v, a);

	return id.n > 0 && id.n <= WIRE_MAX_ID_BYTES ? arena_str(a, id) : STR_NONE;
}

struct str answer_text(const json *v, size_t max, struct arena *a)
{
	struct str text = json_str(v);

	return text.n > 0 ? arena_str(a, utf8_truncate(text, max)) : STR_NONE;
}

struct provider_answer answer_none(void)
{
	return (struct provider_answer){ .code = CODE_NONE, .subcode = CODE_NONE };
}

void answer_decide(struct provider_answer *out, struct decision d, struct str code, struct str title)
{
	out->accepted = false;
	out->decided = true;
	out->decision = d;
	out->error.code = code;
	out->error.title = title;
}
