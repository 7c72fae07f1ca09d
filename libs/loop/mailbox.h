/* A message queue to one reader thread from any number of threads. Ownership of a message passes from the poster
 * to the reader; messages arrive in the order in which they were posted. The reader waits for mailbox_fd() in an event
 * loop or in poll(). */
#ifndef LOOP_MAILBOX_H
#define LOOP_MAILBOX_H

#include <sys/queue.h>

#include "base/err.h"

struct mailbox;

/* The queue node, embedded as the first member of each message. */
struct mailbox_node {
	STAILQ_ENTRY(mailbox_node) next;
};

int mailbox_open(struct mailbox **out, struct err *err) ERR_MUST_USE; /* ERR_FATAL */
void mailbox_close(struct mailbox **m); /* accepts NULL; it must be empty, and no thread may post any more */
void mailbox_post(struct mailbox *m, struct mailbox_node *node);
struct mailbox_node *mailbox_receive(struct mailbox *m); /* NULL when empty */
int mailbox_fd(const struct mailbox *m); /* readable from the first post until mailbox_receive() returns NULL */

#endif
