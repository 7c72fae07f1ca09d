/* See account.h. */
#include "cleanup/accounts/account.h"

#include "wire/inbound.h"

#define OWN_END_US (INT64_C(60) * 1000000)

bool account_has_session(const struct account *a)
{
	return a->row.provider == PROVIDER_WEBJS && a->row.bridge != BRIDGE_NONE;
}

bool account_is_deleted(const struct account *a)
{
	return a->row.deleted_us != PG_NO_TIME;
}

bool account_is_given_up(const struct account *a, int64_t now_us)
{
	return account_is_deleted(a) && now_us - a->row.deleted_us >= GIVE_UP_US;
}

enum desired_state account_desired(const struct account *a)
{
	if (str_is(a->row.desired, "connected"))
		return DESIRED_CONNECTED;
	return str_is(a->row.desired, "deleted") ? DESIRED_DELETED : DESIRED_DISCONNECTED;
}

struct str account_session_name(const struct account *a)
{
	bool by_ref = a->row.bridge != BRIDGE_BLAZZ && a->row.provider_ref.n > 0;

	return by_ref ? a->row.provider_ref : a->row.session_id;
}

bool account_agrees(const struct account *a)
{
	bool lost = str_is(a->row.status, "disconnected") || str_is(a->row.status, "failed");

	switch (a->observed) {
	case OBSERVED_CONNECTED:
		return str_is(a->row.status, "connected");
	case OBSERVED_QR:
		return str_is(a->row.status, "qr_scanning");
	case OBSERVED_FAILED:
	case OBSERVED_ABSENT:
	case OBSERVED_STOPPED:
		return lost;
	case OBSERVED_NONE:
	case OBSERVED_STARTING:
	case OBSERVED_COUNT:
		break;
	}
	return true; /* no status says that a session starts */
}

double account_jitter(const struct account *a)
{
	return a->row.uuid.b[15] / 256.0;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When the session was desired: a loss that is reported soon after a call that ends it is ours, and suspends nothing. */
static int64_t desired_since(const struct account *a)
{
	const struct account_control *c = &a->row.control;
	int64_t ended = later(a->ended_us, later(c->restarted_us, c->relinked_us));

	return later(a->row.desired_us, ended == PG_NO_TIME ? ended : ended + OWN_END_US);
}

/* Of a session that is reported lost, or that a call of ours has ended since the report. Any other is first published as lost, which brings
 * the reason back. */
static struct reconnect reconnect_of(const struct account *a, int64_t now_us)
{
	const struct account_control *c = &a->row.control;
	const struct session_loss loss = { a->row.disconnect_reason, a->row.disconnect_details,
		a->row.disconnected_us };
	const struct restarts done = { c->starts, c->starts_since_us, c->started_us };
	bool lost = str_is(a->row.status, "disconnected") || str_is(a->row.status, "failed") ||
		a->ended_us > a->row.status_since_us;

	if (lost || a->row.status_since_us == PG_NO_TIME)
		return reconnect_decide(a->row.disconnected_us == PG_NO_TIME ? NULL : &loss, &done, desired_since(a),
			account_jitter(a), now_us);
	return (struct reconnect){ .at_us = INT64_MAX };
}

/* Bridges that do not say that a session waits for its code to be scanned post the code. */
static enum bridge_observed seen(const struct account *a)
{
	bool scanning = a->observed == OBSERVED_STARTING && str_is(a->row.status, "qr_scanning");

	return scanning ? OBSERVED_QR : a->observed;
}

int64_t account_cleared_since(const struct account *a)
{
	return later(a->row.desired_us, account_is_deleted(a) ? a->row.deleted_us : a->row.relink_us);
}

static bool is_outcome(const struct account_control *c, enum bridge_outcome outcome)
{
	return str_is(c->outcome, bridge_outcome_word(outcome));
}

/* A session has a login if it was started, though a report that it was connected may not have come yet; not after a logout or a deletion that
 * succeeded. */
static bool login_left(const struct account *a)
{
	const struct account_control *c = &a->row.control;
	bool ended = str_is(c->action, bridge_action_word(BRIDGE_LOGOUT)) ||
		str_is(c->action, bridge_action_word(BRIDGE_DELETE));
	bool started = c->action.n > 0 && !is_outcome(c, BRIDGE_REJECTED) && !is_outcome(c, BRIDGE_BAD_KEY);

	return (started || a->row.first_connected_us != PG_NO_TIME) && !(ended && is_outcome(c, BRIDGE_OK));
}

static int64_t clearings(const struct account *a, int64_t now_us)
{
	const struct account_control *c = &a->row.control;
	const struct restarts done = { c->starts, c->starts_since_us, c->started_us };

	return restarts_count(&done, account_cleared_since(a), now_us);
}

struct session_view account_view(const struct account *a, int64_t now_us)
{
	return (struct session_view){ .kind = a->row.bridge,
		.desired = account_desired(a),
		.deleted = account_is_deleted(a),
		.restart_us = a->row.restart_us,
		.restarted_us = a->row.control.restarted_us,
		.relink_us = a->row.relink_us,
		.relinked_us = a->row.control.relinked_us,
		.observed = seen(a),
		.observed_us = a->row.control.observed_us,
		.reconnect = reconnect_of(a, now_us),
		.login_left = login_left(a),
		.clearings = clearings(a, now_us) };
}
