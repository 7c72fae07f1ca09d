/* The results of deliveries that are not written yet. The journal only collects; the dispatcher decides when it is flushed (commit/flush.h).
 *
 *   lanes ----> journal A, being filled
 *               journal B, being written ----> flush ----> swapped with A
 *
 * A journal owns deliveries from journal_add_end() on, and points to others (spills); deliveries_release() (lanes/delivery.h) releases them
 * before journal_clear().
 */
#ifndef WEBHOOK_DISPATCHER_JOURNAL_H
#define WEBHOOK_DISPATCHER_JOURNAL_H

#include "store/webhook_attempts.h"
#include "store/webhook_retries.h"
#include "webhook-dispatcher/endpoints/endpoint.h"
#include "webhook-dispatcher/events/event.h"
#include "webhook-dispatcher/journal/items.h"

#define EXCERPT_BYTES 1000

/* A record that could not be decoded, to become a dead letter. */
struct dead {
	struct event *event;
	struct err why;
};

/* A finding about an endpoint's health. */
struct finding {
	struct endpoint_change change;
	int32_t partition;
	struct uuid workspace, endpoint;
	struct event *event; /* the event whose delivery led to it; NULL: no particular one */
};

struct endpoint_update {
	struct endpoint_key key;
	bool deleted;
};

struct journal {
	struct arena *arena; /* of texts */
	struct delivery_list ends; /* deliveries that have ended */
	struct items spills; /* struct delivery *: in flight, to get a leased row of the retry queue */
	struct items attempts; /* struct attempt_row */
	struct items dead;
	struct items findings;
	struct items endpoints; /* struct endpoint_update */
	struct items results; /* struct retry_result, of claimed rows that are postponed or failed without an attempt */
	struct items result_partitions; /* int32_t, the partition of each result */
	struct items releases; /* struct retry_key */
};

struct journal *journal_new(void);
void journal_free(struct journal *j); /* accepts NULL; holds no delivery */
void journal_clear(struct journal *j); /* likewise holds no delivery */

/* Texts are copied. */
void journal_add_attempt(struct journal *j, const struct attempt_row *row);
void journal_add_spill(struct journal *j, struct delivery *d);
void journal_add_dead(struct journal *j, struct event *e, const struct err *why);
/* Adds a finding of a lane in one partition. reason and event may be NULL; the reason is copied, the event referenced. */
void journal_add_finding(struct journal *j, const struct endpoint *e, int32_t partition, enum endpoint_finding finding,
	int64_t at_us, const char *reason, struct event *event);
/* failing_ms: see struct endpoint_change. */
void journal_add_disable(struct journal *j, const struct endpoint *e, int32_t partition, const char *reason,
	int64_t failing_ms, int64_t at_us);
/* A claimed row that is not attempted now: due in delay_ms (or RETRY_WAITS), or failed for the reason given. */
void journal_add_result(struct journal *j, const struct retry_row *row, enum retry_status status, int64_t delay_ms,
	const char *error);
/* Makes the oldest row of this row's chain due, unless one is due already. */
void journal_add_release(struct journal *j, const struct retry_row *row);
/* Makes the endpoint's rows due again, or (deleted) ends them and deletes its positions, in all partitions of this replica. Repeated calls have
 * no further effect. */
void journal_add_endpoint(struct journal *j, struct endpoint_key endpoint, bool deleted);

/* Copies text from outside into the arena, made storable in a column (base/utf8.h) and at most max bytes long. */
struct str journal_text(struct arena *a, struct str s, size_t max);

#endif
