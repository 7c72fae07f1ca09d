/* A row of sends as what a provider is asked to send. The content of every row is an encoded SendMessage (libs/wire/outbound):
 * of a single message as it was requested, of a campaign's recipient as the driver composed it (composition.h). */
#ifndef CAMPAIGN_SENDER_OUTGOING_H
#define CAMPAIGN_SENDER_OUTGOING_H

#include "campaign-sender/campaigns/campaign_cache.h"
#include "provider/provider.h"
#include "store/sends.h"
#include "wire/outbound.h"

struct outgoing {
	struct send_message message; /* in the arena */
	struct provider_message to_provider; /* client_message_id included; borrows from message and the arena */
	char client_message_id[CLIENT_ID_CAP];
};

/* `address` is the row's: what is dialled is the message's own chat if the provider can send to it, else the address. api may be NULL (limits are then not
 * heeded): typing_ms is set for bridges, and typography that only bridges take is left as it is. ERR_INPUT: the content cannot
 * be decoded (rows written by a later release). */
int outgoing_read(struct outgoing *out, struct str content, struct str address, const struct client_id *id,
	const struct provider_api *api, struct arena *a, struct err *err) ERR_MUST_USE;
/* The chat that an address of sends stands for: digits are a phone, "lid:", "bsuid:", another JID of a person, else a group. Unknown
 * (chat_known) for "erased:…" and "none:…". */
void address_chat(struct str address, struct chat_ref *out);
/* The address of a chat for a provider: the match key of its phone, else for Meta "bsuid:…", for a bridge "lid:…" or the JID; of a group its JID.
 * In the arena; absent: none that this provider can reach. */
struct str address_of(const struct chat_ref *chat, enum provider provider, struct arena *a);

/* What the recipient reads, as the inbox shows it: type, body, media and location of a message; of a template message its text
 * with the parameters in place, when the template is known (t may be NULL). In the arena. */
struct shown {
	enum message_type type;
	struct str body;
	struct media media;
	struct location location;
	struct str extra; /* JSON, or absent */
};
void outgoing_shown(const struct send_message *m, const struct sending_template *t, struct arena *a, struct shown *out);

#endif
