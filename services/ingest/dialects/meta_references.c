/* The envelope of Meta's bodies, and the ids that must be looked up before meta_read(). Invariant: at most
 * META_MAX_REFERENCES ids are collected, none longer than an id may be. */
#include "ingest/dialects/dialects.h"
#include "ingest/dialects/meta.h"

int meta_envelope_check(const json *body, struct err *err)
{
	if (!str_is(json_str(json_get(body, "object")), "whatsapp_business_account"))
		return err_set(err, ERR_INPUT, "400", "not a WhatsApp object");
	if (!json_is_arr(json_get(body, "entry")))
		return err_set(err, ERR_INPUT, "400", "entry: not a list");
	return 0;
}

struct str meta_number_id(const json *change, struct arena *a)
{
	return json_text(json_path(change, "value.metadata.phone_number_id"), a);
}

/* A text longer than an id cannot match an account. */
static void reference_put(struct map *m, struct str id)
{
	if (id.n > 0 && id.n <= WIRE_MAX_ID_BYTES)
		map_slot(m, id);
}

static struct str *ids_of(const struct map *m, struct arena *a, size_t *n)
{
	struct str *ids = ARENA_ARRAY(a, struct str, map_count(m)), key;
	size_t at = 0;
	void *value;

	*n = 0;
	while (map_each(m, &at, &key, &value))
		ids[(*n)++] = arena_str(a, key);
	return ids;
}

/* Collects the ids of one entry, up to the limit. */
static void entry_collect(struct map *numbers, struct map *wabas, const json *entry, struct arena *a)
{
	struct json_iter changes = json_iter(json_get(entry, "changes"));
	struct str waba = json_text(json_get(entry, "id"), a);
	const json *change;

	while ((change = json_next(&changes)) && map_count(numbers) + map_count(wabas) <= META_MAX_REFERENCES) {
		struct str number = meta_number_id(change, a);

		reference_put(number.n > 0 ? numbers : wabas, number.n > 0 ? number : waba);
	}
}

int meta_references(struct meta_references *out, const json *body, struct arena *a, struct err *err)
{
	struct json_iter entries = json_iter(json_get(body, "entry"));
	struct map *numbers, *wabas;
	const json *entry;

	if (meta_envelope_check(body, err) < 0)
		return -1;
	numbers = map_new();
	wabas = map_new();
	while ((entry = json_next(&entries)))
		entry_collect(numbers, wabas, entry, a);
	out->phone_number_ids = ids_of(numbers, a, &out->n_phone_number_ids);
	out->waba_ids = ids_of(wabas, a, &out->n_waba_ids);
	map_free(numbers);
	map_free(wabas);
	return out->n_phone_number_ids + out->n_waba_ids > META_MAX_REFERENCES ? intake_too_large(err) : 0;
}
