/* The second reader of a partition: reads it again for lanes that are behind and for replays, in order. */
#ifndef WEBHOOK_DISPATCHER_CATCH_UP_H
#define WEBHOOK_DISPATCHER_CATCH_UP_H

#include "webhook-dispatcher/intake/reader.h"

/* Reads some records, as far as catch_up.rate and the lanes' room permit. */
void catch_up_turn(struct reader *r);
void catch_up_stop(struct reader *r);

#endif
