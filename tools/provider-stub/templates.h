/* The message templates of Meta's WABAs, as POST /_templates gave them. */
#ifndef PROVIDER_STUB_TEMPLATES_H
#define PROVIDER_STUB_TEMPLATES_H

#include "stub.h"

struct templates;

struct templates *templates_new(void);
void templates_free(struct templates *t); /* accepts NULL */
/* {"waba", "templates": [...]} replaces those of a WABA. ERR_INPUT. */
int templates_put(struct templates *t, const json *v, struct err *err) ERR_MUST_USE;
/* A page: {"data": [...], "paging": {"cursors": {...}, "next": URL}}. limit 0: 25; `after` is a cursor of the page before;
 * absent: the first page. base: path of the request as in the next URL. */
void templates_page(const struct templates *t, struct str waba, int64_t limit, struct str after, struct str base,
	struct stub_answer *out);

#endif
