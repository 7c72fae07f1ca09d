/* See decision.h. Invariant: a call that starts a session is decided only while its account is desired `connected`, or to delete what
 * cannot be deleted otherwise; while the session is suspended, only on request. */
#include "cleanup/policy/decision.h"

static const char *const reasons[PENDING_REASONS] = {
	[PENDING_NOTHING] = "",
	[PENDING_LOOK] = "look",
	[PENDING_CALL] = "call",
	[PENDING_STARTING] = "starting",
	[PENDING_QR] = "qr",
	[PENDING_RECONNECT] = "reconnect",
	[PENDING_SUSPENDED] = "suspended",
	[PENDING_RETRY] = "retry",
	[PENDING_INSTANCE] = "instance",
	[PENDING_UNASSIGNED] = "unassigned",
	[PENDING_GIVEN_UP] = "given_up",
};

const char *pending_reason_word(enum pending_reason reason)
{
	return reasons[reason];
}

static enum bridge_action stop_of(enum bridge_kind kind)
{
	return bridge_has(kind, BRIDGE_STOP) ? BRIDGE_STOP : BRIDGE_LOGOUT;
}

/* After a stop, the session is started as any stopped one. */
static enum bridge_action restart_of(enum bridge_kind kind)
{
	return bridge_has(kind, BRIDGE_RESTART) ? BRIDGE_RESTART : stop_of(kind);
}

static bool is_absent_or_stopped(enum bridge_observed observed)
{
	return observed == OBSERVED_ABSENT || observed == OBSERVED_STOPPED;
}

/* Of a session that is desired `connected` and is not. */
static enum bridge_action start_of(const struct session_view *v)
{
	if (v->observed == OBSERVED_ABSENT)
		return BRIDGE_CREATE;
	return v->observed == OBSERVED_STOPPED ? BRIDGE_START : restart_of(v->kind);
}

static struct decision reached(void)
{
	return (struct decision){ .reason = PENDING_NOTHING, .at_us = INT64_MAX };
}

static struct decision waits(enum pending_reason reason)
{
	return (struct decision){ .reason = reason, .at_us = INT64_MAX };
}

static struct decision calls(enum bridge_action action)
{
	return (struct decision){ .call = true, .action = action, .reason = PENDING_CALL };
}

/* `waiting` is the reason until then. */
static struct decision calls_at(enum bridge_action action, int64_t at_us, int64_t now_us, enum pending_reason waiting)
{
	struct decision d = calls(action);

	if (at_us > now_us) {
		d.reason = waiting;
		d.at_us = at_us;
	}
	return d;
}

/* wwebjs-api knows running sessions only. The folder of any other, with its login, is deleted by starting and then terminating it. */
static bool must_clear(const struct session_view *v)
{
	return v->kind == BRIDGE_WWEBJS && v->observed == OBSERVED_ABSENT && v->login_left &&
		v->clearings < CLEARINGS_MAX;
}

static struct decision clear_decide(void)
{
	struct decision d = calls(BRIDGE_START);

	d.clears = true;
	return d;
}

static struct decision disconnect_decide(const struct session_view *v)
{
	return is_absent_or_stopped(v->observed) ? reached() : calls(stop_of(v->kind));
}

static struct decision delete_decide(const struct session_view *v)
{
	if (v->files_used)
		return disconnect_decide(v); /* the login is the other account's */
	if (must_clear(v))
		return clear_decide();
	if (v->observed == OBSERVED_ABSENT)
		return reached();
	return calls(v->observed == OBSERVED_CONNECTED ? BRIDGE_LOGOUT : BRIDGE_DELETE);
}

static struct decision relink_decide(const struct session_view *v)
{
	struct decision d;

	if (must_clear(v))
		return clear_decide();
	d = calls(v->observed == OBSERVED_ABSENT ? BRIDGE_CREATE : BRIDGE_LOGOUT);
	d.relinks = true;
	d.restarts = d.action == BRIDGE_CREATE && v->restart_us > v->restarted_us;
	return d;
}

static struct decision restart_decide(const struct session_view *v)
{
	struct decision d = calls(start_of(v));

	d.restarts = true;
	return d;
}

/* A connected session is none of its cases: it is not suspended any longer. */
static struct decision suspended_decide(const struct session_view *v)
{
	struct decision d = is_absent_or_stopped(v->observed) ? waits(PENDING_SUSPENDED) : calls(stop_of(v->kind));

	d.reason = PENDING_SUSPENDED;
	return d;
}

static struct decision start_decide(const struct session_view *v, int64_t now_us)
{
	bool starting = v->observed == OBSERVED_STARTING;
	enum bridge_action action = start_of(v);
	struct decision d = starting ? calls_at(action, v->observed_us + STARTING_MAX_US, now_us, PENDING_STARTING)
				     : calls_at(action, v->reconnect.at_us, now_us, PENDING_RECONNECT);

	d.by_itself = v->reconnect.at_us > 0 && action != stop_of(v->kind);
	return d;
}

static struct decision connect_decide(const struct session_view *v, int64_t now_us)
{
	if (v->relink_us > v->relinked_us)
		return relink_decide(v);
	if (v->restart_us > v->restarted_us)
		return restart_decide(v);
	if (v->observed == OBSERVED_CONNECTED)
		return reached();
	if (v->reconnect.suspension != SUSPENDED_NOT)
		return suspended_decide(v);
	return v->observed == OBSERVED_QR ? waits(PENDING_QR) : start_decide(v, now_us);
}

struct decision session_decide(const struct session_view *v, int64_t now_us)
{
	if (v->observed == OBSERVED_NONE) {
		struct decision look = calls(BRIDGE_LOOK);

		look.reason = PENDING_LOOK;
		return look;
	}
	if (v->deleted || v->desired == DESIRED_DELETED)
		return delete_decide(v);
	return v->desired == DESIRED_CONNECTED ? connect_decide(v, now_us) : disconnect_decide(v);
}
