/* Whether chat-sync lags behind: its progress, compared with the ends of its topics in Kafka. */
#ifndef CLEANUP_LAG_H
#define CLEANUP_LAG_H

#include "kafka/ends.h"
#include "pg/pg.h"

/* A row job's rows_options.chat_sync_lag, with a struct kafka_ends as ctx: reads the progress and begins to ask for the ends; *lags as of the
 * previous answer. Where Kafka does not answer, chat-sync does not work either, and nothing lags. */
int chat_sync_lag(void *ctx, struct pg *pg, bool *lags, struct err *err) ERR_MUST_USE;

#endif
