/* What Meta says of templates pauses the campaigns that use them, before their messages fail one by one, and lets them run again. */
#include "campaign-sender/status/private.h"

#include "campaign-sender/events/records.h"

/* Codes by which Meta rejects a message with such a template. */
#define TEMPLATE_PAUSED   STR("132015")
#define TEMPLATE_DISABLED STR("132016")

struct template_change {
	const struct status_event *event;
	struct str code; /* by which campaigns are paused; of APPROVED, by which they were */
	bool resume;
	struct str reason; /* for people */
};

struct template_changes {
	struct status_work *work;
	struct template_change *at; /* of the uses at the same place */
	struct template_use *uses;
	size_t n;
};

static const struct in_template_status *template_of(const struct status_event *e)
{
	return &e->record->event.u.template_status;
}

/* False: the status changes nothing for campaigns. */
static bool change_of(const struct status_event *e, struct template_change *out)
{
	struct str status = template_of(e)->status;

	*out = (struct template_change){ .event = e, .code = TEMPLATE_PAUSED };
	if (str_is(status, "APPROVED")) {
		out->resume = true;
		out->reason = STR("Meta has approved the template again");
	} else if (str_is(status, "PAUSED")) {
		out->reason = STR("Meta has paused the template");
	} else if (str_is(status, "DISABLED")) {
		out->code = TEMPLATE_DISABLED;
		out->reason = STR("Meta has disabled the template");
	}
	return out->reason.n > 0;
}

static bool is_same_template(const struct status_event *a, const struct status_event *b)
{
	return b->record->use == USE_TEMPLATE && a->account == b->account &&
		str_eq(template_of(a)->name, template_of(b)->name) &&
		str_eq(template_of(a)->language, template_of(b)->language);
}

/* Later changes of quality or category, say, mean nothing to campaigns. */
static bool has_later(const struct status_work *w, size_t i)
{
	struct template_change change;

	for (size_t k = i + 1; k < w->n_events; k++)
		if (is_same_template(&w->events[i], &w->events[k]) && change_of(&w->events[k], &change))
			return true;
	return false;
}

static void change_add(struct template_changes *all, const struct template_change *change)
{
	const struct status_event *e = change->event;

	all->at[all->n] = *change;
	all->uses[all->n++] = (struct template_use){ .workspace_id = e->account->workspace_id,
		.account_id = e->account->id,
		.name = template_of(e)->name,
		.language = template_of(e)->language,
		.paused_by = change->resume ? change->code : STR_NONE };
}

static void campaign_change(void *ctx, size_t place, const struct uuid *campaign)
{
	const struct template_changes *all = ctx;
	const struct template_change *change = &all->at[place];
	const struct status_event *e = change->event;
	struct record_target to = event_target(all->work, e);
	struct campaign_pause pause = { .workspace = e->account->workspace,
		.campaign = *campaign,
		.code = change->code,
		.reason = change->reason,
		.resume = change->resume };

	record_campaign_command(&to, &pause, all->work->arena);
	e->item->outcome = OUTCOME_APPLIED;
}

int templates_apply(struct status_work *w, struct err *err)
{
	struct template_changes all = { .work = w,
		.at = ARENA_ARRAY(w->arena, struct template_change, w->n_events),
		.uses = ARENA_ARRAY(w->arena, struct template_use, w->n_events) };

	for (size_t i = 0; i < w->n_events; i++) {
		struct template_change change;

		if (w->events[i].record->use == USE_TEMPLATE && change_of(&w->events[i], &change) && !has_later(w, i))
			change_add(&all, &change);
	}
	return store_campaigns_of_templates(w->pg, all.uses, all.n, campaign_change, &all, err);
}
