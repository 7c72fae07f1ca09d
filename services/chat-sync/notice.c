/* See notice.h. */
#include "chat-sync/notice.h"

#include "base/utf8.h"
#include "json/writer.h"

/* Bounds of the stored part, since all notices of an account are one value. The event has the whole notice. */
#define NOTICE_TEXT_BYTES  1024
#define NOTICE_EXTRA_BYTES 2048

static struct str notice_json(struct work *w, const struct in_account_notice *n, int64_t at_us)
{
	struct json_writer jw;

	buf_clear(w->scratch);
	jw = json_writer(w->scratch);
	jw_obj(&jw);
	jw_member_str(&jw, "severity", str_of(severity_word(n->severity)));
	jw_member_str(&jw, "text", utf8_truncate(n->text, NOTICE_TEXT_BYTES));
	jw_member_str(&jw, "code", n->error.code.n > 0 ? n->error.code : STR_NONE);
	jw_member_i64(&jw, "at", at_us / 1000);
	jw_member_raw(&jw, "extra", n->extra.n > 0 && n->extra.n <= NOTICE_EXTRA_BYTES ? n->extra : STR_NONE);
	jw_obj_end(&jw);
	return arena_str(w->arena, buf_str(w->scratch));
}

void notice_add(struct work *w, struct op *op, struct in_account_notice what, int64_t at_us)
{
	struct notice n = { .op = op, .what = what };

	n.row = (struct notice_row){ .workspace_id = op->account->row.workspace_id,
		.account_id = op->account->row.id,
		.kind = what.kind,
		.json = notice_json(w, &what, at_us),
		.at_us = at_us };
	for (size_t i = 0; i < w->notices.n; i++) {
		struct notice *have = &w->notices.at[i];

		if (have->row.account_id != n.row.account_id || !str_eq(have->row.kind, n.row.kind))
			continue;
		if (n.row.at_us >= have->row.at_us)
			*have = n;
		return;
	}
	*LIST_ADD(w, &w->notices) = n;
}
