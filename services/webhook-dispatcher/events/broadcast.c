/* See broadcast.h. Invariant: a body has at most BODY_BYTES, unless its shortest form is longer. */
#include "webhook-dispatcher/events/broadcast.h"

#include <string.h>

#include "webhook-dispatcher/events/render.h"

#define EVENT   "new-chat-received"
#define CHANNEL "chats.ch"
#define LATE_MS INT64_C(120000)
/* Reverb accepts requests of 10,000 bytes including their header, Pusher data of 10 KB. */
#define BODY_BYTES 9000

/* The sum of these delays and of each attempt's deadline is less than the time after which a broadcast is late. */
static const int64_t delays_ms[] = { 1000, 5000, 15000 };
const struct schedule broadcast_schedule = { delays_ms, sizeof(delays_ms) / sizeof(delays_ms[0]), -1 };

bool broadcast_is_late(int64_t published_ms, int64_t now_ms)
{
	return now_ms - published_ms > LATE_MS;
}

void broadcast_channel(const struct uuid *workspace, char out[static BROADCAST_CHANNEL_SIZE])
{
	memcpy(out, CHANNEL, sizeof(CHANNEL));
	uuid_format(workspace, out + sizeof(CHANNEL) - 1);
}

void broadcast_body(const struct pusher *p, const struct chat_event *e, struct buf *out)
{
	struct buf data = BUF_INIT;

	for (int detail = RENDER_WHOLE; detail <= RENDER_WITHOUT_TEXT; detail++) {
		buf_clear(&data);
		render_message(e, (enum render_detail)detail, &data);
		pusher_body(p, STR(EVENT), buf_str(&data), out);
		if (out->n <= BODY_BYTES)
			break;
	}
	buf_fini(&data);
}
