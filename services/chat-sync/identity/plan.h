/* The plan for the people of a batch: decide.c makes it, write.c inserts its contacts and aliases, merge.c merges its pairs. */
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

struct plan {
	LIST(struct new_alias) aliases;
	LIST(struct contact *) contacts;
	LIST(struct merge_pair) merges;
	int64_t *ids; /* drawn for new contacts */
	size_t next_id;
};

#endif
