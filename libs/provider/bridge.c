/* See bridge.h. */
#include "provider/bridge.h"

int bridge_session_check(const struct provider_account *from, struct err *err)
{
	return from->session.n > 0 ? 0 : err_set(err, ERR_INPUT, "account", "the account has no session at its bridge");
}

int bridge_session_path(struct provider_request *r, const struct provider_account *from, struct err *err)
{
	return provider_request_segment(r, from->session, "session's name", err);
}

void bridge_error_read(enum bridge_kind bridge, const json *body, int http_status, struct str word, struct str title,
	struct arena *a, struct provider_answer *out)
{
	bool by_status = http_status == 401 || http_status == 403 || http_status == 429;
	struct decision d = code_of_bridge(bridge, http_status, word);

	if (d.row == ROW_UNKNOWN || http_status < 400 || (!json_is_obj(body) && !by_status))
		return;
	answer_decide(out, d, word.n > 0 ? word : arena_printf(a, "%d", http_status), title);
}
