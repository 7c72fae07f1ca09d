/* Any protobuf message as JSON, from protobuf-c's descriptors. Invariant: every message that unpacks can be shown, even
 * one that Blazz would reject.
 *
 * protobuf-c sees text fields as bytes (tools/proto-c.sh): valid UTF-8 is written as text, anything else in base64.
 */
#include "wire/reveal.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "blazz/v1/chat_event.pb-c.h"
#include "blazz/v1/erasure.pb-c.h"
#include "blazz/v1/inbound.pb-c.h"
#include "blazz/v1/outbound.pb-c.h"
#include "wire/field.h"

static void message_write(struct json_writer *w, const ProtobufCMessage *m);

static void bytes_write(struct json_writer *w, const ProtobufCBinaryData *v)
{
	struct str s = { v->data ? (const char *)v->data : "", v->len };
	struct buf text = BUF_INIT;

	if (utf8_valid(s)) {
		jw_str(w, s);
		return;
	}
	base64_encode(&text, s.p, s.n);
	jw_str(w, buf_str(&text));
	buf_fini(&text);
}

static void enum_write(struct json_writer *w, const ProtobufCEnumDescriptor *e, int number)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(e, number);

	if (v)
		jw_str(w, str_of(v->name));
	else
		jw_i64(w, number);
}

static void value_write(struct json_writer *w, const ProtobufCFieldDescriptor *f, const void *at)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		message_write(w, pointer_load(at));
		break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes_write(w, at);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		enum_write(w, f->descriptor, *(const int *)at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		jw_bool(w, *(const protobuf_c_boolean *)at);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		jw_f64(w, *(const double *)at);
		break;
	case PROTOBUF_C_TYPE_INT64:
		jw_i64(w, *(const int64_t *)at);
		break;
	case PROTOBUF_C_TYPE_INT32:
		jw_i64(w, *(const int32_t *)at);
		break;
	default: /* proto/ uses no other types */
		jw_null(w);
	}
}

static size_t item_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_INT64:
		return 8;
	default:
		return 4;
	}
}

static bool bytes_are_zero(const void *p, size_t n)
{
	const char *c = p;

	for (size_t i = 0; i < n; i++)
		if (c[i])
			return false;
	return true;
}

/* In proto3 a scalar that is zero is not set. */
static bool is_set(const ProtobufCFieldDescriptor *f, const void *base)
{
	const void *at = field_at(base, f->offset);

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return field_count(base, f->quantifier_offset) > 0;
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return field_enum(base, f->quantifier_offset) == f->id;
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)at)->len > 0;
	return !bytes_are_zero(at, item_size(f));
}

static void list_write(struct json_writer *w, const ProtobufCFieldDescriptor *f, const void *base)
{
	const char *items = pointer_load(field_at(base, f->offset));

	jw_arr(w);
	for (size_t i = 0; i < field_count(base, f->quantifier_offset); i++)
		value_write(w, f, items + i * item_size(f));
	jw_arr_end(w);
}

static void message_write(struct json_writer *w, const ProtobufCMessage *m)
{
	jw_obj(w);
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];

		if (!is_set(f, m))
			continue;
		jw_key(w, f->name);
		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			list_write(w, f, m);
		else
			value_write(w, f, field_at(m, f->offset));
	}
	jw_obj_end(w);
}

static bool reveal(struct json_writer *w, const ProtobufCMessageDescriptor *descriptor, struct str bytes)
{
	ProtobufCMessage *m = protobuf_c_message_unpack(descriptor, NULL, bytes.n, (const uint8_t *)bytes.p);

	if (!m)
		return false;
	message_write(w, m);
	protobuf_c_message_free_unpacked(m, NULL);
	return true;
}

bool reveal_inbound(struct json_writer *w, struct str bytes)
{
	return reveal(w, &blazz__v1__inbound_event__descriptor, bytes);
}

bool reveal_chat_event(struct json_writer *w, struct str bytes)
{
	return reveal(w, &blazz__v1__chat_event__descriptor, bytes);
}

bool reveal_send_message(struct json_writer *w, struct str bytes)
{
	return reveal(w, &blazz__v1__send_message__descriptor, bytes);
}

bool reveal_campaign_command(struct json_writer *w, struct str bytes)
{
	return reveal(w, &blazz__v1__campaign_command__descriptor, bytes);
}

bool reveal_erasure(struct json_writer *w, struct str bytes)
{
	return reveal(w, &blazz__v1__erasure_record__descriptor, bytes);
}

bool reveal_record(struct json_writer *w, struct str topic, struct str bytes)
{
	static const struct {
		const char *part; /* of the topic's name, and of the names of its dead-letter topics */
		bool (*reveal)(struct json_writer *w, struct str bytes);
	} topics[] = {
		{ ".inbound.", reveal_inbound }, /* and inbound.bulk */
		{ ".chat-event.", reveal_chat_event },
		{ ".outbound.", reveal_send_message },
		{ ".campaign-command.", reveal_campaign_command },
		{ ".erasure.", reveal_erasure },
	};

	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		if (memmem(topic.p, topic.n, topics[i].part, strlen(topics[i].part)))
			return topics[i].reveal(w, bytes);
	return false;
}
