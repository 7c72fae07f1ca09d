/* The event loop of services that work on sockets, on libevent. One thread; callbacks must not block. */
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
/* A loop whose timers may be up to one kernel tick late (4 ms on Debian); saves one system call per iteration. */
int loop_new_coarse(struct loop **out, struct err *err) ERR_MUST_USE;
void loop_free(struct loop *l);
int loop_run(struct loop *l, struct err *err) ERR_MUST_USE; /* until loop_stop() */
void loop_stop(struct loop *l);
/* One iteration: waits at most timeout_ms for an event and runs the callbacks that are due. For services whose own main
 * loop drives this one; never call it from a callback. */
void loop_turn(struct loop *l, int timeout_ms);
/* Iterates until fd is readable, or with `write` writable; false after timeout_ms. All other callbacks keep running
 * meanwhile: this is how a main loop waits for PostgreSQL without stalling its sockets. Never call it from a
 * callback. */
bool loop_wait(struct loop *l, int fd, bool write, int timeout_ms);

/* Calls fn whenever fd is readable (and/or writable), level-triggered, until loop_io_free(). */
struct loop_io *loop_io_new(struct loop *l, int fd, bool read, bool write, loop_fn fn, void *ctx);
void loop_io_set(struct loop_io *io, bool read, bool write);
void loop_io_free(struct loop_io *io);

/* A one-shot timer, armed with loop_timer_set() (ms from now, monotonic); a negative delay disarms it. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
/* Fires the timer right after the callbacks that are already due, before polling descriptors or clocks again. */
void loop_timer_fire(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* Delivers a signal as a callback of the loop. */
struct loop_signal;
struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_fn fn, void *ctx);
void loop_signal_free(struct loop_signal *s);

#endif
