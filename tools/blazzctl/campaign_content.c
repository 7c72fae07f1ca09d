/* See campaign_content.h. */
#include "campaign_content.h"

static void texts_parse(struct campaign_content *out, const struct campaign_row *c, enum provider provider,
	struct arena *a, struct reasons *why)
{
	static const char *const names[CONTENT_TEXTS] = { "header", "body", "footer" };
	const struct str sources[CONTENT_TEXTS] = { c->header_text, c->body_text.n ? c->body_text : c->message_content,
		c->footer_text };

	for (size_t i = 0; i < CONTENT_TEXTS; i++) {
		if (sources[i].n == 0)
			continue;
		reasons_about(why, "%s: ", names[i]);
		if (text_compile(&out->texts[i], sources[i], provider == PROVIDER_WEBJS, a, why) < 0)
			out->parsed = false;
	}
	reasons_about_all(why);
}

void campaign_content_parse(struct campaign_content *out, const struct campaign_row *c, enum provider provider,
	struct arena *a, struct reasons *why)
{
	*out = (struct campaign_content){
		.campaign_name = c->name, .is_template = str_is(c->type, "template"), .parsed = true
	};
	if (!out->is_template) {
		texts_parse(out, c, provider, a, why);
		return;
	}
	if (provider != PROVIDER_META)
		reasons_add(why, "templates can be sent through Meta only");
	out->parsed = parameters_parse(&out->parameters, c->template_parameters, true, a, why) == 0;
}

void campaign_template_check(const struct campaign_content *content, const struct template_info *t,
	struct str session_id, struct arena *a, struct reasons *why)
{
	struct template parsed;
	struct err err;

	reasons_about(why, "account %.*s: ", STR_ARG(session_id));
	if (!t)
		reasons_add(why, "it has no such template");
	else if (!str_is(t->status, "APPROVED"))
		reasons_add(why, "the template's status is %s, not APPROVED", reasons_quote(why, t->status));
	else if (!t->components.n)
		reasons_add(why, "the template's components are not known: blazzctl templates sync");
	else if (template_parse(&parsed, t->components, a, &err) < 0)
		reasons_add(why, "the template cannot be read: %s", err.msg);
	else if (content->parsed)
		parameters_check(&content->parameters, &parsed, why);
	reasons_about_all(why);
}

static enum text_outcome texts_write(const struct campaign_content *content, const struct values *v, struct buf *out,
	struct str *missing)
{
	enum text_outcome outcome = TEXT_WRITTEN;

	for (size_t i = 0; outcome == TEXT_WRITTEN && i < CONTENT_TEXTS; i++)
		if (content->texts[i].n_ops > 0)
			outcome = text_write(&content->texts[i], v, TEXT_MESSAGE, TEXT_MAX_WRITTEN, 0, out, missing);
	return outcome;
}

const char *campaign_member_check(const struct campaign_content *content, const struct audience_member *m)
{
	struct values v = { .first_name = m->first_name,
		.last_name = m->last_name,
		.full_name = m->full_name,
		.phone = m->dialled.n ? m->dialled : m->address,
		.campaign_name = content->campaign_name };
	struct buf written = BUF_INIT;
	struct json_doc *vars = NULL;
	enum text_outcome outcome;
	struct str missing;

	if (m->variables.n > 0 && json_parse(&vars, m->variables, NULL) == 0)
		v.vars = json_root(vars);
	outcome = content->is_template ? parameters_write(&content->parameters, &v, &written, &missing)
				       : texts_write(content, &v, &written, &missing);
	json_free(vars);
	buf_fini(&written);
	return outcome == TEXT_MISSING ? "missing_variable" : outcome == TEXT_TOO_LONG ? "too_long" : NULL;
}
