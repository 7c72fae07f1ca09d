/* What the files of the reader share. */
#ifndef INGEST_READER_PRIVATE_H
#define INGEST_READER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "ingest/reader.h"
#include "pg/listener.h"

enum job_kind { JOB_LOOK, JOB_QR, JOB_KEYRING, JOB_DISCARD, JOB_STOP };
struct job {
	struct mailbox_node node; /* first */
	enum job_kind kind;
	char *bytes; /* JOB_LOOK: the keys; JOB_QR: the code */
	struct str *keys;
	size_t n;
	struct uuid account;
	int64_t workspace_row, account_row;
	struct keyring *keyring;
	struct catalogue *catalogue;
};
void job_free(struct job *j);

struct reader {
	struct reader_options options;
	pthread_t thread;
	bool started;
	atomic_bool stopping;
	struct mailbox *jobs, *news;

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

/* reader_mail.c */
void news_post(struct reader *r, const struct news *n);
struct job *job_take(struct reader *r);
void reader_wake(struct reader *r); /* it is stopping */

/* reader_rows.c: what the database says, as news. ERR_RETRY and the like as of pg_run(). */
int rows_read_all(struct reader *r, struct err *err) ERR_MUST_USE;
int rows_read_workspace(struct reader *r, const struct uuid *workspace, struct err *err) ERR_MUST_USE;
int rows_read_name(struct reader *r, const struct name *name, struct err *err) ERR_MUST_USE;

/* reader_qr.c */
void qr_keep(struct reader *r, struct job *j); /* takes the code */
void qr_write(struct reader *r);
void qr_free(struct reader *r);

#endif
