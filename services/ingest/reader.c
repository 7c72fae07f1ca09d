/* The reader's thread: connect, listen, load; then jobs and notifications as they come. See reader.h. */
#include "ingest/reader.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "ingest/reader_private.h"

#define CHANNEL        "blazz_intake"
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000
#define QR_RETRY_MS    500
#define CHANGED_MAX    1000 /* more than that at once: everything is read anew */
#define WORKSPACES_MAX 50   /* likewise */
#define RELOAD_MS      1000 /* between two times that workspaces, or everything, are read anew */

static int give_up(void *reader)
{
	struct reader *r = reader;

	return atomic_load(&r->stopping);
}

/* The connection is closed. What was notified meanwhile is lost, so the next one loads everything. */
static void disconnected(struct reader *r, const struct err *why)
{
	map_clear(r->changed);
	map_clear(r->workspaces);
	r->reload = false;
	if (!r->unreachable && !atomic_load(&r->stopping))
		log_warn("postgresql is unreachable", LOG_ERR(why));
	r->unreachable = true;
}

static int on_missed(void *ctx, struct err *err)
{
	return rows_read_all(ctx, err);
}

static void on_alive(void *ctx)
{
	struct reader *r = ctx;

	if (r->unreachable)
		log_info("postgresql is reachable again");
	r->unreachable = false;
	news_post(r, &(struct news){ .kind = NEWS_ALIVE });
}

/* As pg_listener_turn(). */
static int listener_turn(struct reader *r)
{
	struct err err;
	int rc = pg_listener_turn(r->listener, &err);

	if (rc < 0)
		disconnected(r, &err);
	return rc;
}

/* A statement failed. */
static void failed(struct reader *r, const struct err *err)
{
	if (err->kind != ERR_RETRY && pg_listener_listens(r->listener))
		log_error("statement rejected by the database", LOG_ERR(err));
	pg_listener_drop(r->listener);
	disconnected(r, err);
}

/* Bad input is a name that nothing can have. */
static int look(struct reader *r, const struct name *name)
{
	struct err err;

	if (rows_read_name(r, name, &err) == 0 || err.kind == ERR_INPUT)
		return 0;
	failed(r, &err);
	return -1;
}

static void look_all(struct reader *r, const struct job *j)
{
	bool available = pg_listener_listens(r->listener);

	for (size_t i = 0; available && i < j->n; i++) {
		struct name name = name_of_key(j->keys[i]);

		available = look(r, &name) == 0;
	}
	news_post(r, &(struct news){ .kind = NEWS_ANSWER, .available = available });
}

static void keyring_use(struct reader *r, struct job *j)
{
	keyring_free(r->keyring);
	r->keyring = j->keyring;
	j->keyring = NULL;
	r->reload = true;
}

static void jobs_do(struct reader *r)
{
	struct job *j;

	while (!atomic_load(&r->stopping) && (j = job_take(r))) {
		if (j->kind == JOB_QR) {
			qr_keep(r, j);
			continue;
		}
		if (j->kind == JOB_LOOK)
			look_all(r, j);
		else if (j->kind == JOB_KEYRING)
			keyring_use(r, j);
		job_free(j);
	}
}

static void changed_put(struct reader *r, enum name_kind kind, const struct uuid *id)
{
	const struct name name = { .kind = kind, .text = uuid_bytes(id) };
	struct name_key key;

	if (map_count(r->changed) < CHANGED_MAX)
		map_slot(r->changed, name_key(&name, &key));
	else
		r->reload = true;
}

static void workspace_put(struct reader *r, const struct uuid *id)
{
	if (map_count(r->workspaces) < WORKSPACES_MAX)
		map_slot(r->workspaces, uuid_bytes(id));
	else
		r->reload = true;
}

/* "whatsapp_accounts:<uuid>"; a changed workspace may be one that is gone, with all its accounts. Any role may send them: what is
 * none of these costs nothing. */
static void on_notified(void *ctx, struct str channel, struct str payload)
{
	struct reader *r = ctx;
	struct str table, text;
	struct uuid id;

	(void)channel;
	if (!str_cut(payload, ':', &table, &text) || !uuid_parse(text, &id))
		return;
	if (str_is(table, "whatsapp_accounts"))
		changed_put(r, NAME_ACCOUNT, &id);
	else if (str_is(table, "provider_apps"))
		changed_put(r, NAME_APP, &id);
	else if (str_is(table, "workspaces"))
		workspace_put(r, &id);
}

static void reload_all(struct reader *r)
{
	struct err err;

	r->reload = false;
	map_clear(r->changed);
	map_clear(r->workspaces);
	if (rows_read_all(r, &err) < 0)
		failed(r, &err);
}

static void changed_read(struct reader *r)
{
	struct str key;
	void *value;
	size_t i = 0;

	while (map_each(r->changed, &i, &key, &value)) {
		struct name name = name_of_key(key);

		if (look(r, &name) < 0)
			return;
	}
	map_clear(r->changed);
}

static void workspaces_read(struct reader *r)
{
	struct str key;
	struct uuid id;
	void *value;
	struct err err;
	size_t i = 0;

	while (map_each(r->workspaces, &i, &key, &value)) {
		memcpy(id.b, key.p, sizeof(id.b));
		if (rows_read_workspace(r, &id, &err) < 0) {
			failed(r, &err);
			return;
		}
	}
	map_clear(r->workspaces);
}

static bool wants_reload(const struct reader *r)
{
	return r->reload || map_count(r->workspaces) > 0;
}

/* However often it is asked for. */
static void reload_when_due(struct reader *r)
{
	if (!pg_listener_listens(r->listener) || !wants_reload(r) || clock_mono_ms() < r->reload_mono_ms)
		return;
	if (r->reload)
		reload_all(r);
	else
		workspaces_read(r);
	r->reload_mono_ms = clock_mono_ms() + RELOAD_MS;
}

/* Statements read notifications, too: until no more came. */
static void changes_read(struct reader *r)
{
	do
		changed_read(r);
	while (listener_turn(r) == 1);
	reload_when_due(r);
}

static int wait_ms(const struct reader *r)
{
	int64_t now = clock_mono_ms(), until = pg_listener_due_mono_ms(r->listener);

	if (pg_listener_listens(r->listener) && wants_reload(r) && until > r->reload_mono_ms)
		until = r->reload_mono_ms;
	if (map_count(r->qr) > 0 && until > now + QR_RETRY_MS)
		until = now + QR_RETRY_MS;
	return until > now ? (int)(until - now) : 0;
}

static void wait_for_work(struct reader *r)
{
	struct pollfd fds[] = {
		{ .fd = mailbox_fd(r->jobs), .events = POLLIN },
		{ .fd = pg_listener_fd(r->listener), .events = POLLIN },
	};

	poll(fds, 2, wait_ms(r));
}

static void *thread_main(void *reader)
{
	struct reader *r = reader;

	while (!atomic_load(&r->stopping)) {
		(void)listener_turn(r); /* connects before the jobs that need it */
		jobs_do(r);
		changes_read(r);
		qr_write(r);
		if (!atomic_load(&r->stopping))
			wait_for_work(r);
	}
	return NULL;
}

static struct pg_listener *listener_new(struct reader *r)
{
	static const char *const channels[] = { CHANNEL, NULL };
	static const struct pg_listener_ops ops = { .missed = on_missed, .notified = on_notified, .alive = on_alive };
	struct pg_listener_options options = {
		.pg = postgres_options(&r->options.postgres, "blazz-ingest"),
		.channels = channels,
		.backoff_min_ms = BACKOFF_MIN_MS,
		.backoff_max_ms = BACKOFF_MAX_MS,
	};

	options.pg.idle = give_up;
	options.pg.idle_ctx = r;
	return pg_listener_new(&options, &ops, r);
}

static void mail_free(struct reader *r)
{
	struct job *j;
	struct news *n;

	while (r->jobs && (j = job_take(r)))
		job_free(j);
	while (r->news && (n = reader_receive(r)))
		news_free(n);
	mailbox_close(&r->jobs);
	mailbox_close(&r->news);
}

int reader_start(struct reader **out, const struct reader_options *options, struct keyring **keyring, struct err *err)
{
	struct reader *r = mem_calloc(1, sizeof(*r));

	r->options = *options;
	r->keyring = *keyring;
	*keyring = NULL;
	r->changed = map_new();
	r->workspaces = map_new();
	r->qr = map_new();
	r->listener = listener_new(r);
	if (mailbox_open(&r->jobs, err) < 0 || mailbox_open(&r->news, err) < 0 ||
		thread_start(&r->thread, thread_main, r, err) < 0) {
		reader_stop(&r);
		return -1;
	}
	r->started = true;
	*out = r;
	return 0;
}

void reader_stop(struct reader **reader)
{
	struct reader *r = *reader;

	*reader = NULL;
	if (!r)
		return;
	atomic_store(&r->stopping, true);
	if (r->started) {
		reader_wake(r);
		pthread_join(r->thread, NULL);
	}
	pg_listener_free(r->listener);
	mail_free(r);
	qr_free(r);
	map_free(r->changed);
	map_free(r->workspaces);
	keyring_free(r->keyring);
	free(r);
}
