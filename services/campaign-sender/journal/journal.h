/* Results of messages that are not written yet. The journal only collects; the sender decides when it is flushed (commit/flush.h).
 *
 *   sending ----> journal A, being filled
 *                 journal B, being written ----> flush ----> swapped with A
 *
 * An answer is kept until a flush has written it, also when the partitions are acquired again: no kill, no unknown. A flush that fails drops those
 * that are older than JOURNAL_KEEP_MS; while none runs, nothing more is begun, so that the journal does not grow. */
#ifndef CAMPAIGN_SENDER_JOURNAL_H
#define CAMPAIGN_SENDER_JOURNAL_H

#include "base/vec.h"
#include "campaign-sender/effects/effects.h"
#include "campaign-sender/lanes/model.h"

#define JOURNAL_KEEP_MS (10 * 60 * 1000)

struct journal_result {
	struct send *send; /* ANSWERED; owned by its lane, or an orphan */
	struct settlement settlement;
	struct attempt_outcome outcome; /* its texts are in the journal's arena, storable (base/utf8.h) */
	bool looked_up; /* by blazz_lookup_build(), not sent */
	bool by_policy;
	bool attempted; /* a request has begun */
	bool stopped; /* this result has opened the stopper of its segment */
	bool over_share; /* as in struct effect_source, of its segment */
	bool other_number; /* another account may send it, as its request allows */
	int http_status;
	int64_t began_us; /* wall clock */
	int64_t total_us; /* -1: not known */
	int64_t answered_ms; /* monotonic */
};

struct journal {
	struct arena *arena;
	struct journal_result *results;
	size_t n, cap;
	struct effects *effects; /* that follow from the results: collected by the flush, anew each time it is tried */
};

struct journal *journal_new(void);
void journal_free(struct journal *j); /* accepts NULL */
void journal_clear(struct journal *j);
/* Copies the result with its texts. */
void journal_add(struct journal *j, const struct journal_result *r);
/* Puts results that could not be written in front of those of `to`, and empties `from`, its effects, too; those older than JOURNAL_KEEP_MS are
 * returned through expired(), and dropped. */
void journal_put_back(struct journal *to, struct journal *from, int64_t now_ms,
	void (*expired)(void *ctx, struct journal_result *r), void *ctx);

#endif
