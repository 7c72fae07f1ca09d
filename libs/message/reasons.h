/* Why content cannot be sent: every reason that was found, each a sentence for the person who corrects it. They are
 * listed by `blazzctl campaigns check` and in a campaign's error_message.
 *
 * Functions that check content add to a list instead of filling a struct err, which holds the first error only.
 */
#ifndef MESSAGE_REASONS_H
#define MESSAGE_REASONS_H

#include "base/arena.h"

#define REASONS_MAX 50

struct reasons {
	struct arena *arena; /* borrowed; holds the texts */
	const char *where; /* prefix of the reasons added from now on, in the arena: "body: " */
	struct str at[REASONS_MAX];
	size_t n;
	size_t more; /* found beyond REASONS_MAX, and not listed */
};

void reasons_init(struct reasons *r, struct arena *a);
/* What the next reasons are about: "body: "; or the content as a whole. */
void reasons_about(struct reasons *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reasons_about_all(struct reasons *r);
void reasons_add(struct reasons *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The number of reasons, listed or not. A function that returns -1 when it has added any compares this number with the
 * one at its start. */
size_t reasons_count(const struct reasons *r);
/* Content to be quoted in a reason, for %s: at most 40 characters, without control characters. In the arena. */
const char *reasons_quote(const struct reasons *r, struct str content);

#endif
