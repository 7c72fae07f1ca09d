/* What a request to a provider is made of: the sending account, the message and the recipient. All strings are
 * borrowed; those of a message have passed the checks of libs/wire (UTF-8, lengths). */
#ifndef PROVIDER_MESSAGE_H
#define PROVIDER_MESSAGE_H

#include "http/signing.h"
#include "wire/party.h"

struct provider_account {
	enum provider provider;
	enum bridge_kind bridge;
	struct uuid uuid;
	struct str base_url; /* of the Graph API, or of the bridge's instance */
	struct str version; /* Meta: of the Graph API, "v25.0" */
	struct str phone_number_id; /* Meta */
	struct str session; /* the bridge's name of the session; of our own kind, session_id */
	struct str key; /* Meta: the access token; waha, evolution, wwebjs: the API key */
	const struct signing_keys *signing; /* blazz: signing_keys_of() the account's secrets */
};

enum provider_act { ACT_SEND, ACT_REACT, ACT_READ };

/* The message that is replied to, reacted to or read. */
struct provider_target {
	struct str key; /* chats.message_key: a wamid, or "<true|false>:<stanza>" */
	struct str provider_id; /* as received; absent: rebuilt from the key */
	struct str participant; /* JID of its author, in a group */
};

struct provider_message {
	enum provider_act act;
	struct chat_ref to;
	struct str client_message_id; /* not in reads of Meta */
	struct provider_target target; /* of a reply, a reaction or a read; key empty: no reply */
	struct str emoji; /* of a reaction; empty: withdraws it */

	/* Of ACT_SEND. */
	enum message_type type;
	struct str body;
	struct media media; /* its caption, not the body, is sent beside it */
	struct location location;
	struct str template_name, template_language;
	struct str template_components; /* a JSON array in Meta's format, or absent */
	struct str extra; /* a JSON object: {"interactive": {…}} or {"contacts": […]} in Meta's format */
	int64_t typing_ms; /* how long a bridge shows that we type; 0: not */
};

#endif
