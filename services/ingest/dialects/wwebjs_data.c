/* What the readers of whatsapp-web.js look up in a body: the object of an event, and the other address of a person in
 * the lidMap of a sync. */
#include "ingest/dialects/wwebjs.h"

const json *wwebjs_argument(const struct wwebjs *w, const char *name)
{
	const json *argument = json_get(w->data, name);

	return json_is_obj(argument) ? argument : w->data;
}

struct str wwebjs_other_address(const struct wwebjs *w, struct str jid)
{
	struct wwebjs_alias *alias = w->aliases && jid.n > 0 ? map_get(w->aliases, jid) : NULL;

	if (!alias)
		return STR_NONE;
	alias->used = true;
	return str_eq(jid, alias->lid) ? alias->phone : alias->lid;
}
