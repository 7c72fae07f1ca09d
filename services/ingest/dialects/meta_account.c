/* Changes of a WABA, a number or a template, and everything without a reader of its own: they become a template's
 * status, or a notice that carries the whole JSON. Invariant: nothing is dropped; JSON above an event's limit is
 * truncated, flagged and hashed.
 */
#include "base/utf8.h"
#include "ingest/dialects/meta.h"
#include "json/writer.h"

static enum severity severity_of(struct str text, struct str alert)
{
	static const struct {
		const char *word;
		enum severity severity;
	} words[] = {
		{ "CRITICAL", SEVERITY_CRITICAL },
		{ "DISABLED_UPDATE", SEVERITY_CRITICAL },
		{ "ACCOUNT_DELETED", SEVERITY_CRITICAL },
		{ "ACCOUNT_OFFBOARDED", SEVERITY_CRITICAL },
		{ "PARTNER_REMOVED", SEVERITY_CRITICAL },
		{ "WARNING", SEVERITY_WARNING },
		{ "ACCOUNT_VIOLATION", SEVERITY_WARNING },
		{ "ACCOUNT_RESTRICTION", SEVERITY_WARNING },
		{ "FLAGGED", SEVERITY_WARNING },
		{ "DOWNGRADE", SEVERITY_WARNING },
		{ "REJECTED", SEVERITY_WARNING },
		{ "PIN_CHANGED", SEVERITY_WARNING },
		{ "PIN_RESET_REQUEST", SEVERITY_WARNING },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(text, words[i].word) || str_is(alert, words[i].word))
			return words[i].severity;
	return SEVERITY_INFO;
}

/* The word for what happened; its member's name varies by field. */
static struct str event_word(const json *v)
{
	static const char *const members[] = { "event", "decision", "alert_type", "status", "type" };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_str(json_get(v, members[i])).n > 0)
			return json_str(json_get(v, members[i]));
	return STR_NONE;
}

static struct str reason_of(const json *v)
{
	struct str reason = meta_link(json_get(v, "reason"));

	if (reason.n == 0 || str_is(reason, "NONE"))
		reason = meta_link(json_path(v, "rejection_info.reason"));
	return reason;
}

static bool is_template(struct str field)
{
	return str_is(field, "message_template_status_update") || str_is(field, "message_template_quality_update") ||
		str_is(field, "template_category_update");
}

static void template_read(struct meta_item *it)
{
	struct arena *a = it->change->in->arena;
	struct inbound_event *e = meta_event(it, IN_TEMPLATE_STATUS, NULL);
	struct in_template_status *t = &e->u.template_status;
	const json *category = json_get(it->v, "new_category");

	t->provider_template_id = meta_id(json_get(it->v, "message_template_id"), a);
	t->name = meta_name(json_get(it->v, "message_template_name"));
	t->language = meta_id(json_get(it->v, "message_template_language"), a);
	t->category = meta_id(category ? category : json_get(it->v, "message_template_category"), a);
	t->status = meta_id(json_get(it->v, "event"), a);
	t->quality = meta_id(json_get(it->v, "new_quality_score"), a);
	t->reason = reason_of(it->v);
	meta_add(it, e, t->provider_template_id,
		arena_printf(a, "%.*s %.*s %.*s", STR_ARG(t->status), STR_ARG(t->quality), STR_ARG(t->category)));
}

/* The item as a JSON object; a value of another type is wrapped in one. */
static struct str extra_of(const struct meta_item *it)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text;

	if (json_is_obj(it->v))
		return intake_json(it->change->in, it->v);
	jw_obj(&w);
	jw_member_raw(&w, "items", intake_json(it->change->in, it->v));
	jw_obj_end(&w);
	text = arena_str(it->change->in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static void notice_add(struct meta_item *it, const struct in_account_notice *notice, struct str extra)
{
	struct inbound_event *e = meta_event(it, IN_ACCOUNT_NOTICE, json_get(it->v, "timestamp"));

	e->origin = ORIGIN_LIVE;
	e->u.account_notice = *notice;
	if (extra.n <= WIRE_MAX_JSON_BYTES)
		e->u.account_notice.extra = extra;
	else
		intake_raw(it->change->in, e, it->v);
	meta_add(it, e, notice->kind, extra);
}

void meta_channel_error(struct meta_item *it)
{
	struct provider_error error = meta_error(it->change->in->arena, it->v);

	notice_add(it,
		&(struct in_account_notice){ .kind = STR("channel_error"),
			.severity = SEVERITY_WARNING,
			.text = error.title,
			.error = error },
		extra_of(it));
}

/* The latest notice of each kind is stored, so a kind must come from Meta's fixed words, not from free text in a
 * body. */
static struct str kind_of(struct str word)
{
	return word.n > 0 ? utf8_truncate(word, META_MAX_KIND_BYTES) : STR("unknown");
}

static struct in_account_notice notice_of(const struct meta_item *it, struct str kind)
{
	struct json_iter errors = json_iter(json_get(it->v, "errors"));
	struct in_account_notice notice = {
		.kind = kind_of(kind),
		.text = event_word(it->v),
	};

	notice.severity = severity_of(notice.text, json_str(json_get(it->v, "alert_severity")));
	if (json_is_arr(json_get(it->v, "errors")))
		notice.error = meta_error(it->change->in->arena, json_next(&errors));
	return notice;
}

void meta_notice(struct meta_item *it, struct str kind)
{
	struct in_account_notice notice = notice_of(it, kind);

	if (it->v == it->change->value && is_template(it->change->field))
		template_read(it);
	else
		notice_add(it, &notice, extra_of(it));
}

void meta_unhandled(struct meta_item *it, struct str members)
{
	struct in_account_notice notice = notice_of(it, it->change->field);

	notice_add(it, &notice, members);
}
