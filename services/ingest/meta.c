/* Meta's envelope: which account each change is about, and which function reads each of its lists (spec 31, section 1.1).
 * Invariant: nothing under "entry" is passed over: an item becomes an event, a rejected item or a count.
 */
#include "ingest/meta.h"

#include "ingest/dialects.h"

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

static int envelope_check(const json *body, struct err *err)
{
	if (!str_is(json_str(json_get(body, "object")), "whatsapp_business_account"))
		return err_set(err, ERR_INPUT, "400", "not a WhatsApp object");
	if (!json_is_arr(json_get(body, "entry")))
		return err_set(err, ERR_INPUT, "400", "entry: not a list");
	return 0;
}

static struct str number_id_of(const json *change, struct arena *a)
{
	return json_text(json_path(change, "value.metadata.phone_number_id"), a);
}

/* ---- references */

static void reference_put(struct map *m, struct str id)
{
	if (id.n > 0)
		map_slot(m, id);
}

static struct str *references_take(const struct map *m, struct arena *a, size_t *n)
{
	struct str *ids = ARENA_ARRAY(a, struct str, map_count(m)), key;
	size_t at = 0;
	void *value;

	*n = 0;
	while (map_each(m, &at, &key, &value))
		ids[(*n)++] = arena_str(a, key);
	return ids;
}

int meta_references(struct meta_references *out, const json *body, struct arena *a, struct err *err)
{
	struct json_iter entries = json_iter(json_get(body, "entry"));
	struct map *numbers, *wabas;
	const json *entry, *change;

	if (envelope_check(body, err) < 0)
		return -1;
	numbers = map_new();
	wabas = map_new();
	while ((entry = json_next(&entries))) {
		struct json_iter changes = json_iter(json_get(entry, "changes"));

		while ((change = json_next(&changes))) {
			struct str number = number_id_of(change, a);

			reference_put(number.n > 0 ? numbers : wabas,
				number.n > 0 ? number : json_text(json_get(entry, "id"), a));
		}
	}
	out->phone_number_ids = references_take(numbers, a, &out->n_phone_number_ids);
	out->waba_ids = references_take(wabas, a, &out->n_waba_ids);
	map_free(numbers);
	map_free(wabas);
	return 0;
}

/* ---- reading */

static bool is_full(const struct intake *in)
{
	return in->n_items > META_MAX_ITEMS;
}

static const struct list *list_of(struct str member)
{
	for (size_t i = 0; i < N_LISTS; i++)
		if (str_is(member, lists[i].name))
			return &lists[i];
	return NULL;
}

static struct meta_item item_of(const struct meta_change *c)
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

	for (size_t i = 0; (v = json_next(&at)) && !is_full(c->in); i++) {
		struct meta_item it = item_of(c);

		it.list = list->name;
		it.v = v;
		it.path = arena_printf(c->in->arena, "%.*s.%s[%zu]", STR_ARG(c->path), list->name, i);
		it.echo |= list->read == meta_message && str_is(str_of(list->name), "message_echoes");
		if (json_is_obj(v))
			list->read(&it);
		else
			meta_reject(&it, "rule", "not an object");
	}
}

/* A member that says something which no list of ours reads. */
static bool is_news(struct str member, const json *v)
{
	static const char *const known[] = { "messaging_product", "metadata", "contacts" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_is(member, known[i]))
			return false;
	return !list_of(member) || !json_is_arr(v);
}

static bool is_object_or_list(const json *v)
{
	return json_is_obj(v) || json_is_arr(v);
}

/* What lies beside lists that were read: objects and lists one by one; where nothing was read, the value as a whole. */
static void news_read(const struct meta_change *c, bool alone)
{
	struct json_iter members = json_iter(c->value);
	struct meta_item it = item_of(c);
	const json *v;

	while ((v = json_next(&members)) && !is_full(c->in)) {
		struct str name = json_iter_key(&members);

		if (!is_news(name, v))
			continue;
		if (alone) {
			meta_notice(&it, c->field);
			return;
		}
		it.v = v;
		if (is_object_or_list(v))
			meta_notice(&it, arena_printf(c->in->arena, "%.*s.%.*s", STR_ARG(c->field), STR_ARG(name)));
	}
	if (alone)
		intake_ignore(c->in, "empty_change");
}

/* Lists in our order, whatever theirs; then what we do not know. */
static void lists_read(const struct meta_change *c)
{
	size_t before = c->in->n_items;

	for (size_t i = 0; i < N_LISTS; i++)
		if (json_is_arr(json_get(c->value, lists[i].name)))
			list_read(c, &lists[i], json_get(c->value, lists[i].name));
	news_read(c, c->in->n_items == before);
}

static bool number_matches(const struct meta_change *c, const struct intake_account *account)
{
	struct meta_change of = *c;

	of.account = account;
	return meta_is_own_number(&of, json_str(json_get(c->value, "display_phone_number")));
}

/* What names one number of the WABA is about that one; all else about each. */
static void waba_read(struct meta_change *c, const struct intake_account *const *accounts, size_t n)
{
	size_t from = 0, to = n;

	for (size_t i = 0; i < n; i++)
		if (number_matches(c, accounts[i])) {
			from = i;
			to = i + 1;
			break;
		}
	for (size_t i = from; i < to && !is_full(c->in); i++) {
		struct meta_item it;

		c->account = accounts[i];
		it = item_of(c);
		meta_notice(&it, c->field);
	}
}

static void unknown_reject(const struct meta_change *c, const char *message)
{
	struct meta_item it = item_of(c);

	meta_reject(&it, "unknown_reference", message);
}

static void waba_change_read(struct meta_change *c)
{
	struct intake *in = c->in;
	struct str waba = json_text(json_get(c->entry, "id"), in->arena);
	size_t n = waba.n > 0 ? in->by_waba(in->lookup_ctx, waba, NULL, 0) : 0;
	const struct intake_account **accounts = ARENA_ARRAY(in->arena, const struct intake_account *, n);

	if (n == 0) {
		unknown_reject(c, "no account of this WABA");
		return;
	}
	n = in->by_waba(in->lookup_ctx, waba, accounts, n);
	waba_read(c, accounts, n);
}

static void change_read(struct meta_change *c)
{
	struct str number = number_id_of(c->change, c->in->arena);

	if (!json_is_obj(c->value)) {
		struct meta_item it = item_of(c);

		meta_reject(&it, "rule", "not an object");
		return;
	}
	if (number.n == 0) {
		waba_change_read(c);
		return;
	}
	c->account = c->in->by_phone_number_id(c->in->lookup_ctx, number);
	if (!c->account) {
		unknown_reject(c, "no account with this phone_number_id");
		return;
	}
	c->contacts = map_new();
	meta_contacts_index(c);
	lists_read(c);
	map_free(c->contacts);
}

static void entry_read(struct intake *in, const json *entry, size_t place)
{
	const json *changes = json_get(entry, "changes");
	struct json_iter at = json_iter(changes);
	struct meta_change c = { .in = in, .entry = entry, .time_ms = meta_time(json_get(entry, "time")) };

	if (!json_is_arr(changes))
		intake_reject(in, NULL, "rule", arena_printf(in->arena, "entry[%zu].changes", place),
			intake_json(in, entry), "not a list");
	for (size_t i = 0; json_is_arr(changes) && (c.change = json_next(&at)) && !is_full(in); i++) {
		c.account = NULL;
		c.value = json_get(c.change, "value");
		c.field = json_str(json_get(c.change, "field"));
		c.path = arena_printf(in->arena, "entry[%zu].changes[%zu].value", place, i);
		change_read(&c);
	}
}

int meta_read(struct intake *in, const json *body, struct err *err)
{
	struct json_iter entries = json_iter(json_get(body, "entry"));
	const json *entry;

	if (envelope_check(body, err) < 0)
		return -1;
	for (size_t i = 0; (entry = json_next(&entries)) && !is_full(in); i++)
		entry_read(in, entry, i);
	if (is_full(in))
		return err_set(err, ERR_INPUT, "400", "more than %d items", META_MAX_ITEMS);
	return 0;
}
