/* How much a step of a job takes on, and how long the pause after it is. Pure. Source: README.md, Rows. */
#ifndef CLEANUP_THROTTLE_H
#define CLEANUP_THROTTLE_H

#include <stdint.h>

#define THROTTLE_STEP_MS 50 /* what a step should take */
#define THROTTLE_MIN     100
#define THROTTLE_MAX     5000
#define THROTTLE_LOCK_MS 1000 /* the pause after a lock was not obtained in time */

/* Why a job waits although it is due. */
enum pause_cause {
	PAUSE_NONE,
	PAUSE_LOCK, /* a row was locked for longer than lock_timeout */
	PAUSE_STANDBY, /* a standby lags behind */
	PAUSE_CHAT_SYNC, /* chat-sync does */
	PAUSE_WINDOW, /* outside of jobs.window */
	PAUSE_LEDGER, /* the ledger of erasures was not read to its end */
	PAUSE_CAUSES
};
const char *pause_cause_word(enum pause_cause cause); /* "none", "lock", "standby", "chat_sync", "window", "ledger" */

/* How many rows the next step may work on after one that might work on n took so long: fewer at once, at most twice as many. */
int64_t throttle_next(int64_t n, int64_t took_us);
/* The pause after a step, so that steps use duty_percent (1 to 100) of the time. Rounded up. */
int64_t throttle_pause_ms(int64_t took_us, int64_t duty_percent);

#endif
