/* A chat event as JSON; see render.h.
 *
 * Invariant: members that all events of a type have are always present, null where the value is unknown; members that only some events have
 * are left out of the others. */
#include "webhook-dispatcher/events/render.h"

#include "base/clock.h"
#include "json/writer.h"

static void add_text(struct json_writer *w, const char *key, struct str v)
{
	jw_key(w, key);
	jw_str(w, v);
}

static void add_word(struct json_writer *w, const char *key, const char *word)
{
	add_text(w, key, *word ? str_of(word) : STR_NONE);
}

static void add_uuid(struct json_writer *w, const char *key, const struct uuid *u)
{
	char text[37];

	uuid_format(u, text);
	add_text(w, key, uuid_is_nil(u) ? STR_NONE : str_of(text));
}

static void add_time(struct json_writer *w, const char *key, int64_t ms)
{
	char text[25];

	clock_format_ms(ms, text);
	add_text(w, key, ms == 0 ? STR_NONE : str_of(text));
}

/* 0 is rendered as null: unknown. */
static void add_count(struct json_writer *w, const char *key, int64_t n)
{
	jw_key(w, key);
	if (n == 0)
		jw_null(w);
	else
		jw_i64(w, n);
}

static void add_texts(struct json_writer *w, const char *key, const struct str *texts, size_t n)
{
	jw_key(w, key);
	jw_arr(w);
	for (size_t i = 0; i < n; i++)
		jw_str(w, texts[i]);
	jw_arr_end(w);
}

static void object_begin(struct json_writer *w, const char *key)
{
	jw_key(w, key);
	jw_obj(w);
}

static void contact_members(struct json_writer *w, const struct contact_view *c)
{
	add_uuid(w, "id", &c->id);
	add_text(w, "name", c->name);
	add_text(w, "phone", c->phone);
}

static void add_contact(struct json_writer *w, const char *key, const struct contact_view *c)
{
	if (uuid_is_nil(&c->id))
		return;
	object_begin(w, key);
	contact_members(w, c);
	jw_obj_end(w);
}

static void add_group(struct json_writer *w, const struct group_view *g)
{
	if (uuid_is_nil(&g->id))
		return;
	object_begin(w, "group");
	add_uuid(w, "id", &g->id);
	add_text(w, "name", g->name);
	jw_member_i64(w, "participants_count", g->participants_count);
	add_text(w, "jid", g->jid);
	jw_obj_end(w);
}

static void party_members(struct json_writer *w, const struct party *p)
{
	jw_member_str(w, "phone", p->phone);
	jw_member_str(w, "lid", p->lid);
	jw_member_str(w, "bsuid", p->bsuid);
	jw_member_str(w, "username", p->username);
	jw_member_str(w, "jid", p->jid);
	jw_member_str(w, "name", p->name);
}

static void add_party(struct json_writer *w, const char *key, const struct party *p)
{
	if (!party_identified(p) && p->name.n == 0)
		return;
	object_begin(w, key);
	party_members(w, p);
	jw_obj_end(w);
}

static void add_error(struct json_writer *w, const struct provider_error *e)
{
	if (e->code.n == 0 && e->title.n == 0 && e->details.n == 0)
		return;
	object_begin(w, "error");
	add_text(w, "code", e->code);
	add_text(w, "title", e->title);
	add_text(w, "details", e->details);
	jw_obj_end(w);
}

static void add_media(struct json_writer *w, const struct media *m)
{
	if (!m->present)
		return;
	object_begin(w, "media");
	jw_member_str(w, "provider_media_id", m->provider_media_id);
	jw_member_str(w, "mime", m->mime);
	jw_member_str(w, "file_name", m->file_name);
	jw_member_str(w, "sha256", m->sha256);
	jw_member_str(w, "url", m->url);
	if (m->size_bytes > 0)
		jw_member_i64(w, "size_bytes", m->size_bytes);
	jw_member_str(w, "caption", m->caption);
	jw_member_bool(w, "missing", m->missing);
	jw_obj_end(w);
}

static void add_location(struct json_writer *w, const struct location *l)
{
	if (!l->present)
		return;
	object_begin(w, "location");
	jw_key(w, "latitude");
	jw_f64(w, l->latitude);
	jw_key(w, "longitude");
	jw_f64(w, l->longitude);
	jw_member_str(w, "name", l->name);
	jw_member_str(w, "address", l->address);
	jw_member_str(w, "url", l->url);
	jw_obj_end(w);
}

static void add_quoted(struct json_writer *w, const struct quoted *q)
{
	if (!q->present)
		return;
	object_begin(w, "quoted");
	jw_member_str(w, "key", q->target.key);
	jw_member_str(w, "stanza", q->target.stanza);
	add_party(w, "sender", &q->sender);
	jw_member_str(w, "message", q->body);
	jw_obj_end(w);
}

/* "chat" is the older contract's word for one message. */
static void chat_begin(struct json_writer *w, int64_t id, const struct uuid *uuid)
{
	object_begin(w, "chat");
	jw_member_i64(w, "id", id);
	add_uuid(w, "uuid", uuid);
}

/* The members of the older contract. */
static void message_basics(struct json_writer *w, const struct message_view *m, enum provider provider)
{
	add_word(w, "type", direction_word(m->direction));
	add_word(w, "provider_type", provider_word(provider));
	add_text(w, "message", m->body);
	add_word(w, "message_type", message_type_word(m->type));
	add_time(w, "created_at", m->sent_at_ms);
	jw_member_bool(w, "is_read", m->is_read);
}

static void message_rest(struct json_writer *w, const struct message_view *m)
{
	add_word(w, "status", message_status_word(m->status));
	add_text(w, "provider_message_id", m->provider_id);
	add_text(w, "client_message_id", m->client_message_id);
	jw_member_bool(w, "placeholder", m->placeholder);
	add_media(w, &m->media);
	add_location(w, &m->location);
	add_quoted(w, &m->quoted);
	jw_member_raw(w, "metadata", m->metadata);
}

static void message_members(struct json_writer *w, const struct message_view *m, enum provider provider)
{
	message_basics(w, m, provider);
	message_rest(w, m);
}

static void created_begin(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_created *c = &e->u.message_created;

	chat_begin(w, c->message.id, &c->message.uuid);
	add_word(w, "chat_type", uuid_is_nil(&c->group.id) ? "private" : "group");
	add_word(w, "origin", origin_word(e->origin));
}

static void message_created(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_created *c = &e->u.message_created;

	created_begin(w, e);
	message_members(w, &c->message, e->provider);
	jw_obj_end(w);
	add_contact(w, "contact", &c->contact);
	add_group(w, &c->group);
	add_contact(w, "sender", &c->sender);
}

static void message_edited(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_edited *m = &e->u.message_edited;

	chat_begin(w, m->message_id, &m->message_uuid);
	if (m->filled)
		message_members(w, &m->message, e->provider);
	else
		add_text(w, "message", m->body);
	jw_obj_end(w);
	add_time(w, "edited_at", m->edited_at_ms);
	jw_member_bool(w, "filled", m->filled);
}

static void message_revoked(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_revoked *m = &e->u.message_revoked;

	chat_begin(w, m->message_id, &m->message_uuid);
	jw_obj_end(w);
	add_time(w, "revoked_at", m->revoked_at_ms);
	jw_member_bool(w, "for_us_only", m->for_us_only);
}

static void message_status(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_status *m = &e->u.message_status;

	chat_begin(w, m->message_id, &m->message_uuid);
	add_text(w, "client_message_id", m->client_message_id);
	jw_obj_end(w);
	add_word(w, "status", message_status_word(m->status));
	add_time(w, "at", m->at_ms);
	add_error(w, &m->error);
	add_party(w, "participant", &m->participant);
	jw_member_raw(w, "extra", m->extra);
}

static void message_reaction(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_reaction *m = &e->u.message_reaction;

	chat_begin(w, m->message_id, &m->message_uuid);
	jw_obj_end(w);
	add_party(w, "sender", &m->sender);
	jw_member_bool(w, "from_me", m->from_me);
	jw_member_bool(w, "vote", m->vote);
	if (m->vote)
		add_texts(w, "options", m->options, m->n_options);
	else
		add_text(w, "emoji", m->emoji);
}

static void contact_changed(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_contact_changed *c = &e->u.contact_changed;

	add_contact(w, "contact", &c->contact);
	add_texts(w, "changed", c->changed, c->n_changed);
	for (size_t i = 0; i < c->n_changed; i++)
		if (str_is(c->changed[i], "opt_out")) {
			object_begin(w, "opt_out");
			add_text(w, "category", c->opt_out_category);
			jw_member_bool(w, "opted_out", c->opted_out);
			jw_obj_end(w);
		}
}

static void contact_merged(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_contact_merged *c = &e->u.contact_merged;

	add_uuid(w, "from_contact_id", &c->from_contact);
	add_uuid(w, "into_contact_id", &c->into_contact);
	add_uuid(w, "into_conversation_id", &c->into_conversation);
}

static void group_updated(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_group_updated *g = &e->u.group_updated;

	add_group(w, &g->group);
	add_text(w, "action", g->action);
	jw_key(w, "participants");
	jw_arr(w);
	for (size_t i = 0; i < g->n_participants; i++) {
		jw_obj(w);
		party_members(w, &g->participants[i].party);
		jw_member_bool(w, "admin", g->participants[i].admin || g->participants[i].super_admin);
		jw_member_bool(w, "super_admin", g->participants[i].super_admin);
		jw_obj_end(w);
	}
	jw_arr_end(w);
	jw_member_str(w, "text", g->text);
}

static void conversation_updated(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_conversation_updated *c = &e->u.conversation_updated;

	jw_member_i64(w, "unread", c->unread);
	add_time(w, "last_read_at", c->last_read_at_ms);
	jw_member_bool(w, "archived", c->archived);
	add_texts(w, "changed", c->changed, c->n_changed);
}

static void sync_state(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_sync *s = &e->u.sync;

	add_text(w, "sync_id", s->sync_id);
	add_text(w, "status", s->status);
	jw_member_i64(w, "synced", s->synced);
	jw_member_i64(w, "skipped", s->skipped);
	jw_member_i64(w, "rejected", s->rejected);
	add_count(w, "total", s->total);
	add_count(w, "percent", s->percent);
	add_count(w, "batches", s->batches);
	add_count(w, "batches_total", s->batches_total);
	add_time(w, "started_at", s->started_at_ms);
	jw_member_i64(w, "duration_ms", s->duration_ms);
}

static void session_state(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_session_state *s = &e->u.session_state;

	add_text(w, "status", s->status);
	add_text(w, "previous", s->previous);
	add_text(w, "reason", s->reason);
	add_text(w, "details", s->details);
}

static void account_event(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_account *a = &e->u.account;

	add_text(w, "kind", a->kind);
	add_text(w, "severity", a->severity);
	add_text(w, "text", a->text);
	add_error(w, &a->error);
	jw_member_raw(w, "extra", a->extra);
}

static void template_status(struct json_writer *w, const struct chat_event *e)
{
	const struct in_template_status *t = &e->u.template_status;

	add_text(w, "name", t->name);
	add_text(w, "language", t->language);
	add_text(w, "category", t->category);
	add_text(w, "status", t->status);
	add_text(w, "quality", t->quality);
	add_text(w, "reason", t->reason);
}

static void campaign_event(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_campaign *c = &e->u.campaign;

	add_uuid(w, "campaign_id", &c->campaign);
	jw_member_i64(w, "recipients", c->recipients);
	jw_member_i64(w, "sent", c->sent);
	jw_member_i64(w, "delivered", c->delivered);
	jw_member_i64(w, "read", c->read);
	jw_member_i64(w, "failed", c->failed);
	jw_member_i64(w, "skipped", c->skipped);
	jw_member_i64(w, "unknown", c->unknown);
	add_text(w, "reason", c->reason);
}

static void endpoint_event(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_endpoint *p = &e->u.endpoint;

	add_uuid(w, "endpoint_id", &p->endpoint);
	add_text(w, "reason", p->reason);
	add_uuid(w, "event_id", &p->subject_event);
}

static void (*const data_members[CE_KINDS])(struct json_writer *, const struct chat_event *) = {
	[CE_MESSAGE_CREATED] = message_created,
	[CE_MESSAGE_EDITED] = message_edited,
	[CE_MESSAGE_REVOKED] = message_revoked,
	[CE_MESSAGE_STATUS] = message_status,
	[CE_MESSAGE_REACTION] = message_reaction,
	[CE_CONTACT_CREATED] = contact_changed,
	[CE_CONTACT_UPDATED] = contact_changed,
	[CE_CONTACT_MERGED] = contact_merged,
	[CE_GROUP_UPDATED] = group_updated,
	[CE_CONVERSATION_UPDATED] = conversation_updated,
	[CE_SYNC_PROGRESS] = sync_state,
	[CE_SYNC_COMPLETED] = sync_state,
	[CE_SESSION_STATE] = session_state,
	[CE_ACCOUNT_NOTICE] = account_event,
	[CE_TEMPLATE_STATUS] = template_status,
	[CE_ACCOUNT_MIGRATED] = account_event,
	[CE_ACCOUNT_CLEANED] = account_event,
	[CE_CAMPAIGN] = campaign_event,
	[CE_ENDPOINT] = endpoint_event,
};

void render_event(const struct chat_event *e, struct buf *out)
{
	struct json_writer w = json_writer(out);
	char type[CHAT_EVENT_TYPE_SIZE];

	jw_obj(&w);
	add_uuid(&w, "id", &e->id);
	add_text(&w, "type", chat_event_full_type(e, type));
	add_text(&w, "api_version", STR(RENDER_API_VERSION));
	add_uuid(&w, "workspace_id", &e->workspace);
	add_uuid(&w, "account_id", &e->account);
	add_uuid(&w, "conversation_id", &e->conversation);
	add_count(&w, "sequence", e->sequence);
	add_time(&w, "timestamp", e->occurred_at_ms);
	object_begin(&w, "data");
	data_members[e->kind](&w, e);
	jw_obj_end(&w);
	jw_obj_end(&w);
}

static void null_unless(struct json_writer *w, const char *key, bool there)
{
	if (there)
		return;
	jw_key(w, key);
	jw_null(w);
}

void render_message(const struct chat_event *e, enum render_detail detail, struct buf *out)
{
	const struct ce_message_created *c = &e->u.message_created;
	struct json_writer w = json_writer(out);
	struct message_view m = c->message;

	if (detail == RENDER_WITHOUT_TEXT)
		m.body = STR_NONE;
	jw_obj(&w);
	created_begin(&w, e);
	message_basics(&w, &m, e->provider);
	if (detail == RENDER_WHOLE)
		message_rest(&w, &m);
	else
		jw_member_bool(&w, "truncated", true);
	jw_obj_end(&w);
	add_contact(&w, "contact", &c->contact);
	null_unless(&w, "contact", !uuid_is_nil(&c->contact.id));
	add_group(&w, &c->group);
	null_unless(&w, "group", !uuid_is_nil(&c->group.id));
	jw_obj_end(&w);
}
