/* What to do next about an account's session: the table of desired and observed states. Pure. Source: README.md,
 * Decisions. */
#ifndef CLEANUP_DECISION_H
#define CLEANUP_DECISION_H

#include "bridge/answer.h"
#include "cleanup/policy/reconnect.h"

enum desired_state {
	DESIRED_CONNECTED,
	DESIRED_DISCONNECTED,
	DESIRED_DELETED,
};

/* Times in us since the epoch, PG_NO_TIME for never. */
struct session_view {
	enum bridge_kind kind;
	enum desired_state desired;
	bool deleted; /* the account's row is */
	int64_t restart_us, restarted_us; /* the latest request, and the latest that was carried out */
	int64_t relink_us, relinked_us;
	enum bridge_observed observed; /* OBSERVED_NONE: not looked at yet */
	int64_t observed_us; /* since when; of a session that starts, not before the last call that started it */
	struct reconnect reconnect; /* of a session that is desired but not connected */
	bool login_left; /* a login may be left at the bridge: the last call did not end its session while that ran */
	int64_t clearings; /* starts that were to end that, since the account was deleted or its relink requested */
	bool files_used; /* of a deleted account: by a live one's session on another instance */
};

/* Why the desired state is not reached; also the label of a metric. */
enum pending_reason {
	PENDING_NOTHING, /* it is reached */
	PENDING_LOOK, /* its state must be looked at first */
	PENDING_CALL, /* the next call is due */
	PENDING_STARTING, /* the session starts */
	PENDING_QR, /* a QR code is to be scanned */
	PENDING_RECONNECT, /* it is started again later */
	PENDING_SUSPENDED, /* it is not started by itself */
	PENDING_RETRY, /* the last call failed, the next follows later */
	PENDING_INSTANCE, /* its instance is down or misconfigured */
	PENDING_UNASSIGNED, /* no instance has room */
	PENDING_GIVEN_UP, /* its session could not be deleted in time */
	PENDING_REASONS
};
const char *pending_reason_word(enum pending_reason reason); /* "" of PENDING_NOTHING */

#define CLEARINGS_MAX    5 /* starts of a session that is to be deleted, but vanishes each time before it can be */
#define CLEARING_WAIT_US (INT64_C(200) * 1000000) /* one that fails counts if the next is no sooner */
#define STARTING_MAX_US  (INT64_C(180) * 1000000) /* a start that takes longer is repeated */

struct decision {
	bool call; /* `action` is due at at_us */
	enum bridge_action action; /* one that the kind has */
	bool restarts, relinks; /* when it succeeds, the request of that kind is carried out */
	bool by_itself; /* a start after a loss, which counts in struct restarts */
	bool clears; /* a start of a session that is to be deleted then, which counts in clearings */
	enum pending_reason reason;
	int64_t at_us; /* when to decide again, or when the call is due; 0: now; INT64_MAX: when something changes */
};

/* A request is carried out by any call that ends in its effect: a session that is stopped is started by CREATE or START,
 * whether it was to be restarted or not. */
struct decision session_decide(const struct session_view *v, int64_t now_us);

#endif
