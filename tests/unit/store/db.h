/* What the tests of libs/store share: a migrated database of their own, sessions under the roles of the services, and one small
 * tenant: workspace 1 with accounts 1 (webjs, waha) and 2 (webjs, evolution), workspace 2 with account 3. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../pg/session.h"
#include "base/arena.h"
#include "crypto/ids.h"

#define ADMIN      "postgres"
#define CHAT_SYNC  "blazz_chat_sync"
#define DISPATCHER "blazz_webhook_dispatcher"
#define SENDER     "blazz_campaign_sender"
#define CLEANUP    "blazz_cleanup"

struct db {
	struct pg *admin; /* superuser, for looking and arranging */
	struct pg *pg; /* chat-sync's */
	struct arena *arena;
	struct err err;
};
static struct db db;

/* What was only started is done, too. */
#define done(rc) \
	do { \
		assert_done((rc), db.err); \
		assert_done(pg_collect(db.pg, NULL, &db.err), db.err); \
	} while (0)

static inline const char *db_conninfo(const char *role)
{
	static char out[400];

	snprintf(out, sizeof(out), "%s user=%s", pg_temp_conninfo(), role);
	return out;
}

static inline struct pg *db_session(const char *role)
{
	return session_open_with(&(struct pg_options){ .conninfo = db_conninfo(role), .application_name = "test" });
}

#define TENANTS \
	"INSERT INTO workspaces (id, uuid, name, settings) VALUES (1, '00000000-0000-4000-8000-000000000001', 'one'," \
	" '{\"default_region\":\"ID\",\"sync\":{\"max_chats\":20}}'), (2, '00000000-0000-4000-8000-000000000002', 'two', '{}');" \
	"INSERT INTO users (workspace_id, id, uuid, name, email, role) VALUES" \
	" (1, 1, '00000000-0000-4000-8000-0000000000a1', 'Ann', 'ann@example.com', 'owner');" \
	"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, bridge_kind) VALUES" \
	" (1, 1, '00000000-0000-4000-8000-000000000011', 's1', 'webjs', 'waha')," \
	" (1, 2, '00000000-0000-4000-8000-000000000012', 's2', 'webjs', 'evolution')," \
	" (2, 3, '00000000-0000-4000-8000-000000000013', 's3', 'webjs', 'blazz');" \
	"SELECT setval('workspaces_id_seq', 100), setval('users_id_seq', 100), setval('whatsapp_accounts_id_seq', 100)"

/* Statements separated by semicolons. */
static inline void db_script(const char *sql)
{
	char *copy = mem_cstr(str_of(sql)), *rest = copy;

	for (char *one; (one = strsep(&rest, ";"));)
		if (one[strspn(one, " \n\t")])
			execute(db.admin, one);
	free(copy);
}

static inline int db_start(void **state)
{
	if (pg_temp_start_migrated(state) < 0)
		return -1;
	db.admin = db_session(ADMIN);
	db_script(TENANTS);
	db.pg = db_session(CHAT_SYNC);
	db.arena = arena_new(1 << 16);
	return 0;
}

static inline int db_stop(void **state)
{
	pg_close(&db.pg);
	pg_close(&db.admin);
	arena_free(db.arena);
	return pg_temp_stop(state);
}

/* TRUNCATE of every table but those that TENANTS fills, that these refer to, and the schema's version. */
#define TRUNCATE \
	"DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(oid::regclass::text, ', ') FROM pg_class" \
	" WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL" \
	" ('{workspaces,users,whatsapp_accounts,provider_apps,instances,schema_version}')); END $$"

/* A setup for each test: no rows but the tenants'. */
static inline int db_empty(void **state)
{
	(void)state;
	if (pg_in_transaction(db.pg))
		pg_rollback(db.pg);
	execute(db.admin, TRUNCATE);
	arena_reset(db.arena);
	return 0;
}

static inline int64_t db_i64(const char *sql)
{
	return query_i64(db.admin, sql);
}

/* The first column of the first row, in the arena; absent: NULL or no row. */
static inline struct str db_text(const char *sql)
{
	struct pg_rows *rows = query(db.admin, sql, NULL);
	struct str s = pg_rows_count(rows) > 0 ? arena_str(db.arena, pg_text(rows, 0, 0)) : STR_NONE;

	pg_rows_free(rows);
	return s;
}

#define assert_text(sql, want) assert_string_equal(arena_cstr(db.arena, db_text(sql)), (want))
#define assert_str(s, want)    assert_true(str_is((s), (want)))

/* Microseconds since 1970 of a second in 2026. */
#define AT(seconds) (INT64_C(1767225600000000) + (int64_t)(seconds) * 1000000)

/* Waits until another session waits for a lock. */
static inline void db_await_blocked(int pid)
{
	int64_t deadline = clock_mono_ms() + 10000;
	char sql[100];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM pg_locks WHERE pid = %d AND NOT granted", pid);
	while (db_i64(sql) == 0)
		if (clock_mono_ms() > deadline)
			fail_msg("nobody waits");
}

/* Something done in a second session, in its own transaction, while the first has one open. */
struct other {
	const char *role; /* NULL: chat-sync */
	struct pg *pg;
	int (*act)(struct pg *pg, void *ctx, struct err *err);
	void *ctx;
	struct err err;
	int rc;
	pthread_t thread;
};

static inline void *other_main(void *arg)
{
	struct other *o = arg;

	o->rc = pg_begin(o->pg, &o->err) == 0 && o->act(o->pg, o->ctx, &o->err) == 0 ? pg_commit(o->pg, &o->err) : -1;
	return NULL;
}

/* Starts it and waits until it waits for the first session. */
static inline void other_start(struct other *o)
{
	int pid;

	o->pg = db_session(o->role ? o->role : CHAT_SYNC);
	pid = backend_pid(o->pg);
	assert_int_equal(pthread_create(&o->thread, NULL, other_main, o), 0);
	db_await_blocked(pid);
}

static inline void other_end(struct other *o)
{
	assert_int_equal(pthread_join(o->thread, NULL), 0);
	assert_done(o->rc, o->err);
	pg_close(&o->pg);
}

static inline struct uuid uuid_of(const char *text)
{
	struct uuid u = { 0 };

	assert_true(uuid_parse(str_of(text), &u));
	return u;
}

#endif
