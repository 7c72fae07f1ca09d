/* A database that was restored has messages as pending that were sent after its backup; see private.h. What chat-sync has read again from its topics
 * says so. Invariant: a single message that is older than the acceptance of a restore is looked up in chats before it is sent. */
#include "campaign-sender/commit/private.h"

#include "store/send_references.h"
#include "store/sends_evidence.h"

/* Partitions may be revoked while the statement waits, and the sends be freed: what follows the answer is copied. */
struct lookup {
	struct flush *flush;
	struct send_request_key *asked;
	struct send_key *addresses; /* at the same places */
	struct send_evidence *evidence;
	size_t n;
};

static bool may_have_been_sent(const struct flush *f, const struct send *s)
{
	return f->o.lanes->restored_us != PG_NO_TIME && !s->resolves && s->row.campaign_id == 0 &&
		s->row.kind == SEND_MESSAGE && s->row.created_us <= f->o.lanes->restored_us;
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

static void stored_add(void *ctx, const struct send_stored *stored)
{
	struct lookup *l = ctx;
	const struct send_request_key *asked = &l->asked[stored->place];
	const struct send_key *address = &l->addresses[stored->place];
	enum send_status status = status_of(stored->status);

	if (status == SEND_STATUS_PENDING)
		return;
	l->evidence[l->n++] = (struct send_evidence){ .workspace_id = asked->workspace_id,
		.client = { .request = asked->request },
		.account_id = stored->account_id,
		.status = status,
		.at_us = stored->sent_us,
		.provider_message_id = stored->provider_id,
		.resolved_by = "echo" };
	flush_release_address(l->flush, address->workspace_id, address->account_id, address->address);
}

static void found_ignore(void *ctx, const struct evidence_found *found)
{
	(void)ctx;
	(void)found;
}

int restored_resolve(struct flush *f, struct err *err)
{
	struct lookup l = { .flush = f,
		.asked = ARENA_ARRAY(f->arena, struct send_request_key, f->n_chosen + 1),
		.addresses = ARENA_ARRAY(f->arena, struct send_key, f->n_chosen + 1),
		.evidence = ARENA_ARRAY(f->arena, struct send_evidence, f->n_chosen + 1) };
	struct pg *pg = owner_tx_pg(f->tx);
	size_t n = 0;

	for (size_t i = 0; i < f->n_chosen; i++) {
		const struct send *s = f->chosen[i];

		if (!may_have_been_sent(f, s))
			continue;
		l.addresses[n] =
			(struct send_key){ s->row.workspace_id, s->account_id, arena_str(f->arena, s->row.address) };
		l.asked[n++] = (struct send_request_key){ s->row.workspace_id, s->row.request };
	}
	if (n == 0)
		return 0;
	if (store_sends_stored(pg, l.asked, n, f->arena, stored_add, &l, err) < 0 ||
		store_sends_evidence(pg, l.evidence, l.n, f->any, found_ignore, NULL, err) < 0)
		return -1;
	return flush_owns(f, err);
}
