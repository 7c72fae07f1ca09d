/* A queue between threads; see mailbox.h. The reader moves all posted messages to a list of its own at once, so that
 * the lock is held only briefly; posting to a reader that is still draining costs no system call.
 *
 *   posters --mailbox_post()--> posted (locked) --all at once--> received (reader's) --mailbox_receive()--> reader
 *                 `-- eventfd, written for the first message only
 *
 * Invariant: while there are posted messages, the descriptor is readable or the thread that posted the first of them is
 * about to write to it. It writes after releasing the lock, as a reader that woke at once would only block on the lock.
 */
#include "loop/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"

STAILQ_HEAD(mailbox_nodes, mailbox_node);

struct mailbox {
	int fd;
	pthread_mutex_t lock; /* guards posted and signalled */
	struct mailbox_nodes posted;
	bool signalled; /* the descriptor was written to, and the reader has not yet found `posted` empty */
	struct mailbox_nodes received; /* accessed by the reader only */
};

int mailbox_open(struct mailbox **out, struct err *err)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct mailbox *m;

	if (fd < 0)
		return err_set(err, ERR_FATAL, "eventfd", "%s", strerror(errno));
	m = mem_calloc(1, sizeof(*m));
	m->fd = fd;
	pthread_mutex_init(&m->lock, NULL);
	STAILQ_INIT(&m->posted);
	STAILQ_INIT(&m->received);
	*out = m;
	return 0;
}

void mailbox_close(struct mailbox **mailbox)
{
	struct mailbox *m = *mailbox;

	*mailbox = NULL;
	if (!m)
		return;
	pthread_mutex_destroy(&m->lock);
	close(m->fd);
	free(m);
}

void mailbox_post(struct mailbox *m, struct mailbox_node *node)
{
	bool signalled;

	pthread_mutex_lock(&m->lock);
	STAILQ_INSERT_TAIL(&m->posted, node, next);
	signalled = m->signalled;
	m->signalled = true;
	pthread_mutex_unlock(&m->lock);
	if (!signalled)
		eventfd_write(m->fd, 1);
}

static void posted_receive(struct mailbox *m)
{
	eventfd_t count;

	pthread_mutex_lock(&m->lock);
	if (STAILQ_EMPTY(&m->posted)) {
		eventfd_read(m->fd, &count);
		m->signalled = false;
	}
	STAILQ_CONCAT(&m->received, &m->posted);
	pthread_mutex_unlock(&m->lock);
}

struct mailbox_node *mailbox_receive(struct mailbox *m)
{
	struct mailbox_node *node;

	if (STAILQ_EMPTY(&m->received))
		posted_receive(m);
	node = STAILQ_FIRST(&m->received);
	if (node)
		STAILQ_REMOVE_HEAD(&m->received, next);
	return node;
}

int mailbox_fd(const struct mailbox *m)
{
	return m->fd;
}
