/* POST /api/whatsapp/webhook: one message in Blazz's bridge contract (README.md). Invariant: a body is one event, one
 * rejected item or one ignored item. */
#include "ingest/dialects/bridge.h"
#include "ingest/dialects/dialects.h"

struct webhook {
	struct intake *in;
	const json *body;
};

static struct str webhook_body(void *ctx)
{
	const struct webhook *w = ctx;

	return intake_json(w->in, w->body);
}

static void message_add(struct webhook *w, const struct in_history_message *m)
{
	struct inbound_event *e = intake_event(w->in, w->in->account, IN_MESSAGE);

	e->u.message = m->message;
	intake_time(w->in, e, m->source_time_ms);
	if (m->message.type == MSG_UNKNOWN)
		intake_raw(w->in, e, w->body);
	intake_add(w->in, e, m->message.key, m->message.body, STR(""), webhook_body, w);
}

int bridge_read_webhook(struct intake *in, const json *body, struct err *err)
{
	static const struct bridge_words words = { .body = "message_body", .type = "message_type" };
	struct webhook w = { in, body };
	struct bridge_fault fault = { .message = NULL };
	struct in_history_message m;
	struct chat_ref chat;

	if (!json_is_obj(body))
		return err_set(err, ERR_INPUT, "400", "not an object");
	if (bridge_chat(in->arena, body, "chat_type", &chat, &fault) &&
		bridge_message(in->arena, body, &words, &chat, &m, &fault))
		message_add(&w, &m);
	else if (fault.ignored)
		intake_ignore(in, fault.ignored);
	else
		intake_reject(in, in->account, DEAD_RULE, fault.path, webhook_body(&w), fault.message);
	if (intake_is_full(in))
		return intake_too_large(err);
	if (in->n_rejected > 0)
		return err_set(err, ERR_INPUT, "422", "not acceptable");
	return 0;
}
