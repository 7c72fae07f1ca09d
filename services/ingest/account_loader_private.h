/* What the files of the loader share. */
#ifndef INGEST_ACCOUNT_LOADER_PRIVATE_H
#define INGEST_ACCOUNT_LOADER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "ingest/account_loader.h"
#include "pg/listener.h"

enum job_kind { JOB_FETCH, JOB_QR, JOB_KEYRING, JOB_DISCARD, JOB_STOP };
struct job {
	struct mailbox_node node; /* first */
	enum job_kind kind;
	char *bytes; /* JOB_FETCH: the keys; JOB_QR: the code */
	struct str *keys;
	size_t n;
	struct uuid account;
	int64_t workspace_row, account_row;
	struct keyring *keyring;
	struct catalogue *catalogue;
};
void job_free(struct job *j);

struct account_loader {
	struct account_loader_options options;
	pthread_t thread;
	bool started;
	atomic_bool stopping;
	struct mailbox *jobs, *updates;

	/* The thread's own. */
	struct pg_listener *listener; /* on its connection all statements run, too */
	struct keyring *keyring;
	bool reload; /* everything is to be read again */
	int64_t reload_mono_ms; /* not before: everything, or what `workspaces` has */
	bool unreachable; /* PostgreSQL is, and the log says so */
	struct map *changed; /* notifications not yet looked at, as name keys */
	struct map *workspaces; /* those of workspaces, by id */
	struct map *qr;      /* account id to struct qr, the latest of each */
};

/* account_loader_mail.c */
void account_update_post(struct account_loader *l, const struct account_update *n);
struct job *job_take(struct account_loader *l);
void account_loader_wake(struct account_loader *l); /* it is stopping */

/* account_loader_rows.c: what the database says, as news. ERR_RETRY and the like as of pg_run(). */
int rows_read_all(struct account_loader *l, struct err *err) ERR_MUST_USE;
int rows_read_workspace(struct account_loader *l, const struct uuid *workspace, struct err *err) ERR_MUST_USE;
int rows_read_name(struct account_loader *l, const struct name *name, struct err *err) ERR_MUST_USE;

/* account_loader_qr.c */
void qr_keep(struct account_loader *l, struct job *j); /* takes the code */
void qr_write(struct account_loader *l);
void qr_free(struct account_loader *l);

#endif
