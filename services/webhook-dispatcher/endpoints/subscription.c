/* See subscription.h. Invariant: subscription_kinds() omits no kind of which an event may match; endpoint_subscribes() decides on the full type. */
#include "webhook-dispatcher/endpoints/subscription.h"

/* "message.*", "message.created", "campaign.started". */
static bool pattern_may_fit(struct str pattern, enum chat_event_kind kind)
{
	struct str type = str_of(chat_event_type(kind));

	if (str_ends(pattern, STR(".*")))
		return str_starts(type, str_slice(pattern, 0, pattern.n - 1)) ||
			str_eq(type, str_slice(pattern, 0, pattern.n - 2));
	return chat_event_kind_parse(pattern) == kind;
}

uint64_t subscription_kinds(const struct endpoint_row *row)
{
	uint64_t kinds = row->n_event_types == 0 ? UINT64_MAX : 0;

	for (size_t i = 0; i < row->n_event_types; i++)
		for (int k = CE_NONE + 1; k < CE_KINDS; k++)
			if (pattern_may_fit(row->event_types[i], (enum chat_event_kind)k))
				kinds |= UINT64_C(1) << k;
	return kinds;
}

bool event_type_fits(struct str pattern, struct str full_type)
{
	if (str_ends(pattern, STR(".*")))
		return str_starts(full_type, str_slice(pattern, 0, pattern.n - 1));
	return str_eq(pattern, full_type);
}

bool endpoint_subscribes(const struct endpoint *e, const struct chat_event *event)
{
	char type[CHAT_EVENT_TYPE_SIZE];
	struct str full;

	if (e->row.deleted || !(e->kinds >> event->kind & 1) || !(e->row.origins >> event->origin & 1))
		return false;
	if (event->kind == CE_ENDPOINT && uuid_eq(&event->u.endpoint.endpoint, &e->row.uuid))
		return false; /* otherwise a failing endpoint would cause events about itself without end */
	full = chat_event_full_type(event, type);
	for (size_t i = 0; i < e->row.n_event_types; i++)
		if (event_type_fits(e->row.event_types[i], full))
			return true;
	return e->row.n_event_types == 0;
}

bool endpoint_receives(const struct endpoint *e, const struct event_record *r)
{
	if ((!r->replayed && r->timestamp_ms < e->row.active_from_us / 1000) ||
		(!uuid_is_nil(&r->only) && !uuid_eq(&r->only, &e->row.uuid)))
		return false;
	return endpoint_subscribes(e, &r->event);
}
