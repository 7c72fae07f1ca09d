/* See sends.h: the words and ids. */
#include "store/sends.h"

#include <stdio.h>

const char *store_send_status_word(enum send_status s)
{
	static const char *const words[SEND_STATUSES] = { "pending", "sent", "delivered", "read", "failed", "skipped",
		"unknown" };

	return words[s];
}

void store_client_id_write(const struct client_id *c, char out[static CLIENT_ID_CAP])
{
	char name[37];

	uuid_format(uuid_is_nil(&c->request) ? &c->campaign : &c->request, name);
	if (!uuid_is_nil(&c->request))
		snprintf(out, CLIENT_ID_CAP, "%s", name);
	else if (c->generation == 0)
		snprintf(out, CLIENT_ID_CAP, "%s.%lld", name, (long long)c->id);
	else
		snprintf(out, CLIENT_ID_CAP, "%s.%lld#%d", name, (long long)c->id, c->generation + 1);
}

bool store_client_id_read(struct str text, struct client_id *out)
{
	struct str head, tail, id, generation = STR_NONE;
	struct client_id c = { 0 };
	int64_t number = 1;

	if (!str_cut(text, '.', &head, &tail)) {
		*out = c;
		return uuid_parse(text, &out->request) && !uuid_is_nil(&out->request);
	}
	if (!str_cut(tail, '#', &id, &generation))
		id = tail;
	if (!uuid_parse(head, &c.campaign) || uuid_is_nil(&c.campaign) || !str_all_digits(id) ||
		!str_to_i64(id, &c.id) || c.id == 0)
		return false;
	if (generation.p &&
		(!str_all_digits(generation) || !str_to_i64(generation, &number) || number < 2 || number > INT32_MAX))
		return false;
	c.generation = (int32_t)(number - 1);
	*out = c;
	return true;
}
