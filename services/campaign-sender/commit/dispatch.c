/* What chat-sync and tenants learn of messages: Dispatch records; see private.h. Sent: for every accepted answer, as a status may have come
 * first, and event ids make repeats harmless. Failed: of single messages. Unknown: of Meta, whose statuses then find it. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "base/log.h"
#include "store/send_lanes.h"

/* The account, or the one that stands for its workspace. */
static const struct account *account_of(const struct flush *f, int64_t workspace_id, int64_t account_id)
{
	const struct account *a = account_cache_find(f->o.shared->accounts, workspace_id, account_id);

	return a ? a : choice_representative(f->o.shared->accounts, workspace_id);
}

struct message_row {
	int64_t workspace_id, id, campaign_id, account_id;
	struct uuid request;
	int32_t generation, partition;
	struct str address, content;
};

/* In the arena; NULL: what was to be sent cannot be read any more, or its workspace has no account. */
static const struct outgoing *message_read(struct flush *f, const struct message_row *row)
{
	const struct send_row send = {
		.id = row->id, .campaign_id = row->campaign_id, .request = row->request, .generation = row->generation
	};
	const struct account *account = account_of(f, row->workspace_id, row->account_id);
	const struct campaign *campaign = row->campaign_id
		? campaign_cache_find(f->o.shared->campaigns, row->workspace_id, row->campaign_id)
		: NULL;
	const struct client_id id = attempt_client_id(&send, campaign);
	struct outgoing *out = ARENA_NEW(f->arena, struct outgoing);
	struct err err;

	if (!account || (row->campaign_id && !campaign))
		return NULL;
	if (outgoing_read(out, row->content, row->address, &id, account->api, f->arena, &err) == 0)
		return out;
	log_warn("message not shown: its content cannot be read", LOG_I("workspace", row->workspace_id),
		LOG_I("send", row->id), LOG_ERR(&err));
	return NULL;
}

static bool is_template(const struct outgoing *out)
{
	return out->message.kind == SEND_MESSAGE && out->message.type == MSG_TEMPLATE;
}

static struct template_key template_of(const struct account *account, const struct outgoing *out)
{
	return (struct template_key){ account->workspace_id, account->id, out->message.u.template.name,
		out->message.u.template.language };
}

static void record_emit(struct flush *f, const struct message_row *row, const struct outgoing *out,
	struct dispatch_record d)
{
	const struct record_target to = flush_target(f, row->partition);
	struct template_key key;

	if (!out)
		return;
	d.account = account_of(f, row->workspace_id, row->account_id);
	d.outgoing = out;
	if (is_template(out)) {
		key = template_of(d.account, out);
		d.template = campaign_cache_template(f->o.shared->campaigns, &key);
	}
	record_dispatch(&to, &d, f->arena);
}

static struct message_row row_of(const struct written *w)
{
	return (struct message_row){ w->row.workspace_id, w->row.id, w->campaign_id, w->row.sent_by, w->request,
		w->row.generation, w->row.slot, w->address, w->content };
}

static bool is_meta(const struct flush *f, const struct written *w)
{
	const struct account *a = account_cache_find(f->o.shared->accounts, w->row.workspace_id, w->row.sent_by);

	return a && a->from.provider == PROVIDER_META;
}

static enum dispatch_outcome outcome_of(const struct flush *f, const struct written *w)
{
	bool accepted = w->result && w->result->outcome.class == OUTCOME_ACCEPTED;

	if (w->row.erased) /* what memory has of it is not published again */
		return DISPATCH_NONE;
	if (accepted)
		return w->kind == SEND_READ ? DISPATCH_NONE : DISPATCH_SENT;
	if (!w->row.applied || w->kind != SEND_MESSAGE)
		return DISPATCH_NONE;
	if (w->row.status == SEND_STATUS_FAILED && w->campaign_id == 0)
		return DISPATCH_FAILED;
	return w->row.status == SEND_STATUS_UNKNOWN && is_meta(f, w) ? DISPATCH_UNKNOWN : DISPATCH_NONE;
}

/* Of accepted templates outside a service window: as far as is known, all of them. */
static void portfolio_note(struct flush *f, const struct account *a, int32_t slot)
{
	struct portfolio_use *last;

	if (!a || a->business_id.n == 0)
		return;
	for (size_t i = 0; i < f->n_portfolio; i++) {
		last = &f->portfolio[i];
		if (last->workspace_id == a->workspace_id && last->slot == slot &&
			str_eq(last->business_id, a->business_id)) {
			last->sends++;
			return;
		}
	}
	f->portfolio = vec_grow(f->portfolio, f->n_portfolio, &f->cap_portfolio, sizeof(*f->portfolio));
	f->portfolio[f->n_portfolio++] =
		(struct portfolio_use){ a->workspace_id, arena_str(f->arena, a->business_id), slot, 1 };
}

static void written_emit(struct flush *f, const struct written *w, enum dispatch_outcome outcome,
	const struct outgoing *out)
{
	const struct message_row row = row_of(w);
	struct dispatch_record d = { .outcome = outcome, .at_ms = f->now_us / 1000 };

	if (w->result) {
		const struct provider_answer *answer = &w->result->outcome.answer;

		d.at_ms = w->result->began_us / 1000;
		d.key = answer->key;
		d.provider_id = answer->provider_id;
		d.wa_id = answer->wa_id;
	}
	if (outcome == DISPATCH_FAILED)
		d.error = (struct provider_error){ .code = w->row.error_code, .details = w->row.error_message };
	if (outcome == DISPATCH_SENT && out && is_template(out))
		portfolio_note(f, account_of(f, row.workspace_id, row.account_id), row.partition);
	record_emit(f, &row, out, d);
}

static bool same_template(const struct template_key *a, const struct template_key *b)
{
	return a->workspace_id == b->workspace_id && a->account_id == b->account_id && str_eq(a->name, b->name) &&
		str_eq(a->language, b->language);
}

/* The templates of these messages, mostly one: the text that the recipient reads. */
static int templates_load(struct flush *f, const struct outgoing *const *messages, struct err *err)
{
	struct template_key *keys = ARENA_ARRAY(f->arena, struct template_key, f->n_written + 1);
	size_t n = 0;

	for (size_t i = 0; i < f->n_written; i++) {
		const struct send_result *row = &f->written[i].row;

		if (!messages[i] || !is_template(messages[i]))
			continue;
		keys[n] = template_of(account_of(f, row->workspace_id, row->sent_by), messages[i]);
		n += n == 0 || !same_template(&keys[n - 1], &keys[n]);
	}
	return n > 0 ? campaign_cache_load_templates(f->o.shared->campaigns, owner_tx_pg(f->tx), keys, n, err) : 0;
}

int dispatches_emit(struct flush *f, struct err *err)
{
	enum dispatch_outcome *outcomes = ARENA_ARRAY(f->arena, enum dispatch_outcome, f->n_written + 1);
	const struct outgoing **messages = ARENA_ARRAY(f->arena, const struct outgoing *, f->n_written + 1);

	for (size_t i = 0; i < f->n_written; i++) {
		const struct message_row row = row_of(&f->written[i]);

		outcomes[i] = outcome_of(f, &f->written[i]);
		messages[i] = outcomes[i] == DISPATCH_NONE ? NULL : message_read(f, &row);
	}
	if (templates_load(f, messages, err) < 0 ||
		flush_owns(f, err) < 0) /* messages borrow addresses of sends that wait */
		return -1;
	for (size_t i = 0; i < f->n_written; i++)
		written_emit(f, &f->written[i], outcomes[i], messages[i]);
	return store_portfolio_add(owner_tx_pg(f->tx), f->portfolio, f->n_portfolio, err);
}

void dispatch_failed(struct flush *f, const struct account *account, const struct send_row *row, int32_t partition,
	struct str reason)
{
	const struct message_row message = { row->workspace_id, row->id, row->campaign_id, account ? account->id : 0,
		row->request, row->generation, partition, row->address, row->content };
	const struct dispatch_record d = {
		.outcome = DISPATCH_FAILED, .error = { .code = reason }, .at_ms = f->now_us / 1000
	};

	record_emit(f, &message, message_read(f, &message), d);
}

void dispatch_unknown(struct flush *f, const struct account *account, const struct send_recovered *row,
	int32_t partition)
{
	const struct message_row message = { row->workspace_id, row->id, row->campaign_id, account->id, row->request,
		row->generation, partition, row->address, row->content };
	const struct dispatch_record d = { .outcome = DISPATCH_UNKNOWN, .at_ms = f->now_us / 1000 };

	record_emit(f, &message, message_read(f, &message), d);
}
