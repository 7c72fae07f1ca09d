/* Meta's statuses of messages that the business sent. Invariant: an unknown status is rejected as unsupported, never
 * mapped to another one. */
#include "ingest/dialects/meta.h"
#include "json/writer.h"

static enum message_status status_of(struct str word)
{
	static const enum message_status known[] = { STATUS_SENT, STATUS_DELIVERED, STATUS_READ, STATUS_PLAYED,
		STATUS_FAILED, STATUS_DELETED };
	enum message_status status = message_status_parse(word);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (status == known[i])
			return status;
	return STATUS_NONE;
}

static struct str extra_of(const struct meta_item *it)
{
	static const char *const members[] = { "pricing", "conversation" };
	struct intake *in = it->change->in;
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text = STR_NONE;

	jw_obj(&w);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		jw_member_raw(&w, members[i], intake_json(in, json_get(it->v, members[i])));
	jw_obj_end(&w);
	if (out.n > 2 && out.n <= WIRE_MAX_JSON_BYTES)
		text = arena_str(in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

/* A message to a group has one status for each participant, and recipient_id is the group. */
static void recipient_read(const struct meta_item *it, struct in_status *s)
{
	struct arena *a = it->change->in->arena;

	if (!str_is(json_str(json_get(it->v, "recipient_type")), "group")) {
		s->chat.contact = meta_party_of(it, "recipient_id", "recipient_user_id");
		return;
	}
	s->chat = (struct chat_ref){ .is_group = true, .group.jid = meta_id(json_get(it->v, "recipient_id"), a) };
	s->participant = meta_party_of(it, "recipient_participant_id", "recipient_participant_user_id");
}

/* What the request that sent the message had attached, of at most 512 characters: Blazz's own id as "blazz:<id>", or data of another program. */
static void callback_read(const struct meta_item *it, struct in_status *s)
{
	const struct str prefix = STR("blazz:");
	struct str data = json_str(json_get(it->v, "biz_opaque_callback_data"));

	if (!str_starts(data, prefix))
		s->callback_data = data.n <= WIRE_MAX_LINK_BYTES ? data : STR_NONE;
	else if (data.n - prefix.n <= WIRE_MAX_OWN_ID_BYTES)
		s->client_message_id = str_slice(data, prefix.n, data.n);
}

void meta_status(struct meta_item *it)
{
	struct arena *a = it->change->in->arena;
	struct json_iter errors = json_iter(json_get(it->v, "errors"));
	struct str word = json_str(json_get(it->v, "status"));
	struct inbound_event *e;
	struct in_status *s;

	if (str_is(json_str(json_get(it->v, "type")), "call")) {
		meta_call_status(it);
		return;
	}
	e = meta_event(it, IN_STATUS, json_get(it->v, "timestamp"));
	s = &e->u.status;
	s->status = status_of(word);
	if (s->status == STATUS_NONE) {
		meta_reject(it, DEAD_UNSUPPORTED, "an unknown status");
		return;
	}
	s->target.key = json_str(json_get(it->v, "id"));
	recipient_read(it, s);
	if (json_count(json_get(it->v, "errors")) > 0)
		s->error = meta_error(a, json_next(&errors));
	callback_read(it, s);
	s->extra = extra_of(it);
	meta_add(it, e, s->target.key,
		arena_printf(a, "%.*s %.*s%.*s %.*s", STR_ARG(word), STR_ARG(s->participant.phone),
			STR_ARG(s->participant.bsuid), STR_ARG(s->error.code)));
}
