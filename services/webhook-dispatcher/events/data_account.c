/* The data of events of accounts, and of what belongs to an account or workspace; see data.h. */
#include "webhook-dispatcher/events/data.h"
#include "webhook-dispatcher/events/members.h"

void data_sync(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_sync *s = &e->u.sync;

	member_text(w, "sync_id", s->sync_id);
	member_text(w, "status", s->status);
	jw_member_i64(w, "synced", s->synced);
	jw_member_i64(w, "skipped", s->skipped);
	jw_member_i64(w, "rejected", s->rejected);
	member_count(w, "total", s->total);
	member_count(w, "percent", s->percent);
	member_count(w, "batches", s->batches);
	member_count(w, "batches_total", s->batches_total);
	member_time(w, "started_at", s->started_at_ms);
	jw_member_i64(w, "duration_ms", s->duration_ms);
}

void data_session(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_session_state *s = &e->u.session_state;

	member_text(w, "status", s->status);
	member_text(w, "previous", s->previous);
	member_text(w, "reason", s->reason);
	member_text(w, "details", s->details);
}

void data_account(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_account *a = &e->u.account;

	member_text(w, "kind", a->kind);
	member_text(w, "severity", a->severity);
	member_text(w, "text", a->text);
	member_error(w, &a->error);
	jw_member_raw(w, "extra", a->extra);
}

void data_template(struct json_writer *w, const struct chat_event *e)
{
	const struct in_template_status *t = &e->u.template_status;

	member_text(w, "name", t->name);
	member_text(w, "language", t->language);
	member_text(w, "category", t->category);
	member_text(w, "status", t->status);
	member_text(w, "quality", t->quality);
	member_text(w, "reason", t->reason);
}

void data_campaign(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_campaign *c = &e->u.campaign;

	member_uuid(w, "campaign_id", &c->campaign);
	jw_member_i64(w, "recipients", c->recipients);
	jw_member_i64(w, "sent", c->sent);
	jw_member_i64(w, "delivered", c->delivered);
	jw_member_i64(w, "read", c->read);
	jw_member_i64(w, "failed", c->failed);
	jw_member_i64(w, "skipped", c->skipped);
	jw_member_i64(w, "unknown", c->unknown);
	member_text(w, "code", c->code);
	member_text(w, "reason", c->reason);
}

void data_endpoint(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_endpoint *p = &e->u.endpoint;

	member_uuid(w, "endpoint_id", &p->endpoint);
	member_text(w, "reason", p->reason);
	member_uuid(w, "event_id", &p->subject_event);
}
