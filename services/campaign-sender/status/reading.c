/* What an event says about sending. Pure. */
#include "campaign-sender/status/private.h"

static bool status_read(struct status_record *r)
{
	const struct ce_message_status *s = &r->event.u.message_status;

	r->use = USE_EVIDENCE;
	switch (s->status) {
	case STATUS_SENT:
	case STATUS_DELIVERED:
	case STATUS_READ:
	case STATUS_PLAYED:
	case STATUS_FAILED:
		return store_client_id_read(s->client_message_id, &r->client);
	case STATUS_NONE:
	case STATUS_PENDING:
	case STATUS_DELETED:
		break;
	}
	return false;
}

/* A message that is created as failed was published by this service, of a row that says so already. One with our id that is created as
 * pending says nothing; an echo is often pending when it is posted, and shows like an answer that the bridge has accepted the message. */
static bool own_message_read(struct status_record *r)
{
	const struct message_view *m = &r->event.u.message_created.message;

	if (m->status == STATUS_FAILED || m->status == STATUS_DELETED)
		return false;
	if (m->client_message_id.n == 0) {
		r->use = USE_ECHO;
		return r->event.provider == PROVIDER_WEBJS && r->event.origin != ORIGIN_HISTORY && m->key.n > 0;
	}
	r->use = USE_EVIDENCE;
	return m->status != STATUS_PENDING && store_client_id_read(m->client_message_id, &r->client);
}

static bool message_read(struct status_record *r)
{
	const struct ce_message_created *c = &r->event.u.message_created;

	if (c->message.direction == DIR_OUTBOUND)
		return own_message_read(r);
	r->use = USE_WORD;
	return c->message.type == MSG_TEXT && c->message.body.n > 0 && c->group.jid.n == 0;
}

bool record_read(struct status_record *r)
{
	switch (r->event.kind) {
	case CE_MESSAGE_STATUS:
		return status_read(r);
	case CE_MESSAGE_CREATED:
		return message_read(r);
	case CE_TEMPLATE_STATUS:
		r->use = USE_TEMPLATE;
		return true;
	default:
		return false;
	}
}

enum message_status record_status(const struct status_record *r)
{
	enum message_status s = r->event.kind == CE_MESSAGE_STATUS ? r->event.u.message_status.status
								   : r->event.u.message_created.message.status;

	return s == STATUS_NONE ? STATUS_SENT : s; /* a message that exists was sent */
}

int64_t record_at_ms(const struct status_record *r)
{
	int64_t at = 0;

	if (r->event.kind == CE_MESSAGE_STATUS)
		at = r->event.u.message_status.at_ms;
	else if (r->event.kind == CE_MESSAGE_CREATED)
		at = r->event.u.message_created.message.sent_at_ms;
	return at > 0 ? at : r->event.occurred_at_ms;
}

struct record_target event_target(const struct status_work *w, const struct status_event *e)
{
	return (struct record_target){ w->tx, e->item->partition, w->shared->topics, w->now_ms };
}
