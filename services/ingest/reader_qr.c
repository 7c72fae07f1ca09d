/* QR codes on their way into account_qr: the latest of each account, until written or expired. Invariant: a code is never
 * logged, and wiped when it is let go. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/sealed_row.h"
#include "ingest/reader_private.h"
#include "store/intake.h"

#define QR_MAX 4096 /* accounts; a login shows a new code every 20 s */

struct qr {
	struct job *job;
	int64_t expires_mono_ms;
};

static void qr_drop(struct reader *r, struct qr *q)
{
	map_del(r->qr, uuid_bytes(&q->job->account));
	job_free(q->job);
	free(q);
}

void qr_keep(struct reader *r, struct job *j)
{
	struct qr *q = map_get(r->qr, uuid_bytes(&j->account));

	if (q)
		qr_drop(r, q);
	if (map_count(r->qr) >= QR_MAX) {
		job_free(j);
		return;
	}
	q = mem_calloc(1, sizeof(*q));
	q->job = j;
	q->expires_mono_ms = clock_mono_ms() + (int64_t)r->options.qr_ttl_s * 1000;
	*map_slot(r->qr, uuid_bytes(&j->account)) = q;
}

static int qr_put(struct reader *r, const struct qr *q, struct err *err)
{
	const struct str code = { q->job->bytes, q->job->n };
	struct buf sealed = BUF_INIT;
	int64_t left_s = (q->expires_mono_ms - clock_mono_ms()) / 1000;
	int rc = row_seal(r->keyring, "qr", &q->job->account, code, &sealed, err);

	if (rc == 0)
		rc = store_account_qr_put(pg_listener_pg(r->listener), q->job->workspace_row, q->job->account_row,
			buf_str(&sealed), (int)left_s, err);
	buf_fini(&sealed);
	return rc;
}

void qr_write(struct reader *r)
{
	struct str key;
	void *value;
	size_t i = 0;

	while (map_each(r->qr, &i, &key, &value)) {
		struct qr *q = value;
		struct err err = { 0 };
		char uuid[37];

		if (q->expires_mono_ms <= clock_mono_ms()) {
			qr_drop(r, q);
			continue;
		}
		if (!pg_listener_listens(r->listener) || atomic_load(&r->stopping))
			return;
		if (qr_put(r, q, &err) < 0 && err.kind == ERR_RETRY)
			continue;
		uuid_format(&q->job->account, uuid);
		if (err.kind != ERR_NONE)
			log_error("QR code not stored", LOG_S("account", uuid), LOG_ERR(&err));
		qr_drop(r, q);
	}
}

void qr_free(struct reader *r)
{
	struct str key;
	void *value;
	size_t i = 0;

	while (map_each(r->qr, &i, &key, &value))
		qr_drop(r, value);
	map_free(r->qr);
}
