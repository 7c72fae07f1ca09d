/* Meta's statuses: {"object", "entry": [{"changes": [{"value": {"statuses": [...]}}]}]}. See meta.h. */
#include "meta.h"

#include <inttypes.h>
#include <stdio.h>

#define GROUP_MEMBER "6281200000001"

static void error_write(struct json_writer *w, int64_t code)
{
	jw_key(w, "errors");
	jw_arr(w);
	jw_obj(w);
	jw_member_i64(w, "code", code);
	jw_member_str(w, "title", STR("failed by a rule"));
	jw_member_str(w, "message", STR("failed by a rule"));
	jw_obj_end(w);
	jw_arr_end(w);
}

static void callback_write(struct json_writer *w, struct str client_message_id)
{
	struct buf data = BUF_INIT;

	if (client_message_id.n == 0)
		return;
	buf_printf(&data, CALLBACK_PREFIX "%.*s", STR_ARG(client_message_id));
	jw_member_str(w, "biz_opaque_callback_data", buf_str(&data));
	buf_fini(&data);
}

/* Statuses of a group are those of its participants, of which there is one here. */
static void recipient_write(struct json_writer *w, const struct stub_sent *m)
{
	bool by_id = m->is_group || str_all_digits(m->recipient);

	jw_member_str(w, by_id ? "recipient_id" : "recipient_user_id", m->recipient);
	if (!m->is_group)
		return;
	jw_member_str(w, "recipient_type", STR("group"));
	jw_member_str(w, "recipient_participant_id", STR(GROUP_MEMBER));
}

static void status_write(struct json_writer *w, const struct stub_sent *m, const struct stub_progress *p)
{
	char at[24];

	snprintf(at, sizeof(at), "%" PRId64, p->at_ms / 1000);
	jw_obj(w);
	jw_member_str(w, "id", str_of(m->id));
	jw_member_str(w, "status", str_of(stub_status_word(p->status)));
	jw_member_str(w, "timestamp", str_of(at));
	recipient_write(w, m);
	callback_write(w, m->client_message_id);
	if (p->status == STUB_FAILED)
		error_write(w, p->failed_code);
	jw_obj_end(w);
}

static void metadata_write(struct json_writer *w, const struct session *s)
{
	jw_member_str(w, "messaging_product", STR("whatsapp"));
	jw_key(w, "metadata");
	jw_obj(w);
	jw_member_str(w, "display_phone_number", str_of(s->phone));
	jw_member_str(w, "phone_number_id", str_of(s->name));
	jw_obj_end(w);
}

void meta_status_write(const struct session *s, const struct stub_sent *m, const struct stub_progress *p,
	struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "object", STR("whatsapp_business_account"));
	jw_key(&w, "entry");
	jw_arr(&w);
	jw_obj(&w);
	jw_member_str(&w, "id", str_of(s->waba));
	jw_key(&w, "changes");
	jw_arr(&w);
	jw_obj(&w);
	jw_key(&w, "value");
	jw_obj(&w);
	metadata_write(&w, s);
	jw_key(&w, "statuses");
	jw_arr(&w);
	status_write(&w, m, p);
	jw_arr_end(&w);
	jw_obj_end(&w);
	jw_member_str(&w, "field", STR("messages"));
	jw_obj_end(&w);
	jw_arr_end(&w);
	jw_obj_end(&w);
	jw_arr_end(&w);
	jw_obj_end(&w);
}
