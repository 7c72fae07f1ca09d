/* How a campaign is sent: by which accounts, with which content, to whom. Made when it begins, by choosing accounts, and again
 * for each chunk of its audience, from its segments. */
#ifndef CAMPAIGN_SENDER_PLAN_H
#define CAMPAIGN_SENDER_PLAN_H

#include "campaign-sender/content/composition.h"
#include "campaign-sender/driver/audience.h"
#include "campaign-sender/driver/private.h"

/* Everything is in the transaction's arena or borrowed from the caches. */
struct plan {
	const struct campaign_row *row;
	const struct account *accounts[CAMPAIGN_SEGMENTS_MAX]; /* by segment */
	size_t n_accounts;
	enum provider provider;
	const struct sending_template *template; /* NULL: instant */
	const char *
		template_code; /* by which Meta rejects what is sent with it, as it is paused or disabled; NULL: it is neither */
	struct composition *composition; /* NULL: the content is at fault */
	struct audience audience;
	bool audience_found; /* its definition has no fault, and there is an account */
};

/* With accounts chosen as the definition says. Each reason for which the campaign cannot be sent is added to `why`; *out is
 * complete when there is none. */
int plan_choose(const struct driving *w, const struct campaign_row *row, struct plan *out, struct reasons *why,
	struct err *err) ERR_MUST_USE;
/* With the accounts of its segments, whether they are usable or not: their lanes see to that. */
int plan_of_segments(const struct driving *w, const struct campaign_row *row, struct plan *out, struct reasons *why,
	struct err *err) ERR_MUST_USE;

#endif
