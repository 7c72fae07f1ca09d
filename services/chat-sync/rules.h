/* What wins. Pure decisions of chat-sync: no I/O, no clock; each has a table test. Source: README.md, Rules.
 *
 * They are made so that the order of arrival does not matter wherever the source gives a time: a message, its statuses, edits
 * and its revocation end the same in every order.
 */
#ifndef CHAT_SYNC_RULES_H
#define CHAT_SYNC_RULES_H

#include "store/rows.h"

/* pending < sent < failed < delivered < read < played: failed yields to a later delivered or read, never the other way. */
int status_rank(enum message_status s);

/* Takes a status into the row: forward only; delivered_us and read_us become the earliest evidence of having been delivered and
 * read, so skipped steps get their times. True when the status itself moved. */
bool message_apply_status(struct message_row *m, enum message_status got, int64_t at_us);

/* Whether a text of at_us (an edit, a name) replaces the one of have_us: newer; at the same time the greater text, so that the order
 * of arrival does not matter. */
bool newest_wins(int64_t have_us, int64_t at_us, struct str have, struct str got);

/* What a second copy of a message changes. */
enum copy_effect {
	COPY_NOTHING,
	COPY_FILLS, /* real content replaces a placeholder */
	COPY_PUBLISHES, /* a live placeholder of what history or a sync brought: the content stays, it becomes news now */
	COPY_REPLACES, /* live content replaces what history or a sync brought: it becomes news now */
};
enum copy_effect copy_effect(const struct message_row *have, enum origin got_origin, bool got_placeholder);

/* The steps of a call, a set: they may be told in any order, by several devices. */
enum call_step {
	CALL_OFFERED = 1,
	CALL_ENDED = 2,
	CALL_MISSED = 4,
	CALL_REJECTED = 8,
	CALL_ACCEPTED = 16,
};
enum call_step call_step_parse(struct str word); /* 0: another word */
const char *call_step_word(enum call_step step);
/* What has become of a call of which these steps are known: accepted, and ended once an answered call is over; else rejected, missed,
 * ended (nothing is known of an answer) or offered. Only an answered call has a duration. NULL: no step is known. */
const char *call_outcome(unsigned steps, int64_t duration_s);

/* Whether an inbound message counts as unread: live, newer than the read marker. */
bool message_is_unread(const struct message_row *m, int64_t last_read_us);

/* Until when a read marker says that was read: nobody has read what comes more than a day later, so such a time counts as the event's. */
int64_t read_marker_ms(const struct inbound_event *e);

/* What an event makes of an account's status, which was last reported at status_at_us. */
struct session_change {
	bool reported; /* not older: its time is remembered, also when the status stays */
	const char *status; /* the next one; NULL: it stays */
	bool connected, disconnected;
};
struct session_change session_change(struct str have, int64_t status_at_us, const struct in_session_state *got,
	int64_t at_us, bool timed);

/* Whether a name (of either row full_name, name_rank and name_at_us count) replaces the one there: that of the better source, of
 * equal ones the newest. The same name again wins when it is newer: its time moves, so that an older one that comes late is known. */
bool name_wins(const struct contact_row *have, const struct contact_row *got);

/* Which sync an account's column shows: the one that began last and is not a single batch; one that is shown stays until then. A
 * sync's `started` is ISO 8601 in UTC; without an id: none is shown. */
struct shown_sync {
	struct str id, started;
	bool single;
};
bool sync_is_shown(const struct shown_sync *have, const struct shown_sync *got);

/* Which chats of a sync are left out, and since when messages count. */
struct sync_limits {
	bool enabled;
	int32_t max_chats, window_days; /* 0: no limit */
};
bool sync_chat_is_wanted(const struct sync_limits *limits, int32_t rank, int64_t newest_ms, int64_t now_ms);
bool sync_message_is_wanted(const struct sync_limits *limits, int64_t time_ms, int64_t now_ms);

#endif
