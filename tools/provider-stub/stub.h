/* What the files of provider-stub share: the providers, a request as its dialect has read it, and what each
 * dialect knows about reading requests, answering them, and posting to ingest.
 *
 *   request ──► dialect.route ──► dialect.read ──► session, key ──► rules ──► journal ──► answer, delayed or not at all
 *                                                                      │
 *                                                                      └──► agenda ──► statuses and echoes to ingest
 *
 * Everything runs in one thread, on one event loop. */
#ifndef PROVIDER_STUB_H
#define PROVIDER_STUB_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "http/server.h"
#include "json/json.h"
#include "json/writer.h"

#define STUB_ID_BYTES 64

enum stub_provider { STUB_META, STUB_BLAZZ, STUB_WAHA, STUB_EVOLUTION, STUB_WWEBJS, STUB_PROVIDERS };
const char *stub_provider_word(enum stub_provider provider);
bool stub_provider_parse(struct str word, enum stub_provider *out);

/* What a request wants. The first three are messages: they are accepted or refused, and stand in the journal. From
 * STUB_PROBE on they are calls to an instance. */
enum stub_act {
	STUB_SEND,
	STUB_REACTION,
	STUB_READ,
	STUB_LOOKUP,
	STUB_MEDIA,
	STUB_TEMPLATES,
	STUB_PROBE,
	STUB_HEALTH,
	STUB_LIST,
	STUB_LOOK,
	STUB_CREATE,
	STUB_UPDATE,
	STUB_START,
	STUB_STOP,
	STUB_RESTART,
	STUB_LOGOUT,
	STUB_DELETE,
	STUB_FETCH_QR,
	STUB_SYNC,
	STUB_ACTS
};
const char *stub_act_word(enum stub_act act);
bool stub_act_parse(struct str word, enum stub_act *out);

struct session;

struct stub_place {
	bool given;
	double latitude, longitude;
	struct str name;
};

/* A request. Strings are borrowed from the request or in the arena. */
struct stub_call {
	const struct dialect *dialect;
	struct http_request *http;
	struct arena *arena;
	const json *body; /* NULL: none */
	enum stub_act act;
	struct str account; /* phone number id, or the session's name */
	struct str instance; /* of calls to one */
	struct str object; /* Meta: the id of a WABA or of media in the path */
	struct str to; /* the recipient as written */
	struct str recipient; /* the same, a phone number without its server */
	struct str client_message_id; /* Meta: the callback data, without "blazz:" */
	bool is_group; /* Meta: the recipient is a group; elsewhere its address says so */
	struct str type; /* text, image, ...: whatsapp-web.js's and Meta's common words */
	struct str text; /* body, caption, or emoji */
	struct str media_url, mime, file_name;
	struct stub_place place;
	struct session *session; /* set when the account is known */
};

/* A message that was accepted. */
struct stub_sent {
	enum stub_provider provider;
	bool is_group;
	const char *id; /* a wamid, or a stanza */
	struct str to, recipient, client_message_id, type, text, media_url, mime, file_name;
	struct stub_place place;
	int64_t at_ms;
};

/* An error to answer with: our word for it, which each dialect expresses in its own form, or the code of a Graph error.
 * Zero and absent: as the dialect has it. */
struct stub_fault {
	struct str word; /* "invalid", "unauthenticated", ...; absent: `code` */
	int64_t code, subcode;
	struct str title, details;
	int status; /* HTTP */
};

struct stub_answer {
	int status;
	const char *content_type;
	struct buf body;
	int64_t retry_after_s; /* -1: none */
};

/* How a message is answered; from the rules. */
struct stub_success {
	bool no_id;
	struct str message_status; /* Meta; absent: "accepted" */
	struct str wa_id; /* Meta: the recipient's number in answer and statuses; absent: as it was dialled */
};

enum stub_status { STUB_PENDING, STUB_SENT, STUB_DELIVERED, STUB_READ_BY, STUB_PLAYED, STUB_FAILED, STUB_STATUSES };
const char *stub_status_word(enum stub_status status);
bool stub_status_parse(struct str word, enum stub_status *out);

struct stub_progress {
	enum stub_status status;
	int64_t at_ms;
	int64_t failed_code; /* of STUB_FAILED at Meta */
};

struct dialect {
	enum stub_provider provider;
	/* Whether the request is one of this dialect's. Sets `act` and what the path says of account and object. */
	bool (*route)(struct stub_call *c);
	/* Fills the rest from the body. ERR_INPUT: what is wrong. */
	int (*read)(struct stub_call *c, struct err *err);
	/* Whether the request has the key of its session. */
	bool (*authentic)(const struct stub_call *c);
	void (*id_write)(char out[static STUB_ID_BYTES], const char *unique); /* unique: 16 upper-case hex digits */
	/* Writes the body, and sets the status, of the answer to an accepted message. */
	void (*success)(const struct stub_call *c, const struct stub_sent *m, const struct stub_success *how,
		struct stub_answer *out);
	void (*fault)(const struct stub_call *c, const struct stub_fault *f, struct stub_answer *out);
	/* What is posted to ingest: bodies and the headers that authenticate them ("name: value", each with a NUL). echo
	 * is NULL where the provider posts none. */
	void (*status)(const struct session *s, const struct stub_sent *m, const struct stub_progress *p,
		struct buf *out);
	void (*echo)(const struct session *s, const struct stub_sent *m, struct buf *out);
	void (*sign)(const struct session *s, const char *id, int64_t now_ms, struct str body, struct buf *out);
};

extern const struct dialect dialect_meta, dialect_blazz, dialect_waha, dialect_evolution, dialect_wwebjs;
const struct dialect *stub_dialect(enum stub_provider provider);

/* For dialects. */
int stub_require(struct str value, const char *member, struct err *err); /* ERR_INPUT when empty */
/* From the members latitude, longitude and `name`. ERR_INPUT when there are no coordinates. */
int stub_place_read(const json *v, const char *name, struct stub_place *out, struct err *err);
/* Its members, with these names. */
void stub_place_write(struct json_writer *w, const struct stub_place *p, const char *latitude, const char *longitude,
	const char *name);
/* The n-th segment of the path, from 0; absent when there is none. */
struct str stub_segment(struct str path, size_t n);
size_t stub_segments(struct str path);
/* Writes {"error": …} and the like: begins a JSON body of this status. */
struct json_writer stub_answer_begin(struct stub_answer *out, int status);

#endif
