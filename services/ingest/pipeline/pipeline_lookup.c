/* The pipeline's access to the account cache; see pipeline_steps.h. Invariant: no parsed body is kept while the request
 * waits for PostgreSQL, as any number of requests may wait. */
#include "ingest/pipeline/pipeline_steps.h"
#include "ingest/requests/turns.h"
#include "ingest/stats.h"

const struct catalogue *pipeline_catalogue(const struct request *req)
{
	return account_cache_catalogue(req->ingest->account_cache);
}

enum knowledge pipeline_knows(const struct request *req, const struct name *name)
{
	return account_cache_knows(req->ingest->account_cache, name);
}

enum step_result pipeline_fetch(struct request *req, const struct name *names, size_t n)
{
	struct err err;

	json_free(req->doc);
	req->doc = NULL;
	if (req->queued) {
		turns_leave(req);
		req->step--; /* the step before is the one that queues the request */
	}
	req->fetched = true;
	if (account_cache_fetch(req->ingest->account_cache, names, n, &req->wait, &err) < 0) {
		request_unavailable(req, REFUSED_DIRECTORY, &err);
		return STEP_DONE;
	}
	return STEP_WAIT;
}

void pipeline_count_lookup(const struct request *req, bool found)
{
	stats_lookup(!found ? LOOKUP_ABSENT : req->fetched ? LOOKUP_MISS : LOOKUP_HIT);
}
