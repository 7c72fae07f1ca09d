/* The second reader of a partition: endpoints that are behind get what they missed, and replays what is delivered again, in order. */
#ifndef WEBHOOK_DISPATCHER_CATCH_UP_H
#define WEBHOOK_DISPATCHER_CATCH_UP_H

#include "webhook-dispatcher/intake/reader.h"

void catch_up_turn(struct reader *r);
void catch_up_stop(struct reader *r);

#endif
