/* The rate limits of accounts (README.md, Limits). Invariant: an account is admitted while its bucket has a token, and
 * is charged the whole cost of a body once that is known, which may leave a debt. A body that was read is charged even
 * when it is then rejected. */
#include "base/clock.h"
#include "ingest/dialects/dialects.h"
#include "ingest/dialects/sync_batch.h"
#include "ingest/pipeline/pipeline_steps.h"
#include "ingest/requests/answers.h"
#include "ingest/stats.h"

#define BYTES_PER_EVENT (16.0 * 1024) /* so many bytes of a body cost as much as one event */

static struct rate account_rate(const struct ingest *in)
{
	return (struct rate){ (double)in->settings->limits_account_rate, (double)in->settings->limits_account_burst };
}

int64_t pipeline_account_wait_ms(const struct request *req, const struct uuid *account)
{
	struct ingest *in = req->ingest;
	const struct bucket *b = &limiter_entry(in->accounts, uuid_bytes(account))->bucket;

	return bucket_wait_ms(b, account_rate(in), 1, clock_mono_ms());
}

static void account_charge(const struct request *req, const struct uuid *account, double cost)
{
	struct ingest *in = req->ingest;

	bucket_charge(&limiter_entry(in->accounts, uuid_bytes(account))->bucket, account_rate(in), cost,
		clock_mono_ms());
}

static const struct uuid *account_of_item(const struct request *req, size_t i)
{
	const struct intake *in = &req->intake;
	const struct intake_account *a;

	if (i < in->n_events)
		return &in->events[i]->account;
	a = in->rejected[i - in->n_events].account;
	return a ? &a->id : NULL;
}

/* Each item costs its account a token and its share of the body's bytes. An item without an account, or one that was
 * ignored, is charged to the account that posted the body, or to Meta's app. */
void pipeline_charge(struct request *req)
{
	const struct intake *in = &req->intake;
	const struct uuid *poster = req->route->subject == SUBJECT_APP ? &req->target : &req->account_id;
	size_t named = in->n_events + in->n_rejected, items = in->n_items > named ? in->n_items : named, n = 0;
	double cost;

	items = items > 0 ? items : 1;
	cost = 1 + (double)http_body(req->http).n / BYTES_PER_EVENT / (double)items;
	for (size_t i = 0; i < named; i += n) {
		const struct uuid *account = account_of_item(req, i), *owner = account ? account : poster;

		for (n = 1; i + n < named && account_of_item(req, i + n) == account; n++)
			;
		account_charge(req, owner, cost * (double)n);
	}
	account_charge(req, poster, cost * (double)(items - named));
}

enum step_result pipeline_refuse_account(struct request *req, int64_t wait_ms)
{
	request_refuse(req, 429, REFUSED_ACCOUNT_RATE, answer_retry_after_s(wait_ms));
	return STEP_DONE;
}

/* Before the body is parsed. */
enum step_result step_account_rate(struct request *req)
{
	int64_t wait_ms = pipeline_account_wait_ms(req, &req->account_id);

	return wait_ms > 0 ? pipeline_refuse_account(req, wait_ms) : STEP_NEXT;
}

/* The number of chats in a batch of an initial sync; 0 for any other body. A batch with too many chats counts as 0,
 * too: its reader rejects it. */
static size_t sync_chats(const struct request *req)
{
	const json *body = json_root(req->doc);
	size_t n = 0;

	if (req->route->read == bridge_read_sync)
		n = json_count(json_get(body, "chats"));
	else if (req->route->read == wwebjs_read && str_is(json_str(json_get(body, "dataType")), "chats_sync"))
		n = json_count(json_path(body, "data.chats"));
	return n <= SYNC_MAX_CHATS ? n : 0;
}

enum step_result step_sync_rate(struct request *req)
{
	const struct ingest_settings *s = req->ingest->settings;
	const struct rate rate = { (double)s->limits_sync_rate, (double)s->limits_sync_burst };
	size_t chats = sync_chats(req);
	struct limiter_entry *e;
	int64_t wait_ms;

	if (chats == 0)
		return STEP_NEXT;
	e = limiter_entry(req->ingest->syncs, uuid_bytes(&req->account_id));
	if (bucket_take(&e->bucket, rate, (double)chats, clock_mono_ms(), &wait_ms))
		return STEP_NEXT;
	pipeline_charge(req);
	request_refuse(req, 429, REFUSED_SYNC_RATE, answer_retry_after_s(wait_ms));
	return STEP_DONE;
}
