/* SendMessage records become rows of sends: references are looked up, the account is chosen, the content is checked against its provider. */
#ifndef CAMPAIGN_SENDER_INTAKE_H
#define CAMPAIGN_SENDER_INTAKE_H

#include "campaign-sender/shared.h"

struct intake;

struct intake_ops {
	/* After the commit: a row is due in the lane of this account. */
	void (*due)(void *ctx, int64_t workspace_id, int64_t account_id);
	/* Whether this replica has the lane, so that no other one has to be notified. */
	bool (*local)(void *ctx, int64_t account_id);
	void *ctx;
};

struct intake *intake_new(const struct shared *shared, const struct intake_ops *ops);
void intake_free(struct intake *i); /* accepts NULL */
/* worker_ops.decode, apply, committed and rolled_back for the records of outbound. */
int intake_decode(struct intake *i, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err);
int intake_apply(struct intake *i, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err);
void intake_committed(struct intake *i);
void intake_rolled_back(struct intake *i);

#endif
