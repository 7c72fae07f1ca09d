/* Collecting effects; see effects.h. Invariant: each account, campaign and address is in its list once, however many results say the same. */
#include "campaign-sender/effects/private.h"

#include <stdlib.h>

#include "base/vec.h"

#define ADD(e, list, ...) \
	do { \
		(e)->list = vec_grow((e)->list, (e)->n_##list, &(e)->cap_##list, sizeof(*(e)->list)); \
		(e)->list[(e)->n_##list++] = __VA_ARGS__; \
	} while (0)

struct effects *effects_new(void)
{
	struct effects *e = mem_calloc(1, sizeof(*e));

	e->arena = arena_new(1 << 12);
	return e;
}

void effects_free(struct effects *e)
{
	if (!e)
		return;
	free(e->holds);
	free(e->waits);
	free(e->connected);
	free(e->pauses);
	free(e->opt_outs);
	free(e->undeliverable);
	free(e->warnings);
	arena_free(e->arena);
	free(e);
}

bool effects_empty(const struct effects *e)
{
	return e->n_holds + e->n_waits + e->n_connected + e->n_pauses + e->n_opt_outs + e->n_undeliverable +
		e->n_warnings ==
		0;
}

void effects_clear(struct effects *e)
{
	e->n_holds = e->n_waits = e->n_connected = e->n_pauses = e->n_opt_outs = e->n_undeliverable = e->n_warnings = 0;
	arena_reset(e->arena);
}

/* The provider's code, else our word. */
static struct str code_of(const struct effects *e, const struct decision *d, const struct effect_source *from)
{
	return arena_str(e->arena, from->code.n > 0 ? from->code : str_of(d->reason));
}

static struct effect_hold *hold_find(const struct effects *e, const struct effect_source *from)
{
	for (size_t i = 0; i < e->n_holds; i++)
		if (e->holds[i].hold.account_id == from->account_id)
			return &e->holds[i];
	return NULL;
}

static bool is_longer(const struct send_hold *a, const struct send_hold *b)
{
	return b->for_ms >= 0 && (a->for_ms < 0 || a->for_ms > b->for_ms);
}

static void hold_add(struct effects *e, const struct decision *d, const struct effect_source *from)
{
	struct effect_hold *have = hold_find(e, from);
	struct effect_hold hold = {
		.hold = { .workspace_id = from->workspace_id,
			.account_id = from->account_id,
			.at_us = from->at_us,
			.for_ms = d->hold == HOLD_TIMED ? d->hold_ms : -1,
			.code = code_of(e, d, from) },
		.reason = d->reason,
		.alert = d->alert,
		.disconnected = d->disconnected,
	};

	if (!have)
		ADD(e, holds, hold);
	else if (is_longer(&hold.hold, &have->hold))
		*have = hold;
}

static void wait_add(struct effects *e, const struct decision *d, const struct effect_source *from)
{
	for (size_t i = 0; i < e->n_waits; i++)
		if (e->waits[i].account.account_id == from->account_id && e->waits[i].scope == d->scope)
			return;
	ADD(e, waits,
		(struct effect_wait){
			.account = { from->workspace_id, from->account_id },
			.scope = d->scope,
			.at_us = from->at_us,
		});
}

static void pause_add(struct effects *e, const struct campaign *c, struct str code, struct str reason)
{
	for (size_t i = 0; i < e->n_pauses; i++)
		if (uuid_eq(&e->pauses[i].campaign, &c->uuid))
			return;
	ADD(e, pauses,
		(struct campaign_pause){
			.workspace = c->workspace,
			.campaign = c->uuid,
			.code = arena_str(e->arena, code),
			.reason = arena_str(e->arena, reason),
		});
}

static void campaign_add(struct effects *e, const struct decision *d, const struct effect_source *from)
{
	bool at_once = d->campaign == CAMPAIGN_STOPS || d->campaign == CAMPAIGN_STOPS_FOR_PERSON;
	struct str why = from->text.n > 0 ? from->text : str_of(d->reason);

	if (!from->campaign || (!at_once && !from->stopped))
		return;
	if (!at_once)
		why = arena_printf(e->arena, "too many of its messages failed: %.*s", STR_ARG(why));
	pause_add(e, from->campaign, code_of(e, d, from), why);
}

static void warning_add(struct effects *e, const struct decision *d, const struct effect_source *from)
{
	bool warns = d->campaign == CAMPAIGN_WARNED || (d->campaign == CAMPAIGN_WARNED_OVER_SHARE && from->over_share);

	if (!from->campaign || !warns)
		return;
	for (size_t i = 0; i < e->n_warnings; i++)
		if (uuid_eq(&e->warnings[i].campaign, &from->campaign->uuid) &&
			str_is(str_of(d->reason), e->warnings[i].reason))
			return;
	ADD(e, warnings, (struct effect_warning){ from->campaign->uuid, d->reason, code_of(e, d, from) });
}

static void opt_out_add(struct effects *e, const struct effect_source *from)
{
	for (size_t i = 0; i < e->n_opt_outs; i++)
		if (e->opt_outs[i].account.account_id == from->account_id &&
			str_eq(e->opt_outs[i].address, from->address))
			return;
	ADD(e, opt_outs,
		(struct effect_opt_out){
			.account = { from->workspace_id, from->account_id },
			.address = arena_str(e->arena, from->address),
			.at_us = from->at_us,
		});
}

static void undeliverable_add(struct effects *e, const struct decision *d, const struct effect_source *from)
{
	for (size_t i = 0; i < e->n_undeliverable; i++)
		if (e->undeliverable[i].workspace_id == from->workspace_id &&
			str_eq(e->undeliverable[i].address, from->address))
			return;
	ADD(e, undeliverable,
		(struct undeliverable_row){
			.workspace_id = from->workspace_id,
			.address = arena_str(e->arena, from->address),
			.code = code_of(e, d, from),
			.since_us = from->at_us,
		});
}

void effects_add(struct effects *e, const struct decision *d, const struct effect_source *from)
{
	if (d->account == ACCOUNT_HELD)
		hold_add(e, d, from);
	if (d->account == ACCOUNT_WAITS)
		wait_add(e, d, from);
	campaign_add(e, d, from);
	warning_add(e, d, from);
	if (d->opt_out && from->address.n > 0)
		opt_out_add(e, from);
	if (d->undeliverable && from->address.n > 0)
		undeliverable_add(e, d, from);
}

void effects_add_connected(struct effects *e, int64_t workspace_id, int64_t account_id)
{
	for (size_t i = 0; i < e->n_connected; i++)
		if (e->connected[i].account_id == account_id)
			return;
	ADD(e, connected, (struct effect_account){ workspace_id, account_id });
}

void effects_add_pause(struct effects *e, const struct campaign *campaign, const char *code, const char *reason)
{
	pause_add(e, campaign, str_of(code), str_of(reason));
}
