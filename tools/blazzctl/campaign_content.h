/* What campaigns check says of a campaign's texts and parameters. The rules are those of libs/message. */
#ifndef CAMPAIGN_CONTENT_H
#define CAMPAIGN_CONTENT_H

#include "message/parameters.h"
#include "store/campaign_audience.h"
#include "store/campaigns_ops.h"

#define CONTENT_TEXTS 3 /* header, body, footer */

struct campaign_content {
	struct str campaign_name;
	struct parameters parameters; /* of a template */
	struct text texts[CONTENT_TEXTS]; /* of an instant campaign; without ops: it has no such text */
	bool is_template, parsed; /* parsed: what of it is wrong, is in the reasons */
};

/* Parses texts and parameters. provider: of its accounts, since only bridges choose between {a|b}. Adds to `why`. */
void campaign_content_parse(struct campaign_content *out, const struct campaign_row *c, enum provider provider,
	struct arena *a, struct reasons *why);
/* Compares the parameters with an account's template; a NULL template does not exist there. */
void campaign_template_check(const struct campaign_content *content, const struct template_info *t,
	struct str session_id, struct arena *a, struct reasons *why);
/* NULL, or why a member gets nothing: "missing_variable", "too_long". */
const char *campaign_member_check(const struct campaign_content *content, const struct audience_member *m);

#endif
