/* Statuses and messages with an id of ours, and echoes that were matched, become the statuses of rows. */
#include "campaign-sender/status/private.h"

#include "base/log.h"
#include "base/vec.h"
#include "campaign-sender/events/records.h"

void evidence_add(struct status_work *w, const struct piece *piece, const struct send_evidence *evidence)
{
	size_t n = w->n_evidence++;

	w->evidence = vec_grow_in(w->arena, w->evidence, n, &w->cap_evidence, sizeof(*w->evidence));
	w->pieces = vec_grow_in(w->arena, w->pieces, n, &w->cap_pieces, sizeof(*w->pieces));
	w->evidence[n] = *evidence;
	w->pieces[n] = *piece;
}

static enum send_status send_status_of(enum message_status s)
{
	switch (s) {
	case STATUS_DELIVERED:
		return SEND_STATUS_DELIVERED;
	case STATUS_READ:
	case STATUS_PLAYED:
		return SEND_STATUS_READ;
	case STATUS_FAILED:
		return SEND_STATUS_FAILED;
	default:
		return SEND_STATUS_SENT;
	}
}

static void failure_set(struct send_evidence *evidence, const struct status_record *r)
{
	const struct provider_error *error = &r->event.u.message_status.error;
	struct decision d = failure_decision(r);

	evidence->error_code = error->code.n > 0 ? error->code : str_of(d.reason);
	evidence->error_message = error->details.n > 0 ? error->details : error->title;
	evidence->keep_content = d.retryable;
}

/* Meta posts no echoes of what is sent by its API: its message with our id was made from a status. */
static const char *resolved_by(const struct status_event *e)
{
	bool is_echo = e->record->event.kind == CE_MESSAGE_CREATED && e->record->event.provider != PROVIDER_META;

	return is_echo ? "echo" : "status";
}

/* Once for each address that the row may have; once without, where its id is enough. */
static void status_add(struct status_work *w, struct status_event *e)
{
	const struct status_record *r = e->record;
	struct send_evidence evidence = { .workspace_id = e->account->workspace_id,
		.client = r->client,
		.account_id = e->account->id,
		.status = send_status_of(record_status(r)),
		.at_us = record_at_ms(r) * 1000,
		.resolved_by = resolved_by(e) };
	size_t n = r->client.id > 0 && e->conversation->restored ? e->conversation->n_addresses : 0;

	if (r->event.kind == CE_MESSAGE_CREATED)
		evidence.provider_message_id = r->event.u.message_created.message.provider_id;
	if (evidence.status == SEND_STATUS_FAILED)
		failure_set(&evidence, r);
	if (n == 0)
		evidence_add(w, &(struct piece){ .event = e }, &evidence);
	for (size_t i = 0; i < n; i++) {
		evidence.address = e->conversation->addresses[i];
		evidence_add(w, &(struct piece){ .event = e }, &evidence);
	}
}

static void found_add(void *ctx, const struct evidence_found *found)
{
	struct status_work *w = ctx;

	w->found = vec_grow_in(w->arena, w->found, w->n_found, &w->cap_found, sizeof(*w->found));
	w->found[w->n_found] = *found;
	w->found[w->n_found++].address = arena_str(w->arena, found->address);
}

static void found_report(struct status_work *w, const struct evidence_found *found)
{
	const struct status_event *e = w->pieces[found->place].event;

	if (found->effect == EVIDENCE_APPLIED)
		e->item->outcome = OUTCOME_APPLIED;
	if (found->effect == EVIDENCE_APPLIED && found->was == SEND_STATUS_UNKNOWN)
		w->worker->resolved[e->record->event.kind == CE_MESSAGE_STATUS ? RESOLVED_BY_STATUS
									       : RESOLVED_BY_ECHO]++;
	if (found->effect != EVIDENCE_DUPLICATE)
		return;
	w->worker->n_duplicates++;
	log_warn("message suspected of having been sent twice", LOG_I("workspace", e->account->workspace_id),
		LOG_I("send", found->id), LOG_I("account", e->account->id));
}

/* chat-sync finds the message of an echo by its key, and learns our id. */
static void echo_publish(struct status_work *w, const struct piece *p)
{
	const struct status_event *e = p->event;
	const struct message_view *m = &e->record->event.u.message_created.message;
	struct record_target to = event_target(w, e);
	struct dispatch_record dispatch = { .account = e->account,
		.outgoing = p->outgoing,
		.outcome = DISPATCH_SENT,
		.key = m->key,
		.provider_id = m->provider_id,
		.at_ms = record_at_ms(e->record) };

	record_dispatch(&to, &dispatch, w->arena);
	e->item->outcome = OUTCOME_APPLIED;
}

int evidence_apply(struct status_work *w, struct err *err)
{
	for (size_t i = 0; i < w->n_events; i++)
		if (w->events[i].record->use == USE_EVIDENCE)
			status_add(w, &w->events[i]);
	if (w->n_evidence == 0)
		return 0;
	if (store_sends_evidence(w->pg, w->evidence, w->n_evidence, w->events[0].item->partition.number, found_add, w,
		    err) < 0)
		return -1;
	for (size_t i = 0; i < w->n_found; i++)
		found_report(w, &w->found[i]);
	for (size_t i = 0; i < w->n_evidence; i++)
		if (w->pieces[i].outgoing)
			echo_publish(w, &w->pieces[i]);
	return 0;
}
