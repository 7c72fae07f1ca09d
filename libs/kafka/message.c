/* Received messages. Invariant: key, value and headers live as long as librdkafka's message, the handle. */
#include "kafka/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kafka/errors.h"

static void headers_parse(struct kafka_message *out, const rd_kafka_headers_t *headers)
{
	size_t n = rd_kafka_header_cnt(headers);

	out->headers = mem_calloc(n, sizeof(*out->headers));
	for (; out->headers_count < n; out->headers_count++) {
		const char *name;
		const void *value;
		size_t size;

		if (rd_kafka_header_get_all(headers, out->headers_count, &name, &value, &size))
			break;
		out->headers[out->headers_count].name = str_of(name);
		out->headers[out->headers_count].value = (struct str){ value, size };
	}
}

void kafka_message_fill(struct kafka_message *out, rd_kafka_message_t *m)
{
	rd_kafka_timestamp_type_t type;
	int64_t timestamp = rd_kafka_message_timestamp(m, &type);
	rd_kafka_headers_t *headers;

	*out = (struct kafka_message){
		.partition = m->partition,
		.offset = m->offset,
		.timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp,
		.key = { m->key, m->key_len },
		.value = { m->payload, m->len },
		.handle = m,
	};
	if (!rd_kafka_message_headers(m, &headers))
		headers_parse(out, headers);
}

/* librdkafka uses one code for every case in which it would have had to reset the offset; only the text distinguishes
 * them. An offset out of range is permanent; a failed query for the low watermark may succeed after a new start. */
enum kafka_stop kafka_stop_of(const rd_kafka_message_t *m, struct err *why)
{
	const char *text = rd_kafka_message_errstr(m);

	kafka_err_set(why, m->err, "partition", text);
	if (m->err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
		return KAFKA_STOP_UNREADABLE;
	if (strstr(text, rd_kafka_err2str(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE))) {
		err_set(why, ERR_CONFLICT, "OUT_OF_RANGE", "offset %lld: %s", (long long)m->offset, text);
		return KAFKA_STOP_OUT_OF_RANGE;
	}
	err_set(why, ERR_RETRY, "NO_OFFSET", "%s", text);
	return KAFKA_STOP_NO_OFFSET;
}

void kafka_message_release(struct kafka_message *m)
{
	if (m->handle)
		rd_kafka_message_destroy(m->handle);
	free(m->headers);
	*m = (struct kafka_message){ 0 };
}

struct str kafka_message_header(const struct kafka_message *m, const char *name)
{
	for (size_t i = 0; i < m->headers_count; i++)
		if (str_is(m->headers[i].name, name))
			return m->headers[i].value;
	return STR_NONE;
}
