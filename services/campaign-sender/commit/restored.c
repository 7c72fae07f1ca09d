/* A database that was restored has messages as pending that were sent after its backup; see private.h. What chat-sync has read again from its topics
 * says so. Evidence alone does not: that of a campaign that was started after the backup may be read before its recipients are written anew.
 * Invariant: a single message, or a recipient of a campaign, that is older than the acceptance of a restore is looked up in chats before it is
 * sent, moved to another account, or fails. */
#include "campaign-sender/commit/private.h"

#include "store/send_references.h"
#include "store/sends_evidence.h"

/* Partitions may be revoked while the statement waits, and the sends be freed: what follows the answer is copied. */
struct lookup {
	struct flush *flush;
	struct send_request_key *asked; /* single messages */
	struct send_key *addresses; /* at the same places */
	struct send_recipient_key *recipients;
	struct client_id *ids; /* of recipients, at the same places */
	size_t n_asked, n_recipients;
	struct send_evidence *evidence;
	size_t n;
};

static bool may_have_been_sent(const struct flush *f, const struct send *s)
{
	return f->o.lanes->restored_us != PG_NO_TIME && !s->resolves && s->row.kind == SEND_MESSAGE &&
		(s->row.campaign_id != 0 || s->row.created_us <= f->o.lanes->restored_us);
}

/* NONE and PENDING say nothing: SEND_STATUS_PENDING. */
static enum send_status status_of(enum message_status s)
{
	switch (s) {
	case STATUS_SENT:
	case STATUS_DELETED:
		return SEND_STATUS_SENT;
	case STATUS_DELIVERED:
		return SEND_STATUS_DELIVERED;
	case STATUS_READ:
	case STATUS_PLAYED:
		return SEND_STATUS_READ;
	case STATUS_FAILED:
		return SEND_STATUS_FAILED;
	case STATUS_NONE:
	case STATUS_PENDING:
		break;
	}
	return SEND_STATUS_PENDING;
}

/* False: it says nothing. */
static bool evidence_add(struct lookup *l, const struct send_stored *stored, int64_t workspace_id,
	const struct client_id *id)
{
	enum send_status status = status_of(stored->status);

	if (status == SEND_STATUS_PENDING)
		return false;
	l->evidence[l->n++] = (struct send_evidence){ .workspace_id = workspace_id,
		.client = *id,
		.account_id = stored->account_id,
		.status = status,
		.at_us = stored->sent_us,
		.provider_message_id = stored->provider_id,
		.resolved_by = "echo" };
	return true;
}

static void single_add(void *ctx, const struct send_stored *stored)
{
	struct lookup *l = ctx;
	const struct send_request_key *asked = &l->asked[stored->place];
	const struct send_key *address = &l->addresses[stored->place];

	if (evidence_add(l, stored, asked->workspace_id, &(struct client_id){ .request = asked->request }))
		flush_release_address(l->flush, address->workspace_id, address->account_id, address->address);
}

/* The id is the one of the row as it is now. */
static void recipient_add(void *ctx, const struct send_stored *stored)
{
	struct lookup *l = ctx;

	(void)evidence_add(l, stored, l->recipients[stored->place].workspace_id, &l->ids[stored->place]);
}

static void found_ignore(void *ctx, const struct evidence_found *found)
{
	(void)ctx;
	(void)found;
}

static void single_ask(struct lookup *l, const struct send *s)
{
	l->addresses[l->n_asked] =
		(struct send_key){ s->row.workspace_id, s->account_id, arena_str(l->flush->arena, s->row.address) };
	l->asked[l->n_asked++] = (struct send_request_key){ s->row.workspace_id, s->row.request };
}

static void recipient_ask(struct lookup *l, const struct send *s)
{
	const struct campaign *c =
		campaign_cache_find(l->flush->o.shared->campaigns, s->row.workspace_id, s->row.campaign_id);

	if (!c) /* it is not sent either */
		return;
	l->ids[l->n_recipients] = attempt_client_id(&s->row, c);
	l->recipients[l->n_recipients++] = (struct send_recipient_key){ .workspace_id = s->row.workspace_id,
		.campaign_id = s->row.campaign_id,
		.account_id = s->account_id,
		.contact_id = s->row.contact_id,
		.address = arena_str(l->flush->arena, s->row.address),
		.generation = s->row.generation };
}

int restored_resolve(struct flush *f, struct send *const *sends, size_t n, struct err *err)
{
	struct lookup l = { .flush = f };
	struct pg *pg = owner_tx_pg(f->tx);

	if (f->o.lanes->restored_us == PG_NO_TIME || n == 0)
		return 0;
	l.asked = ARENA_ARRAY(f->arena, struct send_request_key, n);
	l.addresses = ARENA_ARRAY(f->arena, struct send_key, n);
	l.recipients = ARENA_ARRAY(f->arena, struct send_recipient_key, n);
	l.ids = ARENA_ARRAY(f->arena, struct client_id, n);
	l.evidence = ARENA_ARRAY(f->arena, struct send_evidence, n);
	for (size_t i = 0; i < n; i++) {
		const struct send *s = sends[i];

		if (!may_have_been_sent(f, s))
			continue;
		if (s->row.campaign_id == 0)
			single_ask(&l, s);
		else
			recipient_ask(&l, s);
	}
	if (store_sends_stored(pg, l.asked, l.n_asked, f->arena, single_add, &l, err) < 0 ||
		store_sends_stored_recipients(pg, l.recipients, l.n_recipients, f->o.lanes->restored_us, f->arena,
			recipient_add, &l, err) < 0 ||
		store_sends_evidence(pg, l.evidence, l.n, f->any, found_ignore, NULL, err) < 0)
		return -1;
	return flush_owns(f, err);
}
