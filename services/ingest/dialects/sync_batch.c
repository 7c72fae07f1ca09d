/* Splits the chats of a sync into events. Invariant: every part names its chat and has the chat's rank; all parts but
 * the first have `continued` set, and the batch's end counts chats, not parts. */
#include "ingest/dialects/sync_batch.h"

#include <stdlib.h>

#include "base/hex.h"
#include "crypto/digest.h"

/* Estimated size of a message's fields without their text. */
#define MESSAGE_OVERHEAD_BYTES     256
#define PARTICIPANT_OVERHEAD_BYTES 16

static size_t party_bytes(const struct party *p)
{
	return p->phone.n + p->lid.n + p->bsuid.n + p->bsuid_scope.n + p->username.n + p->jid.n + p->name.n;
}

static size_t message_bytes(const struct in_message *m)
{
	return MESSAGE_OVERHEAD_BYTES + m->key.n + m->provider_id.n + m->body.n + m->extra.n + m->quoted.body.n +
		m->media.url.n + m->media.file_name.n + m->media.caption.n + m->media.sha256.n + m->location.name.n +
		m->location.address.n + m->location.url.n + party_bytes(&m->sender) + party_bytes(&m->chat.contact) +
		m->chat.group.jid.n + m->chat.group.name.n;
}

static size_t state_bytes(const struct in_chat_state *s)
{
	size_t n = MESSAGE_OVERHEAD_BYTES + s->description.n + s->settings.n + s->invite_code.n +
		party_bytes(&s->owner) + party_bytes(&s->chat.contact) + s->chat.group.jid.n + s->chat.group.name.n;

	for (size_t i = 0; i < s->n_participants; i++)
		n += PARTICIPANT_OVERHEAD_BYTES + party_bytes(&s->participants[i].party);
	return n;
}

static int by_time(const void *a, const void *b)
{
	const struct in_history_message *x = a, *y = b;

	if (x->source_time_ms != y->source_time_ms)
		return x->source_time_ms < y->source_time_ms ? -1 : 1;
	return str_cmp(x->message.key, y->message.key);
}

static void keep_newest(struct sync_item *item)
{
	size_t too_many = item->n_messages > WIRE_MAX_SYNC_MESSAGES ? item->n_messages - WIRE_MAX_SYNC_MESSAGES : 0;

	if (item->n_messages > 1)
		qsort(item->messages, item->n_messages, sizeof(*item->messages), by_time);
	if (too_many == 0)
		return;
	item->messages += too_many;
	item->n_messages -= too_many;
}

/* How many of the messages fit into a part that already has `used` bytes; at least one, so that no part is empty. */
static size_t part_length(const struct in_history_message *messages, size_t n, size_t used)
{
	size_t i;

	for (i = 0; i < n; i++) {
		used += message_bytes(&messages[i].message);
		if (used > SYNC_PART_BYTES && i > 0)
			break;
	}
	return i;
}

static struct str chat_name(const struct chat_ref *c)
{
	const struct party *p = &c->contact;

	if (c->is_group)
		return c->group.jid;
	return p->phone.n ? p->phone : p->lid.n ? p->lid : p->bsuid.n ? p->bsuid : p->jid;
}

static bool has_suspect(const struct sync_item *item)
{
	for (size_t i = 0; i < item->n_messages; i++)
		if (item->messages[i].time_suspect)
			return true;
	return false;
}

static bool part_add(struct sync_batch *b, const struct sync_item *item, struct in_sync_chat *part, size_t part_no)
{
	struct inbound_event *e = intake_event(b->in, b->in->account, IN_SYNC_CHAT);
	struct str last = part->n_messages ? part->messages[part->n_messages - 1].message.key : STR_NONE;

	e->origin = ORIGIN_SYNC;
	e->u.sync_chat = *part;
	intake_time(b->in, e, item->time_ms);
	if (part_no == 0 && has_suspect(item))
		intake_raw_text(b->in, e, item->body(item->body_ctx));
	return intake_add(b->in, e,
		arena_printf(b->in->arena, "%.*s:%d:%.*s", STR_ARG(b->sync_id), part->rank,
			STR_ARG(chat_name(&part->state.chat))),
		arena_printf(b->in->arena, "%zu:%zu:%.*s:%d", part_no, part->n_messages, STR_ARG(last),
			part->state.unread),
		item->path, item->body, item->body_ctx);
}

static bool parts_add(struct sync_batch *b, const struct sync_item *item)
{
	struct in_sync_chat part = { .sync_id = b->sync_id, .index = b->index };
	size_t done = 0, part_no = 0;

	part.rank = b->index * SYNC_MAX_CHATS + (int32_t)item->place;
	part.state = item->state;
	do {
		part.messages = done > 0 ? item->messages + done : item->messages;
		part.n_messages = part_length(part.messages, item->n_messages - done, state_bytes(&part.state));
		if (!part_add(b, item, &part, part_no++))
			return false;
		done += part.n_messages;
		part.continued = true;
		part.state = (struct in_chat_state){
			.chat = item->state.chat, .has_unread = item->state.has_unread, .unread = item->state.unread
		};
	} while (done < item->n_messages);
	return true;
}

static bool is_newer(const struct sync_choice *a, const struct sync_choice *b)
{
	return a->time != b->time ? a->time > b->time : a->place > b->place;
}

size_t sync_newest(const json *list, int64_t (*time_of)(const json *message),
	struct sync_choice out[static WIRE_MAX_SYNC_MESSAGES])
{
	struct json_iter it = json_iter(list);
	struct sync_choice c = { .place = 0 };
	size_t n = 0, i;

	for (; (c.message = json_next(&it)); c.place++) {
		c.time = time_of(c.message);
		if (n == WIRE_MAX_SYNC_MESSAGES && !is_newer(&c, &out[n - 1]))
			continue;
		if (n < WIRE_MAX_SYNC_MESSAGES)
			n++;
		for (i = n - 1; i > 0 && is_newer(&c, &out[i - 1]); i--)
			out[i] = out[i - 1];
		out[i] = c;
	}
	return n;
}

struct str sync_own_id(struct intake *in, const json *chats)
{
	uint8_t hash[32];
	char hex[64];

	sha256(intake_json(in, chats), hash);
	hex_encode(hash, sizeof(hash), hex);
	return arena_printf(in->arena, "s:%.*s", (int)sizeof(hex), hex);
}

void sync_batch_add(struct sync_batch *b, struct sync_item *item)
{
	keep_newest(item);
	for (size_t i = 0; i < item->n_messages; i++)
		item->messages[i].time_suspect |= intake_time_is_suspect(b->in, item->messages[i].source_time_ms);
	if (parts_add(b, item))
		b->chats++;
	else
		b->rejected++;
}

void sync_batch_rejected(struct sync_batch *b)
{
	b->rejected++;
}

void sync_batch_end(struct sync_batch *b)
{
	struct inbound_event *e = intake_event(b->in, b->in->account, IN_SYNC_BATCH_END);

	e->origin = ORIGIN_SYNC;
	e->u.sync_batch_end =
		(struct in_sync_batch_end){ b->sync_id, b->index, b->total, b->last, b->chats, b->rejected };
	intake_add(b->in, e, arena_printf(b->in->arena, "%.*s:%d", STR_ARG(b->sync_id), b->index),
		arena_printf(b->in->arena, "%d:%d", b->chats, b->rejected), STR("batch"), NULL, NULL);
}
