/* Which delivery is sent next, and what it uses while it is in flight: a slot of its workspace's share, and of its lane's cap and rate. */
#ifndef WEBHOOK_DISPATCHER_SEND_QUEUE_H
#define WEBHOOK_DISPATCHER_SEND_QUEUE_H

#include "webhook-dispatcher/lanes/model.h"

void send_queue_init(struct lane_shared *s, const struct dispatcher_settings *settings, struct journal *journal);
/* Removes the next delivery from its chain, which stays busy until send_queue_done(). The caller passes it to one of the next two functions.
 * NULL: none can be sent now. */
struct delivery *send_queue_next(struct lane_shared *s, int64_t now_mono_ms);
void send_queue_begin(struct delivery *d, int64_t now_mono_ms);
/* Ends a delivery that is too late for its sink, without an attempt. */
void send_queue_skip(struct delivery *d, int64_t now_mono_ms);
/* Its request has ended: frees what it used. The caller then calls result_apply() and send_queue_done(). */
void send_queue_end(struct delivery *d);
/* The next delivery of this chain may be sent. */
void send_queue_done(struct chain *c, int64_t now_mono_ms);
/* Schedules the lanes whose pause or rate limit has ended. */
void send_queue_wake(struct lane_shared *s, int64_t now_mono_ms);
size_t send_queue_in_flight(const struct lane_shared *s);
/* Forgets all lanes and slots: all partitions were revoked, and their requests aborted. */
void send_queue_clear(struct lane_shared *s);

#endif
