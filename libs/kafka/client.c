/* What the Kafka clients have in common. Invariant: nothing here runs on one of librdkafka's threads; logs, errors and
 * statistics are served from the main queue when the owner polls.
 *
 * Whether a broker is up comes from two sources: the error "all brokers down" reports an outage at once, and the
 * statistics, emitted once a second, show its end (librdkafka has no event for that).
 */
#include "kafka/client.h"
#include "kafka/consumer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/errors.h"
#include "metrics/metrics.h"

/* reconnect.backoff.max.ms: after an outage the service is back within seconds, not ten. */
static const struct kafka_setting defaults[] = {
	{ "log.queue", "true" },
	{ "statistics.interval.ms", "1000" },
	{ "socket.nagle.disable", "true" },
	{ "reconnect.backoff.max.ms", "2000" },
};

int kafka_conf_put(rd_kafka_conf_t *conf, const char *key, const char *value, struct err *err)
{
	char why[200];

	if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	return err_set(err, ERR_INPUT, "config", "kafka.%s: %s", key, why);
}

int kafka_conf_put_i64(rd_kafka_conf_t *conf, const char *key, int64_t value, struct err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	return kafka_conf_put(conf, key, text, err);
}

int kafka_conf_put_all(rd_kafka_conf_t *conf, const struct kafka_setting *settings, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (kafka_conf_put(conf, settings[i].key, settings[i].value, err) < 0)
			return -1;
	return 0;
}

int kafka_conf_fetch_at_once(rd_kafka_conf_t *conf, struct err *err)
{
	return rd_kafka_version() < 0x02020000 ? 0 : kafka_conf_put(conf, "fetch.queue.backoff.ms", "10", err);
}

/* librdkafka uses syslog's levels; <syslog.h> itself would clash with base/log.h. */
enum { SYSLOG_CRITICAL = 2, SYSLOG_WARNING = 4 };

static atomic_int watched, watched_up; /* the number of clients, and of those that have a broker */

static void watched_change(int clients, int up)
{
	int n = atomic_fetch_add(&watched, clients) + clients;
	int n_up = atomic_fetch_add(&watched_up, up) + up;

	metric_set(METRIC_CELL(metric_gauge("blazz_kafka_up",
				       "1 while every producer and consumer is connected to a broker.", NULL),
			   NULL),
		n > 0 && n_up == n);
}

void kafka_client_watch(struct kafka_client *client)
{
	client->watched = true;
	watched_change(1, client->up);
}

void kafka_client_unwatch(struct kafka_client *client)
{
	if (client->watched)
		watched_change(-1, -client->up);
	client->watched = false;
}

static void client_set_up(struct kafka_client *client, bool up)
{
	if (client->up == up)
		return;
	client->up = up;
	if (client->watched)
		watched_change(0, up ? 1 : -1);
	if (!up)
		log_warn("kafka is unreachable");
	else if (client->lost)
		log_info("kafka is reachable again");
	client->lost = !up;
}

void kafka_client_answered(struct kafka_client *client)
{
	client_set_up(client, true);
}

/* Warnings about consumer settings that a producer ignores and the like; and fatal errors, which the client itself
 * reports. */
static bool log_is_noise(const char *facility)
{
	return strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "FATAL") == 0;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	if (log_is_noise(facility))
		level = SYSLOG_WARNING + 1;
	if (level <= SYSLOG_CRITICAL)
		log_error("kafka client", LOG_S("facility", facility), LOG_S("text", text));
	else if (level <= SYSLOG_WARNING)
		log_warn("kafka client", LOG_S("facility", facility), LOG_S("text", text));
	else
		log_debug("kafka client", LOG_S("facility", facility), LOG_S("text", text));
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka_client *client = opaque;

	(void)rk;
	log_debug("kafka error", LOG_S("error_code", rd_kafka_err2name((rd_kafka_resp_err_t)code)),
		LOG_S("error", reason));
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		client_set_up(client, false);
	if (code == RD_KAFKA_RESP_ERR__FATAL)
		client->fatal = true;
}

/* Searches instead of parsing: all that matters is whether any broker's state is UP, and only brokers have a state in
 * capitals. */
static int on_statistics(rd_kafka_t *rk, char *json, size_t n, void *opaque)
{
	(void)rk;
	client_set_up(opaque, memmem(json, n, "\"state\":\"UP\"", 12) != NULL);
	return 0; /* librdkafka frees it */
}

rd_kafka_conf_t *kafka_client_conf(struct kafka_client *client)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		rd_kafka_conf_set(conf, defaults[i].key, defaults[i].value, NULL, 0);
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_stats_cb(conf, on_statistics);
	return conf;
}

rd_kafka_t *kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t **conf, struct err *err)
{
	char why[200];
	rd_kafka_t *rk = rd_kafka_new(type, *conf, why, sizeof(why));

	if (!rk) {
		rd_kafka_conf_destroy(*conf);
		err_set(err, ERR_INPUT, "config", "kafka: %s", why);
	} else {
		rd_kafka_set_log_queue(rk, NULL);
	}
	*conf = NULL;
	return rk;
}

rd_kafka_resp_err_t kafka_watermarks_ask(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t deadline_ms,
	int64_t *low, int64_t *high)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	int64_t left_ms;

	while ((left_ms = deadline_ms - clock_mono_ms()) > 0) {
		code = rd_kafka_query_watermark_offsets(rk, topic, partition, low, high, (int)left_ms);
		if (code != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION &&
			code != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
			break;
		rd_kafka_poll(rk, 50);
	}
	return code;
}

int kafka_offsets_since(rd_kafka_t *rk, const char *topic, int64_t ms, int timeout_ms, struct kafka_position *positions,
	size_t n, struct err *err)
{
	rd_kafka_topic_partition_list_t *times = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(times, topic, positions[i].partition)->offset = ms;
	code = rd_kafka_offsets_for_times(rk, times, timeout_ms);
	for (size_t i = 0; !code && i < n; i++)
		code = times->elems[i].err;
	for (size_t i = 0; !code && i < n; i++)
		positions[i].offset = times->elems[i].offset < 0 ? INT64_MAX : times->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(times);
	return code ? kafka_err_set(err, code, "offsets", NULL) : 0;
}

int kafka_event_open(struct err *err)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd >= 0 ? fd : err_set(err, ERR_FATAL, "eventfd", "eventfd: %s", strerror(errno));
}

void kafka_event_signal(int fd)
{
	eventfd_write(fd, 1);
}

void kafka_event_clear(int fd)
{
	eventfd_t count;

	eventfd_read(fd, &count);
}

/* librdkafka signals only the first entry of an empty queue: entries that are already waiting are signalled here. */
void kafka_event_watch(rd_kafka_queue_t *queue, int fd)
{
	static const uint64_t one = 1;

	rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof(one));
	kafka_event_signal(fd);
}

void kafka_event_unwatch(rd_kafka_queue_t *queue)
{
	rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
}

int kafka_cluster_id(rd_kafka_t *rk, int timeout_ms, char out[static 64], struct err *err)
{
	char *id = rd_kafka_clusterid(rk, timeout_ms);
	size_t n = id ? strlen(id) : 0;
	int rc = -1;

	if (!id) {
		err_set(err, ERR_RETRY, "cluster_id", "the cluster's id is not known yet");
	} else if (n >= 64) {
		err_set(err, ERR_INPUT, "cluster_id", "the cluster's id has %zu characters", n);
	} else {
		memcpy(out, id, n + 1);
		rc = 0;
	}
	if (id)
		rd_kafka_mem_free(rk, id);
	return rc;
}
