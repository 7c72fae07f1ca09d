/* What the files of the account loader share. Invariant: only the mailboxes and `stopping` are used by both threads. */
#ifndef INGEST_ACCOUNT_LOADER_PRIVATE_H
#define INGEST_ACCOUNT_LOADER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "ingest/accounts/account_loader.h"
#include "pg/listener.h"

enum job_kind { JOB_FETCH, JOB_QR, JOB_KEYRING, JOB_DISCARD, JOB_STOP };
struct job {
	struct mailbox_node node; /* first */
	enum job_kind kind;
	char *bytes; /* JOB_FETCH: the keys; JOB_QR: the code */
	struct str *keys;
	size_t n;
	bool pairing; /* JOB_QR */
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

	/* Of the thread alone. */
	struct pg_listener *listener; /* statements run on its connection, too */
	struct keyring *keyring;
	bool reload; /* everything has to be loaded again */
	int64_t reload_mono_ms; /* the earliest time to load everything, or `workspaces`, again */
	bool unreachable; /* PostgreSQL is unreachable, and that is logged */
	struct map *changed; /* accounts and apps that were notified and are not loaded yet: name keys */
	struct map *workspaces; /* likewise workspaces, by id */
	struct map *qr; /* account id to struct qr: the latest code of each account */
};

/* account_loader_mail.c */
void account_update_post(struct account_loader *l, const struct account_update *u);
struct job *job_take(struct account_loader *l);
void account_loader_wake(struct account_loader *l);

/* account_loader_rows.c: load rows and post them as updates. Errors as of pg_run(). */
int rows_load_all(struct account_loader *l, struct err *err) ERR_MUST_USE;
int rows_load_workspace(struct account_loader *l, const struct uuid *workspace, struct err *err) ERR_MUST_USE;
/* An unknown name is no error. ERR_INPUT: the text can be no name. */
int rows_load_name(struct account_loader *l, const struct name *name, struct err *err) ERR_MUST_USE;

/* account_loader_qr.c */
void qr_keep(struct account_loader *l, struct job *j); /* takes the job */
void qr_write(struct account_loader *l); /* stores the codes while PostgreSQL is available */
void qr_free(struct account_loader *l);

#endif
