/* The content of a campaign: compiled once, composed once for each recipient. Used by the driver to check and to prepare a campaign,
 * and by `blazzctl campaigns check`'s counterpart in this service. Pure over what it is given. The forms of header_media and
 * buttons_data are in attachments.c. */
#ifndef CAMPAIGN_SENDER_COMPOSITION_H
#define CAMPAIGN_SENDER_COMPOSITION_H

#include "campaign-sender/campaigns/campaign_cache.h"
#include "message/parameters.h"
#include "message/text.h"
#include "store/campaign_audience.h"
#include "wire/outbound.h"

struct composition; /* in the arena that composition_compile() was given */

/* Compiles the definition. `provider`: which the campaign's accounts have, since only bridges take choices ({a|b}) and only Meta
 * templates and buttons. t: the template of a campaign of type `template`; whether it is approved is left to the caller. -1 after
 * adding to `why` each reason for which it cannot be sent. */
int composition_compile(struct composition **out, const struct campaign_row *definition, enum provider provider,
	const struct sending_template *t, struct arena *a, struct reasons *why) ERR_MUST_USE;
/* The variables that the content names, so that the driver can compare them with the audience. */
const struct reference *const *composition_references(const struct composition *c, struct arena *a, size_t *n);

enum composed { COMPOSED, COMPOSED_MISSING_VARIABLE, COMPOSED_TOO_LONG };
/* Appends the encoded SendMessage for one member. provider: that of composition_compile(). random: chooses between options; the same number, the same text. On
 * COMPOSED_MISSING_VARIABLE *missing names the variable, borrowed. ERR_INPUT is impossible for a compiled definition, and
 * reported as COMPOSED_TOO_LONG when a record would be too large. */
enum composed composition_write(const struct composition *c, const struct audience_member *member,
	enum provider provider, uint64_t random, struct arena *a, struct buf *out, struct str *missing);

#endif
