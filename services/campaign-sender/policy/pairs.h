/* The rate of each pair of account and recipient: 1 message in 6 s in the long run, at once 45 single ones or 1 of a campaign. In
 * memory only, bounded: the pairs that were used longest ago are forgotten first. What it lets through, Meta refuses (131056). Pure.
 *
 * Times are microseconds of the wall clock. */
#ifndef CAMPAIGN_SENDER_PAIRS_H
#define CAMPAIGN_SENDER_PAIRS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct pairs;

struct pairs *pairs_new(size_t max_pairs); /* at least 1 */
void pairs_free(struct pairs *p); /* accepts NULL */
/* Whether a message may begin now; otherwise *again_us is when. */
bool pairs_admit(struct pairs *p, int64_t account_id, struct str address, bool campaign, int64_t now_us,
	int64_t *again_us);
void pairs_take(struct pairs *p, int64_t account_id, struct str address, bool campaign, int64_t now_us);
/* What pairs_take() counted is not sent after all. */
void pairs_give_back(struct pairs *p, int64_t account_id, struct str address);

#endif
