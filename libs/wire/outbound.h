/* What campaign-sender is asked to do, as validated structs: SendMessage and CampaignCommand, with their encoding and
 * decoding. proto/blazz/v1/outbound.proto says what each field means. */
#ifndef WIRE_OUTBOUND_H
#define WIRE_OUTBOUND_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/party.h"

#define SEND_DEFAULT_DEADLINE_MS (15 * 60 * 1000) /* after requested_at_ms */

enum send_kind { SEND_MESSAGE, SEND_REACTION, SEND_READ };
const char *send_kind_word(enum send_kind k); /* "message", "reaction", "read": the end of ce_type */

/* A template and the parameters of one message. */
struct send_template {
	bool present;
	struct str name, language;
	struct str components; /* a JSON array in Meta's format; absent: no parameters */
};

struct send_message {
	struct uuid request, workspace;
	struct uuid account; /* nil: campaign-sender chooses one */
	struct uuid contact; /* the recipient; nil: it is `chat` */
	struct chat_ref chat; /* an address or a group, when contact is nil */
	enum send_kind kind;
	enum message_type type; /* of SEND_MESSAGE; otherwise MSG_NONE */
	union {
		struct str text; /* MSG_TEXT */
		struct media media; /* MSG_IMAGE to MSG_STICKER: has a URL or a provider's id */
		struct location location; /* MSG_LOCATION */
		struct str extra; /* MSG_CONTACTS, MSG_INTERACTIVE: an object with the member of that name */
		struct send_template template; /* MSG_TEMPLATE */
		struct str emoji; /* SEND_REACTION; absent or empty: withdrawn */
	} u;
	struct target reply_to; /* of SEND_REACTION and SEND_READ the target, always there */
	struct uuid user; /* nil: no agent */
	int64_t deadline_ms; /* 0: none was given; see send_message_deadline_ms() */
	int64_t requested_at_ms;
	bool allow_other_number;
};

/* The time after which the message is not sent: its deadline, or SEND_DEFAULT_DEADLINE_MS after it was requested. */
int64_t send_message_deadline_ms(const struct send_message *m);

/* Decodes bytes into a struct in the arena; nothing borrows from `bytes` afterwards. ERR_INPUT with the reason for the
 * dead letter:
 * - DEAD_DECODE: not protobuf, or a string that is not UTF-8 or contains a NUL;
 * - DEAD_UNSUPPORTED: an enum value or a kind of recipient that this version does not know, a type that it cannot send;
 * - DEAD_RULE: a required field is missing, the content is not that of the type, an id is not a UUID, JSON is not of its
 *   type, a text is too long, a number is out of range, the record is larger than WIRE_MAX_RECORD_BYTES. */
int send_message_decode(struct send_message *out, struct str bytes, struct arena *a, struct err *err) ERR_MUST_USE;
/* Checks a struct against the same rules, with the same reasons. */
int send_message_check(const struct send_message *m, struct err *err) ERR_MUST_USE;
/* Checks a struct and appends its encoding to `out`, which stays unchanged on failure. The reasons are those of
 * send_message_decode(): what cannot be read is not written. */
int send_message_encode(const struct send_message *m, struct buf *out, struct err *err) ERR_MUST_USE;
/* The record's key: "<workspace>:<account>", or "<workspace>:<request>" without an account; 73 characters and a NUL. */
void send_message_key(const struct send_message *m, char out[static 74]);

enum campaign_action {
	CAMPAIGN_NONE,
	CAMPAIGN_START,
	CAMPAIGN_PAUSE,
	CAMPAIGN_RESUME,
	CAMPAIGN_CANCEL,
	CAMPAIGN_RETRY_FAILED,
};
const char *campaign_action_word(enum campaign_action a); /* "start", ..., "retry_failed": the end of ce_type */

struct campaign_command {
	struct uuid request, workspace, campaign;
	struct uuid user; /* nil: a program */
	enum campaign_action action;
	int64_t requested_at_ms;
	struct str reason, code; /* text for people; a provider's code or a word of ours */
};

/* As for SendMessage. */
int campaign_command_decode(struct campaign_command *out, struct str bytes, struct arena *a,
	struct err *err) ERR_MUST_USE;
int campaign_command_check(const struct campaign_command *c, struct err *err) ERR_MUST_USE;
int campaign_command_encode(const struct campaign_command *c, struct buf *out, struct err *err) ERR_MUST_USE;
/* "<workspace>:<campaign>". */
void campaign_command_key(const struct campaign_command *c, char out[static 74]);

#endif
