/* What has happened and is not written yet; and its transaction. While one is being written, the next one fills.
 *
 * Invariant: attempts, rows of the retry queue, positions, dead letters and the offsets that all of these let pass are one commit.
 */
#ifndef WEBHOOK_DISPATCHER_SETTLEMENT_H
#define WEBHOOK_DISPATCHER_SETTLEMENT_H

#include "http/exchange_class.h"
#include "webhook-dispatcher/flow.h"

struct settlement;

struct settlement *settlement_new(void);
void settlement_free(struct settlement *s); /* accepts NULL */
/* Forgets everything: deliveries that have ended are freed, those that fly on are not. */
void settlement_clear(struct settlement *s);

void settlement_add_attempt(struct settlement *s, const struct delivery *d, enum exchange_class class,
	const struct exchange_result *r);
void settlement_add_end(struct settlement *s, struct delivery *d); /* takes it */
void settlement_add_spill(struct settlement *s, struct delivery *d);
/* A record that cannot be read; why is copied. */
void settlement_add_dead(struct settlement *s, struct event *e, const struct err *why);
/* What an attempt says about its endpoint. reason and event may be NULL; both are kept. failing_ms: see struct endpoint_change. */
void settlement_add_finding(struct settlement *s, struct lane *l, enum endpoint_finding finding, int64_t at_us,
	const char *reason, struct event *event);
void settlement_add_disable(struct settlement *s, struct lane *l, const char *reason, int64_t failing_ms);
/* A row that was taken up and is not attempted now: due in delay_ms (or RETRY_WAITS), or failed for the reason given. */
void settlement_give_back(struct settlement *s, const struct retry_row *row, enum retry_status status, int64_t delay_ms,
	const char *error);
/* The oldest row of its chain is due, unless one is already. */
void settlement_add_release(struct settlement *s, const struct retry_row *row);
/* Its rows are due again, or (deleted) they and its positions end, in all partitions that are ours. Once is enough. */
void settlement_add_endpoint(struct settlement *s, struct endpoint_key endpoint, bool deleted);

/* Writes it, with whatever moved in the dispatcher's partitions, and takes up due retries when `claim`. Any failure: owner_restart(). */
int settlement_write(struct settlement *s, struct dispatcher *d, bool claim, struct err *err) ERR_MUST_USE;

#endif
