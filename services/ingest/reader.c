/* The reader's thread: connect, listen, load; then jobs and notifications as they come. See reader.h. */
#include "ingest/reader.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "ingest/reader_private.h"

#define CHANNEL        "blazz_intake"
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000
#define ALIVE_MS       15000 /* how long a silent connection is believed */
#define QR_RETRY_MS    500
#define CHANGED_MAX    1000 /* more than that at once: everything is read anew */
#define WORKSPACES_MAX 50   /* likewise */
#define RELOAD_MS      1000 /* between two times that workspaces, or everything, are read anew */

static int give_up(void *reader)
{
	struct reader *r = reader;

	return atomic_load(&r->stopping);
}

static bool is_connected(const struct reader *r)
{
	return r->pg && pg_usable(r->pg);
}

/* After any failure of the connection; what was announced meanwhile is lost, so the next one loads everything. */
static void disconnect(struct reader *r, const struct err *why)
{
	pg_close(&r->pg);
	map_clear(r->changed);
	map_clear(r->workspaces);
	r->reload = false;
	if (r->failures == 0 && !atomic_load(&r->stopping))
		log_warn("postgresql is unreachable", LOG_ERR(why));
	r->retry_mono_ms = clock_mono_ms() + backoff_ms(BACKOFF_MIN_MS, BACKOFF_MAX_MS, r->failures++);
}

static void alive(struct reader *r)
{
	r->alive_mono_ms = clock_mono_ms();
	news_post(r, &(struct news){ .kind = NEWS_ALIVE });
}

static void connect_all(struct reader *r)
{
	const struct pg_options options = {
		.conninfo = r->options.conninfo,
		.application_name = "blazz-ingest",
		.statement_timeout_ms = r->options.statement_timeout_ms,
		.idle = give_up,
		.idle_ctx = r,
	};
	struct err err;

	pg_close(&r->pg);
	if (pg_open(&r->pg, &options, &err) < 0 || pg_listen(r->pg, CHANNEL, &err) < 0 || rows_read_all(r, &err) < 0) {
		disconnect(r, &err);
		return;
	}
	if (r->failures > 0)
		log_info("postgresql is reachable again");
	r->failures = 0;
	alive(r);
}

/* A statement failed: whether the connection goes on. */
static void failed(struct reader *r, const struct err *err)
{
	if (err->kind != ERR_RETRY && is_connected(r))
		log_error("postgresql refused a statement", LOG_ERR(err));
	disconnect(r, err);
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
	bool available = is_connected(r);

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
static void notice(struct reader *r, struct str payload)
{
	struct str table, text;
	struct uuid id;

	if (!str_cut(payload, ':', &table, &text) || !uuid_parse(text, &id))
		return;
	if (str_is(table, "whatsapp_accounts"))
		changed_put(r, NAME_ACCOUNT, &id);
	else if (str_is(table, "provider_apps"))
		changed_put(r, NAME_APP, &id);
	else if (str_is(table, "workspaces"))
		workspace_put(r, &id);
}

/* Returns whether anything came. */
static bool notifications_take(struct reader *r)
{
	struct str channel, payload;
	struct err err;
	bool any = false;
	int rc;

	while (is_connected(r) && (rc = pg_notification(r->pg, &channel, &payload, &err)) != 0) {
		if (rc < 0) {
			disconnect(r, &err);
			return false;
		}
		notice(r, payload);
		any = true;
	}
	return any;
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
	if (!is_connected(r) || !wants_reload(r) || clock_mono_ms() < r->reload_mono_ms)
		return;
	if (r->reload)
		reload_all(r);
	else
		workspaces_read(r);
	r->reload_mono_ms = clock_mono_ms() + RELOAD_MS;
}

/* Statements take in notifications too: until no more came. */
static void notifications_do(struct reader *r)
{
	while (is_connected(r) && notifications_take(r))
		changed_read(r);
	reload_when_due(r);
}

/* LISTEN again is a round trip that changes nothing. */
static void alive_check(struct reader *r)
{
	struct err err;

	if (!is_connected(r) || clock_mono_ms() < r->alive_mono_ms + ALIVE_MS)
		return;
	if (pg_listen(r->pg, CHANNEL, &err) < 0)
		failed(r, &err);
	else
		alive(r);
}

static int wait_ms(const struct reader *r)
{
	int64_t now = clock_mono_ms(), until = is_connected(r) ? r->alive_mono_ms + ALIVE_MS : r->retry_mono_ms;

	if (is_connected(r) && wants_reload(r) && until > r->reload_mono_ms)
		until = r->reload_mono_ms;
	if (map_count(r->qr) > 0 && until > now + QR_RETRY_MS)
		until = now + QR_RETRY_MS;
	return until > now ? (int)(until - now) : 0;
}

static void wait_for_work(struct reader *r)
{
	struct pollfd fds[] = {
		{ .fd = mailbox_fd(r->jobs), .events = POLLIN },
		{ .fd = is_connected(r) ? pg_socket(r->pg) : -1, .events = POLLIN },
	};

	poll(fds, 2, wait_ms(r));
}

static void *thread_main(void *reader)
{
	struct reader *r = reader;

	while (!atomic_load(&r->stopping)) {
		if (!is_connected(r) && clock_mono_ms() >= r->retry_mono_ms)
			connect_all(r);
		jobs_do(r);
		notifications_do(r);
		qr_write(r);
		alive_check(r);
		if (!atomic_load(&r->stopping))
			wait_for_work(r);
	}
	pg_close(&r->pg);
	return NULL;
}

static void mail_free(struct reader *r)
{
	struct job *j;
	struct news *n;

	while (r->jobs && (j = job_take(r)))
		job_free(j);
	while (r->news && (n = reader_take(r)))
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
	mail_free(r);
	qr_free(r);
	map_free(r->changed);
	map_free(r->workspaces);
	keyring_free(r->keyring);
	free(r);
}
