/* See account.h. A code's hold ends when its time is over, or when the account was connected on request after it began. */
#include "campaign-sender/accounts/account.h"

bool account_is_held(const struct account *a, int64_t now_us)
{
	return a->held_at_us != PG_NO_TIME && a->held_until_us > now_us && a->desired_us <= a->held_at_us;
}

enum account_state account_state(const struct account *a, int64_t now_us)
{
	if (a->deleted)
		return ACCOUNT_IS_DELETED;
	if (!a->desired)
		return ACCOUNT_NOT_DESIRED;
	if (!a->secrets_open)
		return ACCOUNT_WITHOUT_SECRETS;
	if (!a->host_allowed)
		return ACCOUNT_WITHOUT_HOST;
	if (!a->connected)
		return ACCOUNT_NOT_CONNECTED;
	return account_is_held(a, now_us) ? ACCOUNT_IS_HELD : ACCOUNT_USABLE;
}

const char *account_state_word(enum account_state s)
{
	static const char *const words[] = {
		[ACCOUNT_USABLE] = "usable",
		[ACCOUNT_IS_DELETED] = "deleted",
		[ACCOUNT_NOT_DESIRED] = "not_desired",
		[ACCOUNT_WITHOUT_SECRETS] = "without_secrets",
		[ACCOUNT_WITHOUT_HOST] = "without_host",
		[ACCOUNT_NOT_CONNECTED] = "not_connected",
		[ACCOUNT_IS_HELD] = "held",
	};

	return words[s];
}
