/* What failed statuses mean for accounts, campaigns and contacts. Invariant: each failure has its effects once, when its row changes. */
#include "campaign-sender/status/private.h"

#include <stdlib.h>
#include <string.h>

#include "store/send_lanes.h"

#define CAMPAIGNS_MAX 10000 /* of which results are kept */

/* The last results of a campaign. */
struct campaign_results {
	struct stopper stopper;
	int64_t commanded_us; /* of its campaign: a person who resumes it starts a new count */
};

void stoppers_clear(struct status_worker *s)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(s->stoppers, &i, &key, &value);)
		free(value);
	map_clear(s->stoppers);
}

struct decision failure_decision(const struct status_record *r)
{
	return code_of_status(code_parse(r->event.u.message_status.error.code));
}

static bool holds(const struct status_event *e)
{
	return e->record->use == USE_EVIDENCE && record_status(e->record) == STATUS_FAILED &&
		failure_decision(e->record).account == ACCOUNT_HELD;
}

int failures_lock(struct status_work *w, struct err *err)
{
	struct send_lane_key *keys = ARENA_ARRAY(w->arena, struct send_lane_key, w->n_events);
	size_t n = 0;

	for (size_t i = 0; i < w->n_events; i++) {
		const struct account *a = w->events[i].account;

		if (holds(&w->events[i]))
			keys[n++] = (struct send_lane_key){ a->workspace_id, a->id, a->partition };
	}
	return store_send_lanes_lock(w->pg, keys, n, err);
}

static struct campaign_results *results_of(struct status_worker *s, int64_t workspace_id, int64_t campaign_id)
{
	const int64_t key[] = { workspace_id, campaign_id };
	void **slot;

	if (map_count(s->stoppers) >= CAMPAIGNS_MAX)
		stoppers_clear(s);
	slot = map_slot(s->stoppers, (struct str){ (const char *)key, sizeof(key) });
	if (!*slot)
		*slot = mem_calloc(1, sizeof(struct campaign_results));
	return *slot;
}

/* A message counts once: when it fails, or when it is first known to have arrived. */
static bool is_result(const struct evidence_found *found, enum send_status status)
{
	if (status == SEND_STATUS_FAILED)
		return true;
	return (status == SEND_STATUS_DELIVERED || status == SEND_STATUS_READ) && found->was != SEND_STATUS_DELIVERED &&
		found->was != SEND_STATUS_READ;
}

/* What it means for its campaign. */
static void result_add(struct status_work *w, const struct evidence_found *found, const struct decision *d,
	struct effect_source *from)
{
	const struct send_evidence *evidence = &w->evidence[found->place];
	struct campaign_results *results;
	bool failed = evidence->status == SEND_STATUS_FAILED;
	bool counts = failed && (d->campaign == CAMPAIGN_BREAKER || d->campaign == CAMPAIGN_WARNED_OVER_SHARE);
	bool opened;

	if (found->campaign_id == 0 || !is_result(found, evidence->status))
		return;
	results = results_of(w->worker, evidence->workspace_id, found->campaign_id);
	if (from->campaign && from->campaign->commanded_us != results->commanded_us)
		*results = (struct campaign_results){ .commanded_us = from->campaign->commanded_us };
	opened = stopper_add(&results->stopper, counts ? evidence->error_code : STR_NONE);
	from->stopped = opened && failed && d->campaign == CAMPAIGN_BREAKER;
	from->over_share = counts && stopper_is_over(&results->stopper, evidence->error_code, CODES_WARN_PERCENT);
}

/* The one that was dialled; absent once the contact was erased. */
static struct str address_of_row(const struct evidence_found *found)
{
	struct chat_ref chat;

	address_chat(found->address, &chat);
	return chat_known(&chat) ? found->address : STR_NONE;
}

static void found_add(struct status_work *w, const struct evidence_found *found)
{
	const struct send_evidence *evidence = &w->evidence[found->place];
	const struct status_event *e = w->pieces[found->place].event;
	const struct campaign *c = found->campaign_id == 0
		? NULL
		: campaign_cache_find(w->shared->campaigns, evidence->workspace_id, found->campaign_id);
	struct effect_source from = { .workspace_id = evidence->workspace_id,
		.account_id = e->account->id,
		.campaign = c,
		.code = evidence->error_code,
		.text = evidence->error_message,
		.at_us = evidence->at_us };
	struct decision d = code_of_sent();

	if (evidence->status == SEND_STATUS_FAILED)
		d = failure_decision(e->record);
	result_add(w, found, &d, &from);
	if (evidence->status != SEND_STATUS_FAILED)
		return;
	from.address = address_of_row(found);
	effects_add(w->worker->effects, &d, &from);
}

static bool is_applied_failure(const struct status_work *w, const struct evidence_found *found)
{
	return found->effect == EVIDENCE_APPLIED && w->evidence[found->place].status == SEND_STATUS_FAILED;
}

static int campaigns_load(struct status_work *w, struct err *err)
{
	struct campaign_key *keys = ARENA_ARRAY(w->arena, struct campaign_key, w->n_found);
	size_t n = 0;

	for (size_t i = 0; i < w->n_found; i++)
		if (w->found[i].campaign_id > 0 && is_applied_failure(w, &w->found[i]))
			keys[n++] = (struct campaign_key){ w->evidence[w->found[i].place].workspace_id,
				w->found[i].campaign_id };
	return n == 0 ? 0 : campaign_cache_load(w->shared->campaigns, w->pg, keys, n, err);
}

int failures_add(struct status_work *w, struct err *err)
{
	if (campaigns_load(w, err) < 0)
		return -1;
	for (size_t i = 0; i < w->n_found; i++)
		if (w->found[i].effect == EVIDENCE_APPLIED)
			found_add(w, &w->found[i]);
	return 0;
}
