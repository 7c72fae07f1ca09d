/* QR codes of WAHA, which posts none as other bridges do: fetched while a session waits for its scan, and stored as ingest stores those
 * that are posted. Invariant: a code is never logged, and its memory is wiped before it is freed. */
#include "cleanup/upkeep/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/sealed_row.h"
#include "store/intake.h"

#define RETRY_AFTER_MAX_MS 300000

struct qr {
	struct upkeep *upkeep;
	struct account *account;
	bool in_call;
	int64_t next_mono_ms; /* when it is fetched again */
	struct buf code; /* to be stored; empty: none */
	int64_t expires_mono_ms;
};

static void qr_free(struct qr *q)
{
	buf_wipe(&q->code);
	buf_fini(&q->code);
	free(q);
}

void qr_clear(struct upkeep *u)
{
	struct str key;
	void *value;
	size_t i = 0;

	while (map_each(u->qr, &i, &key, &value))
		qr_free(value);
	map_clear(u->qr);
	u->qr_pending = false;
}

static struct qr *qr_of(struct upkeep *u, struct account *a)
{
	struct qr *q = map_get(u->qr, uuid_bytes(&a->row.uuid));

	if (q)
		return q;
	q = mem_calloc(1, sizeof(*q));
	q->upkeep = u;
	q->account = a;
	buf_reserve(&q->code, BRIDGE_QR_BYTES);
	*map_slot(u->qr, uuid_bytes(&a->row.uuid)) = q;
	return q;
}

static void qr_drop(struct upkeep *u, const struct account *a)
{
	struct qr *q = map_get(u->qr, uuid_bytes(&a->row.uuid));

	if (!q || q->in_call || q->code.n > 0)
		return;
	map_del(u->qr, uuid_bytes(&a->row.uuid));
	qr_free(q);
}

static bool is_wanted(const struct account *a)
{
	return a->row.bridge == BRIDGE_WAHA && account_has_session(a) && a->observed == OBSERVED_QR &&
		account_desired(a) == DESIRED_CONNECTED && !account_is_deleted(a);
}

static void on_fetched(void *ctx, const struct bridge_answer *answer)
{
	struct qr *q = ctx;
	struct upkeep *u = q->upkeep;
	int64_t now = clock_mono_ms(), wait_ms = u->options.qr_interval_ms;

	q->in_call = false;
	if (answer->retry_after_ms > wait_ms)
		wait_ms = answer->retry_after_ms < RETRY_AFTER_MAX_MS ? answer->retry_after_ms : RETRY_AFTER_MAX_MS;
	q->next_mono_ms = now + wait_ms;
	if (answer->outcome != BRIDGE_OK || answer->qr.n == 0 || !is_wanted(q->account))
		return;
	buf_wipe(&q->code);
	buf_add_str(&q->code, answer->qr);
	q->expires_mono_ms = now + u->options.qr_ttl_ms;
	u->qr_pending = true;
}

static void fetch(struct qr *q, const struct instance *at)
{
	const struct account *a = q->account;
	const struct bridge_call call = { .action = BRIDGE_FETCH_QR, .session = { .name = account_session_name(a) } };

	q->in_call = true;
	calls_add(q->upkeep->options.calls, at->row.index, &at->bridge, &call, on_fetched, q);
}

void qr_turn(struct upkeep *u, struct account *a, int64_t now_mono_ms)
{
	struct instance *at;
	struct qr *q;

	if (!is_wanted(a) || a->row.instance_index < 0) {
		qr_drop(u, a);
		return;
	}
	at = fleet_find(u->options.fleet, a->row.instance_index);
	q = qr_of(u, a);
	if (at && instance_is_usable(at) && !q->in_call && now_mono_ms >= q->next_mono_ms)
		fetch(q, at);
}

/* Seals the code before the statement: another answer may replace it while that waits. */
static int code_store(struct qr *q, struct pg *pg, struct err *err)
{
	const struct upkeep *u = q->upkeep;
	const struct account *a = q->account;
	int64_t left_s = (q->expires_mono_ms - clock_mono_ms()) / 1000;
	struct buf sealed = BUF_INIT;
	int rc = row_seal(u->options.keyring, SEALED_QR, &a->row.uuid, buf_str(&q->code), &sealed, err);

	buf_wipe(&q->code);
	if (rc == 0 && left_s > 0)
		rc = store_account_qr_put(pg, a->row.workspace_id, a->row.id, false, buf_str(&sealed), (int)left_s,
			err);
	buf_fini(&sealed);
	return rc;
}

int qr_flush(struct upkeep *u, const struct record_target *to, struct err *err)
{
	struct str key;
	void *value;
	size_t i = 0;

	u->qr_pending = false;
	if (lease_begin(to->lease, err) < 0)
		return -1;
	while (map_each(u->qr, &i, &key, &value)) {
		struct qr *q = value;

		if (q->code.n > 0 && code_store(q, lease_pg(to->lease), err) < 0)
			return -1;
	}
	return lease_commit(to->lease, err);
}
