/* blazzctl webhook replay: delivers past events to an endpoint again. The dispatcher does the work, whether or not this
 * command waits for it. */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "crypto/ids.h"
#include "store/webhook_replays.h"
#include "webhook.h"

#define LOOK_MS 100

struct replay_options {
	const char *event, *types, *conversation;
	int64_t since_ms, rate;
	bool only_missing, dry_run, no_wait;
};

#define AT(field) offsetof(struct replay_options, field)

static const struct option_row replay_rows[] = {
	{ "since", OPTION_TIME, AT(since_ms), "TIME", "events published since then" },
	{ "event", OPTION_TEXT, AT(event), "UUID", "only this one; without --since searches all retained records" },
	{ "types", OPTION_TEXT, AT(types), "TYPES",
		"message.created,session.*, among its subscribed types; default: all of them" },
	{ "conversation", OPTION_TEXT, AT(conversation), "UUID", "only of this one" },
	{ "only-missing", OPTION_FLAG, AT(only_missing), NULL,
		"skip events that it acknowledged, as far back as attempts are kept, and\n"
		"                                events in the retry queue" },
	{ "rate", OPTION_NUMBER, AT(rate), "N", "events per second and partition; default: no limit" },
	{ "dry-run", OPTION_FLAG, AT(dry_run), NULL, "only count, deliver nothing" },
	{ "no-wait", OPTION_FLAG, AT(no_wait), NULL, "return at once instead of showing progress" },
	{ 0 },
};

static const char *const columns[] = { "replay", "endpoint", "status", "dry_run", "only_missing", "since", "passed",
	"total", "events", "lost", "created_at", "finished_at", NULL };

static const char *status_word(enum replay_status s)
{
	return s == REPLAY_RUNNING ? "running" : s == REPLAY_COMPLETED ? "completed" : "cancelled";
}

static void progress_row(void *ctx, const struct replay_progress *p)
{
	const struct replay_row *r = &p->replay;
	struct table *t = ctx;

	table_uuid(t, &r->uuid);
	table_uuid(t, &r->endpoint);
	table_text(t, str_of(status_word(r->status)));
	table_bool(t, r->dry_run);
	table_bool(t, r->only_missing);
	table_time_ms(t, r->since_us / 1000);
	table_i64(t, p->passed);
	table_i64(t, p->total);
	table_i64(t, p->matched);
	table_i64(t, p->lost);
	table_time_ms(t, r->created_us / 1000);
	table_time_ms(t, r->status == REPLAY_RUNNING ? 0 : r->finished_us / 1000);
}

static void progress_print(const struct replay_progress *p, bool json)
{
	struct table *t = table_new(columns);

	progress_row(t, p);
	table_print(t, json);
	table_free(t);
}

/* Requesting a replay */

static int wish_read(const struct replay_options *o, struct arena *a, struct replay_row *row, struct err *err)
{
	if (!o->event && o->since_ms == 0)
		return ctl_usage(err, "webhook replay needs --since or --event");
	if (o->rate > INT32_MAX)
		return ctl_usage(err, "--rate is too large");
	*row = (struct replay_row){
		.since_us = o->since_ms * 1000,
		.only_missing = o->only_missing,
		.dry_run = o->dry_run,
		.rate = (int32_t)o->rate,
	};
	if ((o->event && ctl_uuid("--event", o->event, &row->event_id, err) < 0) ||
		(o->conversation && ctl_uuid("--conversation", o->conversation, &row->conversation, err) < 0))
		return -1;
	row->event_types = webhook_parts(str_of(o->types), a, &row->n_event_types);
	uuid_v4(&row->uuid);
	return 0;
}

static int wish_add(struct ctl *ctl, struct pg *pg, const char *endpoint, struct arena *a, struct replay_row *row,
	struct err *err)
{
	struct endpoint_row e;

	if (ctl_times_check(ctl, err) < 0 || webhook_find(ctl, endpoint, a, &e, err) < 0)
		return -1;
	row->workspace_id = e.workspace_id;
	row->endpoint_id = e.id;
	if (!store_endpoint_is_live(&e))
		fprintf(stderr, "blazzctl: the endpoint is disabled: nothing is replayed until it is enabled\n");
	return store_replay_add(pg, row, err);
}

/* Showing its progress */

static int percent_of(const struct replay_progress *p)
{
	return p->total > 0 ? (int)(p->passed * 100 / p->total) : 0;
}

/* One line that is updated in place; if standard error is not a terminal, one line for each tenth. */
static void progress_draw(const struct replay_progress *p, bool terminal, int *tenths)
{
	enum { WIDTH = 40 };
	int percent = percent_of(p), full = percent * WIDTH / 100;

	if (terminal)
		fprintf(stderr, "\r\033[K[%.*s%*s] %d %%, %lld of %lld records, %lld events", full,
			"########################################", WIDTH - full, "", percent, (long long)p->passed,
			(long long)p->total, (long long)p->matched);
	else if (percent / 10 != *tenths)
		fprintf(stderr, "%d %%, %lld of %lld records, %lld events\n", percent, (long long)p->passed,
			(long long)p->total, (long long)p->matched);
	*tenths = percent / 10;
}

static int follow(struct pg *pg, const struct uuid *id, bool quiet, struct arena *a, struct replay_progress *p,
	struct err *err)
{
	bool terminal = isatty(STDERR_FILENO);
	int tenths = -1;

	for (;;) {
		arena_reset(a);
		if (store_replay_find(pg, id, a, p, err) < 0)
			return -1;
		if (p->replay.status != REPLAY_RUNNING)
			break;
		if (!quiet)
			progress_draw(p, terminal, &tenths);
		(void)poll(NULL, 0, LOOK_MS);
	}
	if (!quiet && terminal)
		fprintf(stderr, "\r\033[K");
	return 0;
}

static int end_tell(const struct replay_progress *p, bool json, struct err *err)
{
	if (json)
		progress_print(p, true);
	else
		printf(p->replay.dry_run ? "%lld events would be delivered\n"
					 : "%lld events were delivered, became dead letters, or wait for a retry\n",
			(long long)p->matched);
	if (!json && p->lost > 0)
		printf("Retention had removed %lld records; events of this replay among them are lost.\n",
			(long long)p->lost);
	if (p->replay.status == REPLAY_CANCELLED)
		return err_set(err, ERR_CANCELLED, "cancelled", "the replay was cancelled");
	return 0;
}

static int replay(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct replay_options *o = options;
	struct arena *a = arena_new(4096);
	struct replay_progress p;
	struct replay_row row;
	char id[37];
	struct pg *pg;
	int rc = -1;

	if (wish_read(o, a, &row, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0 ||
		wish_add(ctl, pg, arguments[0], a, &row, err) < 0)
		goto out;
	if (o->no_wait) {
		rc = store_replay_find(pg, &row.uuid, a, &p, err);
		if (rc == 0)
			progress_print(&p, ctl->json);
		goto out;
	}
	uuid_format(&row.uuid, id);
	fprintf(stderr, "Replay %s continues if this command is interrupted; blazzctl webhook replay-cancel ends it.\n",
		id);
	rc = follow(pg, &row.uuid, ctl->json, a, &p, err);
	if (rc == 0)
		rc = end_tell(&p, ctl->json, err);
out:
	arena_free(a);
	return rc;
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct arena *a = arena_new(4096);
	struct table *t = table_new(columns);
	struct uuid endpoint;
	struct pg *pg;
	int rc = -1;

	(void)options;
	if ((arguments[0] && ctl_uuid("the endpoint", arguments[0], &endpoint, err) < 0) ||
		ctl_pg_admin(ctl, &pg, err) < 0 ||
		store_replays_list(pg, arguments[0] ? &endpoint : NULL, a, progress_row, t, err) < 0)
		goto out;
	table_print(t, ctl->json);
	rc = 0;
out:
	table_free(t);
	arena_free(a);
	return rc;
}

static int cancel(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct uuid id;
	struct pg *pg;

	(void)options;
	if (ctl_uuid("the replay", arguments[0], &id, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0)
		return -1;
	return store_replay_cancel(pg, &id, err);
}

const struct command webhook_replay_commands[] = {
	{ "webhook", "replay", "ENDPOINT", 1, 1, replay_rows, sizeof(struct replay_options),
		"delivers past events again, besides live ones, and shows progress; exit status 3: it was cancelled",
		replay },
	{ "webhook", "replays", "[ENDPOINT]", 0, 1, NULL, 0, "lists replays and their progress", list },
	{ "webhook", "replay-cancel", "REPLAY", 1, 1, NULL, 0, "ends a replay; deliveries in flight are completed",
		cancel },
	{ 0 },
};
