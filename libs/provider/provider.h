/* Meta's Cloud API and the four kinds of bridges behind one table: what each can send, how a request is built, and what
 * its answer says. Pure: no clock, no I/O, no random numbers. */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H

#include "base/arena.h"
#include "provider/codes.h"
#include "provider/message.h"
#include "provider/request.h"
#include "json/json.h"

#define PROVIDER_EXCERPT_BYTES 1024

/* What a provider can carry. */
struct provider_limits {
	uint32_t types; /* a bit (1 << MSG_…) for each type that it sends */
	size_t text_characters, caption_characters;
	bool media_by_id; /* takes media that were uploaded to it; otherwise only a URL */
};

/* What an answer says. Strings are in the arena; absent when not said. */
struct provider_answer {
	struct str provider_id; /* of the message, as the provider wrote it */
	struct str key; /* its message key (chats.message_key) */
	struct str wa_id; /* Meta: the recipient's number, which may differ from the one dialled */
	struct str status; /* Meta: message_status */
	int64_t code; /* Meta: error.code; else CODE_NONE */
	int64_t subcode; /* Meta: error.error_subcode; else CODE_NONE */
	struct provider_error error; /* code as text; title and details of at most PROVIDER_EXCERPT_BYTES */
	struct str trace; /* Meta: fbtrace_id, for its support */
	bool accepted; /* a status of 2xx, and the body reports success */
	bool decided; /* the body is the provider's own error, which `decision` decides */
	struct decision decision;
};

struct provider_api {
	const char *name; /* "meta", "blazz", ...: a label of metrics */
	struct provider_limits limits;
	/* How much of an answer must be read (send_request.response_bytes): a bridge returns whole messages, and the
	 * outcome of one that is cut off is unknown. */
	size_t response_bytes;
	/* Where the provider sends a message to this recipient. ERR_INPUT when it cannot. */
	int (*address)(const struct chat_ref *to, struct arena *a, struct str *out, struct err *err);
	/* As provider_build(). */
	int (*build)(const struct provider_account *from, const struct provider_message *m, int64_t now_ms,
		struct arena *a, struct provider_request *out, struct err *err);
	/* Fills *out, which answer_none() made, from a body; NULL when it is not JSON. */
	void (*read)(const json *body, int http_status, enum provider_act act, struct arena *a,
		struct provider_answer *out);
};

extern const struct provider_api provider_meta, provider_blazz, provider_waha, provider_evolution, provider_wwebjs;

/* NULL for PROVIDER_NONE, and for a bridge of no kind. */
const struct provider_api *provider_find(enum provider provider, enum bridge_kind bridge);

/* Whether the provider can carry the message to this recipient. ERR_INPUT, with a message for the tenant. */
int provider_check(const struct provider_api *api, const struct provider_message *m, struct arena *a,
	struct err *err) ERR_MUST_USE;
/* The request that sends a message which has passed provider_check(). now_ms: the time of the signature. The arena is
 * for temporary text. ERR_INPUT: the account's address or keys cannot be used; the message never quotes a key. */
int provider_build(const struct provider_api *api, const struct provider_account *from,
	const struct provider_message *m, int64_t now_ms, struct arena *a, struct provider_request *out,
	struct err *err) ERR_MUST_USE;

#endif
