/* QR codes that are not stored in account_qr yet: the latest of each account, until it is stored or has expired.
 * Invariant: a code is never logged, and its memory is wiped before it is freed. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/sealed_row.h"
#include "ingest/accounts/account_loader_private.h"
#include "store/intake.h"

#define QR_MAX 4096 /* codes; a login shows a new one every 20 s */

struct qr {
	struct job *job;
	int64_t expires_mono_ms;
};

static void qr_drop(struct account_loader *l, struct qr *q)
{
	map_del(l->qr, uuid_bytes(&q->job->account));
	job_free(q->job);
	free(q);
}

void qr_keep(struct account_loader *l, struct job *j)
{
	struct qr *q = map_get(l->qr, uuid_bytes(&j->account));

	if (q)
		qr_drop(l, q);
	if (map_count(l->qr) >= QR_MAX) {
		job_free(j);
		return;
	}
	q = mem_calloc(1, sizeof(*q));
	q->job = j;
	q->expires_mono_ms = clock_mono_ms() + (int64_t)l->options.qr_ttl_s * 1000;
	*map_slot(l->qr, uuid_bytes(&j->account)) = q;
}

static int qr_put(struct account_loader *l, const struct qr *q, struct err *err)
{
	const struct str code = { q->job->bytes, q->job->n };
	struct buf sealed = BUF_INIT;
	int64_t left_s = (q->expires_mono_ms - clock_mono_ms()) / 1000;
	int rc = row_seal(l->keyring, SEALED_QR, &q->job->account, code, &sealed, err);

	if (rc == 0)
		rc = store_account_qr_put(pg_listener_pg(l->listener), q->job->workspace_row, q->job->account_row,
			q->job->pairing, buf_str(&sealed), (int)left_s, err);
	buf_fini(&sealed);
	return rc;
}

void qr_write(struct account_loader *l)
{
	struct str key;
	void *value;
	size_t i = 0;

	while (map_each(l->qr, &i, &key, &value)) {
		struct qr *q = value;
		struct err err = { 0 };
		char uuid[37];

		if (q->expires_mono_ms <= clock_mono_ms()) {
			qr_drop(l, q);
			continue;
		}
		if (!pg_listener_listens(l->listener) || atomic_load(&l->stopping))
			return;
		if (qr_put(l, q, &err) < 0 && err.kind == ERR_RETRY)
			continue;
		uuid_format(&q->job->account, uuid);
		if (err.kind != ERR_NONE)
			log_error("QR code not stored", LOG_S("account", uuid), LOG_ERR(&err));
		qr_drop(l, q);
	}
}

void qr_free(struct account_loader *l)
{
	struct str key;
	void *value;
	size_t i = 0;

	while (map_each(l->qr, &i, &key, &value))
		qr_drop(l, value);
	map_free(l->qr);
}
