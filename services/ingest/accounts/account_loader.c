/* The account loader's thread: connects, listens and loads everything; then it serves jobs and notifications. See
 * account_loader.h.
 *
 * Invariant: while it is connected, every notified change is posted as an update, or pending in `changed`, `workspaces`
 * or `reload`. Notifications of a lost connection may be lost, too, so the next one begins with loading everything.
 */
#include "ingest/accounts/account_loader.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "ingest/accounts/account_loader_private.h"

#define CHANNEL        "blazz_intake"
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000
#define QR_RETRY_MS    500
#define CHANGED_MAX    1000 /* with more changes than that everything is loaded again */
#define WORKSPACES_MAX 50   /* likewise */
#define RELOAD_MS      1000 /* at least, between two loads of workspaces or of everything */

static int is_stopping(void *loader)
{
	struct account_loader *l = loader;

	return atomic_load(&l->stopping);
}

/* The connection is closed. The next one loads everything, so pending changes are forgotten. */
static void disconnected(struct account_loader *l, const struct err *why)
{
	map_clear(l->changed);
	map_clear(l->workspaces);
	l->reload = false;
	if (!l->unreachable && !atomic_load(&l->stopping))
		log_warn("postgresql is unreachable", LOG_ERR(why));
	l->unreachable = true;
}

static int on_missed(void *ctx, struct err *err)
{
	return rows_load_all(ctx, err);
}

static void on_alive(void *ctx)
{
	struct account_loader *l = ctx;

	if (l->unreachable)
		log_info("postgresql is reachable again");
	l->unreachable = false;
	account_update_post(l, &(struct account_update){ .kind = UPDATE_ALIVE });
}

/* Returns pg_listener_turn()'s result. */
static int listener_turn(struct account_loader *l)
{
	struct err err;
	int rc = pg_listener_turn(l->listener, &err);

	if (rc < 0)
		disconnected(l, &err);
	return rc;
}

static void statement_failed(struct account_loader *l, const struct err *err)
{
	if (err->kind != ERR_RETRY && pg_listener_listens(l->listener))
		log_error("statement rejected by the database", LOG_ERR(err));
	pg_listener_drop(l->listener);
	disconnected(l, err);
}

/* A text that can be no name (ERR_INPUT) is like a name without a row. */
static int name_load(struct account_loader *l, const struct name *name)
{
	struct err err;

	if (rows_load_name(l, name, &err) == 0 || err.kind == ERR_INPUT)
		return 0;
	statement_failed(l, &err);
	return -1;
}

static void names_fetch(struct account_loader *l, const struct job *j)
{
	bool available = pg_listener_listens(l->listener);

	for (size_t i = 0; available && i < j->n; i++) {
		struct name name = name_of_key(j->keys[i]);

		available = name_load(l, &name) == 0;
	}
	account_update_post(l, &(struct account_update){ .kind = UPDATE_FETCHED, .available = available });
}

static void keyring_use(struct account_loader *l, struct job *j)
{
	keyring_free(l->keyring);
	l->keyring = j->keyring;
	j->keyring = NULL;
	l->reload = true;
}

static void jobs_do(struct account_loader *l)
{
	struct job *j;

	while (!atomic_load(&l->stopping) && (j = job_take(l))) {
		if (j->kind == JOB_QR) {
			qr_keep(l, j);
			continue;
		}
		if (j->kind == JOB_FETCH)
			names_fetch(l, j);
		else if (j->kind == JOB_KEYRING)
			keyring_use(l, j);
		job_free(j);
	}
}

static void changed_put(struct account_loader *l, enum name_kind kind, const struct uuid *id)
{
	const struct name name = { .kind = kind, .text = uuid_bytes(id) };
	struct name_key key;

	if (map_count(l->changed) < CHANGED_MAX)
		map_slot(l->changed, name_key(&name, &key));
	else
		l->reload = true;
}

static void workspace_put(struct account_loader *l, const struct uuid *id)
{
	if (map_count(l->workspaces) < WORKSPACES_MAX)
		map_slot(l->workspaces, uuid_bytes(id));
	else
		l->reload = true;
}

/* The payload is "whatsapp_accounts:<uuid>", or the same with provider_apps or workspaces. A workspace may have been
 * deleted with all its accounts. Any role may send notifications: an unknown payload is ignored. */
static void on_notified(void *ctx, struct str channel, struct str payload)
{
	struct account_loader *l = ctx;
	struct str table, text;
	struct uuid id;

	(void)channel;
	if (!str_cut(payload, ':', &table, &text) || !uuid_parse(text, &id))
		return;
	if (str_is(table, "whatsapp_accounts"))
		changed_put(l, NAME_ACCOUNT, &id);
	else if (str_is(table, "provider_apps"))
		changed_put(l, NAME_APP, &id);
	else if (str_is(table, "workspaces"))
		workspace_put(l, &id);
}

static void reload_all(struct account_loader *l)
{
	struct err err;

	l->reload = false;
	map_clear(l->changed);
	map_clear(l->workspaces);
	if (rows_load_all(l, &err) < 0)
		statement_failed(l, &err);
}

static void changed_load(struct account_loader *l)
{
	struct str key;
	void *value;
	size_t i = 0;

	while (map_each(l->changed, &i, &key, &value)) {
		struct name name = name_of_key(key);

		if (name_load(l, &name) < 0)
			return;
	}
	map_clear(l->changed);
}

static void workspaces_load(struct account_loader *l)
{
	struct str key;
	struct uuid id;
	void *value;
	struct err err;
	size_t i = 0;

	while (map_each(l->workspaces, &i, &key, &value)) {
		memcpy(id.b, key.p, sizeof(id.b));
		if (rows_load_workspace(l, &id, &err) < 0) {
			statement_failed(l, &err);
			return;
		}
	}
	map_clear(l->workspaces);
}

static bool wants_reload(const struct account_loader *l)
{
	return l->reload || map_count(l->workspaces) > 0;
}

/* At most once in RELOAD_MS, however often a change is notified. */
static void reload_when_due(struct account_loader *l)
{
	if (!pg_listener_listens(l->listener) || !wants_reload(l) || clock_mono_ms() < l->reload_mono_ms)
		return;
	if (l->reload)
		reload_all(l);
	else
		workspaces_load(l);
	l->reload_mono_ms = clock_mono_ms() + RELOAD_MS;
}

/* A statement may receive further notifications: repeated until none has come. */
static void changes_load(struct account_loader *l)
{
	do
		changed_load(l);
	while (listener_turn(l) == 1);
	reload_when_due(l);
}

static int wait_ms(const struct account_loader *l)
{
	int64_t now = clock_mono_ms(), until = pg_listener_due_mono_ms(l->listener);

	if (pg_listener_listens(l->listener) && wants_reload(l) && until > l->reload_mono_ms)
		until = l->reload_mono_ms;
	if (map_count(l->qr) > 0 && until > now + QR_RETRY_MS)
		until = now + QR_RETRY_MS;
	return until > now ? (int)(until - now) : 0;
}

static void wait_for_work(struct account_loader *l)
{
	struct pollfd fds[] = {
		{ .fd = mailbox_fd(l->jobs), .events = POLLIN },
		{ .fd = pg_listener_fd(l->listener), .events = POLLIN },
	};

	poll(fds, 2, wait_ms(l));
}

static void *thread_main(void *loader)
{
	struct account_loader *l = loader;

	while (!atomic_load(&l->stopping)) {
		(void)listener_turn(l); /* before the jobs, which need the connection */
		jobs_do(l);
		changes_load(l);
		qr_write(l);
		if (!atomic_load(&l->stopping))
			wait_for_work(l);
	}
	return NULL;
}

static struct pg_listener *listener_new(struct account_loader *l)
{
	static const char *const channels[] = { CHANNEL, NULL };
	static const struct pg_listener_ops ops = { .missed = on_missed, .notified = on_notified, .alive = on_alive };
	struct pg_listener_options options = {
		.pg = postgres_options(&l->options.postgres, "blazz-ingest"),
		.channels = channels,
		.backoff_min_ms = BACKOFF_MIN_MS,
		.backoff_max_ms = BACKOFF_MAX_MS,
	};

	options.pg.idle = is_stopping;
	options.pg.idle_ctx = l;
	return pg_listener_new(&options, &ops, l);
}

static void mail_free(struct account_loader *l)
{
	struct job *j;
	struct account_update *u;

	while (l->jobs && (j = job_take(l)))
		job_free(j);
	while (l->updates && (u = account_loader_receive(l)))
		account_update_free(u);
	mailbox_close(&l->jobs);
	mailbox_close(&l->updates);
}

int account_loader_start(struct account_loader **out, const struct account_loader_options *options,
	struct keyring **keyring, struct err *err)
{
	struct account_loader *l = mem_calloc(1, sizeof(*l));

	l->options = *options;
	l->keyring = *keyring;
	*keyring = NULL;
	l->changed = map_new();
	l->workspaces = map_new();
	l->qr = map_new();
	l->listener = listener_new(l);
	if (mailbox_open(&l->jobs, err) < 0 || mailbox_open(&l->updates, err) < 0 ||
		thread_start(&l->thread, thread_main, l, err) < 0) {
		account_loader_stop(&l);
		return -1;
	}
	l->started = true;
	*out = l;
	return 0;
}

void account_loader_stop(struct account_loader **loader)
{
	struct account_loader *l = *loader;

	*loader = NULL;
	if (!l)
		return;
	atomic_store(&l->stopping, true);
	if (l->started) {
		account_loader_wake(l);
		pthread_join(l->thread, NULL);
	}
	pg_listener_free(l->listener);
	mail_free(l);
	qr_free(l);
	map_free(l->changed);
	map_free(l->workspaces);
	keyring_free(l->keyring);
	free(l);
}
