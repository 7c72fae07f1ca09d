/* The templates that campaign_cache.h has in memory, found by account, name and language. */
#ifndef CAMPAIGN_SENDER_TEMPLATE_TABLE_H
#define CAMPAIGN_SENDER_TEMPLATE_TABLE_H

#include "base/map.h"
#include "campaign-sender/campaigns/campaign_cache.h"

struct template_table {
	struct map *by_key;
	struct buf key; /* of the last look-up */
};

void template_table_init(struct template_table *t);
void template_table_fini(struct template_table *t);
void template_table_clear(struct template_table *t);
/* Drops those of this id, and with id 0 or any other what is known not to exist. */
void template_table_drop(struct template_table *t, int64_t id);

/* Whether the key is cached, be it as one without a template. */
bool template_table_has(struct template_table *t, const struct template_key *key);
/* NULL: not cached, or there is none. */
const struct sending_template *template_table_find(struct template_table *t, const struct template_key *key);
/* row NULL: there is none. Copied; the key is not cached. */
void template_table_put(struct template_table *t, const struct template_key *key,
	const struct sending_template_row *row);

#endif
