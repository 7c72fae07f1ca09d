/* The mailbox between the loop and the reader's thread. Invariant: whoever takes something out owns it alone. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/arena.h"
#include "ingest/reader_private.h"

void job_free(struct job *j)
{
	keyring_free(j->keyring);
	catalogue_free(j->catalogue);
	if (j->kind == JOB_QR && j->bytes)
		OPENSSL_cleanse(j->bytes, j->n);
	free(j->bytes);
	free(j->keys);
	free(j);
}

void news_free(struct news *n)
{
	catalogue_free(n->catalogue);
	catalogue_account_free(n->account);
	catalogue_app_free(n->app);
	free(n);
}

static void job_post(struct reader *r, const struct job *j)
{
	struct job *copy = mem_alloc(sizeof(*copy));

	*copy = *j;
	pthread_mutex_lock(&r->lock);
	STAILQ_INSERT_TAIL(&r->jobs, copy, link);
	pthread_mutex_unlock(&r->lock);
	eventfd_write(r->jobs_fd, 1);
}

struct job *job_take(struct reader *r)
{
	struct job *j;

	pthread_mutex_lock(&r->lock);
	j = STAILQ_FIRST(&r->jobs);
	if (j)
		STAILQ_REMOVE_HEAD(&r->jobs, link);
	pthread_mutex_unlock(&r->lock);
	return j;
}

void news_post(struct reader *r, const struct news *n)
{
	struct news *copy = mem_alloc(sizeof(*copy));

	*copy = *n;
	pthread_mutex_lock(&r->lock);
	STAILQ_INSERT_TAIL(&r->news, copy, link);
	pthread_mutex_unlock(&r->lock);
	eventfd_write(r->news_fd, 1);
}

int reader_fd(const struct reader *r)
{
	return r->news_fd;
}

struct news *reader_take(struct reader *r)
{
	struct news *n;
	eventfd_t count;

	pthread_mutex_lock(&r->lock);
	n = STAILQ_FIRST(&r->news);
	if (n)
		STAILQ_REMOVE_HEAD(&r->news, link);
	else
		eventfd_read(r->news_fd, &count);
	pthread_mutex_unlock(&r->lock);
	return n;
}

void reader_look(struct reader *r, const struct str *keys, size_t n)
{
	struct job j = { .kind = JOB_LOOK, .keys = mem_calloc(n, sizeof(*keys)), .n = n };
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += keys[i].n;
	j.bytes = mem_alloc(bytes + 1);
	bytes = 0;
	for (size_t i = 0; i < n; i++) {
		memcpy(j.bytes + bytes, keys[i].p, keys[i].n);
		j.keys[i] = (struct str){ j.bytes + bytes, keys[i].n };
		bytes += keys[i].n;
	}
	job_post(r, &j);
}

void reader_put_qr(struct reader *r, const struct catalogue_account *account, struct str code)
{
	job_post(r,
		&(struct job){ .kind = JOB_QR,
			.bytes = mem_cstr(code),
			.n = code.n,
			.account = account->info.id,
			.workspace_row = account->workspace_id,
			.account_row = account->id });
}

void reader_use_keyring(struct reader *r, struct keyring **keyring)
{
	job_post(r, &(struct job){ .kind = JOB_KEYRING, .keyring = *keyring });
	*keyring = NULL;
}

void reader_discard(struct reader *r, struct catalogue **catalogue)
{
	job_post(r, &(struct job){ .kind = JOB_DISCARD, .catalogue = *catalogue });
	*catalogue = NULL;
}
