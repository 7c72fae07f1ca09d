/* The status worker: what chat-event says about messages of ours, templates and opt-outs. */
#ifndef CAMPAIGN_SENDER_STATUS_H
#define CAMPAIGN_SENDER_STATUS_H

#include "campaign-sender/effects/effects.h"
#include "campaign-sender/shared.h"

struct status_worker;

/* ops: as of effects_write(), for lanes of this replica. */
struct status_worker *status_worker_new(const struct shared *shared, const struct effects_ops *ops);
void status_worker_free(struct status_worker *s); /* accepts NULL */
/* As of intake.h. Records of other types are skipped by their ce_type, without decoding them. */
int status_decode(struct status_worker *s, const struct kafka_message *m, struct arena *a, void **decoded,
	struct err *err);
int status_apply(struct status_worker *s, struct owner_tx *tx, struct batch_item *const *items, size_t n,
	struct err *err);
void status_committed(struct status_worker *s);
void status_rolled_back(struct status_worker *s);
void status_lost(struct status_worker *s); /* the partitions were revoked */

#endif
