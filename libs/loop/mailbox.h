/* Letters to one thread, from any. Whoever posts a letter gives it away, whoever takes it owns it; they come in the order in which they
 * were posted. The reader waits for mailbox_fd(), in an event loop or in poll(). */
#ifndef LOOP_MAILBOX_H
#define LOOP_MAILBOX_H

#include <sys/queue.h>

#include "base/err.h"

struct mailbox;

/* The first member of what is posted. */
struct letter {
	STAILQ_ENTRY(letter) next;
};

int mailbox_open(struct mailbox **out, struct err *err) ERR_MUST_USE; /* ERR_FATAL */
void mailbox_close(struct mailbox **m); /* accepts NULL. Its letters have been taken, and nobody posts any more */
void mailbox_post(struct mailbox *m, struct letter *l);
struct letter *mailbox_take(struct mailbox *m); /* NULL: there is none */
int mailbox_fd(const struct mailbox *m); /* readable from the first letter on, until mailbox_take() returns NULL */

#endif
