/* A queue between threads; see mailbox.h. The reader moves all posted letters to a list of its own at once, so that the
 * lock is held only briefly; posting to a reader that is still draining costs no system call.
 *
 *   posters --mailbox_post()--> posted (locked) --all at once--> taken (reader's) --mailbox_take()--> reader
 *                 `-- eventfd, written for the first letter only
 *
 * Invariant: while there are posted letters, the descriptor is readable or the thread that posted the first of them is
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

STAILQ_HEAD(letters, letter);

struct mailbox {
	int fd;
	pthread_mutex_t lock; /* guards posted and told */
	struct letters posted;
	bool told; /* the descriptor was written to, and the reader has not yet found `posted` empty */
	struct letters taken; /* accessed by the reader only */
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
	STAILQ_INIT(&m->taken);
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

void mailbox_post(struct mailbox *m, struct letter *l)
{
	bool told;

	pthread_mutex_lock(&m->lock);
	STAILQ_INSERT_TAIL(&m->posted, l, next);
	told = m->told;
	m->told = true;
	pthread_mutex_unlock(&m->lock);
	if (!told)
		eventfd_write(m->fd, 1);
}

static void posted_take(struct mailbox *m)
{
	eventfd_t count;

	pthread_mutex_lock(&m->lock);
	if (STAILQ_EMPTY(&m->posted)) {
		eventfd_read(m->fd, &count);
		m->told = false;
	}
	STAILQ_CONCAT(&m->taken, &m->posted);
	pthread_mutex_unlock(&m->lock);
}

struct letter *mailbox_take(struct mailbox *m)
{
	struct letter *l;

	if (STAILQ_EMPTY(&m->taken))
		posted_take(m);
	l = STAILQ_FIRST(&m->taken);
	if (l)
		STAILQ_REMOVE_HEAD(&m->taken, next);
	return l;
}

int mailbox_fd(const struct mailbox *m)
{
	return m->fd;
}
