/* Which fields each kind of inbound event requires. Lengths, formats and ranges of single fields are checked by the
 * tables (inbound_shapes.c). Invariant: a switch over kinds has no default, so that the compiler finds a kind without
 * a check. */
#include "wire/inbound.h"
#include "wire/shapes.h"

static int need(bool there, const char *what, struct err *err)
{
	return there ? 0 : err_reject(err, DEAD_RULE, "no %s", what);
}

static int target_check(const struct target *t, struct err *err)
{
	return need(t->key.n > 0 || t->stanza.n > 0, "target", err);
}

static int chat_check(const struct chat_ref *c, struct err *err)
{
	return need(chat_known(c), "chat", err);
}

static int message_facts_check(const struct in_message *m, struct err *err)
{
	if (need(m->key.n > 0, "key", err) < 0)
		return -1;
	return need(m->direction != DIR_NONE, "direction", err);
}

static int message_check(const struct in_message *m, struct err *err)
{
	if (chat_check(&m->chat, err) < 0)
		return -1;
	return message_facts_check(m, err);
}

/* Only a message that was sent has the provider's key. The others are stored and parked under "c:<client_message_id>". */
static int dispatch_check(const struct in_dispatch *d, struct err *err)
{
	const struct in_message *m = &d->message;

	if (chat_check(&m->chat, err) < 0 || need(m->client_message_id.n > 0, "client_message_id", err) < 0)
		return -1;
	if (m->client_message_id.n > WIRE_MAX_OWN_ID_BYTES)
		return err_reject(err, DEAD_RULE, "client_message_id longer than %d bytes", WIRE_MAX_OWN_ID_BYTES);
	if (need(m->direction == DIR_OUTBOUND, "outbound direction", err) < 0)
		return -1;
	return need(m->key.n > 0 || d->outcome != DISPATCH_SENT, "key", err);
}

static int status_check(const struct in_status *s, struct err *err)
{
	if (target_check(&s->target, err) < 0)
		return -1;
	return need(s->status != STATUS_NONE, "status", err);
}

static int group_change_check(const struct in_group_change *g, struct err *err)
{
	if (need(g->group.jid.n > 0, "group", err) < 0)
		return -1;
	return need(g->action != GROUP_NONE || g->snapshot, "action", err);
}

/* The messages belong to the state's chat, so each may omit its own. */
static int sync_chat_check(const struct in_sync_chat *s, struct err *err)
{
	if (chat_check(&s->state.chat, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_messages; i++)
		if (message_facts_check(&s->messages[i].message, err) < 0)
			return err_wrap(err, "messages");
	return 0;
}

static int identity_change_check(const struct in_identity_change *c, struct err *err)
{
	switch (c->kind) {
	case IDENTITY_NONE:
		return need(false, "kind", err);
	case IDENTITY_ALIAS:
	case IDENTITY_NUMBER_CHANGED:
		if (need(party_identified(&c->old_party), "old party", err) < 0)
			return -1;
		return need(party_identified(&c->new_party), "new party", err);
	case IDENTITY_MERGED:
		return need(c->old_contact > 0 && c->new_contact > 0, "contact", err);
	}
	return 0;
}

static int template_status_check(const struct in_template_status *t, struct err *err)
{
	return need(t->provider_template_id.n > 0 || t->name.n > 0, "template", err);
}

static int call_check(const struct in_call *c, struct err *err)
{
	if (need(c->call_id.n > 0, "call_id", err) < 0)
		return -1;
	if (chat_check(&c->chat, err) < 0)
		return -1;
	return need(c->direction != DIR_NONE, "direction", err);
}

static int read_marker_check(const struct in_read_marker *r, struct err *err)
{
	if (need(chat_known(&r->chat) || r->conversation_id.n > 0, "chat", err) < 0)
		return -1;
	return need(r->read_at_ms > 0, "read_at_ms", err);
}

static int contact_erase_check(const struct in_contact_erase *c, struct err *err)
{
	if (need(!uuid_is_nil(&c->contact), "contact_id", err) < 0)
		return -1;
	return need(c->stage != ERASE_NONE, "stage", err);
}

static int kind_check(const struct inbound_event *e, struct err *err)
{
	switch (e->kind) {
	case IN_MESSAGE:
		return message_check(&e->u.message, err);
	case IN_STATUS:
		return status_check(&e->u.status, err);
	case IN_EDIT:
		return target_check(&e->u.edit.target, err);
	case IN_REVOKE:
		return target_check(&e->u.revoke.target, err);
	case IN_REACTION:
		return target_check(&e->u.reaction.target, err);
	case IN_POLL_VOTE:
		return target_check(&e->u.poll_vote.target, err);
	case IN_GROUP_CHANGE:
		return group_change_check(&e->u.group_change, err);
	case IN_CHAT_STATE:
		return chat_check(&e->u.chat_state.chat, err);
	case IN_SYNC_CHAT:
		return sync_chat_check(&e->u.sync_chat, err);
	case IN_CONTACT:
		return need(party_identified(&e->u.contact.party), "party", err);
	case IN_IDENTITY_CHANGE:
		return identity_change_check(&e->u.identity_change, err);
	case IN_OPT_OUT:
		return need(party_identified(&e->u.opt_out.party), "party", err);
	case IN_SESSION_STATE:
		return need(e->u.session_state.state != SESSION_NONE, "state", err);
	case IN_ACCOUNT_NOTICE:
		return need(e->u.account_notice.kind.n > 0, "kind", err);
	case IN_TEMPLATE_STATUS:
		return template_status_check(&e->u.template_status, err);
	case IN_CALL:
		return call_check(&e->u.call, err);
	case IN_READ_MARKER:
		return read_marker_check(&e->u.read_marker, err);
	case IN_MESSAGE_DELETE:
		return target_check(&e->u.message_delete.target, err);
	case IN_DISPATCH:
		return dispatch_check(&e->u.dispatch, err);
	case IN_CONTACT_ERASE:
		return contact_erase_check(&e->u.contact_erase, err);
	case IN_SYNC_BATCH_END:
	case IN_HISTORY_STATE:
	case IN_NONE:
	case IN_KINDS:
		return 0;
	}
	return 0;
}

static int ids_check(const struct inbound_event *e, struct err *err)
{
	if (need(!uuid_is_nil(&e->id), "event_id", err) < 0)
		return -1;
	if (need(!uuid_is_nil(&e->workspace), "workspace_id", err) < 0)
		return -1;
	return need(!uuid_is_nil(&e->account), "account_id", err);
}

static int origin_check(const struct inbound_event *e, struct err *err)
{
	if (need(e->provider != PROVIDER_NONE, "provider", err) < 0)
		return -1;
	if (need(e->ingest_time_ms > 0, "ingest_time_ms", err) < 0)
		return -1;
	return need(!e->raw_truncated || e->raw_sha256.n == 32, "sha256 of a truncated raw", err);
}

int inbound_check(const struct inbound_event *e, struct err *err)
{
	if (envelope_check(&inbound_envelope, e, err) < 0)
		return -1;
	if (ids_check(e, err) < 0 || origin_check(e, err) < 0)
		return -1;
	if (kind_check(e, err) < 0)
		return err_wrap(err, "%s", inbound_kind_word(e->kind));
	return 0;
}
