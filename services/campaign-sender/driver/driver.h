/* Campaigns: commands, validation, the audience, schedules, counters, completion; of those that were started in partitions of
 * campaign-command that this replica owns. */
#ifndef CAMPAIGN_SENDER_DRIVER_H
#define CAMPAIGN_SENDER_DRIVER_H

#include "campaign-sender/shared.h"

struct driver;

struct driver *driver_new(const struct shared *shared);
void driver_free(struct driver *d); /* accepts NULL */
/* As of intake.h, for campaign-command. */
int driver_decode(struct driver *d, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err);
/* Of a command that may begin a campaign, more than a batch may have: it ends its batch, since validating it composes a whole chunk of
 * its audience in the transaction's arena. */
size_t driver_weight(const void *decoded);
int driver_apply(struct driver *d, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err);
/* worker_ops.sweep, about once a second: schedules, missed ones, counters and progress, completion, pauses whose reason has gone. */
int driver_sweep(struct driver *d, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
	struct err *err);
/* worker_ops.step: a chunk of an audience, or of failed rows to be retried. 1: it did some work. */
int driver_step(struct driver *d, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
	struct err *err);
/* Whether a chunk waits: worker_ops.sweep_wanted. */
bool driver_wants_step(const struct driver *d);
void driver_committed(struct driver *d);
void driver_rolled_back(struct driver *d);
void driver_lost(struct driver *d);

#endif
