/* Which delivery is sent next, and what it holds while it is in flight: a slot of its workspace's share, its lane's cap and pace. */
#ifndef WEBHOOK_DISPATCHER_SEND_QUEUE_H
#define WEBHOOK_DISPATCHER_SEND_QUEUE_H

#include "webhook-dispatcher/lanes/model.h"

void send_queue_init(struct lane_shared *s, const struct dispatcher_settings *settings, struct journal *journal);
/* Takes it out of its chain, which stays busy until send_queue_done(). One of the following two comes next. NULL: nothing can be sent now. */
struct delivery *send_queue_next(struct lane_shared *s, int64_t now_mono_ms);
void send_queue_begin(struct delivery *d, int64_t now_mono_ms);
/* It is too late for its endpoint: it ends without an attempt. */
void send_queue_skip(struct delivery *d, int64_t now_mono_ms);
/* Its request has ended: it holds nothing any more. Then result_apply(), then send_queue_done(). */
void send_queue_end(struct delivery *d);
/* Another one of its chain may be sent. */
void send_queue_done(struct chain *c, int64_t now_mono_ms);
/* Lanes whose time has come. */
void send_queue_wake(struct lane_shared *s, int64_t now_mono_ms);
size_t send_queue_in_flight(const struct lane_shared *s);
/* All partitions are gone, and with them what was in flight. */
void send_queue_clear(struct lane_shared *s);

#endif
