/* What has happened and is not written yet. Collects only: when it is written is decided above.
 *
 * There are two: one fills while the other is being written. Deliveries in it belong to it from journal_add_end() on, or are pointed to
 * (spills); they are released with deliveries_release() (lanes/delivery.h), before journal_clear().
 */
#ifndef WEBHOOK_DISPATCHER_JOURNAL_H
#define WEBHOOK_DISPATCHER_JOURNAL_H

#include "store/webhook_attempts.h"
#include "store/webhook_retries.h"
#include "webhook-dispatcher/endpoints/endpoint.h"
#include "webhook-dispatcher/events/event.h"
#include "webhook-dispatcher/journal/items.h"

#define EXCERPT_BYTES 1000

/* A record that cannot be read. */
struct dead {
	struct event *event;
	struct err why;
};

/* What attempts say about an endpoint. */
struct finding {
	struct endpoint_change change;
	int32_t partition;
	struct uuid workspace, endpoint;
	struct event *event; /* NULL: none in particular */
};

struct endpoint_news {
	struct endpoint_key key;
	bool deleted;
};

struct journal {
	struct arena *arena; /* of texts */
	struct delivery_list ends; /* deliveries that have ended */
	struct items spills; /* struct delivery *: in flight, to be given a row that is leased to it */
	struct items attempts; /* struct attempt_row */
	struct items dead;
	struct items findings;
	struct items endpoints; /* struct endpoint_news */
	struct items results; /* struct retry_result, of claimed rows that are not attempted now */
	struct items result_partitions; /* int32_t, of each */
	struct items releases; /* struct retry_key */
};

struct journal *journal_new(void);
void journal_free(struct journal *j); /* accepts NULL; holds no delivery */
void journal_clear(struct journal *j); /* the same */

/* Texts are copied. */
void journal_add_attempt(struct journal *j, const struct attempt_row *row);
void journal_add_spill(struct journal *j, struct delivery *d);
void journal_add_dead(struct journal *j, struct event *e, const struct err *why);
/* In one partition. reason and event may be NULL; both are kept. */
void journal_add_finding(struct journal *j, const struct endpoint *e, int32_t partition, enum endpoint_finding finding,
	int64_t at_us, const char *reason, struct event *event);
/* failing_ms: see struct endpoint_change. */
void journal_add_disable(struct journal *j, const struct endpoint *e, int32_t partition, const char *reason,
	int64_t failing_ms, int64_t at_us);
/* A claimed row that is not attempted now: due in delay_ms (or RETRY_WAITS), or failed for the reason given. */
void journal_give_back(struct journal *j, const struct retry_row *row, enum retry_status status, int64_t delay_ms,
	const char *error);
/* The oldest row of its chain is due, unless one is already. */
void journal_add_release(struct journal *j, const struct retry_row *row);
/* Its rows are due again, or (deleted) they and its positions end, in all partitions that are ours. Once is enough. */
void journal_add_endpoint(struct journal *j, struct endpoint_key endpoint, bool deleted);

/* What comes from outside as text that a column can hold, in the arena. */
struct str journal_text(struct arena *a, struct str s, size_t max);

#endif
