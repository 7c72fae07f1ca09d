/* What the people of a batch ask for, before it is written: decide.c fills it; write.c and merge.c carry it out. */
#ifndef CHAT_SYNC_IDENTITY_PLAN_H
#define CHAT_SYNC_IDENTITY_PLAN_H

#include "chat-sync/work.h"

struct merge_pair {
	struct contact *a, *b;
	struct op *op;
};

struct new_alias {
	struct alias_row row;
	struct contact *contact;
	const struct person *person;
};

/* What the people of this batch ask for, before it is written. */
struct plan {
	LIST(struct new_alias) aliases;
	LIST(struct contact *) contacts;
	LIST(struct merge_pair) merges;
	int64_t *ids;
	size_t next_id;
};

#endif
