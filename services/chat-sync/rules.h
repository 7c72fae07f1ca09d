/* Which of two states wins. Pure decisions of chat-sync: no I/O, no clock; each has a table test. Source: README.md, Rules.
 *
 * Invariant: where the source gives a time the order of arrival does not matter: a message, its statuses, edits and revocation end in the
 * same state in every order.
 */
#ifndef CHAT_SYNC_RULES_H
#define CHAT_SYNC_RULES_H

#include "store/rows.h"

/* pending < sent < failed < delivered < read < played: delivered and read replace failed, never the other way. The same order stands in SQL:
 * libs/store/private.h. */
int status_rank(enum message_status s);

/* Applies a status to the row, forward only. delivered_us and read_us become the times of the earliest evidence that the message was
 * delivered and read, so that skipped steps have times, too. True when the status itself changed. */
bool message_apply_status(struct message_row *m, enum message_status got, int64_t at_us);

/* Whether a text as of at_us (an edit, a name) replaces the one as of have_us: the newer wins, at equal times the greater text, so that
 * the order of arrival does not matter. */
bool newest_wins(int64_t have_us, int64_t at_us, struct str have, struct str got);

/* What a second copy of a message changes. */
enum copy_effect {
	COPY_NOTHING,
	COPY_FILLS, /* content replaces a placeholder */
	COPY_PUBLISHES, /* a live placeholder of a message from history or a sync: the content stays, message.created is published */
	COPY_REPLACES, /* live content replaces content from history or a sync, and message.created is published */
};
enum copy_effect copy_effect(const struct message_row *have, enum origin got_origin, bool got_placeholder);

/* The steps of a call, as a set: several devices report them, in any order. */
enum call_step {
	CALL_OFFERED = 1,
	CALL_ENDED = 2,
	CALL_MISSED = 4,
	CALL_REJECTED = 8,
	CALL_ACCEPTED = 16,
};
enum call_step call_step_parse(struct str word); /* 0: an unknown word */
const char *call_step_word(enum call_step step);
/* The outcome of a call with these steps: accepted, and ended once an answered call is over; else rejected, missed, ended (it is not known
 * whether it was answered) or offered. Only an answered call has a duration. NULL: no step is known. */
const char *call_outcome(unsigned steps, int64_t duration_s);

/* Whether a message counts as unread: inbound, live, not deleted, newer than the read marker. */
bool message_is_unread(const struct message_row *m, int64_t last_read_us);

/* The time up to which a read marker marks messages as read. One more than a day ahead is not trusted: the event's time replaces it. */
int64_t read_marker_ms(const struct inbound_event *e);

/* How a session event changes an account's status, which was last reported at status_at_us. */
struct session_change {
	bool reported; /* not older: its time is stored, also when the status stays */
	const char *status; /* the new status; NULL: it stays */
	bool connected, disconnected;
	bool unwanted; /* a session was lost, and neither the user nor a QR code that expired ended it */
};
struct session_change session_change(struct str have, int64_t status_at_us, const struct in_session_state *got,
	int64_t at_us, bool timed);

/* Whether the account sent the event, so that it moves last_activity_at: not what agents, operators and Blazz itself publish about it. `source`:
 * the record's ce_source, absent if it has none. */
bool event_is_activity(const struct inbound_event *e, struct str source);

/* Whether the name of `got` (full_name, name_rank, name_at_us) replaces that of `have`: the better source wins, of equal sources the newest.
 * An equal name wins when it is newer: its time moves, so that an older name that arrives later loses. */
bool name_wins(const struct contact_row *have, const struct contact_row *got);

/* Whether an account's `sync` column shows `got` instead of `have`: it shows the sync that began last and is not a single batch, and keeps
 * the shown one until then. `started` is ISO 8601 in UTC. have->id empty: the column shows none. */
struct shown_sync {
	struct str id, started;
	bool single;
};
bool sync_is_shown(const struct shown_sync *have, const struct shown_sync *got);

/* The limits of an initial sync: which chats and messages are stored. */
struct sync_limits {
	bool enabled;
	int32_t max_chats, window_days; /* 0: no limit */
};
bool sync_chat_is_wanted(const struct sync_limits *limits, int32_t rank, int64_t newest_ms, int64_t now_ms);
bool sync_message_is_wanted(const struct sync_limits *limits, int64_t time_ms, int64_t now_ms);
/* Whether a message of that time is older than its workspace keeps messages; retention_days 0: it keeps all. */
bool message_is_expired(int32_t retention_days, int64_t time_ms, int64_t now_ms);

#endif
