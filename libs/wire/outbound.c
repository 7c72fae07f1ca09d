/* Encoding and decoding of SendMessage and CampaignCommand. Invariant: both run the same check, so every message that is
 * written can be read. */
#include "wire/outbound.h"

#include <string.h>

#include "wire/send_record.h"
#include "wire/shapes.h"

int64_t send_message_deadline_ms(const struct send_message *m)
{
	return m->deadline_ms ? m->deadline_ms : m->requested_at_ms + SEND_DEFAULT_DEADLINE_MS;
}

static void content_take(const struct send_record *r, struct send_message *m)
{
	switch (send_content_of(m)) {
	case CONTENT_NONE:
		break;
	case CONTENT_BODY:
		m->u.text = r->body;
		break;
	case CONTENT_MEDIA:
		m->u.media = r->media;
		break;
	case CONTENT_LOCATION:
		m->u.location = r->location;
		break;
	case CONTENT_TEMPLATE:
		m->u.template = r->template;
		break;
	case CONTENT_EXTRA:
		m->u.extra = r->extra;
		break;
	case CONTENT_EMOJI:
		m->u.emoji = r->emoji;
		break;
	}
}

static void record_of(const struct send_message *m, struct send_record *r)
{
	memset(r, 0, sizeof(*r));
	r->message = *m;
	switch (send_content_of(m)) {
	case CONTENT_NONE:
		break;
	case CONTENT_BODY:
		r->body = m->u.text;
		break;
	case CONTENT_MEDIA:
		r->media = m->u.media;
		r->media.present = true;
		break;
	case CONTENT_LOCATION:
		r->location = m->u.location;
		r->location.present = true;
		break;
	case CONTENT_TEMPLATE:
		r->template = m->u.template;
		r->template.present = true;
		break;
	case CONTENT_EXTRA:
		r->extra = m->u.extra;
		break;
	case CONTENT_EMOJI:
		r->emoji = m->u.emoji;
		break;
	}
}

/* Without a recipient, a field that this version does not know may be a new kind of one. */
static bool recipient_is_newer(const struct send_message *m, const ProtobufCMessage *theirs)
{
	return uuid_is_nil(&m->contact) && !chat_known(&m->chat) && theirs->n_unknown_fields > 0;
}

int send_message_decode(struct send_message *out, struct str bytes, struct arena *a, struct err *err)
{
	struct send_record r;
	const ProtobufCMessage *theirs = record_unpack(&send_record_shape, bytes, a, err);

	memset(&r, 0, sizeof(r));
	if (!theirs || shape_read(&send_record_shape, theirs, &r, a, err) < 0)
		return -1;
	if (recipient_is_newer(&r.message, theirs))
		return err_reject(err, DEAD_UNSUPPORTED, "a recipient of an unknown kind");
	if (send_record_check(&r, err) < 0)
		return -1;
	content_take(&r, &r.message);
	*out = r.message;
	return 0;
}

int send_message_check(const struct send_message *m, struct err *err)
{
	struct send_record r;

	record_of(m, &r);
	return send_record_check(&r, err);
}

int send_message_encode(const struct send_message *m, struct buf *out, struct err *err)
{
	struct send_record r;

	record_of(m, &r);
	if (send_record_check(&r, err) < 0)
		return -1;
	record_pack(&send_record_shape, &r, out);
	return 0;
}

void send_message_key(const struct send_message *m, char out[static 74])
{
	record_key(&m->workspace, uuid_is_nil(&m->account) ? &m->request : &m->account, out);
}

int campaign_command_decode(struct campaign_command *out, struct str bytes, struct arena *a, struct err *err)
{
	struct campaign_command c;
	const ProtobufCMessage *theirs = record_unpack(&campaign_command_shape, bytes, a, err);

	memset(&c, 0, sizeof(c));
	if (!theirs || shape_read(&campaign_command_shape, theirs, &c, a, err) < 0 ||
		campaign_command_check(&c, err) < 0)
		return -1;
	*out = c;
	return 0;
}

int campaign_command_encode(const struct campaign_command *c, struct buf *out, struct err *err)
{
	if (campaign_command_check(c, err) < 0)
		return -1;
	record_pack(&campaign_command_shape, c, out);
	return 0;
}

void campaign_command_key(const struct campaign_command *c, char out[static 74])
{
	record_key(&c->workspace, &c->campaign, out);
}
