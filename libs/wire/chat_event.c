/* Encoding and decoding of ChatEvent. Invariant: both run the same check, so every event that is written can be read. */
#include "wire/chat_event.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "crypto/ids.h"
#include "wire/shapes.h"

const char *chat_event_type(enum chat_event_kind k)
{
	return (unsigned)k < CE_KINDS ? chat_event_envelope.variants[k].word : "";
}

enum chat_event_kind chat_event_kind_parse(struct str type)
{
	struct str family, rest;

	str_cut(type, '.', &family, &rest);
	for (unsigned k = CE_NONE + 1; k < CE_KINDS; k++) {
		bool open = k == CE_CAMPAIGN || k == CE_ENDPOINT;

		if (str_is(open ? family : type, chat_event_envelope.variants[k].word))
			return (enum chat_event_kind)k;
	}
	return CE_NONE;
}

/* The second half of the type, for kinds that have several types. */
static struct str subkind(const struct chat_event *e)
{
	if (e->kind == CE_CAMPAIGN)
		return e->u.campaign.kind;
	if (e->kind == CE_ENDPOINT)
		return e->u.endpoint.kind;
	return STR_NONE;
}

struct str chat_event_full_type(const struct chat_event *e, char out[static CHAT_EVENT_TYPE_SIZE])
{
	struct str kind = utf8_truncate(subkind(e), CHAT_EVENT_TYPE_SIZE / 2);
	int n = snprintf(out, CHAT_EVENT_TYPE_SIZE, "%s%s%.*s", chat_event_type(e->kind), kind.n > 0 ? "." : "",
		STR_ARG(kind));

	return (struct str){ out, (size_t)n };
}

static int event_check(const struct chat_event *e, struct err *err)
{
	if (envelope_check(&chat_event_envelope, e, err) < 0)
		return -1;
	if (uuid_is_nil(&e->id) || uuid_is_nil(&e->workspace))
		return err_reject(err, DEAD_RULE, "no event_id or workspace_id");
	return 0;
}

int chat_event_encode(const struct chat_event *e, struct buf *out, struct err *err)
{
	struct scratch m;
	const ProtobufCMessage *theirs;
	size_t n;
	int rc = 0;

	if (event_check(e, err) < 0)
		return -1;
	scratch_init(&m);
	theirs = envelope_fill(&chat_event_envelope, e, &m);
	n = protobuf_c_message_get_packed_size(theirs);
	if (n > WIRE_MAX_RECORD_BYTES) {
		rc = err_reject(err, DEAD_TOO_LARGE, "%s: %zu bytes", chat_event_type(e->kind), n);
	} else {
		protobuf_c_message_pack(theirs, (uint8_t *)buf_reserve(out, n));
		out->n += n;
	}
	scratch_fini(&m);
	return rc;
}

int chat_event_decode(struct chat_event *out, struct str bytes, struct arena *a, struct err *err)
{
	struct chat_event e;
	const ProtobufCMessage *theirs;

	if (bytes.n > WIRE_MAX_RECORD_BYTES)
		return err_reject(err, DEAD_RULE, "larger than %d bytes", WIRE_MAX_RECORD_BYTES);
	theirs = message_unpack(chat_event_envelope.shape->descriptor, bytes, a, err);
	if (!theirs)
		return -1;
	memset(&e, 0, sizeof(e));
	if (envelope_read(&chat_event_envelope, theirs, &e, a, err) < 0)
		return -1;
	if (event_check(&e, err) < 0)
		return -1;
	if (e.origin == ORIGIN_NONE)
		e.origin = ORIGIN_LIVE;
	*out = e;
	return 0;
}

static const struct uuid *key_subject(const struct chat_event *e)
{
	if (e->kind == CE_CAMPAIGN)
		return &e->u.campaign.campaign;
	if (e->kind == CE_ENDPOINT)
		return &e->u.endpoint.endpoint;
	return uuid_is_nil(&e->conversation) ? &e->account : &e->conversation;
}

void chat_event_key(const struct chat_event *e, char out[static 74])
{
	uuid_format(&e->workspace, out);
	out[36] = ':';
	uuid_format(key_subject(e), out + 37);
}

void chat_event_derive_id(struct chat_event *e, const struct uuid *inbound_id, const struct uuid *subject)
{
	char type[CHAT_EVENT_TYPE_SIZE];
	const struct str parts[] = { uuid_bytes(inbound_id), chat_event_full_type(e, type), uuid_bytes(subject) };

	uuid_v8(&e->id, parts, 3);
}
