/* Parsing a Meta template; see template.h. Invariant: the template borrows nothing from the JSON. */
#include "message/template.h"

#include "message/placeholder.h"
#include "message/word.h"
#include "json/json.h"

struct parser {
	struct template t;
	struct arena *arena;
	bool has_body, has_buttons;
};

static int malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "template", "the template's components: %s", what);
}

static bool is_listed(const struct str *names, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], name))
			return true;
	return false;
}

/* A text has either names or numbers; the first placeholder decides. */
static int placeholder_add(struct template_text *t, struct str *names, struct str name, struct err *err)
{
	bool numbered = str_all_digits(name);
	int64_t number = 0;

	if (t->n > 0 && t->named == numbered)
		return malformed(err, "a text with numbers and names of parameters");
	t->named = !numbered;
	if (numbered && (!str_to_i64(name, &number) || number < 1 || number > TEMPLATE_MAX_PARAMETERS))
		return malformed(err, "the number of a parameter is not between 1 and 64");
	if (numbered) {
		t->n = (size_t)number > t->n ? (size_t)number : t->n;
		return 0;
	}
	if (is_listed(names, t->n, name))
		return 0;
	if (t->n == TEMPLATE_MAX_PARAMETERS)
		return malformed(err, "a text with more than 64 parameters");
	names[t->n++] = name;
	return 0;
}

static int text_parse(struct template_text *out, const json *text, struct arena *a, struct err *err)
{
	struct str *names = ARENA_ARRAY(a, struct str, TEMPLATE_MAX_PARAMETERS);
	struct template_text t = { .text = arena_str(a, json_str(text)), .names = names };
	struct str rest = t.text, literal, name;

	while (placeholder_next(&rest, &literal, &name))
		if (placeholder_add(&t, names, name, err) < 0)
			return -1;
	*out = t;
	return 0;
}

static void unsupported(struct parser *p, struct str what)
{
	if (!p->t.unsupported.p)
		p->t.unsupported = arena_str(p->arena, what.p ? what : STR(""));
}

static int header_parse(struct parser *p, const json *component, struct err *err)
{
	static const char *const formats[] = { [HEADER_TEXT] = "TEXT",
		[HEADER_IMAGE] = "IMAGE",
		[HEADER_VIDEO] = "VIDEO",
		[HEADER_DOCUMENT] = "DOCUMENT",
		[HEADER_LOCATION] = "LOCATION" };
	struct str format = json_str(json_get(component, "format"));

	if (p->t.header != HEADER_NONE)
		return malformed(err, "more than one header");
	for (enum header_format f = HEADER_TEXT; f <= HEADER_LOCATION; f++)
		if (word_is(format, formats[f]))
			p->t.header = f;
	if (p->t.header == HEADER_NONE)
		unsupported(p, format);
	if (p->t.header != HEADER_TEXT)
		return 0;
	return text_parse(&p->t.header_text, json_get(component, "text"), p->arena, err);
}

static int body_parse(struct parser *p, const json *component, struct err *err)
{
	if (p->has_body)
		return malformed(err, "more than one body");
	p->has_body = true;
	return text_parse(&p->t.body, json_get(component, "text"), p->arena, err);
}

static int footer_parse(struct parser *p, const json *component, struct err *err)
{
	if (p->t.footer.p)
		return malformed(err, "more than one footer");
	p->t.footer = arena_str(p->arena, json_str(json_get(component, "text")));
	return 0;
}

static int button_parse(struct parser *p, const json *button, struct err *err)
{
	static const char *const types[] = { [BUTTON_URL] = "URL",
		[BUTTON_QUICK_REPLY] = "QUICK_REPLY",
		[BUTTON_COPY_CODE] = "COPY_CODE",
		[BUTTON_OTP] = "OTP",
		[BUTTON_PHONE_NUMBER] = "PHONE_NUMBER",
		[BUTTON_FLOW] = "FLOW" };
	struct template_button b = { .type = BUTTON_URL,
		.text = arena_str(p->arena, json_str(json_get(button, "text"))) };
	struct str type = json_str(json_get(button, "type"));
	struct template_text url;

	if (p->t.n_buttons == TEMPLATE_MAX_BUTTONS)
		return malformed(err, "more than 10 buttons");
	while (b.type < BUTTON_OTHER && !word_is(type, types[b.type]))
		b.type++;
	if (text_parse(&url, json_get(button, "url"), p->arena, err) < 0)
		return -1;
	b.takes_text = b.type == BUTTON_OTP || (b.type == BUTTON_URL && url.n > 0);
	p->t.buttons[p->t.n_buttons++] = b;
	return 0;
}

static int buttons_parse(struct parser *p, const json *component, struct err *err)
{
	struct json_iter it = json_iter(json_get(component, "buttons"));
	const json *button;

	if (p->has_buttons)
		return malformed(err, "more than one list of buttons");
	p->has_buttons = true;
	while ((button = json_next(&it)))
		if (button_parse(p, button, err) < 0)
			return -1;
	return 0;
}

static int component_parse(struct parser *p, const json *component, struct err *err)
{
	struct str type = json_str(json_get(component, "type"));

	if (word_is(type, "HEADER"))
		return header_parse(p, component, err);
	if (word_is(type, "BODY"))
		return body_parse(p, component, err);
	if (word_is(type, "BUTTONS"))
		return buttons_parse(p, component, err);
	if (word_is(type, "FOOTER"))
		return footer_parse(p, component, err);
	unsupported(p, type);
	return 0;
}

static int components_parse(struct parser *p, const json *components, struct err *err)
{
	struct json_iter it = json_iter(components);
	const json *component;

	if (!json_is_arr(components))
		return malformed(err, "they are not a list");
	while ((component = json_next(&it)))
		if (component_parse(p, component, err) < 0)
			return -1;
	return 0;
}

int template_parse(struct template *out, struct str components, struct arena *a, struct err *err)
{
	struct parser p = { .arena = a };
	struct json_doc *doc = NULL;
	int rc;

	if (components.n > TEMPLATE_MAX_BYTES)
		return malformed(err, "more than 65,536 bytes");
	if (json_parse(&doc, components, err) < 0)
		return err_wrap(err, "the template's components");
	rc = components_parse(&p, json_root(doc), err);
	json_free(doc);
	if (rc == 0)
		*out = p.t;
	return rc;
}
