/* See answer.h. */
#include "cleanup/jobs/answer.h"

#include "cleanup/accounts/account.h"
#include "json/writer.h"

static void id_member(struct json_writer *w, const char *key, const struct uuid *id)
{
	char text[37];

	uuid_format(id, text);
	jw_member_str(w, key, str_of(text));
}

void answer_account(struct buf *list, const struct job_account *one)
{
	const struct account *a = one->of;
	struct json_writer w = json_writer(list);

	if (list->n > ANSWER_MAX_BYTES)
		return;
	if (list->n > 0)
		buf_add_char(list, ',');
	jw_obj(&w);
	id_member(&w, "workspace", &a->row.workspace);
	id_member(&w, "account", &a->row.uuid);
	jw_member_str(&w, "session_id", a->row.session_id);
	jw_member_str(&w, "action", str_of(job_action_word(one->action)));
	if (one->action != JOB_KEEP)
		jw_member_i64(&w, "at_us", one->at_us);
	jw_obj_end(&w);
}

void answer_finish(const struct buf *list, int64_t found, int64_t acted, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_i64(&w, "found", found);
	jw_member_i64(&w, "acted", acted);
	if (list) {
		jw_key(&w, "accounts");
		jw_arr(&w);
		jw_raw(&w, buf_str(list));
		jw_arr_end(&w);
	}
	jw_obj_end(&w);
}

void answer_failure(const char *why, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "error", str_of(why));
	jw_obj_end(&w);
}
