/* The value of a change of one number: known lists, and other members. Invariant: every known list is read completely,
 * and all unknown members become one notice, whose kind does not depend on their names.
 */
#include <string.h>

#include "ingest/dialects/meta.h"
#include "json/writer.h"

static const struct list {
	const char *name;
	void (*read)(struct meta_item *it);
} lists[] = {
	{ "messages", meta_message },
	{ "message_echoes", meta_message },
	{ "history", meta_history },
	{ "state_sync", meta_state_sync },
	{ "groups", meta_group },
	{ "user_preferences", meta_preference },
	{ "calls", meta_call },
	{ "statuses", meta_status },
	{ "errors", meta_channel_error },
};
#define N_LISTS (sizeof(lists) / sizeof(lists[0]))

static const struct list *list_of(struct str member)
{
	for (size_t i = 0; i < N_LISTS; i++)
		if (str_is(member, lists[i].name))
			return &lists[i];
	return NULL;
}

struct meta_item meta_item(const struct meta_change *c)
{
	return (struct meta_item){
		.change = c,
		.v = c->value,
		.path = c->path,
		.origin = str_is(c->field, "history") ? ORIGIN_HISTORY : ORIGIN_LIVE,
		.echo = str_is(c->field, "smb_message_echoes"),
	};
}

static void list_read(const struct meta_change *c, const struct list *list, const json *items)
{
	struct json_iter at = json_iter(items);
	const json *v;

	for (size_t i = 0; (v = json_next(&at)) && !intake_is_full(c->in); i++) {
		struct meta_item it = meta_item(c);

		it.list = list->name;
		it.v = v;
		it.path = arena_printf(c->in->arena, "%.*s.%s[%zu]", STR_ARG(c->path), list->name, i);
		it.echo |= strcmp(list->name, "message_echoes") == 0;
		if (json_is_obj(v))
			list->read(&it);
		else
			meta_reject(&it, DEAD_RULE, "not an object");
	}
}

/* Whether this member of the value belongs neither to its envelope nor to a list with a reader. */
static bool is_unhandled(struct str member, const json *v)
{
	static const char *const known[] = { "messaging_product", "metadata", "contacts" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_is(member, known[i]))
			return false;
	return !list_of(member) || !json_is_arr(v);
}

/* Whether the value has members that no reader covers. Next to lists that were read, only objects and arrays count. */
static bool has_unhandled(const struct meta_change *c, bool alone)
{
	struct json_iter members = json_iter(c->value);
	const json *v;

	while ((v = json_next(&members)))
		if (is_unhandled(json_iter_key(&members), v) && (alone || json_is_obj(v) || json_is_arr(v)))
			return true;
	return false;
}

/* Those members, as a JSON object in the arena. */
static struct str unhandled_of(const struct meta_change *c)
{
	struct json_iter members = json_iter(c->value);
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text;
	const json *v;

	jw_obj(&w);
	while ((v = json_next(&members))) {
		if (!is_unhandled(json_iter_key(&members), v))
			continue;
		jw_key_str(&w, json_iter_key(&members));
		jw_raw(&w, intake_json(c->in, v));
	}
	jw_obj_end(&w);
	text = arena_str(c->in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

/* Adds one notice for all members that no reader covers. */
static void unhandled_read(const struct meta_change *c, bool alone)
{
	struct meta_item it = meta_item(c);

	if (!has_unhandled(c, alone)) {
		if (alone)
			intake_ignore(c->in, "empty_change");
		return;
	}
	if (alone)
		meta_notice(&it, c->field);
	else
		meta_unhandled(&it, unhandled_of(c));
}

/* Reads the lists in the order of the table, whatever their order in the body; then unknown members. */
void meta_value_read(const struct meta_change *c)
{
	size_t before = c->in->n_items;

	for (size_t i = 0; i < N_LISTS; i++)
		if (json_is_arr(json_get(c->value, lists[i].name)))
			list_read(c, &lists[i], json_get(c->value, lists[i].name));
	if (!intake_is_full(c->in))
		unhandled_read(c, c->in->n_items == before);
}
