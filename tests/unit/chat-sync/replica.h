/* What the tests of chat-sync against PostgreSQL share: replicas (the service without Kafka, on a session of its own), events
 * as the wire brings them, and what a batch emitted. db.h has the tenants.
 *
 * A batch goes the whole way: encoded, taken in, decoded, applied and committed as libs/worker does it. Every batch checks
 * that the sequence of each conversation has no gap.
 */
#ifndef REPLICA_H
#define REPLICA_H

#include "unit.h"

#include "../worker/applier.h"
#include "base/log.h"
#include "base/map.h"
#include "chat-sync/sync.h"
#include "permutation.h"
#include "wire/chat_event.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define MOST_EVENTS 20000
#define WORKSPACE   "00000000-0000-4000-8000-000000000001"

static const char *const account_ids[] = { "", "00000000-0000-4000-8000-000000000011",
	"00000000-0000-4000-8000-000000000012", "00000000-0000-4000-8000-000000000013" };

struct replica {
	struct chat_sync *sync;
	struct applier at; /* of partition 1 */
	bool swept; /* the last sweep changed a row */
};

static struct replica replica1, replica2;

/* What the last batch emitted. */
static struct {
	struct chat_event *events;
	size_t n_events;
	struct inbound_event *inbound;
	size_t n_inbound;
	struct record_view *dead;
	size_t n_dead;
} out;

static struct map *sequences; /* conversation -> its last sequence number */

static const struct chat_sync_settings replica_settings = { .cache_max_bytes = 64 << 20,
	.cache_ttl_ms = 30000,
	.parked_ttl_ms = 3600000,
	.parked_sweep_max = 500,
	.sync_idle_ms = 1800000,
	.history_idle_ms = 86400000,
	.sync_enabled = true };
static const struct worker_options replica_options = {
	.owner = { .consumer = "chat-sync",
		.topics = { { .name = "t.inbound", .dlq = "t.dlq" },
			{ .name = "t.inbound.bulk", .dlq = "t.bulk.dlq", .follows = "t.inbound" } } },
	.batch_max_events = MOST_EVENTS,
	.batch_max_bytes = INT64_MAX
};

static const struct topic_partition partition_one = { 0, 1 };

static inline void replica_open(struct replica *r, const struct chat_sync_settings *settings)
{
	r->sync = chat_sync_new(settings, "t.inbound", "t.inbound.bulk", "t.chat-event");
	r->at = (struct applier){ .options = &replica_options, .ops = &chat_sync_ops, .ctx = r->sync };
	applier_open(&r->at, CHAT_SYNC, partition_one);
}

static inline void replica_close(struct replica *r)
{
	applier_close(&r->at);
	chat_sync_free(r->sync);
}

static inline int replicas_start(void **state)
{
	log_set_level(LOG_ERROR);
	if (db_start(state) < 0)
		return -1;
	sequences = map_new();
	replica_open(&replica1, &replica_settings);
	replica_open(&replica2, &replica_settings);
	return 0;
}

static inline int replicas_stop(void **state)
{
	replica_close(&replica2);
	replica_close(&replica1);
	map_free(sequences);
	return db_stop(state);
}

/* A setup for each test: empty tables, and replicas with empty caches. */
static inline int replicas_empty(void **state)
{
	int rc = db_empty(state);

	chat_sync_ops.assignment_changed(replica1.sync);
	chat_sync_ops.assignment_changed(replica2.sync);
	map_clear(sequences);
	execute(db.admin,
		"UPDATE whatsapp_accounts SET status = 'disconnected', status_since = NULL, status_at = NULL, sync = '{}', notices = '{}'");
	memset(&out, 0, sizeof(out));
	return rc;
}

/* events */

static inline struct uuid event_id(void)
{
	static uint64_t last;
	struct uuid u = { 0 };

	last++;
	memcpy(u.b, &last, sizeof(last));
	u.b[15] = 1;
	return u;
}

/* A second of this hour, so that it is within every sync's window. */
static inline int64_t at_ms(int64_t second)
{
	static int64_t hour;

	if (hour == 0)
		hour = clock_now_ms() / 3600000 * 3600000 - 7200000;
	return hour + second * 1000;
}

static inline struct inbound_event event(enum inbound_kind kind, int account, int64_t second)
{
	struct inbound_event e;

	memset(&e, 0, sizeof(e));
	e.id = event_id();
	e.workspace = uuid_of(account == 3 ? "00000000-0000-4000-8000-000000000002" : WORKSPACE);
	e.account = uuid_of(account_ids[account]);
	e.provider = PROVIDER_WEBJS;
	e.bridge = BRIDGE_BLAZZ;
	e.source_time_ms = at_ms(second);
	e.ingest_time_ms = at_ms(second);
	e.origin = ORIGIN_LIVE;
	e.kind = kind;
	return e;
}

static inline struct chat_ref chat_of(const char *phone)
{
	return (struct chat_ref){ .contact = { .phone = str_of(phone) } };
}

static inline struct chat_ref chat_of_lid(const char *lid)
{
	return (struct chat_ref){ .contact = { .lid = str_of(lid) } };
}

static inline struct chat_ref chat_of_group(const char *jid)
{
	return (struct chat_ref){ .is_group = true, .group = { .jid = str_of(jid) } };
}

static inline struct in_message message_in_chat(struct chat_ref chat, enum direction direction, const char *key,
	const char *body)
{
	return (struct in_message){ .chat = chat,
		.key = str_of(key),
		.provider_id = str_of(key),
		.direction = direction,
		.type = MSG_TEXT,
		.body = str_of(body) };
}

static inline struct inbound_event inbound_text(int account, struct chat_ref chat, const char *key, const char *body,
	int64_t second)
{
	struct inbound_event e = event(IN_MESSAGE, account, second);

	e.u.message = message_in_chat(chat, DIR_INBOUND, key, body);
	return e;
}

static inline struct inbound_event outbound_text(int account, struct chat_ref chat, const char *key, const char *body,
	int64_t second)
{
	struct inbound_event e = event(IN_MESSAGE, account, second);

	e.u.message = message_in_chat(chat, DIR_OUTBOUND, key, body);
	return e;
}

static inline struct inbound_event status_of(int account, struct chat_ref chat, const char *key, enum message_status s,
	int64_t second)
{
	struct inbound_event e = event(IN_STATUS, account, second);

	e.u.status.target.key = str_of(key);
	e.u.status.chat = chat;
	e.u.status.status = s;
	return e;
}

static inline struct inbound_event edit_of(int account, struct chat_ref chat, const char *key, const char *body,
	int64_t second)
{
	struct inbound_event e = event(IN_EDIT, account, second);

	e.u.edit.target.key = str_of(key);
	e.u.edit.chat = chat;
	e.u.edit.direction = DIR_INBOUND;
	e.u.edit.body = str_of(body);
	return e;
}

static inline struct inbound_event revoke_of(int account, struct chat_ref chat, const char *key, int64_t second)
{
	struct inbound_event e = event(IN_REVOKE, account, second);

	e.u.revoke.target.key = str_of(key);
	e.u.revoke.chat = chat;
	e.u.revoke.direction = DIR_INBOUND;
	return e;
}

static inline struct inbound_event reaction_of(int account, struct chat_ref chat, const char *key, const char *emoji,
	int64_t second)
{
	struct inbound_event e = event(IN_REACTION, account, second);

	e.u.reaction.target.key = str_of(key);
	e.u.reaction.chat = chat;
	e.u.reaction.direction = DIR_INBOUND;
	e.u.reaction.emoji = str_of(emoji);
	return e;
}

/* batches */

static inline void out_add(const struct record_view *v)
{
	if (str_is(v->topic, "t.chat-event")) {
		struct chat_event *e = &out.events[out.n_events++];

		done(chat_event_decode(e, v->value, db.arena, &db.err));
		if (!uuid_is_nil(&e->conversation)) {
			int64_t **last = (int64_t **)map_slot(sequences, uuid_bytes(&e->conversation));

			if (!*last)
				*last = ARENA_NEW(db.arena, int64_t);
			assert_int_equal(e->sequence, ++**last);
		}
	} else if (str_is(v->topic, "t.inbound")) {
		done(inbound_decode(&out.inbound[out.n_inbound++], v->value, db.arena, &db.err));
	} else {
		assert_true(str_is(v->topic, "t.dlq") || str_is(v->topic, "t.bulk.dlq"));
		out.dead[out.n_dead] = *v;
		out.dead[out.n_dead++].value = arena_str(db.arena, v->value);
	}
}

static inline void out_read(struct replica *r)
{
	size_t records, at = 0;
	struct str row = applier_records(&r->at, &records);
	struct record_view v;

	records++;
	memset(&out, 0, sizeof(out));
	out.events = ARENA_ARRAY(db.arena, struct chat_event, records);
	out.inbound = ARENA_ARRAY(db.arena, struct inbound_event, records);
	out.dead = ARENA_ARRAY(db.arena, struct record_view, records);
	while (records_next(row, &at, &v, &db.err) == 1)
		out_add(&v);
}

static inline void take_in(struct replica *r, const struct inbound_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct kafka_message m = { .timestamp_ms = events[i].ingest_time_ms };

		m.key = STR("k");
		done(inbound_encode(&events[i], db.arena, &m.value, &db.err));
		assert_non_null(applier_receive(&r->at, &m)->decoded);
	}
}

/* One batch, committed. Its outcomes can be read from r->at.batch until the next. */
static inline void apply_by(struct replica *r, const struct inbound_event *events, size_t n)
{
	batch_reset(r->at.batch);
	take_in(r, events, n);
	applier_commit(&r->at);
	out_read(r);
}

static inline void apply(const struct inbound_event *events, size_t n)
{
	apply_by(&replica1, events, n);
}

static inline void apply_one(struct inbound_event e)
{
	apply(&e, 1);
}

static inline void sweep(struct replica *r)
{
	int changed;

	batch_reset(r->at.batch);
	done(owner_tx_include(r->at.batch->tx, partition_one, &db.err));
	done(pg_begin(r->at.pg, &db.err));
	changed = chat_sync_ops.sweep(r->sync, r->at.batch->tx, &partition_one, 1, &db.err);
	if (changed < 0)
		fail_msg("%s [%s]", db.err.msg, db.err.code);
	r->swept = changed || !owner_tx_is_empty(r->at.batch->tx);
	if (r->swept) {
		done(pg_commit(r->at.pg, &db.err));
		chat_sync_ops.committed(r->sync);
	} else {
		pg_rollback(r->at.pg);
	}
	out_read(r);
}

/* One slice, in an open transaction. */
static inline bool step_run(struct replica *r)
{
	int rc;

	batch_reset(r->at.batch);
	done(owner_tx_include(r->at.batch->tx, partition_one, &db.err));
	done(pg_begin(r->at.pg, &db.err));
	rc = chat_sync_ops.step(r->sync, r->at.batch->tx, &partition_one, 1, &db.err);
	if (rc < 0)
		fail_msg("%s [%s]", db.err.msg, db.err.code);
	return rc == 1;
}

/* One slice, as libs/worker runs it. */
static inline bool step_by(struct replica *r)
{
	bool any = step_run(r);

	done(pg_commit(r->at.pg, &db.err));
	chat_sync_ops.committed(r->sync);
	return any;
}

/* The same, rolled back, as by a crash. */
static inline bool step_roll_back(struct replica *r)
{
	bool any = step_run(r);

	pg_rollback(r->at.pg);
	chat_sync_ops.rolled_back(r->sync);
	chat_sync_ops.assignment_changed(r->sync);
	return any;
}

/* The types of the events that the last batch published, with commas. */
static inline const char *published(void)
{
	static char words[2000];
	size_t n = 0;

	words[0] = '\0';
	for (size_t i = 0; i < out.n_events && n < sizeof(words); i++)
		n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%s", n ? "," : "",
			chat_event_type(out.events[i].kind));
	return words;
}

/* In every order, each in a batch of its own, then all again in one batch, which changes nothing: the query's answer is the same. */
static inline void apply_in_every_order(const struct inbound_event *events, size_t n, const char *query,
	const char *want)
{
	size_t order[8];

	assert_in_range(n, 1, COUNT(order));
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	do {
		execute(db.admin, "TRUNCATE contacts CASCADE");
		chat_sync_ops.assignment_changed(replica1.sync);
		map_clear(sequences);
		for (size_t i = 0; i < n; i++)
			apply_one(events[order[i]]);
		assert_text(query, want);
		apply(events, n);
		assert_string_equal(published(), "");
		assert_text(query, want);
	} while (permutation_next(order, n));
}

static inline enum outcome outcome_of(size_t i)
{
	return replica1.at.batch->items[i].outcome;
}

/* The number of conversations whose counter differs from a recount: must be 0. */
#define MISCOUNTED \
	"SELECT count(*) FROM conversations v WHERE v.unread_messages <> (SELECT count(*) FROM chats c" \
	" WHERE c.workspace_id = v.workspace_id AND c.conversation_id = v.id AND c.type = 'inbound' AND c.origin IN ('live', 'sync')" \
	" AND c.deleted_at IS NULL AND c.sent_at > coalesce(v.last_read_at, '-infinity'))"

#endif
