/* The audience of a campaign, read in chunks and written as rows of sends. Each chunk and the cursor behind it are
 * in one commit, so that after a crash no recipient is written twice or is missing. */
#ifndef STORE_CAMPAIGN_AUDIENCE_H
#define STORE_CAMPAIGN_AUDIENCE_H

#include "base/arena.h"
#include "pg/pg.h"
#include "store/campaign_segments.h"

#define AUDIENCE_CHUNK      2000
#define AUDIENCE_GROUPS_MAX 50 /* of each list: each group is read up to the limit of a chunk */

struct audience {
	int64_t workspace_id;
	bool all; /* every contact of the workspace, instead of groups */
	const int64_t *groups,
		*excluded; /* ids of contact_groups; of an address in several the first one's member counts */
	size_t n_groups, n_excluded;
	int32_t last_inbound_within_days, not_contacted_for_days; /* 0: no filter */
	bool marketing; /* heeds opt-outs of marketing_messages, too */
	bool window; /* Meta, free-form: only within 24 hours of the contact's last message to the account */
	/* The accounts of its segments, in their order, at least one. A contact is sent to from the one that it last
	 * talked to, or by a hash of its address. */
	const int64_t *accounts;
	size_t n_accounts;
	enum provider
		provider; /* which addresses they can send to: Meta a phone or BSUID, a bridge a phone, LID or JID */
};

struct audience_member {
	struct str cursor; /* behind this member */
	/* Of a contact its number, whichever of its addresses the group has; without a number that address, without any
	 * "none:<contact id>". Several members may have the same: one of them becomes a recipient. */
	struct str address;
	struct str dialled; /* number in E.164 or as imported; absent: the address */
	int64_t contact_id; /* 0: none */
	struct str first_name, last_name, full_name; /* the contact's, else full_name as imported */
	struct str variables; /* a JSON object, of its group */
	int16_t segment;
	/* opted_out, unreachable, no_address, window_closed: it is skipped; absent: it is sent to. */
	struct str reason;
	bool excluded; /* by a group or filter: it is no recipient at all */
};

/* The next `limit` members behind `cursor` ("" at the beginning), in its order; strings are in the arena. Fewer than
 * `limit`: there are no more. */
int store_audience_read(struct pg *pg, const struct audience *audience, struct str cursor, int limit, struct arena *a,
	void (*each)(void *ctx, const struct audience_member *member), void *ctx, struct err *err) ERR_MUST_USE;
/* Ids of groups of the workspace that are not deleted, by uuid; *out as long as `uuids`, 0 where there is none. */
int store_audience_groups(struct pg *pg, int64_t workspace_id, const struct uuid *uuids, size_t n, int64_t *out,
	struct err *err) ERR_MUST_USE;

struct campaign_recipient {
	struct str address;
	int64_t contact_id; /* 0: none */
	int16_t segment;
	struct str reason; /* present: skipped */
	struct str content; /* bytes; absent when skipped */
};
/* Adds recipients, sets the campaign's cursor and the range of its ids, and counts; in a transaction. An address
 * that the campaign has already is left out. *written: how many were added. `slot`: partition of the driver. */
int store_campaign_recipients(struct pg *pg, const struct campaign_key *key, const struct campaign_recipient *rows,
	size_t n, struct str cursor, int32_t slot, int64_t *written, struct err *err) ERR_MUST_USE;

#endif
