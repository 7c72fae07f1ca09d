/* Whether parameters are what a template needs; see parameters.h. Meta rejects a message whose parameters are not
 * (errors 132000, 132012, 131008): each of its checks that the components allow is made here before the first message.
 */
#include "message/parameter_kinds.h"
#include "message/word.h"

static bool is_shown(const struct parameter *p)
{
	return p->kind == PARAMETER_TEXT || p->kind == PARAMETER_CURRENCY || p->kind == PARAMETER_DATE_TIME;
}

static const struct parameter *named(const struct component *c, struct str name)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->parameters[i].name, name))
			return &c->parameters[i];
	return NULL;
}

static bool has_name(const struct template_text *t, struct str name)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->names[i], name))
			return true;
	return false;
}

static void names_check(const struct component *c, const struct template_text *t, struct reasons *why)
{
	for (size_t i = 0; i < t->n; i++)
		if (!named(c, t->names[i]))
			reasons_add(why, "the parameter \"%s\" of the template is not given",
				reasons_quote(why, t->names[i]));
	for (size_t i = 0; i < c->n; i++) {
		const struct parameter *p = &c->parameters[i];

		if (!p->name.p)
			reasons_add(why, "parameter %zu has no parameter_name, but the template's have names", i + 1);
		else if (!has_name(t, p->name))
			reasons_add(why, "the template has no parameter \"%s\"", reasons_quote(why, p->name));
		else if (named(c, p->name) != p)
			reasons_add(why, "the parameter \"%s\" is given more than once", reasons_quote(why, p->name));
	}
}

static void numbers_check(const struct component *c, const struct template_text *t, struct reasons *why)
{
	if (c->n != t->n)
		reasons_add(why, "%zu %s given, the template has %zu", c->n,
			c->n == 1 ? "parameter is" : "parameters are", t->n);
	for (size_t i = 0; i < c->n; i++)
		if (c->parameters[i].name.p)
			reasons_add(why, "parameter %zu has a parameter_name, but the template's have numbers", i + 1);
}

static void text_check(const struct component *c, const struct template_text *t, struct reasons *why)
{
	if (t->named)
		names_check(c, t, why);
	else
		numbers_check(c, t, why);
	for (size_t i = 0; i < c->n; i++)
		if (!is_shown(&c->parameters[i]))
			reasons_add(why, "parameter %zu is of type %s, but the template has a text", i + 1,
				parameter_shapes[c->parameters[i].kind].word);
}

static void media_check(const struct component *c, enum parameter_kind wanted, struct reasons *why)
{
	if (c->n != 1 || c->parameters[0].kind != wanted)
		reasons_add(why, "the template needs one parameter of type %s", parameter_shapes[wanted].word);
}

static void header_check(const struct component *c, const struct template *t, struct reasons *why)
{
	static const enum parameter_kind media[] = { [HEADER_IMAGE] = PARAMETER_IMAGE,
		[HEADER_VIDEO] = PARAMETER_VIDEO,
		[HEADER_DOCUMENT] = PARAMETER_DOCUMENT,
		[HEADER_LOCATION] = PARAMETER_LOCATION };

	switch (t->header) {
	case HEADER_NONE:
		if (c->n > 0)
			reasons_add(why, "the template has no header");
		break;
	case HEADER_TEXT:
		text_check(c, &t->header_text, why);
		break;
	case HEADER_IMAGE:
	case HEADER_VIDEO:
	case HEADER_DOCUMENT:
	case HEADER_LOCATION:
		media_check(c, media[t->header], why);
		break;
	}
}

/* What a button takes: one parameter of a kind, which some buttons need and for others is optional. */
static const struct {
	const char *sub_type;
	bool takes, needs;
	enum parameter_kind kind;
} button_rules[] = {
	[BUTTON_URL] = { "url", true, true, PARAMETER_TEXT },
	[BUTTON_QUICK_REPLY] = { "quick_reply", true, false, PARAMETER_PAYLOAD },
	[BUTTON_COPY_CODE] = { "copy_code", true, true, PARAMETER_COUPON_CODE },
	[BUTTON_OTP] = { "url", true, true, PARAMETER_TEXT },
	[BUTTON_PHONE_NUMBER] = { "phone_number", false, false, PARAMETER_TEXT },
	[BUTTON_FLOW] = { "flow", true, false, PARAMETER_ACTION },
};

static void button_check(const struct component *c, const struct template_button *b, struct reasons *why)
{
	bool takes = b->type == BUTTON_URL ? b->takes_text : button_rules[b->type].takes;
	const char *sub_type = button_rules[b->type].sub_type;

	if (c->sub_type.p && !word_is(c->sub_type, sub_type))
		reasons_add(why, "its sub_type is \"%s\", but the template's button is a %s",
			reasons_quote(why, c->sub_type), sub_type);
	if (!takes && c->n > 0)
		reasons_add(why, "the template's button takes no parameter");
	else if (takes && button_rules[b->type].needs && c->n == 0)
		reasons_add(why, "the template's button needs a parameter of type %s",
			parameter_shapes[button_rules[b->type].kind].word);
	else if (c->n > 1 || (c->n == 1 && c->parameters[0].kind != button_rules[b->type].kind))
		reasons_add(why, "the template's button takes one parameter of type %s",
			parameter_shapes[button_rules[b->type].kind].word);
}

/* A component that was not given has no parameters. */
static const struct component none;

static const struct component *given(const struct parameters *p, enum component_kind kind, size_t index)
{
	const struct component *c = parameters_component(p, kind, index);

	return c ? c : &none;
}

static void buttons_check(const struct parameters *p, const struct template *t, struct reasons *why)
{
	for (size_t i = 0; i < t->n_buttons; i++) {
		reasons_about(why, "button %zu: ", i);
		if (t->buttons[i].type != BUTTON_OTHER)
			button_check(given(p, COMPONENT_BUTTON, i), &t->buttons[i], why);
	}
	for (size_t i = 0; i < p->n; i++)
		if (p->components[i].kind == COMPONENT_BUTTON && p->components[i].index >= t->n_buttons) {
			reasons_about(why, "button %zu: ", p->components[i].index);
			reasons_add(why, "the template has no such button");
		}
}

void parameters_check(const struct parameters *p, const struct template *t, struct reasons *why)
{
	if (t->unsupported.p)
		reasons_add(why, "the template has a component or header of type \"%s\", which Blazz does not send",
			reasons_quote(why, t->unsupported));
	reasons_about(why, "header: ");
	header_check(given(p, COMPONENT_HEADER, 0), t, why);
	reasons_about(why, "body: ");
	text_check(given(p, COMPONENT_BODY, 0), &t->body, why);
	buttons_check(p, t, why);
	reasons_about_all(why);
}
