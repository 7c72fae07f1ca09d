/* What the files of calls/ share.
 *
 *   calls.c    queues of instances, and which call is sent next
 *   pending.c  a call, and the copy of what was asked
 *   request.c  sends a call, and ends it
 */
#ifndef CLEANUP_CALLS_PRIVATE_H
#define CLEANUP_CALLS_PRIVATE_H

#include <sys/queue.h>

#include "base/map.h"
#include "cleanup/calls/calls.h"

struct pending;
TAILQ_HEAD(pending_list, pending);

struct calls_queue {
	TAILQ_ENTRY(calls_queue) in_queues;
	int64_t index; /* of the instance */
	struct pending_list starts, others; /* each in order; others may pass a start that has to wait */
	size_t n_in_flight; /* without those that pass the queue */
	size_t n_pending;
	int64_t next_start_mono_ms;
};

/* One call, from calls_add() until done(). */
struct pending {
	TAILQ_ENTRY(pending) in_all, in_list;
	struct calls *calls;
	struct calls_queue *queue;
	struct pending_list *list; /* where it waits; NULL: in flight */
	uint64_t number; /* counts the calls that were added */
	bool over_limit; /* the queue was full */
	struct bridge_instance at;
	struct bridge_call call;
	struct buf text; /* what both point to; secret */
	struct str *signing_keys;
	struct arena *arena; /* of its request and its answer */
	struct pool_request *request; /* NULL: not in flight */
	call_done_fn done;
	void *ctx;
};

struct calls {
	struct calls_options options;
	struct loop_timer *timer; /* when the next call may begin */
	struct map *queues_by_index;
	TAILQ_HEAD(, calls_queue) queues;
	struct pending_list all; /* in the order in which they were added */
	struct pending_list passing; /* probes, and calls that were over the limit */
	uint64_t n_added;
	size_t n_pending;
};

/* pending.c */

bool call_passes_queue(enum bridge_action action);
bool call_starts_session(enum bridge_action action);
/* A copy of both; nothing else is set. */
struct pending *pending_new(const struct bridge_instance *at, const struct bridge_call *call);
void pending_free(struct pending *p); /* wipes the copy */

/* request.c. Both may call done(), which may add and abort calls; p may be freed when they return. */

/* Sends a call that waits in no list any more, or ends it. True: it is in flight. */
bool pending_begin(struct pending *p);
/* Without a request: `error` says why, for operators. */
void pending_refuse(struct pending *p, enum bridge_outcome outcome, const char *error);

#endif
