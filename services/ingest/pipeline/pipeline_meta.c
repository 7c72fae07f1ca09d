/* The steps that read a body of Meta's, which may be about many accounts of the app that signed it. Invariant: no item
 * is read before each number and WABA that the body names is either cached or known to be absent, so an item becomes a
 * dead letter because its account does not exist, never because PostgreSQL is down.
 */
#include "ingest/dialects/dialects.h"
#include "ingest/pipeline/pipeline_steps.h"

static struct name number_name(const struct request *req, struct str id)
{
	return (struct name){ NAME_NUMBER, req->target, id };
}

static struct name waba_name(const struct request *req, struct str id)
{
	return (struct name){ NAME_WABA, req->target, id };
}

/* Fills out with the names that have to be fetched; returns how many there are. */
static size_t unknown_names(const struct request *req, const struct meta_references *refs, struct name *out)
{
	size_t n = 0;

	for (size_t i = 0; i < refs->n_phone_number_ids; i++) {
		out[n] = number_name(req, refs->phone_number_ids[i]);
		n += pipeline_knows(req, &out[n]) == UNKNOWN;
	}
	for (size_t i = 0; i < refs->n_waba_ids; i++) {
		out[n] = waba_name(req, refs->waba_ids[i]);
		n += pipeline_knows(req, &out[n]) == UNKNOWN;
	}
	return n;
}

/* How long the accounts that a body names have to wait: the shortest and the longest time. */
struct debts {
	int64_t shortest_ms, longest_ms;
	size_t n;
};

static void debt_add(struct request *req, struct debts *debts, const struct catalogue_account *a)
{
	int64_t wait_ms = pipeline_account_wait_ms(req, &a->info.id);

	if (debts->n++ == 0 || wait_ms < debts->shortest_ms)
		debts->shortest_ms = wait_ms;
	if (wait_ms <= debts->longest_ms)
		return;
	debts->longest_ms = wait_ms;
	req->account_id = a->info.id;
	req->workspace_id = a->info.workspace;
}

/* Meta puts updates of several accounts into one POST. In the platform's app the accounts belong to several tenants, so
 * that one account's debt must not delay another's updates: the POST is refused only when all of them are in debt. A
 * tenant's own app is refused when any account is: its tenant has the app's secret, and could add an account without
 * debt to every body. The app has a bucket of its own, for items without an account. */
static enum step_result accounts_admit(struct request *req, const struct meta_references *refs)
{
	struct debts debts = { .longest_ms = pipeline_account_wait_ms(req, &req->target) };
	const struct catalogue_account *a;

	for (size_t i = 0; i < refs->n_phone_number_ids; i++) {
		struct name name = number_name(req, refs->phone_number_ids[i]);

		if ((a = catalogue_account(pipeline_catalogue(req), &name)))
			debt_add(req, &debts, a);
	}
	for (size_t i = 0; i < refs->n_waba_ids; i++) {
		struct name name = waba_name(req, refs->waba_ids[i]);

		for (a = catalogue_account(pipeline_catalogue(req), &name); a; a = a->waba_next)
			debt_add(req, &debts, a);
	}
	if (debts.longest_ms == 0 || (req->app->shared && debts.n > 0 && debts.shortest_ms == 0))
		return STEP_NEXT;
	return pipeline_refuse_account(req, debts.longest_ms);
}

/* Parses the body, too: a repetition of this step after a fetch has to parse it again. */
enum step_result step_references(struct request *req)
{
	struct meta_references refs;
	struct name *names;
	struct err err;
	size_t n;

	intake_init(&req->intake, req->arena, req->now_ms, NULL);
	intake_bound(&req->intake, http_body(req->http).n);
	req->app = catalogue_app(pipeline_catalogue(req), &req->target);
	if (!req->app)
		return pipeline_reject_unauthorized(req, "unknown app"); /* deleted during the wait */
	if (json_parse(&req->doc, http_body(req->http), &err) < 0)
		return pipeline_dead_letter_body(req, DEAD_DECODE, &err);
	if (meta_references(&refs, json_root(req->doc), req->arena, &err) < 0)
		return pipeline_dead_letter_body(req, DEAD_RULE, &err);
	names = ARENA_ARRAY(req->arena, struct name, refs.n_phone_number_ids + refs.n_waba_ids + 1);
	n = unknown_names(req, &refs, names);
	return n > 0 ? pipeline_fetch(req, names, n) : accounts_admit(req, &refs);
}

static const struct intake_account *by_phone_number_id(void *ctx, struct str id)
{
	const struct request *req = ctx;
	struct name name = number_name(req, id);
	const struct catalogue_account *a = catalogue_account(pipeline_catalogue(req), &name);

	return a ? &a->info : NULL;
}

static size_t by_waba(void *ctx, struct str waba_id, const struct intake_account **out, size_t max)
{
	const struct request *req = ctx;
	struct name name = waba_name(req, waba_id);
	const struct catalogue_account *a = catalogue_account(pipeline_catalogue(req), &name);
	size_t n = 0;

	for (; a; a = a->waba_next, n++)
		if (n < max)
			out[n] = &a->info;
	return n;
}

enum step_result step_read_meta(struct request *req)
{
	struct intake *in = &req->intake;
	struct err err;

	in->by_phone_number_id = by_phone_number_id;
	in->by_waba = by_waba;
	in->lookup_ctx = req;
	if (meta_read(in, json_root(req->doc), &err) < 0)
		return in->too_large ? STEP_NEXT : pipeline_dead_letter_body(req, DEAD_RULE, &err);
	pipeline_charge(req);
	return pipeline_publish(req);
}
