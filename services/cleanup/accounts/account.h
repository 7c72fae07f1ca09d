/* An account whose session cleanup manages: its row, what was observed of its session, and what is to be written next. */
#ifndef CLEANUP_ACCOUNT_H
#define CLEANUP_ACCOUNT_H

#include "cleanup/fleet/fleet.h"
#include "cleanup/policy/decision.h"
#include "store/cleanup_accounts.h"

#define LOOK_FRESH_US   (INT64_C(15) * 1000000) /* a call follows a look that is no older */
#define REPORT_LOOK_US  INT64_C(1000000) /* at least, between two looks that reports ask for */
#define ASSIGN_AGAIN_MS 60000 /* after PostgreSQL has refused an assignment */
/* How long a deleted account's session is pursued; libs/store/workspace_rows.c and workspace_definitions.c say the same. */
#define GIVE_UP_US (INT64_C(7) * 24 * 3600 * 1000000)
#define DIFFERS_US (INT64_C(30) * 1000000) /* an observation that differs from the report for so long is published */

enum account_notice_kind {
	NOTICE_RECONNECT_GAVE_UP = 1 << 0,
	NOTICE_SESSION_BLOCKED = 1 << 1,
	NOTICE_NO_CAPACITY = 1 << 2,
	NOTICE_PHONE_DIFFERS = 1 << 3,
	NOTICE_DUPLICATE_NUMBER = 1 << 4,
	NOTICE_INSTANCE_DOWN = 1 << 5,
};

/* Why a job deletes an account. */
enum account_ending {
	ENDING_NOT,
	ENDING_STALE_QR,
	ENDING_DISCONNECTED,
	ENDING_DUPLICATE,
};

struct accounts;

struct account {
	struct cleanup_account row; /* its control is this replica's while it leads, but for texts and the epoch */
	struct arena *arena; /* of the row */
	struct accounts *all;
	char error[BRIDGE_ERROR_BYTES + 1];
	enum bridge_observed observed;
	int64_t looked_us; /* when the look began that observed it; PG_NO_TIME: a call was made since, or it was never looked at */
	int64_t look_due_us; /* when a report has it looked at; PG_NO_TIME: none does */
	int64_t report_looked_us; /* when the last one did */
	int64_t listed_us; /* when the last list was asked for that has it */
	int64_t differs_us; /* since when it differs from what is reported; PG_NO_TIME: it does not */
	struct str phone; /* that was observed; in phone_text */
	char phone_text[24];
	int64_t due_us; /* when to decide again */
	bool reconciles; /* desired since this replica leads, and not reached since */
	int64_t storage_due_us; /* when its files may be looked for again, if that failed */
	enum pending_reason reason;
	struct decision calling; /* the call in flight */
	int64_t called_us; /* when it began; once it has ended: when it ended */
	int64_t call_restart_us, call_relink_us; /* the requests at that time */
	int64_t ended_us; /* the last call that ends a session; PG_NO_TIME: none since this replica leads */
	enum bridge_action
		done; /* the last call that succeeded, unless the desired state was reached since; BRIDGE_LOOK: none */
	enum bridge_observed done_at; /* what was observed before it */
	bool in_call;
	bool updates; /* the session exists already: its settings are written (WAHA) */
	/* To be written */
	bool dirty; /* the control row */
	bool publish; /* the observation */
	bool restored; /* a session that had been connected was started */
	unsigned notices,
		noticed; /* enum account_notice_kind: to be published; published since the account was desired */
	int64_t outage_us; /* when its instance went down, as of the last notice about that; 0: none */
	int64_t leaves_for; /* an index: where it gets a place once its session has stopped; -1: it stays */
	int64_t assign_to; /* an index; -1: none */
	int64_t assign_mono_ms; /* not before */
	bool migrates; /* with assign_to: not the first assignment */
	const char *migrate_why;
	enum account_ending ending; /* to be deleted, unless its row changes before */
	bool requested; /* with ending: by an operator */
	bool expires; /* its QR code was not scanned in time: to be published */
	bool lost_instance; /* with assign_to: its session ended with its instance */
};

/* Who manages it. Pure. */
bool account_has_session(const struct account *a); /* of a bridge; Meta has none */
bool account_is_deleted(const struct account *a);
/* Its session could not be deleted in time: from now on one that its instance lists is a stray. now_us by PostgreSQL's clock, which the
 * leader's follows. */
bool account_is_given_up(const struct account *a, int64_t now_us);
enum desired_state account_desired(const struct account *a);
struct str account_session_name(const struct account *a); /* the bridge's */
/* Whether the report agrees with the observation. */
bool account_agrees(const struct account *a);
/* Since when its session is to be without a login: deleted, or linked anew. Starts before do not count as clearings. */
int64_t account_cleared_since(const struct account *a);
struct session_view account_view(const struct account *a, int64_t now_us);
double account_jitter(const struct account *a); /* in [0, 1), the same for the same account */

#endif
