/* The outer levels of Meta's dialect: entries, their changes, and the account that each change is about (README.md,
 * Meta). Invariant: nothing under "entry" is skipped: every item becomes an event, a rejected item or a count.
 */
#include "ingest/dialects/meta.h"

#include "ingest/dialects/dialects.h"

static bool number_matches(const struct meta_change *c, const struct intake_account *account)
{
	struct meta_change of = *c;

	of.account = account;
	return meta_is_own_number(&of, json_str(json_get(c->value, "display_phone_number")));
}

/* A change that names one number of the WABA concerns that account; any other concerns all accounts of the WABA. */
static void waba_read(struct meta_change *c, const struct intake_account *const *accounts, size_t n)
{
	size_t from = 0, to = n;

	for (size_t i = 0; i < n; i++)
		if (number_matches(c, accounts[i])) {
			from = i;
			to = i + 1;
			break;
		}
	for (size_t i = from; i < to && !intake_is_full(c->in); i++) {
		struct meta_item it;

		c->account = accounts[i];
		it = meta_item(c);
		meta_notice(&it, c->field);
	}
}

static void unknown_reject(const struct meta_change *c, const char *message)
{
	struct meta_item it = meta_item(c);

	meta_reject(&it, DEAD_UNKNOWN_REFERENCE, message);
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
	struct str number = meta_number_id(c->change, c->in->arena);

	if (!json_is_obj(c->value)) {
		struct meta_item it = meta_item(c);

		meta_reject(&it, DEAD_RULE, "not an object");
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
	meta_value_read(c);
	map_free(c->contacts);
}

static void entry_read(struct intake *in, const json *entry, size_t place)
{
	const json *changes = json_get(entry, "changes");
	struct json_iter at = json_iter(changes);
	struct meta_change c = { .in = in, .entry = entry, .time_ms = meta_time(json_get(entry, "time")) };

	if (!json_is_arr(changes))
		intake_reject(in, NULL, DEAD_RULE, arena_printf(in->arena, "entry[%zu].changes", place),
			meta_entry_body(in, entry), "not a list");
	for (size_t i = 0; json_is_arr(changes) && (c.change = json_next(&at)) && !intake_is_full(in); i++) {
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

	if (meta_envelope_check(body, err) < 0)
		return -1;
	for (size_t i = 0; (entry = json_next(&entries)) && !intake_is_full(in); i++)
		entry_read(in, entry, i);
	if (intake_is_full(in))
		return intake_too_large(err);
	return 0;
}
