/* blazzctl campaigns: defines campaigns, and asks campaign-sender to start, pause, resume, cancel them or to send again
 * what failed. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "campaigns.h"
#include "crypto/ids.h"
#include "ctl_producer.h"
#include "wire/outbound.h"

#define ACTIVE_MAX 100000 /* of pause --all */

struct command_options {
	const char *workspace, *user, *reason;
	bool all;
};

#define AT(field) offsetof(struct command_options, field)

static const struct option_row command_rows[] = {
	{ "user", OPTION_TEXT, AT(user), "UUID", "who asked for it" },
	{ "reason", OPTION_TEXT, AT(reason), "TEXT", "why, for people" },
	{ 0 },
};
static const struct option_row pause_rows[] = {
	{ "all", OPTION_FLAG, AT(all), NULL, "every campaign that is scheduled or running, instead of one" },
	{ "workspace", OPTION_TEXT, AT(workspace), "UUID|NAME", "with --all: only of this one" },
	{ "user", OPTION_TEXT, AT(user), "UUID", "who asked for it" },
	{ "reason", OPTION_TEXT, AT(reason), "TEXT", "why, for people" },
	{ 0 },
};
static const struct option_row list_rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct campaign_list_options, workspace), "UUID|NAME",
		"only of this one" },
	{ "status", OPTION_TEXT, offsetof(struct campaign_list_options, statuses), "WORDS", "running,paused" },
	{ "limit", OPTION_NUMBER, offsetof(struct campaign_list_options, limit), "N", "the latest N; default: 100" },
	{ 0 },
};
static const struct option_row show_rows[] = {
	{ "follow", OPTION_FLAG, offsetof(struct campaign_show_options, follow), NULL,
		"shows progress, rate and what it waits for until it has ended" },
	{ 0 },
};
static const struct option_row export_rows[] = {
	{ "status", OPTION_TEXT, offsetof(struct campaign_export_options, statuses), "WORDS",
		"failed,unknown; default: all recipients" },
	{ "file", OPTION_TEXT, offsetof(struct campaign_export_options, file), "FILE", "default: standard output" },
	{ 0 },
};

static int add(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "campaign", "name", NULL };
	struct arena *a = arena_new(4096);
	struct table *t = table_new(columns);
	struct campaign_row c;
	struct tenant tenant;
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if (campaign_define(ctl, options, a, &tenant, &c, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0 ||
		store_campaign_add(pg, &c, err) < 0)
		goto out;
	table_uuid(t, &c.uuid);
	table_text(t, c.name);
	table_print(t, ctl->json);
	rc = 0;
out:
	table_free(t);
	arena_free(a);
	return rc;
}

struct find {
	struct arena *arena;
	struct campaign_info found;
	size_t n;
};

static void find_row(void *ctx, const struct campaign_info *c)
{
	struct find *f = ctx;
	struct campaign_row *row = &f->found.row;
	struct str *const texts[] = { &row->name, &row->type, &row->audience, &row->send_window, &row->on_unknown,
		&row->time_zone, &row->pause_code, &row->pause_reason, &row->error_message, &f->found.template_name,
		&f->found.template_language };

	f->found = *c;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = arena_str(f->arena, *texts[i]);
	f->n++;
}

int campaign_find(struct ctl *ctl, const char *id, struct arena *a, struct campaign_info *out, struct err *err)
{
	struct campaign_filter filter = { .limit = 1 };
	struct find f = { .arena = a };
	struct pg *ops;

	if (ctl_uuid("the campaign", id, &filter.uuid, err) < 0 || ctl_pg_ops(ctl, &ops, err) < 0 ||
		store_campaigns_list(ops, &filter, find_row, &f, err) < 0)
		return -1;
	if (f.n == 0)
		return err_set(err, ERR_INPUT, "unknown", "there is no such campaign");
	*out = f.found;
	return 0;
}

/* Commands */

static int command_put(struct ctl_producer *p, const struct campaign_row *c, enum campaign_action action,
	const struct command_options *o, struct err *err)
{
	struct campaign_command command = { .workspace = c->workspace,
		.campaign = c->uuid,
		.action = action,
		.requested_at_ms = clock_now_ms(),
		.reason = str_of(o->reason) };
	struct buf value = BUF_INIT;
	char key[74];
	int rc = -1;

	uuid_v4(&command.request);
	if (o->user && ctl_uuid("--user", o->user, &command.user, err) < 0)
		return -1;
	campaign_command_key(&command, key);
	if (campaign_command_encode(&command, &value, err) == 0)
		rc = ctl_producer_put(p,
			&(struct ctl_record){ TOPIC_CAMPAIGN_COMMAND, str_of(key), buf_str(&value), command.request,
				"campaign_command", campaign_action_word(action), command.requested_at_ms },
			err);
	buf_fini(&value);
	return rc;
}

struct active {
	struct campaign_row *rows;
	size_t n, cap;
};

static void active_add(void *ctx, const struct campaign_info *c)
{
	struct active *s = ctx;

	s->rows = vec_grow(s->rows, s->n, &s->cap, sizeof(*s->rows));
	s->rows[s->n++] = (struct campaign_row){ .workspace = c->row.workspace, .uuid = c->row.uuid };
}

static int active_find(struct ctl *ctl, const struct command_options *o, struct active *s, struct err *err)
{
	struct campaign_filter filter = { .statuses = "scheduled,running", .limit = ACTIVE_MAX };
	struct tenant t;
	struct pg *ops;

	if (o->workspace && tenant_find(ctl, o->workspace, &t, err) < 0)
		return -1;
	filter.workspace_id = o->workspace ? t.id : 0;
	return ctl_pg_ops(ctl, &ops, err) < 0 ? -1 : store_campaigns_list(ops, &filter, active_add, s, err);
}

static int commands_publish(struct ctl *ctl, const struct active *s, enum campaign_action action,
	const struct command_options *o, struct err *err)
{
	struct ctl_producer *p = NULL;
	int rc = ctl_producer_open(&p, ctl, err);

	for (size_t i = 0; rc == 0 && i < s->n; i++)
		rc = command_put(p, &s->rows[i], action, o, err);
	if (rc == 0)
		rc = ctl_producer_finish(p, err);
	ctl_producer_close(&p);
	return rc;
}

static void commands_print(const struct active *s, enum campaign_action action, bool json)
{
	static const char *const columns[] = { "campaign", "command", NULL };
	struct table *t = table_new(columns);

	for (size_t i = 0; i < s->n; i++) {
		table_uuid(t, &s->rows[i].uuid);
		table_text(t, str_of(campaign_action_word(action)));
	}
	table_print(t, json);
	table_free(t);
}

static int command_send(struct ctl *ctl, enum campaign_action action, const struct command_options *o, const char *id,
	struct err *err)
{
	struct arena *a = arena_new(4096);
	struct active s = { 0 };
	struct campaign_info found;
	int rc = -1;

	if (!id == !o->all) {
		ctl_usage(err, "campaigns pause takes either a campaign or --all");
		goto out;
	}
	rc = id ? campaign_find(ctl, id, a, &found, err) : active_find(ctl, o, &s, err);
	if (rc == 0 && id)
		active_add(&s, &found);
	if (rc == 0)
		rc = commands_publish(ctl, &s, action, o, err);
	if (rc == 0)
		commands_print(&s, action, ctl->json);
out:
	free(s.rows);
	arena_free(a);
	return rc;
}

static int start(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	return command_send(ctl, CAMPAIGN_START, options, arguments[0], err);
}

static int pause_one(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	return command_send(ctl, CAMPAIGN_PAUSE, options, arguments[0], err);
}

static int resume(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	return command_send(ctl, CAMPAIGN_RESUME, options, arguments[0], err);
}

static int cancel(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	return command_send(ctl, CAMPAIGN_CANCEL, options, arguments[0], err);
}

static int retry_failed(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	return command_send(ctl, CAMPAIGN_RETRY_FAILED, options, arguments[0], err);
}

const struct command campaigns_commands[] = {
	{ "campaigns", "add", NULL, 0, 0, campaign_rows, sizeof(struct campaign_options),
		"defines a campaign; nothing is sent until it is started", add },
	{ "campaigns", "check", "CAMPAIGN", 1, 1, NULL, 0,
		"says what a start would find: what forbids it, who would be skipped and why, how long it takes",
		campaign_check },
	{ "campaigns", "start", "CAMPAIGN", 1, 1, command_rows, sizeof(struct command_options),
		"asks campaign-sender to send it, at once or at its schedule", start },
	{ "campaigns", "pause", "[CAMPAIGN]", 0, 1, pause_rows, sizeof(struct command_options),
		"stops sending within a second; requests in flight finish", pause_one },
	{ "campaigns", "resume", "CAMPAIGN", 1, 1, command_rows, sizeof(struct command_options),
		"continues a paused campaign", resume },
	{ "campaigns", "cancel", "CAMPAIGN", 1, 1, command_rows, sizeof(struct command_options),
		"ends it; what was not sent is skipped", cancel },
	{ "campaigns", "retry-failed", "CAMPAIGN", 1, 1, command_rows, sizeof(struct command_options),
		"sends again what failed and may be retried, of a paused or completed campaign", retry_failed },
	{ "campaigns", "show", "CAMPAIGN", 1, 1, show_rows, sizeof(struct campaign_show_options),
		"shows counters, reasons, the accounts that send it, and what it waits for", campaign_show },
	{ "campaigns", "list", NULL, 0, 0, list_rows, sizeof(struct campaign_list_options), "lists campaigns",
		campaign_list },
	{ "campaigns", "export", "CAMPAIGN", 1, 1, export_rows, sizeof(struct campaign_export_options),
		"prints its recipients as CSV, with status and reason", campaign_export },
	{ 0 },
};
