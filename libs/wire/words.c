/* Enum values as text in the database, in JSON and in headers. Invariant: each table is indexed by its enum, and "" is never
 * a word. */
#include "wire/inbound.h"
#include "wire/outbound.h"

static const char *const providers[] = { "", "meta", "webjs" };
static const char *const bridges[] = { "", "blazz", "wwebjs", "waha", "evolution" };
static const char *const origins[] = { "", "live", "history", "sync" };
static const char *const directions[] = { "", "inbound", "outbound" };
static const char *const message_types[] = { "", "text", "image", "video", "audio", "voice", "document", "sticker",
	"location", "contacts", "interactive", "poll", "order", "group_invite", "system", "call", "unknown",
	"template" };
static const char *const message_statuses[] = { "", "pending", "sent", "delivered", "read", "played", "failed",
	"deleted" };
static const char *const group_actions[] = { "", "create", "subject", "description", "add", "remove", "join", "leave",
	"promote", "demote", "invite", "settings", "delete" };
static const char *const session_statuses[] = { "", "", "qr_scanning", "authenticated", "connected", "disconnected",
	"failed" };
static const char *const session_reasons[] = { "", "user_initiated", "instance_restart", "timeout", "error",
	"qr_expired", "unknown" };
static const char *const severities[] = { "", "info", "warning", "critical" };
static const char *const send_kinds[] = { "message", "reaction", "read" };
static const char *const campaign_actions[] = { "", "start", "pause", "resume", "cancel", "retry_failed" };

#define COUNT_OF(words) (sizeof(words) / sizeof *(words))
#define WORD(words, i)  word_of((words), COUNT_OF(words), (unsigned)(i))
#define PARSE(words, s) word_parse((words), COUNT_OF(words), (s))

static const char *word_of(const char *const *words, size_t n, unsigned i)
{
	return i < n ? words[i] : "";
}

static unsigned word_parse(const char *const *words, size_t n, struct str s)
{
	for (unsigned i = 1; i < n; i++)
		if (str_is(s, words[i]))
			return i;
	return 0;
}

const char *provider_word(enum provider p)
{
	return WORD(providers, p);
}

const char *bridge_word(enum bridge_kind b)
{
	return WORD(bridges, b);
}

const char *origin_word(enum origin o)
{
	return WORD(origins, o);
}

const char *direction_word(enum direction d)
{
	return WORD(directions, d);
}

const char *message_type_word(enum message_type t)
{
	return WORD(message_types, t);
}

const char *message_status_word(enum message_status s)
{
	return WORD(message_statuses, s);
}

enum provider provider_parse(struct str word)
{
	return (enum provider)PARSE(providers, word);
}

enum bridge_kind bridge_parse(struct str word)
{
	return (enum bridge_kind)PARSE(bridges, word);
}

enum origin origin_parse(struct str word)
{
	return (enum origin)PARSE(origins, word);
}

enum direction direction_parse(struct str word)
{
	return (enum direction)PARSE(directions, word);
}

enum message_type message_type_parse(struct str word)
{
	return (enum message_type)PARSE(message_types, word);
}

enum message_status message_status_parse(struct str word)
{
	return (enum message_status)PARSE(message_statuses, word);
}

const char *group_action_word(enum group_action a)
{
	return WORD(group_actions, a);
}

const char *session_status_word(enum session_word w)
{
	return WORD(session_statuses, w);
}

const char *session_reason_word(enum session_reason r)
{
	return WORD(session_reasons, r);
}

const char *severity_word(enum severity s)
{
	return WORD(severities, s);
}

const char *send_kind_word(enum send_kind k)
{
	return WORD(send_kinds, k);
}

const char *campaign_action_word(enum campaign_action a)
{
	return WORD(campaign_actions, a);
}
