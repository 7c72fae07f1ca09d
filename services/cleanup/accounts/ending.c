/* See ending.h. */
#include "cleanup/accounts/ending.h"

#include "cleanup/accounts/private.h"

bool account_is_kept_connected(const struct account *a)
{
	bool managed = account_instance(a) || a->row.instance_url.n == 0;

	return managed && account_has_session(a) && !account_is_deleted(a) && account_desired(a) == DESIRED_CONNECTED;
}

bool account_is_connected(const struct account *a)
{
	return str_is(a->row.status, "connected") || a->observed == OBSERVED_CONNECTED;
}

bool account_is_known(const struct account *a)
{
	return a->observed != OBSERVED_NONE || !account_instance(a);
}

bool accounts_are_known(const struct accounts *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct account *a = all->list[i];
		const struct instance *at = account_instance(a);

		if (at && instance_is_usable(at) && account_is_kept_connected(a) && !account_is_known(a))
			return false;
	}
	return true;
}

bool accounts_observing_only(const struct accounts *all)
{
	return all->options.observe_only;
}

void account_delete(struct account *a, enum account_ending why, bool requested)
{
	a->ending = why;
	a->requested = requested;
	a->all->pending = true;
}

void account_expire(struct account *a)
{
	a->expires = true;
	a->all->pending = true;
}

void account_notice_duplicate(struct account *a)
{
	account_notice(a, NOTICE_DUPLICATE_NUMBER);
}

size_t accounts_ending(const struct accounts *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		n += all->list[i]->ending != ENDING_NOT || all->list[i]->expires;
	return n;
}

int64_t accounts_ended(const struct accounts *all)
{
	return all->ended;
}

struct account_deletion account_deletion(const struct account *a)
{
	static const struct {
		const char *reason, *details;
	} endings[] = {
		[ENDING_NOT] = { "manual_request", NULL },
		[ENDING_STALE_QR] = { "stale_qr", "Auto-cleanup: stale_qr" },
		[ENDING_DISCONNECTED] = { "disconnected_24h", "Auto-cleanup: disconnected_24h" },
		[ENDING_DUPLICATE] = { "duplicate", "Auto-cleanup: duplicate" },
	};
	bool by_job = a->ending != ENDING_NOT && !a->requested;

	return (struct account_deletion){ .account = { a->row.workspace_id, a->row.id },
		.status = a->row.status,
		.status_since_us = a->row.status_since_us,
		.desired_us = a->row.desired_us,
		.type = by_job ? "scheduled" : "manual",
		.reason = endings[a->ending].reason,
		.details = str_of(endings[a->ending].details) };
}
