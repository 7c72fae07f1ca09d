/* Records about campaigns: to campaign-command and to chat-event; see records.h. */
#include "campaign-sender/events/private.h"

#include "crypto/ids.h"
#include "wire/chat_event.h"

/* What a command changes depends on the campaign's state, so that each has an id of its own. */
void record_campaign_command(const struct record_target *to, const struct campaign_pause *p, struct arena *a)
{
	struct campaign_command c = {
		.workspace = p->workspace,
		.campaign = p->campaign,
		.action = p->resume ? CAMPAIGN_RESUME : CAMPAIGN_PAUSE,
		.requested_at_ms = to->now_ms,
		.reason = record_text(p->reason, WIRE_MAX_LINK_BYTES, a),
		.code = record_text(p->code, WIRE_MAX_ID_BYTES, a),
	};
	const char *kind = campaign_action_word(c.action);
	struct buf value = BUF_INIT;
	struct err err;
	char key[74];

	uuid_v4(&c.request);
	campaign_command_key(&c, key);
	if (campaign_command_encode(&c, &value, &err) == 0)
		record_emit(to, &(struct record_names){ TOPIC_CAMPAIGN_COMMAND, "campaign_command", kind }, &c.request,
			key, buf_str(&value), to->now_ms);
	else
		record_not_emitted("campaign_command", &p->campaign, &err);
	buf_fini(&value);
}

static struct ce_campaign campaign_of(const struct campaign_news *n, struct arena *a)
{
	const struct campaign_counters *c = &n->counters;

	return (struct ce_campaign){
		.campaign = n->campaign,
		.kind = str_of(n->what),
		.reason = record_text(n->reason, WIRE_MAX_LINK_BYTES, a),
		.code = record_text(n->code, WIRE_MAX_ID_BYTES, a),
		.recipients = c->recipients,
		.sent = c->sent,
		.delivered = c->delivered,
		.read = c->read,
		.failed = c->failed,
		.skipped = c->skipped,
		.unknown = c->unknown,
	};
}

void record_campaign(const struct record_target *to, const struct campaign_news *n, struct arena *a)
{
	struct chat_event *e = ARENA_NEW(a, struct chat_event);
	struct buf value = BUF_INIT;
	struct uuid cause;
	struct err err;
	char key[74];

	e->kind = CE_CAMPAIGN;
	e->workspace = n->workspace;
	e->origin = ORIGIN_LIVE;
	e->occurred_at_ms = to->now_ms;
	e->u.campaign = campaign_of(n, a);
	e->source = owner_tx_source(to->tx, to->partition);
	uuid_v4(&cause);
	chat_event_derive_id(e, &cause, &n->campaign);
	chat_event_key(e, key);
	if (chat_event_encode(e, &value, &err) == 0)
		record_emit(to, &(struct record_names){ TOPIC_CHAT_EVENT, "chat_event", chat_event_type(e->kind) },
			&e->id, key, buf_str(&value), to->now_ms);
	else
		record_not_emitted("campaign", &n->campaign, &err);
	buf_fini(&value);
}
