/* The event loop of services that live on sockets, on libevent. One thread; callbacks never block. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;

typedef void (*loop_fn)(void *ctx);

int loop_new(struct loop **out, struct err *err) ERR_MUST_USE;
/* One whose timers may be late by the kernel's tick (4 ms as Debian builds it): a system call less in each turn. */
int loop_new_coarse(struct loop **out, struct err *err) ERR_MUST_USE;
void loop_free(struct loop *l);
int loop_run(struct loop *l, struct err *err) ERR_MUST_USE; /* until loop_stop() */
void loop_stop(struct loop *l);
/* One turn: waits at most timeout_ms for something to happen and runs the callbacks that are due. For a main loop that reads top to
 * bottom; never from a callback. */
void loop_turn(struct loop *l, int timeout_ms);
/* Turns until fd is readable, or with `write` writable; false after timeout_ms. Never from a callback: what waits for PostgreSQL at
 * the top of the main loop keeps sockets going meanwhile. */
bool loop_wait(struct loop *l, int fd, bool write, int timeout_ms);

/* Calls fn whenever fd is readable (and/or writable), level-triggered, until loop_io_free(). */
struct loop_io *loop_io_new(struct loop *l, int fd, bool read, bool write, loop_fn fn, void *ctx);
void loop_io_set(struct loop_io *io, bool read, bool write);
void loop_io_free(struct loop_io *io);

/* A timer that is armed with loop_timer_set (ms from now, monotonic) and fires once; a negative delay disarms. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
/* Fires it behind the callbacks that are due by now, without a look at descriptors and clocks in between. */
void loop_timer_fire(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* Signals arrive as callbacks in the loop. */
struct loop_signal;
struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_fn fn, void *ctx);
void loop_signal_free(struct loop_signal *s);

#endif
