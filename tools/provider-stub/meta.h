/* What the files of Meta's dialect share. */
#ifndef PROVIDER_STUB_META_H
#define PROVIDER_STUB_META_H

#include "sessions.h"

/* What Blazz puts before its own ids in biz_opaque_callback_data. */
#define CALLBACK_PREFIX "blazz:"

/* The body of a webhook with one status. */
void meta_status_write(const struct session *s, const struct stub_sent *m, const struct stub_progress *p,
	struct buf *out);

#endif
