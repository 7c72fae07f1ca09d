/* Encoding and decoding of InboundEvent. Invariant: every event that inbound_decode() returns has passed
 * inbound_check(). */
#include "wire/inbound.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/ids.h"
#include "wire/shapes.h"

#define MAX_DECODE_BYTES ((size_t)1048576)

const char *inbound_kind_word(enum inbound_kind k)
{
	return (unsigned)k < IN_KINDS ? inbound_envelope.variants[k].word : "";
}

int64_t inbound_time_ms(const struct inbound_event *e)
{
	return e->source_time_ms && !e->time_suspect ? e->source_time_ms : e->ingest_time_ms;
}

int64_t inbound_message_time_ms(const struct inbound_event *e, const struct in_history_message *m)
{
	if (m->time_suspect)
		return e->ingest_time_ms;
	return m->source_time_ms ? m->source_time_ms : inbound_time_ms(e);
}

static void type_default(struct in_message *m)
{
	if (m->type == MSG_NONE)
		m->type = MSG_UNKNOWN;
}

/* The defaults for absent values that the .proto files define. */
static void defaults_apply(struct inbound_event *e)
{
	if (e->origin == ORIGIN_NONE)
		e->origin = ORIGIN_LIVE;
	if (e->kind == IN_MESSAGE)
		type_default(&e->u.message);
	if (e->kind == IN_DISPATCH)
		type_default(&e->u.dispatch.message);
	if (e->kind != IN_SYNC_CHAT)
		return;
	for (size_t i = 0; i < e->u.sync_chat.n_messages; i++) {
		struct in_message *m = &e->u.sync_chat.messages[i].message;

		type_default(m);
		if (!chat_known(&m->chat))
			m->chat = e->u.sync_chat.state.chat;
	}
}

int inbound_decode(struct inbound_event *out, struct str bytes, struct arena *a, struct err *err)
{
	struct inbound_event e;
	const ProtobufCMessage *theirs;

	memset(&e, 0, sizeof(e));
	if (bytes.n > MAX_DECODE_BYTES)
		return err_reject(err, DEAD_RULE, "larger than %zu bytes", MAX_DECODE_BYTES);
	theirs = message_unpack(inbound_envelope.shape->descriptor, bytes, a, err);
	if (!theirs || envelope_read(&inbound_envelope, theirs, &e, a, err) < 0 || inbound_check(&e, err) < 0)
		return -1;
	defaults_apply(&e);
	*out = e;
	return 0;
}

static bool encode_within(const struct inbound_event *e, struct arena *a, struct str *out)
{
	struct scratch m;
	const ProtobufCMessage *theirs;
	size_t n;
	bool fits;

	scratch_init(&m);
	theirs = envelope_fill(&inbound_envelope, e, &m);
	n = protobuf_c_message_get_packed_size(theirs);
	fits = n <= WIRE_MAX_RECORD_BYTES;
	if (fits) {
		uint8_t *bytes = arena_alloc(a, n);

		protobuf_c_message_pack(theirs, bytes);
		*out = (struct str){ (const char *)bytes, n };
	}
	scratch_fini(&m);
	return fits;
}

/* Removes the raw JSON: truncated to length 0. */
static void raw_drop(struct inbound_event *e, struct arena *a)
{
	if (!e->raw_truncated) {
		uint8_t *hash = arena_alloc(a, 32);

		sha256(e->raw, hash);
		e->raw_sha256 = (struct str){ (const char *)hash, 32 };
	}
	e->raw = STR_NONE;
	e->raw_truncated = true;
}

int inbound_encode(const struct inbound_event *e, struct arena *a, struct str *out, struct err *err)
{
	struct inbound_event lean;

	if (encode_within(e, a, out))
		return 0;
	if (e->raw.n > 0) {
		lean = *e;
		raw_drop(&lean, a);
		if (encode_within(&lean, a, out))
			return 0;
	}
	return err_reject(err, DEAD_TOO_LARGE, "%s: more than %d bytes", inbound_kind_word(e->kind),
		WIRE_MAX_RECORD_BYTES);
}

void inbound_key(const struct inbound_event *e, char out[static 74])
{
	uuid_format(&e->workspace, out);
	out[36] = ':';
	uuid_format(&e->account, out + 37);
}

void inbound_derive_id(struct inbound_event *e, struct str provider_key, struct str content)
{
	int64_t time_ms =
		e->source_time_ms ? e->source_time_ms : e->ingest_time_ms; /* as received, even if it is suspect */
	char time[24];

	snprintf(time, sizeof(time), "%" PRId64, time_ms);
	uuid_v8(&e->id,
		(const struct str[]){ uuid_bytes(&e->account), str_of(inbound_kind_word(e->kind)), provider_key,
			str_of(time), content },
		5);
}
