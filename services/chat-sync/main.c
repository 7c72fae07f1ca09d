/* chat-sync: consumes inbound and inbound.bulk, owns conversations in PostgreSQL, produces chat-event. */
#include "chat-sync/sync.h"

#include "kafka/topics.h"

static struct worker_options worker_options(const struct chat_sync_settings *s, const struct topic_names *topics)
{
	return (struct worker_options){
		.owner = { .consumer = "chat-sync",
			.topics = { [INBOUND] = { .name = topics->of[TOPIC_INBOUND],
					    .dlq = topics->of[TOPIC_INBOUND_CHAT_SYNC_DLQ] },
				[INBOUND_BULK] = { .name = topics->of[TOPIC_INBOUND_BULK],
					.dlq = topics->of[TOPIC_INBOUND_BULK_CHAT_SYNC_DLQ],
					.follows = topics->of[TOPIC_INBOUND] } },
			.backoff_min_ms = (int)s->owner.backoff_min_ms,
			.backoff_max_ms = (int)s->owner.backoff_max_ms,
			.reset_cluster = s->owner.reset_cluster,
			.tidy_interval_ms = (int)s->sweep_interval_ms,
			.dlq_max_bytes = 4 << 20,
			.pg = postgres_options(&s->postgres, "blazz-chat-sync") },
		.batch_max_events = (int)s->batch_max_events,
		.batch_max_bytes = s->batch_max_bytes,
		.batch_linger_ms = (int)s->batch_linger_ms,
		.batch_interval_ms = { [INBOUND] = (int)s->batch_interval_ms,
			[INBOUND_BULK] = (int)s->batch_interval_ms },
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
	const struct topic_names *topics;
	struct err err = { 0 };

	if (service_start(&service, &spec, argc, argv, &err) < 0)
		return service_end(&service, &err);
	topics = service_topics(service);
	sync = chat_sync_new(&settings, topics->of[TOPIC_INBOUND], topics->of[TOPIC_INBOUND_BULK],
		topics->of[TOPIC_CHAT_EVENT]);
	options = worker_options(&settings, topics);
	if (worker_open(&worker, service, &options, &chat_sync_ops, sync, &err) == 0 && worker_run(worker, &err) == 0)
		err = (struct err){ 0 };
	worker_close(&worker);
	chat_sync_free(sync);
	return service_end(&service, &err);
}
