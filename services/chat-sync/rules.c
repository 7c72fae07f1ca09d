/* See rules.h. */
#include "chat-sync/rules.h"

#define MS_PER_DAY 86400000LL

int status_rank(enum message_status s)
{
	switch (s) {
	case STATUS_SENT:
		return 1;
	case STATUS_FAILED:
		return 2;
	case STATUS_DELIVERED:
		return 3;
	case STATUS_READ:
		return 4;
	case STATUS_PLAYED:
		return 5;
	case STATUS_NONE:
	case STATUS_PENDING:
	case STATUS_DELETED:
		break;
	}
	return 0;
}

static void earliest(int64_t *have_us, int64_t got_us)
{
	if (*have_us == PG_NO_TIME || got_us < *have_us)
		*have_us = got_us;
}

bool message_apply_status(struct message_row *m, enum message_status got, int64_t at_us)
{
	if (status_rank(got) >= status_rank(STATUS_DELIVERED))
		earliest(&m->delivered_us, at_us);
	if (status_rank(got) >= status_rank(STATUS_READ))
		earliest(&m->read_us, at_us);
	if (status_rank(got) <= status_rank(m->status))
		return false;
	m->status = got;
	return true;
}

bool newest_wins(int64_t have_us, int64_t at_us, struct str have, struct str got)
{
	return at_us > have_us || (at_us == have_us && str_cmp(got, have) > 0);
}

enum copy_effect copy_effect(const struct message_row *have, enum origin got_origin, bool got_placeholder)
{
	bool becomes_live = have->origin != ORIGIN_LIVE && got_origin == ORIGIN_LIVE;

	if (got_placeholder)
		return becomes_live ? COPY_PUBLISHES : COPY_NOTHING;
	if (have->placeholder)
		return COPY_FILLS;
	return becomes_live ? COPY_REPLACES : COPY_NOTHING;
}

static const struct {
	enum call_step step;
	const char *word;
} call_steps[] = {
		   /* in the order in which they decide the outcome */
	{ CALL_ACCEPTED, "accepted" },
	{ CALL_REJECTED, "rejected" },
	{ CALL_MISSED, "missed" },
	{ CALL_ENDED, "ended" },
	{ CALL_OFFERED, "offered" },
};

enum call_step call_step_parse(struct str word)
{
	for (size_t i = 0; i < sizeof(call_steps) / sizeof(call_steps[0]); i++)
		if (str_is(word, call_steps[i].word))
			return call_steps[i].step;
	return 0;
}

const char *call_step_word(enum call_step step)
{
	for (size_t i = 0; i < sizeof(call_steps) / sizeof(call_steps[0]); i++)
		if (call_steps[i].step == step)
			return call_steps[i].word;
	return NULL;
}

const char *call_outcome(unsigned steps, int64_t duration_s)
{
	if (duration_s > 0 || ((steps & CALL_ACCEPTED) && (steps & CALL_ENDED)))
		return "ended";
	for (size_t i = 0; i < sizeof(call_steps) / sizeof(call_steps[0]); i++)
		if (steps & call_steps[i].step)
			return call_steps[i].word;
	return NULL;
}

bool message_is_unread(const struct message_row *m, int64_t last_read_us)
{
	return m->direction == DIR_INBOUND && m->origin == ORIGIN_LIVE && m->deleted_us == PG_NO_TIME &&
		(last_read_us == PG_NO_TIME || m->sent_us > last_read_us);
}

int64_t read_marker_ms(const struct inbound_event *e)
{
	int64_t read_ms = e->u.read_marker.read_at_ms;

	return read_ms > e->ingest_time_ms + MS_PER_DAY ? inbound_time_ms(e) : read_ms;
}

static bool session_lost(struct str have, enum session_reason reason)
{
	return (str_is(have, "connected") || str_is(have, "authenticated")) && reason != REASON_USER_INITIATED &&
		reason != REASON_QR_EXPIRED;
}

struct session_change session_change(struct str have, int64_t status_at_us, const struct in_session_state *got,
	int64_t at_us, bool timed)
{
	const char *status = session_status_word(got->state);
	bool disconnected = got->state == SESSION_DISCONNECTED || got->state == SESSION_FAILED;

	if (!status[0] || (timed && status_at_us != PG_NO_TIME && at_us < status_at_us))
		return (struct session_change){ .reported = false };
	if (str_is(have, status))
		return (struct session_change){ .reported = true };
	return (struct session_change){ .reported = true,
		.status = status,
		.connected = got->state == SESSION_CONNECTED,
		.disconnected = disconnected,
		.unwanted = disconnected && session_lost(have, got->reason) };
}

/* The producers of inbound that speak for agents, operators and Blazz (proto/README.md): a session that is silent must not look active because
 * Blazz has looked at it. */
bool event_is_activity(const struct inbound_event *e, struct str source)
{
	static const char *const own[] = { "blazzctl", "campaign-sender", "chat-sync", "cleanup", "gateway" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (str_is(source, own[i]))
			return false;
	switch (e->kind) {
	case IN_READ_MARKER:
	case IN_MESSAGE_DELETE:
	case IN_DISPATCH:
	case IN_CONTACT_ERASE:
		return false;
	case IN_CONTACT:
		return !e->u.contact.by_hand;
	case IN_IDENTITY_CHANGE:
		return e->u.identity_change.kind != IDENTITY_MERGED;
	default:
		return true;
	}
}

bool name_wins(const struct contact_row *have, const struct contact_row *got)
{
	if (got->full_name.n == 0 || got->name_rank != have->name_rank)
		return got->full_name.n > 0 && got->name_rank > have->name_rank;
	return newest_wins(have->name_at_us, got->name_at_us, have->full_name, got->full_name);
}

bool sync_is_shown(const struct shown_sync *have, const struct shown_sync *got)
{
	if (have->id.n == 0 || str_eq(have->id, got->id))
		return true;
	if (have->single != got->single)
		return have->single;
	return str_cmp(got->started, have->started) >= 0;
}

bool sync_message_is_wanted(const struct sync_limits *limits, int64_t time_ms, int64_t now_ms)
{
	return limits->window_days == 0 || time_ms >= now_ms - limits->window_days * MS_PER_DAY;
}

bool message_is_expired(int32_t retention_days, int64_t time_ms, int64_t now_ms)
{
	return retention_days > 0 && time_ms < now_ms - retention_days * MS_PER_DAY;
}

bool sync_chat_is_wanted(const struct sync_limits *limits, int32_t rank, int64_t newest_ms, int64_t now_ms)
{
	return limits->enabled && (limits->max_chats == 0 || rank < limits->max_chats) &&
		sync_message_is_wanted(limits, newest_ms, now_ms);
}
