/* See measuring.h. Invariant: of the thread and the owner, the one that is done last frees it. */
#include "cleanup/storage/measuring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/thread.h"

struct measuring {
	measure_fn *measure;
	int root_fd;
	struct buf path; /* terminated */
	/* Written by the thread before it has ended */
	int rc;
	struct storage_found found;
	struct err why;
	atomic_bool ended;
	atomic_int users; /* the thread and the owner */
};

static void release(struct measuring *m)
{
	if (atomic_fetch_sub(&m->users, 1) > 1)
		return;
	close(m->root_fd);
	buf_fini(&m->path);
	free(m);
}

static void *run(void *ctx)
{
	struct measuring *m = ctx;

	m->rc = m->measure(m->root_fd, m->path.p, &m->found, &m->why);
	atomic_store(&m->ended, true);
	release(m);
	return NULL;
}

int measuring_start(struct measuring **out, measure_fn *measure, int root_fd, struct str path, struct err *err)
{
	struct measuring *m;
	pthread_t thread;
	int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return err_set(err, ERR_RETRY, "storage", "dup: %s", strerror(errno));
	m = mem_calloc(1, sizeof(*m));
	m->measure = measure;
	m->root_fd = fd;
	m->users = 2;
	buf_add_str(&m->path, path);
	buf_add_char(&m->path, '\0');
	if (thread_start(&thread, run, m, err) < 0) {
		err->kind = ERR_RETRY;
		m->users = 1;
		release(m);
		return -1;
	}
	pthread_detach(thread);
	*out = m;
	return 0;
}

bool measuring_has_ended(const struct measuring *m)
{
	return atomic_load(&m->ended);
}

int measuring_result(const struct measuring *m, struct storage_found *out, struct err *err)
{
	*out = m->found;
	*err = m->why;
	return m->rc;
}

struct str measuring_path(const struct measuring *m)
{
	return (struct str){ m->path.p, m->path.n - 1 };
}

void measuring_free(struct measuring **m)
{
	if (*m)
		release(*m);
	*m = NULL;
}
