/* What looks and lists find; see private.h. Invariant: an observation that began before the last call about the session ended says nothing. */
#include "cleanup/accounts/private.h"

#include <string.h>

#include "base/clock.h"

static void phone_keep(struct account *a, struct str phone)
{
	if (phone.n == 0 || phone.n >= sizeof(a->phone_text))
		return;
	memcpy(a->phone_text, phone.p, phone.n);
	a->phone = (struct str){ a->phone_text, phone.n };
}

/* A start that succeeded ends the count of those that were needed. */
static void state_change(struct account *a, enum bridge_observed observed, int64_t asked_us)
{
	struct account_control *c = &a->row.control;

	a->observed = observed;
	c->observed = str_of(bridge_observed_word(observed));
	c->observed_us = asked_us;
	a->differs_us = PG_NO_TIME;
	if (observed == OBSERVED_CONNECTED) {
		a->ending = ENDING_NOT; /* no job ends a session that works, although it is not reported yet */
		a->expires = false;
	}
	account_mark(a);
	account_wake(a);
}

void account_observe(struct account *a, enum bridge_observed observed, struct str phone, int64_t asked_us)
{
	if (a->in_call || asked_us < a->called_us || asked_us < a->looked_us || observed == OBSERVED_NONE)
		return;
	a->looked_us = asked_us;
	phone_keep(a, phone);
	if (observed != a->observed || a->row.control.observed_us == PG_NO_TIME)
		state_change(a, observed, asked_us);
	account_compare(a, clock_now_us());
}

/* Published is a look that is younger than the difference by DIFFERS_US: so a first look that differs is looked at again. */
void account_compare(struct account *a, int64_t now_us)
{
	if (account_agrees(a) || account_is_deleted(a) || account_desired(a) == DESIRED_DELETED ||
		a->row.workspace_deleted) {
		a->differs_us = PG_NO_TIME;
		return;
	}
	if (a->differs_us == PG_NO_TIME)
		a->differs_us = now_us;
	if (a->looked_us != PG_NO_TIME && a->looked_us - a->differs_us >= DIFFERS_US && !a->publish) {
		a->publish = true;
		a->all->pending = true;
	}
}
