/* The two mailboxes between the loop and the account loader's thread. Invariant: a job or an update has one owner at a
 * time, the sender, the mailbox or the receiver. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "ingest/accounts/account_loader_private.h"

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

void account_update_free(struct account_update *u)
{
	catalogue_free(u->catalogue);
	catalogue_account_free(u->account);
	catalogue_app_free(u->app);
	free(u);
}

static void job_post(struct account_loader *l, const struct job *j)
{
	struct job *copy = mem_alloc(sizeof(*copy));

	*copy = *j;
	mailbox_post(l->jobs, &copy->node);
}

struct job *job_take(struct account_loader *l)
{
	return (struct job *)mailbox_receive(l->jobs);
}

void account_update_post(struct account_loader *l, const struct account_update *u)
{
	struct account_update *copy = mem_alloc(sizeof(*copy));

	*copy = *u;
	mailbox_post(l->updates, &copy->node);
}

int account_loader_fd(const struct account_loader *l)
{
	return mailbox_fd(l->updates);
}

struct account_update *account_loader_receive(struct account_loader *l)
{
	return (struct account_update *)mailbox_receive(l->updates);
}

void account_loader_fetch(struct account_loader *l, const struct str *keys, size_t n)
{
	struct job j = { .kind = JOB_FETCH, .keys = mem_calloc(n, sizeof(*keys)), .n = n };
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
	job_post(l, &j);
}

void account_loader_put_qr(struct account_loader *l, const struct catalogue_account *account, struct str code,
	bool pairing)
{
	job_post(l,
		&(struct job){ .kind = JOB_QR,
			.bytes = mem_cstr(code),
			.n = code.n,
			.pairing = pairing,
			.account = account->info.id,
			.workspace_row = account->workspace_id,
			.account_row = account->id });
}

void account_loader_set_keyring(struct account_loader *l, struct keyring **keyring)
{
	job_post(l, &(struct job){ .kind = JOB_KEYRING, .keyring = *keyring });
	*keyring = NULL;
}

void account_loader_discard(struct account_loader *l, struct catalogue **catalogue)
{
	job_post(l, &(struct job){ .kind = JOB_DISCARD, .catalogue = *catalogue });
	*catalogue = NULL;
}

void account_loader_wake(struct account_loader *l)
{
	job_post(l, &(struct job){ .kind = JOB_STOP });
}
