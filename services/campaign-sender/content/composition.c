/* Compiling a campaign's content; see composition.h. */
#include "campaign-sender/content/private.h"

size_t composition_parts(const struct composition *c, const struct part *out[static COMPOSITION_PARTS])
{
	const struct part *all[COMPOSITION_PARTS] = { &c->header, &c->link, &c->body, &c->footer };
	size_t n = 0;

	for (size_t i = 0; i < c->n_buttons; i++) {
		all[4 + 2 * i] = &c->buttons[i].title;
		all[5 + 2 * i] = &c->buttons[i].url;
	}
	for (size_t i = 0; i < 4 + 2 * c->n_buttons; i++)
		if (all[i]->name)
			out[n++] = all[i];
	return n;
}

static void template_compile(struct composition *c, const struct campaign_row *d, enum provider provider,
	const struct sending_template *t, struct arena *a, struct reasons *why)
{
	c->type = MSG_TEMPLATE;
	if (provider != PROVIDER_META) {
		reasons_add(why, "templates can be sent through Meta only");
		return;
	}
	if (!t || !t->parsed) {
		reasons_add(why, "template: %s", !t ? "the account does not have it" : arena_cstr(a, t->fault));
		return;
	}
	c->template = (struct send_template){
		.present = true,
		.name = arena_str(a, t->name),
		.language = arena_str(a, t->language),
	};
	if (parameters_parse(&c->parameters, d->template_parameters, true, a, why) == 0)
		parameters_check(&c->parameters, t->parsed, why);
}

const struct reference *const *composition_references(const struct composition *c, struct arena *a, size_t *n)
{
	const struct part *parts[COMPOSITION_PARTS];
	const struct reference **out;
	size_t n_parts = composition_parts(c, parts), count = 0;

	if (c->type == MSG_TEMPLATE)
		return parameters_references(&c->parameters, a, n);
	for (size_t i = 0; i < n_parts; i++)
		count += parts[i]->text.n_references;
	out = ARENA_ARRAY(a, const struct reference *, count);
	*n = 0;
	for (size_t i = 0; i < n_parts; i++)
		for (size_t k = 0; k < parts[i]->text.n_references; k++)
			out[(*n)++] = &parts[i]->text.references[k];
	return out;
}

static bool vars_used(const struct composition *c, struct arena *a)
{
	size_t n;
	const struct reference *const *references = composition_references(c, a, &n);

	for (size_t i = 0; i < n; i++)
		if (references[i]->key.n > 0)
			return true;
	return false;
}

/* Parts that fit one by one may be too long together. */
static void sum_check(const struct composition *c, enum provider provider, struct arena *a, struct reasons *why)
{
	const struct audience_member member = { .address = STR("1") };
	struct buf out = BUF_INIT;
	struct str missing;
	size_t n;

	composition_references(c, a, &n);
	if (c->type != MSG_TEMPLATE && n == 0 &&
		composition_write(c, &member, provider, 0, a, &out, &missing) == COMPOSED_TOO_LONG)
		reasons_add(why, "header, body and footer are too long together: at most %zu characters", c->max_chars);
	buf_fini(&out);
}

int composition_compile(struct composition **out, const struct campaign_row *definition, enum provider provider,
	const struct sending_template *t, struct arena *a, struct reasons *why)
{
	struct composition *c = ARENA_NEW(a, struct composition);
	size_t before = reasons_count(why);

	c->request = definition->uuid;
	c->workspace = definition->workspace;
	c->provider = provider;
	/* Required in a SendMessage; the driver starts a campaign by a command. */
	c->requested_at_ms = definition->commanded_us > 0 ? definition->commanded_us / 1000 : 1;
	c->campaign_name = arena_str(a, definition->name);
	if (str_is(definition->type, "template"))
		template_compile(c, definition, provider, t, a, why);
	else
		instant_compile(c, definition, provider, a, why);
	if (reasons_count(why) == before)
		sum_check(c, provider, a, why);
	if (reasons_count(why) > before)
		return -1;
	c->uses_vars = vars_used(c, a);
	*out = c;
	return 0;
}
