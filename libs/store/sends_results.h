/* Results of attempts, written by the owner of a lane; see sends.h. */
#ifndef STORE_SENDS_RESULTS_H
#define STORE_SENDS_RESULTS_H

#include "store/sends.h"

struct send_result {
	int64_t workspace_id, id;
	int32_t generation;
	int64_t sent_by; /* account of the attempt */
	int32_t slot; /* partition of its lane */
	enum send_status status; /* PENDING, SENT, FAILED, UNKNOWN */
	int32_t attempt; /* attempts of this generation, with this one if it counts */
	/* Of PENDING and UNKNOWN: the lane that acts next, and when. A pending recipient always waits for the lane
	 * of its segment. A single message that moves to another account waits (delay_ms -1) for
	 * store_sends_release(), which finds its place among that account's. */
	int64_t account_id, delay_ms;
	struct str provider_message_id, error_code, error_message;
	bool keep_content; /* of SENT and FAILED: RETRY_FAILED may send it again */
	const char *resolved_by; /* what ended its being unknown: "answer", "lookup", "policy" */
	bool applied; /* out: false when the row had a result already, or a later generation */
	bool resolved; /* out: applied, and the row was unknown */
	bool erased; /* out: the row's contact was erased; the id and the message of the provider were not written */
};
/* Writes results to rows that are pending or unknown; UNKNOWN only to pending ones. */
int store_sends_results(struct pg *pg, struct send_result *rows, size_t n, struct err *err) ERR_MUST_USE;

struct send_id {
	int64_t workspace_id, id;
	int64_t delay_ms; /* of store_sends_postpone() */
};
/* Started only. Rows that are due are looked at again after delay_ms; nothing else changes. */
int store_sends_postpone(struct pg *pg, const struct send_id *rows, size_t n, struct err *err) ERR_MUST_USE;
/* Started only. Policy assume_sent: rows stay unknown for ever, unless a status comes. */
int store_sends_assume(struct pg *pg, const struct send_id *rows, size_t n, struct err *err) ERR_MUST_USE;

struct send_lost {
	int64_t workspace_id, id, account_id;
	int32_t slot;
	/* May have been posted: a message becomes unknown, a reaction or read marker, which may be repeated, is due
	 * again. false: the commit that marked it was in doubt, and the process never began it: due again. */
	bool begun;
};
/* A message of them that is unknown now. Its strings are in the arena. */
struct send_recovered {
	size_t place; /* in `rows` */
	int64_t workspace_id, id;
	int64_t campaign_id; /* 0: single message */
	struct uuid request;
	int32_t generation;
	struct str address, content;
};
/* After acquiring a lane: ids in in_flight of which this process knows nothing. Unknown rows are due after delay_ms;
 * `each` gets them. Rows that have ended stay as they are. */
int store_sends_recover(struct pg *pg, const struct send_lost *rows, size_t n, int64_t delay_ms, struct arena *a,
	void (*each)(void *ctx, const struct send_recovered *row), void *ctx, struct err *err) ERR_MUST_USE;

/* Unknown messages of these lanes, and those among them that nothing has looked at for overdue_ms after they were due. */
struct send_unknown_count {
	int64_t unknown, overdue;
};
int store_sends_count_unknown(struct pg *pg, const int32_t *partitions, size_t n, int64_t overdue_ms,
	struct send_unknown_count *out, struct err *err) ERR_MUST_USE;

#endif
