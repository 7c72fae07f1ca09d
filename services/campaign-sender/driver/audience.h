/* The audience of a campaign as its definition names it: which groups, or every contact, less which groups, and filters. */
#ifndef CAMPAIGN_SENDER_AUDIENCE_H
#define CAMPAIGN_SENDER_AUDIENCE_H

#include "message/reasons.h"
#include "store/campaign_driver.h"

struct audience_definition {
	bool all;
	struct uuid *groups, *excluded;
	size_t n_groups, n_excluded;
	int32_t last_inbound_within_days, not_contacted_for_days; /* 0: no filter */
};
/* Reads campaigns.audience, a JSON object. Pure. -1 after adding to `why` each fault. */
int audience_parse(struct str text, struct arena *a, struct audience_definition *out, struct reasons *why);

struct audience_groups {
	int64_t *ids, *excluded; /* as long as the definition's, but ids has contact_group_id when that names none */
	size_t n, n_excluded;
};
/* Finds its groups. A group that does not exist is added to `why`; so is an audience that names nothing. */
int audience_resolve(struct pg *pg, const struct campaign_row *row, const struct audience_definition *definition,
	const struct campaign_references *references, struct arena *a, struct audience_groups *out, struct reasons *why,
	struct err *err) ERR_MUST_USE;

#endif
