/* Parsing a template message's parameters; see parameters.h. A fault is recorded and parsing goes on with the next
 * parameter, so that one check finds all of them. Invariant: a parameter that was parsed has what its kind needs, and
 * none of its texts is empty whatever the recipient is. */
#include "message/parameters.h"

#include "message/parameter_kinds.h"
#include "message/word.h"
#include "json/json.h"

struct parser {
	struct arena *arena;
	struct reasons *why;
	bool variables;
	const char *component; /* "button 0", for reasons */
};

const struct parameter_shape parameter_shapes[PARAMETER_KINDS] = {
	[PARAMETER_TEXT] = { "text", SHAPE_TEXT, TEXT_PARAMETER },
	[PARAMETER_CURRENCY] = { "currency", SHAPE_SHOWN, TEXT_PARAMETER },
	[PARAMETER_DATE_TIME] = { "date_time", SHAPE_SHOWN, TEXT_PARAMETER },
	[PARAMETER_IMAGE] = { "image", SHAPE_MEDIA, TEXT_TOKEN },
	[PARAMETER_VIDEO] = { "video", SHAPE_MEDIA, TEXT_TOKEN },
	[PARAMETER_DOCUMENT] = { "document", SHAPE_MEDIA, TEXT_TOKEN },
	[PARAMETER_LOCATION] = { "location", SHAPE_LOCATION, TEXT_TOKEN },
	[PARAMETER_PAYLOAD] = { "payload", SHAPE_TEXT, TEXT_TOKEN },
	[PARAMETER_COUPON_CODE] = { "coupon_code", SHAPE_TEXT, TEXT_TOKEN },
	[PARAMETER_ACTION] = { "action", SHAPE_RAW, TEXT_TOKEN },
};

/* A text without variables is the same for every recipient: empty or too long is a fault of the author's. */
static bool constant_check(struct parser *p, const char *member, const struct text *t, size_t max_chars)
{
	const struct values nothing = { .vars = NULL };
	struct buf written = BUF_INIT;
	struct str missing;
	enum text_outcome outcome = TEXT_WRITTEN;

	if (t->n_references == 0)
		outcome = text_write(t, &nothing, TEXT_TOKEN, max_chars, 0, &written, &missing);
	buf_fini(&written);
	if (outcome == TEXT_MISSING)
		reasons_add(p->why, "%s is empty", member);
	if (outcome == TEXT_TOO_LONG)
		reasons_add(p->why, "%s is longer than %zu characters", member, max_chars);
	return outcome == TEXT_WRITTEN;
}

static bool text_parse(struct parser *p, const char *member, const json *v, size_t max_chars, struct text *out)
{
	struct str source = json_str(v);

	if (!source.p) {
		reasons_add(p->why, "%s is not a string", member);
		return false;
	}
	if (!p->variables)
		*out = text_literal(arena_str(p->arena, source), p->arena);
	else if (text_compile(out, source, false, p->arena, p->why) < 0)
		return false;
	return constant_check(p, member, out, max_chars);
}

static bool raw_parse(struct parser *p, const json *v, struct parameter *out)
{
	struct buf raw = BUF_INIT;

	if (!json_is_obj(v) || json_write_without(v, NULL, 0, &raw, NULL) < 0) {
		reasons_add(p->why, "%s is not an object", parameter_shapes[out->kind].word);
		return false;
	}
	out->raw = arena_str(p->arena, buf_str(&raw));
	buf_fini(&raw);
	return true;
}

static bool member_parse(struct parser *p, struct str key, const json *v, struct parameter_member *out)
{
	const char *quoted = reasons_quote(p->why, key);

	out->key = arena_str(p->arena, key);
	out->number = arena_str(p->arena, json_number(v));
	return out->number.p || text_parse(p, quoted, v, PARAMETER_MAX_LINK_CHARS, &out->text);
}

static bool members_parse(struct parser *p, const json *v, struct parameter *out)
{
	struct parameter_member *members = ARENA_ARRAY(p->arena, struct parameter_member, PARAMETER_MAX_MEMBERS);
	struct json_iter it = json_iter(v);
	const json *value;

	if (!json_is_obj(v) || json_count(v) > PARAMETER_MAX_MEMBERS) {
		reasons_add(p->why, "%s is not an object of at most %d members", parameter_shapes[out->kind].word,
			PARAMETER_MAX_MEMBERS);
		return false;
	}
	while ((value = json_next(&it)))
		if (!member_parse(p, json_iter_key(&it), value, &members[out->n_members++]))
			return false;
	out->members = members;
	return true;
}

static void media_parse(struct parser *p, const json *v, struct parameter *out)
{
	if (members_parse(p, v, out) && !json_get(v, "id") == !json_get(v, "link"))
		reasons_add(p->why, "%s needs either an id or a link", parameter_shapes[out->kind].word);
}

static void location_parse(struct parser *p, const json *v, struct parameter *out)
{
	if (members_parse(p, v, out) && (!json_get(v, "latitude") || !json_get(v, "longitude")))
		reasons_add(p->why, "location needs a latitude and a longitude");
}

static void shown_parse(struct parser *p, const json *v, struct parameter *out)
{
	if (!raw_parse(p, v, out))
		return;
	out->text = text_literal(arena_str(p->arena, json_str(json_get(v, "fallback_value"))), p->arena);
	constant_check(p, "fallback_value", &out->text, PARAMETER_MAX_CHARS);
}

static void value_parse(struct parser *p, const json *v, struct parameter *out)
{
	const char *word = parameter_shapes[out->kind].word;

	switch (parameter_shapes[out->kind].shape) {
	case SHAPE_TEXT:
		text_parse(p, word, v, PARAMETER_MAX_CHARS, &out->text);
		break;
	case SHAPE_SHOWN:
		shown_parse(p, v, out);
		break;
	case SHAPE_MEDIA:
		media_parse(p, v, out);
		break;
	case SHAPE_LOCATION:
		location_parse(p, v, out);
		break;
	case SHAPE_RAW:
		raw_parse(p, v, out);
		break;
	}
}

static void parameter_parse(struct parser *p, const json *v, struct parameter *out)
{
	struct str type = json_str(json_get(v, "type"));

	while (out->kind < PARAMETER_KINDS && !word_is(type, parameter_shapes[out->kind].word))
		out->kind++;
	if (out->kind == PARAMETER_KINDS) {
		reasons_add(p->why, "unknown type of parameter \"%s\"", reasons_quote(p->why, type));
		return;
	}
	out->name = arena_str(p->arena, json_str(json_get(v, "parameter_name")));
	value_parse(p, json_get(v, parameter_shapes[out->kind].word), out);
}

static void list_parse(struct parser *p, const json *list, struct component *out)
{
	struct json_iter it = json_iter(list);
	struct parameter *parameters;
	const json *v;

	if (list && (!json_is_arr(list) || json_count(list) > TEMPLATE_MAX_PARAMETERS)) {
		reasons_add(p->why, "its parameters are not a list of at most %d", TEMPLATE_MAX_PARAMETERS);
		return;
	}
	out->parameters = parameters = ARENA_ARRAY(p->arena, struct parameter, json_count(list));
	while ((v = json_next(&it))) {
		reasons_about(p->why, "%s, parameter %zu: ", p->component, out->n + 1);
		parameter_parse(p, v, &parameters[out->n++]);
		reasons_about(p->why, "%s: ", p->component);
	}
}

static bool button_parse(struct parser *p, const json *v, struct component *out)
{
	int64_t index;

	if (!json_to_i64(json_get(v, "index"), &index) || index < 0 || index >= TEMPLATE_MAX_BUTTONS) {
		reasons_add(p->why, "a button without an index between 0 and %d", TEMPLATE_MAX_BUTTONS - 1);
		return false;
	}
	out->index = (size_t)index;
	out->sub_type = arena_str(p->arena, json_str(json_get(v, "sub_type")));
	p->component = arena_printf(p->arena, "button %zu", out->index).p;
	if (!out->sub_type.p)
		reasons_add(p->why, "%s: it has no sub_type", p->component);
	return true;
}

static bool component_parse(struct parser *p, const json *v, struct component *out)
{
	struct str type = json_str(json_get(v, "type"));

	if (word_is(type, "header")) {
		out->kind = COMPONENT_HEADER;
		p->component = "header";
	} else if (word_is(type, "body")) {
		out->kind = COMPONENT_BODY;
		p->component = "body";
	} else if (word_is(type, "button")) {
		out->kind = COMPONENT_BUTTON;
		if (!button_parse(p, v, out))
			return false;
	} else {
		reasons_add(p->why, "a component of type \"%s\", which Blazz does not send",
			reasons_quote(p->why, type));
		return false;
	}
	reasons_about(p->why, "%s: ", p->component);
	list_parse(p, json_get(v, "parameters"), out);
	reasons_about_all(p->why);
	return true;
}

const struct component *parameters_component(const struct parameters *p, enum component_kind kind, size_t index)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->components[i].kind == kind && (kind != COMPONENT_BUTTON || p->components[i].index == index))
			return &p->components[i];
	return NULL;
}

static void components_parse(struct parser *p, const json *list, struct parameters *out)
{
	struct json_iter it = json_iter(list);
	const json *v;

	if (!json_is_arr(list) || json_count(list) > PARAMETERS_MAX_COMPONENTS) {
		reasons_add(p->why, "the template's parameters are not a list of at most %d components",
			PARAMETERS_MAX_COMPONENTS);
		return;
	}
	while ((v = json_next(&it))) {
		struct component c = { .n = 0 };

		if (!component_parse(p, v, &c))
			continue;
		if (parameters_component(out, c.kind, c.index))
			reasons_add(p->why, "%s: given more than once", p->component);
		else
			out->components[out->n++] = c;
	}
}

int parameters_parse(struct parameters *out, struct str list, bool variables, struct arena *a, struct reasons *why)
{
	struct parser p = { .arena = a, .why = why, .variables = variables };
	struct parameters parsed = { .n = 0 };
	struct json_doc *doc = NULL;
	size_t before = reasons_count(why);
	struct err err;

	if (list.n > PARAMETERS_MAX_BYTES)
		reasons_add(why, "the template's parameters have more than %d bytes", PARAMETERS_MAX_BYTES);
	else if (list.n > 0 && json_parse(&doc, list, &err) < 0)
		reasons_add(why, "the template's parameters: %s", err.msg);
	else if (list.n > 0)
		components_parse(&p, json_root(doc), &parsed);
	json_free(doc);
	if (reasons_count(why) > before)
		return -1;
	*out = parsed;
	return 0;
}
