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

/* 422 {"session", "status", "expected"} of WAHA; its 422 for a feature of another edition has no session. */
static bool is_lost_session(enum bridge_kind bridge, const json *body, int http_status)
{
	return bridge != BRIDGE_BLAZZ && http_status == 422 && json_get(body, "session");
}

void bridge_error_read(enum bridge_kind bridge, const json *body, int http_status, struct str word, struct str title,
	struct arena *a, struct provider_answer *out)
{
	bool by_status = http_status == 401 || http_status == 403 || http_status == 429;
	struct decision d = is_lost_session(bridge, body, http_status) ? code_of_lost_session()
								       : code_of_bridge(bridge, http_status, word);

	if (d.row == ROW_UNKNOWN || http_status < 400 || (!json_is_obj(body) && !by_status))
		return;
	answer_decide(out, d, word.n > 0 ? word : arena_printf(a, "%d", http_status), title);
}
