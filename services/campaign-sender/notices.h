/* PostgreSQL's notifications on blazz_sending, over a connection of their own: they arrive also while a statement waits. */
#ifndef CAMPAIGN_SENDER_NOTICES_H
#define CAMPAIGN_SENDER_NOTICES_H

#include "base/uuid.h"
#include "loop/loop.h"
#include "pg/pg.h"

struct notices;

enum notice_kind {
	NOTICE_ALL, /* notifications may have been missed, or there are too many: everything cached is out of date, and rows
			     * may be due in every lane. It is then the only notice */
	NOTICE_ACCOUNT,
	NOTICE_CAMPAIGN,
	NOTICE_TEMPLATE,
	NOTICE_WORKSPACE,
	NOTICE_DUE, /* a row is due in the lane of this account */
};
struct notice {
	enum notice_kind kind;
	struct uuid uuid;
	int64_t id; /* of NOTICE_TEMPLATE */
};

/* The texts of options are borrowed until notices_free(). */
struct notices *notices_new(struct loop *loop, const struct pg_options *options);
void notices_free(struct notices *n); /* accepts NULL */
/* Connects and listens, unless it does so already; a new connection begins with NOTICE_ALL. ERR_RETRY. */
int notices_listen(struct notices *n, struct err *err) ERR_MUST_USE;
/* Whether there are notices, or the connection is lost. Never waits. */
bool notices_pending(struct notices *n);
/* What was notified since the last call, each once. The caller frees *out, which is NULL when *count is 0. ERR_RETRY: the connection is lost. */
int notices_read(struct notices *n, struct notice **out, size_t *count, struct err *err) ERR_MUST_USE;

#endif
