/* Parameters for one recipient, as Meta's JSON and as text; see parameters.h. Invariant: a value of the recipient is
 * always one JSON string, and a failure leaves out as it was. */
#include "message/grapheme.h"
#include "message/parameter_kinds.h"
#include "message/placeholder.h"
#include "json/writer.h"

struct request {
	struct json_writer json;
	struct buf text;
	const struct values *values;
	enum text_outcome outcome; /* of the first text that could not be written */
	struct str missing;
};

static void text_put(struct request *r, const struct text *t, enum text_form form, size_t max_chars)
{
	enum text_outcome outcome;
	struct str missing;

	buf_clear(&r->text);
	outcome = text_write(t, r->values, form, max_chars, 0, &r->text, &missing);
	if (outcome != TEXT_WRITTEN && r->outcome == TEXT_WRITTEN) {
		r->outcome = outcome;
		r->missing = outcome == TEXT_MISSING ? missing : STR_NONE;
	}
	jw_str(&r->json, buf_str(&r->text));
}

static void members_put(struct request *r, const struct parameter *p)
{
	jw_obj(&r->json);
	for (size_t i = 0; i < p->n_members; i++) {
		const struct parameter_member *m = &p->members[i];

		jw_key_str(&r->json, m->key);
		if (m->number.p)
			jw_raw(&r->json, m->number);
		else
			text_put(r, &m->text, TEXT_TOKEN, PARAMETER_MAX_LINK_CHARS);
	}
	jw_obj_end(&r->json);
}

static void parameter_put(struct request *r, const struct parameter *p)
{
	const struct parameter_shape *shape = &parameter_shapes[p->kind];

	jw_obj(&r->json);
	jw_member_str(&r->json, "type", str_of(shape->word));
	jw_member_str(&r->json, "parameter_name", p->name);
	jw_key(&r->json, shape->word);
	switch (shape->shape) {
	case SHAPE_TEXT:
		text_put(r, &p->text, shape->form, PARAMETER_MAX_CHARS);
		break;
	case SHAPE_MEDIA:
	case SHAPE_LOCATION:
		members_put(r, p);
		break;
	case SHAPE_SHOWN:
	case SHAPE_RAW:
		jw_raw(&r->json, p->raw);
		break;
	}
	jw_obj_end(&r->json);
}

static void component_put(struct request *r, const struct component *c)
{
	static const char *const types[] = {
		[COMPONENT_HEADER] = "header", [COMPONENT_BODY] = "body", [COMPONENT_BUTTON] = "button"
	};
	char index[] = { (char)('0' + c->index), '\0' };

	jw_obj(&r->json);
	jw_member_str(&r->json, "type", str_of(types[c->kind]));
	if (c->kind == COMPONENT_BUTTON) {
		jw_member_str(&r->json, "sub_type", c->sub_type);
		jw_member_str(&r->json, "index", str_of(index));
	}
	jw_key(&r->json, "parameters");
	jw_arr(&r->json);
	for (size_t i = 0; i < c->n; i++)
		parameter_put(r, &c->parameters[i]);
	jw_arr_end(&r->json);
	jw_obj_end(&r->json);
}

enum text_outcome parameters_write(const struct parameters *p, const struct values *v, struct buf *out,
	struct str *missing)
{
	struct request r = { .json = json_writer(out), .values = v, .outcome = TEXT_WRITTEN };
	size_t before = out->n;

	jw_arr(&r.json);
	for (size_t i = 0; i < p->n && r.outcome == TEXT_WRITTEN; i++)
		component_put(&r, &p->components[i]);
	jw_arr_end(&r.json);
	if (r.outcome != TEXT_WRITTEN)
		out->n = before;
	if (r.outcome == TEXT_MISSING)
		*missing = r.missing;
	buf_fini(&r.text);
	return r.outcome;
}

static const struct parameter *parameter_find(const struct component *c, struct str name)
{
	int64_t number;

	if (str_to_i64(name, &number))
		return number >= 1 && (size_t)number <= c->n ? &c->parameters[number - 1] : NULL;
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->parameters[i].name, name))
			return &c->parameters[i];
	return NULL;
}

/* False: there is no text for that placeholder. */
static bool placeholder_show(const struct component *c, struct str name, const struct values *v, struct buf *out)
{
	const struct parameter *p = c ? parameter_find(c, name) : NULL;
	struct str missing;

	return p && text_write(&p->text, v, TEXT_PARAMETER, PARAMETER_MAX_CHARS, 0, out, &missing) == TEXT_WRITTEN;
}

void parameters_show(const struct parameters *p, const struct template_text *t, enum component_kind part,
	const struct values *v, struct buf *out)
{
	const struct component *c = parameters_component(p, part, 0);
	struct str rest = t->text, literal, name;
	size_t before = out->n;
	bool more = true;

	/* A character has four bytes at most: what follows would be cut. */
	while (more && out->n - before <= (size_t)TEMPLATE_SHOWN_CHARS * 4) {
		more = placeholder_next(&rest, &literal, &name);
		buf_add_str(out, literal);
		if (more && !placeholder_show(c, name, v, out)) {
			const char *placeholder = literal.p + literal.n;

			buf_add(out, placeholder, (size_t)(rest.p - placeholder));
		}
	}
	out->n = before + grapheme_truncate(str_slice(buf_str(out), before, out->n), TEMPLATE_SHOWN_CHARS).n;
}
