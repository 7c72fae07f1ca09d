/* When a session that was lost is started again. Pure. Source: README.md, Reconnecting. */
#ifndef CLEANUP_RECONNECT_H
#define CLEANUP_RECONNECT_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Why a session is not started again by itself, until its account is desired anew. */
enum suspension {
	SUSPENDED_NOT,
	SUSPENDED_LOGGED_OUT, /* by the user on the phone, or the QR code expired */
	SUSPENDED_BLOCKED, /* by WhatsApp: a critical notice */
	SUSPENDED_IN_USE, /* in use elsewhere, also after one more start */
	SUSPENDED_GAVE_UP, /* too many starts in 24 hours */
};
const char *suspension_word(enum suspension s); /* "" of SUSPENDED_NOT, "logged_out", "blocked", "in_use", "gave_up" */

/* The last loss of the session, as reported. Times are in us since the epoch, PG_NO_TIME for never. */
struct session_loss {
	struct str reason; /* disconnect_reason: "user_initiated", "error", ...; "" is read as "error" */
	struct str details; /* the provider's words: "disconnected CONFLICT", "close 403", "auth_failure ..." */
	int64_t at_us;
};

/* Starts that cleanup made by itself. Those before the account was desired do not count. */
struct restarts {
	int64_t n;
	int64_t since_us; /* the first of them */
	int64_t last_us;
};

#define RECONNECT_MAX       20 /* starts in RECONNECT_WINDOW_US */
#define RECONNECT_WINDOW_US (INT64_C(24) * 3600 * 1000000)

/* After one more start, at now_us. Starts that do not count any more, because the account was desired since the last of them or the first
 * is older than the window, are forgotten. */
struct restarts restarts_add(const struct restarts *done, int64_t desired_us, int64_t now_us);

/* How many of them count at that time. */
int64_t restarts_count(const struct restarts *done, int64_t desired_us, int64_t at_us);

struct reconnect {
	enum suspension suspension;
	int64_t at_us; /* not before this time, unless suspended; 0: at once */
};

/* `loss` NULL, or not later than desired_us: the session was not lost since it was desired, so it is started at once.
 * desired_us is the latest of the times at which the account was desired or its session requested to start anew. jitter in [0, 1), the
 * same for the same account, spreads the later delays by 20 % to either side. After the last start that is allowed, the session is
 * suspended when it is lost again, or when a further start would be due. */
struct reconnect reconnect_decide(const struct session_loss *loss, const struct restarts *done, int64_t desired_us,
	double jitter, int64_t now_us);

#endif
