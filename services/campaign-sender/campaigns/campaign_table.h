/* The campaigns that campaign_cache.h has in memory. */
#ifndef CAMPAIGN_SENDER_CAMPAIGN_TABLE_H
#define CAMPAIGN_SENDER_CAMPAIGN_TABLE_H

#include "base/map.h"
#include "campaign-sender/campaigns/campaign_cache.h"

struct campaign_table {
	struct map *by_key;
};

void campaign_table_init(struct campaign_table *t);
void campaign_table_fini(struct campaign_table *t);
void campaign_table_clear(struct campaign_table *t);
/* Drops it, and what is known not to exist. */
void campaign_table_drop(struct campaign_table *t, const struct uuid *campaign);
void campaign_table_drop_template(struct campaign_table *t, int64_t template_id); /* the campaigns that send it */

/* Whether the key is cached, be it as one without a campaign. */
bool campaign_table_has(const struct campaign_table *t, const struct campaign_key *key);
/* NULL: not cached, or there is none. */
const struct campaign *campaign_table_find(const struct campaign_table *t, const struct campaign_key *key);
/* row NULL: there is none. template: NULL when it has none. Copied; the key is not cached. */
void campaign_table_put(struct campaign_table *t, const struct campaign_key *key, const struct campaign_row *row,
	const struct sending_template_row *template);

#endif
