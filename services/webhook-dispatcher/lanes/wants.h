/* Claimed rows of the retry queue that were kept without their event: it is read again by its offset. See model.h. */
#ifndef WEBHOOK_DISPATCHER_WANTS_H
#define WEBHOOK_DISPATCHER_WANTS_H

#include "webhook-dispatcher/lanes/model.h"

void wants_add(struct partition *p, struct chain *c, const struct retry_row *row);
/* It is not wanted any more; frees it. */
void want_end(struct partition *p, struct want *w);
/* Nothing of this chain any more: its rows wait again. */
void wants_unclaim(struct chain *c);
void wants_clear(struct partition *p); /* forgets all */

#endif
