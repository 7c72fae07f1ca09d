/* See inbound_ends.h. */
#include "kafka/inbound_ends.h"

#include "kafka/reader.h"
#include "json/writer.h"

static int topic_ends(const struct kafka_config *config, const char *topic, int timeout_ms, struct json_writer *w,
	struct err *err)
{
	struct kafka_reader *reader = NULL;
	const struct kafka_range *ranges;
	size_t n;

	if (kafka_reader_open(&reader, config, topic, timeout_ms, err) < 0)
		return -1;
	ranges = kafka_reader_ranges(reader, &n);
	for (size_t i = 0; i < n; i++) {
		if (ranges[i].low == ranges[i].high)
			continue;
		jw_arr(w);
		jw_str(w, str_of(topic));
		jw_i64(w, ranges[i].partition);
		jw_i64(w, ranges[i].high);
		jw_arr_end(w);
	}
	kafka_reader_close(&reader);
	return 0;
}

int kafka_inbound_ends(const struct kafka_config *config, const struct topic_names *topics, int timeout_ms,
	struct buf *out, struct err *err)
{
	struct json_writer w = json_writer(out);

	buf_clear(out);
	jw_arr(&w);
	if (topic_ends(config, topics->of[TOPIC_INBOUND], timeout_ms, &w, err) < 0 ||
		topic_ends(config, topics->of[TOPIC_INBOUND_BULK], timeout_ms, &w, err) < 0)
		return -1;
	jw_arr_end(&w);
	return 0;
}
