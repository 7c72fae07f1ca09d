/* The options of campaigns add as a definition. Invariant: names are looked up in the campaign's own workspace only. */
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "campaigns.h"
#include "crypto/ids.h"
#include "store/sending_templates.h"
#include "json/writer.h"

#define AT(field) offsetof(struct campaign_options, field)

const struct option_row campaign_rows[] = {
	{ "workspace", OPTION_TEXT, AT(workspace), "UUID|NAME", "whose" },
	{ "name", OPTION_TEXT, AT(name), "TEXT", "its name, as {{campaign.name}} has it" },
	{ "account", OPTION_TEXT, AT(account), "UUID|ID", "that sends it; default: chosen when it is started" },
	{ "provider", OPTION_TEXT, AT(provider), "meta|webjs", "of the accounts to choose from; default: meta" },
	{ "spread", OPTION_FLAG, AT(spread), NULL, "over all usable accounts of the provider, at most 16" },
	{ "allow-other-provider", OPTION_FLAG, AT(allow_other_provider), NULL,
		"sends through the other provider when no account of the preferred one is usable" },
	{ "template", OPTION_TEXT, AT(template), "NAME", "a template of Meta, as templates list shows it" },
	{ "language", OPTION_TEXT, AT(language), "CODE", "of the template" },
	{ "parameters", OPTION_TEXT, AT(parameters), "FILE|JSON", "the template's components, with variables" },
	{ "text", OPTION_TEXT, AT(text), "TEXT",
		"the text, with variables: {{contact.first_name|there}}, {{var.NAME}}" },
	{ "header", OPTION_TEXT, AT(header_text), "TEXT", "a header above the text" },
	{ "header-type", OPTION_TEXT, AT(header_type), "WORD", "image, video, document or location, with --media" },
	{ "media", OPTION_TEXT, AT(header_media), "FILE|JSON", "of the header" },
	{ "footer", OPTION_TEXT, AT(footer), "TEXT", "a footer below the text" },
	{ "buttons", OPTION_TEXT, AT(buttons), "FILE|JSON", "a list" },
	{ "group", OPTION_TEXTS, AT(groups), "UUID|NAME", "an audience to send to; may be repeated" },
	{ "exclude", OPTION_TEXTS, AT(excluded), "UUID|NAME", "an audience whose members get nothing" },
	{ "all", OPTION_FLAG, AT(all), NULL, "sends to every contact of the workspace" },
	{ "last-inbound-within", OPTION_NUMBER, AT(last_inbound_within), "DAYS", "only to who wrote within them" },
	{ "not-contacted-for", OPTION_NUMBER, AT(not_contacted_for), "DAYS", "only to who got nothing within them" },
	{ "on-unknown", OPTION_TEXT, AT(on_unknown), "WORD",
		"assume_sent or fail: what becomes of a message whose outcome stays unknown" },
	{ "schedule", OPTION_TEXT, AT(schedule), "TIME",
		"when it begins once it is started: 2026-01-31T12:00:00Z, or +2h" },
	{ "time-zone", OPTION_TEXT, AT(time_zone), "NAME", "Asia/Jakarta; default: the workspace's" },
	{ "window", OPTION_TEXT, AT(window), "HH:MM-HH:MM", "local time in which it sends" },
	{ "days", OPTION_TEXT, AT(days), "1-7", "days of the window: 1 is Monday; 1-5, or 1,3,5" },
	{ "id", OPTION_TEXT, AT(id), "UUID", "default: a random one" },
	{ 0 },
};

struct template_search {
	struct template_info found;
	size_t n;
};

/* Of several accounts that have it an approved one counts. */
static void template_compare(void *ctx, const struct template_info *t)
{
	struct template_search *s = ctx;
	bool approved = str_is(t->status, "APPROVED");

	if (s->n++ == 0 || (approved && !str_is(s->found.status, "APPROVED")))
		s->found.id = t->id;
	if (approved)
		s->found.status = STR("APPROVED");
}

static void template_keep(void *ctx, size_t key, const struct sending_template_row *t)
{
	struct template_search *s = ctx;

	(void)key;
	s->found.id = t->id;
	s->n = 1;
}

/* Of a named account: that of its WABA. */
static int template_search(struct pg *pg, const struct campaign_options *o, const struct campaign_row *c,
	struct arena *a, struct template_search *s, struct err *err)
{
	const struct template_filter filter = { c->workspace_id, 0, str_of(o->template), str_of(o->language) };
	const struct template_key key = { c->workspace_id, c->account_id, filter.name, filter.language };

	return c->account_id ? store_sending_templates_find(pg, &key, 1, a, template_keep, s, err)
			     : store_templates_list(pg, &filter, template_compare, s, err);
}

static int template_find(struct pg *pg, const struct campaign_options *o, struct campaign_row *c, struct arena *a,
	struct err *err)
{
	struct template_search s = { 0 };

	if (template_search(pg, o, c, a, &s, err) < 0)
		return -1;
	if (s.n == 0)
		return err_set(err, ERR_INPUT, "unknown",
			"no account of this workspace has the template in that language: blazzctl templates sync");
	c->template_id = s.found.id;
	return 0;
}

static int groups_write(struct ctl *ctl, const struct tenant *t, const char *name, const struct option_texts *groups,
	struct json_writer *w, struct err *err)
{
	struct uuid id;
	char text[37];

	if (groups->n == 0)
		return 0;
	jw_key(w, name);
	jw_arr(w);
	for (size_t i = 0; i < groups->n; i++) {
		if (tenant_group(ctl, t, groups->text[i], &id, err) < 0)
			return -1;
		uuid_format(&id, text);
		jw_str(w, str_of(text));
	}
	jw_arr_end(w);
	return 0;
}

static int audience_write(struct ctl *ctl, const struct campaign_options *o, const struct tenant *t, struct buf *out,
	struct err *err)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	if (groups_write(ctl, t, "groups", &o->groups, &w, err) < 0 ||
		groups_write(ctl, t, "exclude", &o->excluded, &w, err) < 0)
		return -1;
	if (o->all)
		jw_member_bool(&w, "all", true);
	if (o->last_inbound_within > 0)
		jw_member_i64(&w, "last_inbound_within_days", o->last_inbound_within);
	if (o->not_contacted_for > 0)
		jw_member_i64(&w, "not_contacted_for_days", o->not_contacted_for);
	jw_obj_end(&w);
	return 0;
}

/* "1-5", "1,3,5": digits and ranges. */
static int days_write(const char *days, struct json_writer *w, struct err *err)
{
	struct str rest = str_of(days), part;
	bool more = true;

	jw_key(w, "days");
	jw_arr(w);
	while (more) {
		more = str_cut(rest, ',', &part, &rest);
		if ((part.n != 1 && (part.n != 3 || part.p[1] != '-')) || part.p[0] < '1' || part.p[part.n - 1] > '7' ||
			part.p[0] > part.p[part.n - 1])
			return ctl_usage(err, "--days: %s is not a list like 1-5 or 1,3,5", days);
		for (char d = part.p[0]; d <= part.p[part.n - 1]; d++)
			jw_i64(w, d - '0');
	}
	jw_arr_end(w);
	return 0;
}

static int window_write(const struct campaign_options *o, struct buf *out, struct err *err)
{
	struct json_writer w = json_writer(out);
	struct str from, to;

	if (!str_cut(str_of(o->window), '-', &from, &to))
		return ctl_usage(err, "--window: %s is not HH:MM-HH:MM", o->window);
	jw_obj(&w);
	jw_member_str(&w, "from", from);
	jw_member_str(&w, "to", to);
	if (o->days && days_write(o->days, &w, err) < 0)
		return -1;
	jw_obj_end(&w);
	return 0;
}

static int schedule_read(const struct campaign_options *o, struct arena *a, struct campaign_row *c, struct err *err)
{
	struct buf window = BUF_INIT;
	int64_t at_ms = 0;
	int rc = -1;

	if (o->days && !o->window)
		return ctl_usage(err, "--days needs --window");
	if ((o->schedule && ctl_instant("--schedule", o->schedule, clock_now_ms(), &at_ms, err) < 0) ||
		(o->window && window_write(o, &window, err) < 0))
		goto out;
	c->scheduled_us = at_ms * 1000;
	c->time_zone = str_of(o->time_zone);
	if (o->window)
		c->send_window = arena_str(a, buf_str(&window));
	rc = 0;
out:
	buf_fini(&window);
	return rc;
}

/* A text alone is the message's content; with other parts it is its body. */
static int content_read(const struct campaign_options *o, struct arena *a, struct campaign_row *c, struct err *err)
{
	bool parts = o->header_text || o->header_type || o->header_media || o->footer || o->buttons;

	if (!o->template == !o->text)
		return ctl_usage(err, "a campaign needs either --template or --text");
	if (o->template) {
		if (parts || !o->language)
			return ctl_usage(err,
				"--template needs --language, and has its own header, footer and buttons");
		c->type = STR("template");
		return o->parameters
			? ctl_json_read("--parameters", o->parameters, true, a, &c->template_parameters, err)
			: 0;
	}
	c->type = STR("instant");
	*(parts ? &c->body_text : &c->message_content) = str_of(o->text);
	c->header_type = o->header_text ? STR("text") : str_of(o->header_type);
	c->header_text = str_of(o->header_text);
	c->footer_text = str_of(o->footer);
	if (o->header_media && ctl_json_read("--media", o->header_media, false, a, &c->header_media, err) < 0)
		return -1;
	return o->buttons ? ctl_json_read("--buttons", o->buttons, true, a, &c->buttons_data, err) : 0;
}

static int sender_read(struct ctl *ctl, const struct campaign_options *o, const struct tenant *t, struct arena *a,
	struct campaign_row *c, struct err *err)
{
	struct account_info account;

	c->spread = o->spread;
	c->allow_other_provider = o->allow_other_provider;
	c->preferred_provider = o->provider ? provider_parse(str_of(o->provider)) : PROVIDER_META;
	if (c->preferred_provider == PROVIDER_NONE)
		return ctl_usage(err, "--provider must be meta or webjs");
	if (!o->account)
		return 0;
	if (tenant_account(ctl, t, o->account, a, &account, err) < 0)
		return -1;
	c->account_id = account.id;
	c->account = account.uuid;
	if (!o->provider)
		c->preferred_provider = account.provider;
	return 0;
}

static int definition_check(const struct campaign_options *o, struct err *err)
{
	if (!o->name)
		return ctl_usage(err, "--name is missing");
	if (!o->all && o->groups.n == 0)
		return ctl_usage(err, "a campaign needs an audience: --group or --all");
	if (o->account && o->spread)
		return ctl_usage(err, "--account and --spread exclude each other");
	if (o->on_unknown && strcmp(o->on_unknown, "fail") != 0 && strcmp(o->on_unknown, "assume_sent") != 0)
		return ctl_usage(err, "--on-unknown must be assume_sent or fail");
	return 0;
}

int campaign_define(struct ctl *ctl, const struct campaign_options *o, struct arena *a, struct tenant *t,
	struct campaign_row *out, struct err *err)
{
	struct campaign_row c = { .name = str_of(o->name), .on_unknown = str_of(o->on_unknown) };
	struct buf audience = BUF_INIT;
	struct pg *pg;
	int rc = -1;

	uuid_v4(&c.uuid);
	if (definition_check(o, err) < 0 || (o->id && ctl_uuid("--id", o->id, &c.uuid, err) < 0) ||
		content_read(o, a, &c, err) < 0 || schedule_read(o, a, &c, err) < 0 ||
		tenant_find(ctl, o->workspace, t, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0)
		goto out;
	c.workspace_id = t->id;
	c.workspace = t->uuid;
	if (sender_read(ctl, o, t, a, &c, err) < 0 || (o->template && template_find(pg, o, &c, a, err) < 0) ||
		audience_write(ctl, o, t, &audience, err) < 0)
		goto out;
	c.audience = arena_str(a, buf_str(&audience));
	*out = c;
	rc = 0;
out:
	buf_fini(&audience);
	return rc;
}
