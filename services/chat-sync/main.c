/* chat-sync: consumes inbound, owns conversations in PostgreSQL, produces chat-event. */
#include "chat-sync/sync.h"

#include "kafka/topics.h"

#include <stdio.h>

struct topics {
	char inbound[TOPIC_NAME_MAX], chat_event[TOPIC_NAME_MAX], dlq[TOPIC_NAME_MAX];
};

static int topics_name(struct topics *t, const char *prefix, struct err *err)
{
	if (topic_name(t->inbound, sizeof(t->inbound), prefix, TOPIC_INBOUND) == 0 &&
		topic_name(t->chat_event, sizeof(t->chat_event), prefix, TOPIC_CHAT_EVENT) == 0 &&
		topic_dlq_name(t->dlq, sizeof(t->dlq), prefix, TOPIC_INBOUND, "chat-sync") == 0)
		return 0;
	return err_set(err, ERR_INPUT, "config", "topics.prefix: not usable in a topic's name");
}

static struct worker_options worker_options(const struct chat_sync_settings *s, const struct topics *t)
{
	return (struct worker_options){
		.owner = { .consumer = "chat-sync",
			.topic = t->inbound,
			.dlq_topic = t->dlq,
			.backoff_min_ms = (int)s->backoff_min_ms,
			.backoff_max_ms = (int)s->backoff_max_ms,
			.reset_cluster = s->reset_cluster,
			.tidy_interval_ms = (int)s->sweep_interval_ms,
			.dlq_max_bytes = 4 << 20,
			.pg = { .conninfo = s->postgres,
				.application_name = "blazz-chat-sync",
				.statement_timeout_ms = (int)s->statement_timeout_ms } },
		.batch_max_events = (int)s->batch_max_events,
		.batch_max_bytes = s->batch_max_bytes,
		.batch_linger_ms = (int)s->batch_linger_ms,
		.outbox_max_outstanding = (int)s->outbox_max_outstanding,
		.sweep_interval_ms = (int)s->sweep_interval_ms,
	};
}

int main(int argc, char **argv)
{
	struct chat_sync_settings settings = { 0 };
	const struct service_spec spec = { .name = "chat-sync",
		.summary = "stores conversations exactly once and publishes chat events",
		.keys = chat_sync_keys,
		.settings = &settings,
		.settings_size = sizeof(settings),
		.admin_listen = "127.0.0.1:9102" };
	struct service *service = NULL;
	struct chat_sync *sync = NULL;
	struct worker *worker = NULL;
	struct worker_options options;
	struct topics topics;
	struct err err = { 0 };

	if (service_start(&service, &spec, argc, argv, &err) < 0)
		return service_end(&service, &err);
	if (topics_name(&topics, service_topic_prefix(service), &err) < 0)
		return service_end(&service, &err);
	sync = chat_sync_new(&settings, topics.inbound, topics.chat_event);
	options = worker_options(&settings, &topics);
	if (worker_open(&worker, service, &options, &chat_sync_ops, sync, &err) == 0 && worker_run(worker, &err) == 0)
		err = (struct err){ 0 };
	worker_close(&worker);
	chat_sync_free(sync);
	return service_end(&service, &err);
}
