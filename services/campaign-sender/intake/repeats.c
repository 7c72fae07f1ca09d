/* Requests that were made before, in an earlier batch or in this one: they have no effect, whatever they contain. */
#include "campaign-sender/intake/private.h"

#include <string.h>

#include "base/log.h"

static void other_content_log(const struct request *r)
{
	char workspace[37], request[37];

	uuid_format(&r->message->workspace, workspace);
	uuid_format(&r->message->request, request);
	log_warn("request repeated with other content", LOG_S("workspace", workspace), LOG_S("request", request),
		LOG_I("partition", r->item->partition.number), LOG_I("offset", r->item->offset));
}

/* A row has the addresses of a contact that the record only names: such contents cannot be compared. */
static bool comparable(const struct request *r, struct str earlier)
{
	return earlier.n > 0 && uuid_is_nil(&r->message->contact);
}

bool request_repeats(struct intake_work *w, struct request *r)
{
	uint8_t key[sizeof(r->message->workspace.b) + sizeof(r->message->request.b)];
	struct batch_item **first;

	memcpy(key, r->message->workspace.b, sizeof(r->message->workspace.b));
	memcpy(key + sizeof(r->message->workspace.b), r->message->request.b, sizeof(r->message->request.b));
	first = (struct batch_item **)map_slot(w->intake->index, (struct str){ (const char *)key, sizeof(key) });
	if (*first) {
		if (!str_eq((*first)->message->value, r->item->message->value))
			other_content_log(r);
		return true;
	}
	*first = r->item;
	if (!r->reference->repeated)
		return false;
	if (comparable(r, r->reference->content) && !str_eq(r->reference->content, r->item->message->value))
		other_content_log(r);
	return true;
}
