/* Records by topic: each has a part of its own. As of worker_ops; ctx is struct parts. */
#ifndef CAMPAIGN_SENDER_TOPICS_H
#define CAMPAIGN_SENDER_TOPICS_H

#include "campaign-sender/parts.h"

int topics_decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err);
size_t topics_weight(int32_t topic, const void *decoded);
int topics_apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err);
int topics_sweep(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n, struct err *err);
bool topics_sweep_wanted(void *ctx);
int topics_step(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n, struct err *err);
void topics_committed(void *ctx);
void topics_rolled_back(void *ctx);

#endif
