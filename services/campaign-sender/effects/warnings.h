/* Which campaigns operators have been warned of, so that each is once for a reason. In memory, for one replica. Pure. */
#ifndef CAMPAIGN_SENDER_WARNINGS_H
#define CAMPAIGN_SENDER_WARNINGS_H

#include <stdbool.h>

#include "base/str.h"
#include "base/uuid.h"

#define WARNINGS_MAX 10000 /* then all are forgotten */

struct campaign_warnings;

struct campaign_warnings *campaign_warnings_new(void);
void campaign_warnings_free(struct campaign_warnings *w); /* accepts NULL */
/* True the first time. w may be NULL: always. */
bool campaign_warnings_add(struct campaign_warnings *w, const struct uuid *campaign, const char *reason);

#endif
