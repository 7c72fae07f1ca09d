/* What goes between the loop and the reader's thread. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "ingest/reader_private.h"

void job_free(struct job *j)
{
	keyring_free(j->keyring);
	catalogue_free(j->catalogue);
	if (j->kind == JOB_QR && j->bytes)
		explicit_bzero(j->bytes, j->n);
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
	mailbox_post(r->jobs, &copy->node);
}

struct job *job_take(struct reader *r)
{
	return (struct job *)mailbox_receive(r->jobs);
}

void news_post(struct reader *r, const struct news *n)
{
	struct news *copy = mem_alloc(sizeof(*copy));

	*copy = *n;
	mailbox_post(r->news, &copy->node);
}

int reader_fd(const struct reader *r)
{
	return mailbox_fd(r->news);
}

struct news *reader_receive(struct reader *r)
{
	return (struct news *)mailbox_receive(r->news);
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

void reader_wake(struct reader *r)
{
	job_post(r, &(struct job){ .kind = JOB_STOP });
}
