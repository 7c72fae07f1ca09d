/* blazz-ingest: receives inbound events over HTTP, authenticates and normalises them, and publishes them to Kafka. */
#include "ingest/ingest.h"

static void reloaded(void *ctx)
{
	struct ingest **in = ctx;

	if (*in)
		ingest_reload(*in);
}

int main(int argc, char **argv)
{
	struct ingest_settings settings;
	struct ingest *in = NULL;
	struct service *service = NULL;
	struct err err = { 0 };
	const struct service_spec spec = {
		.name = "ingest",
		.summary = "Receives the webhooks of bridges and Meta, and publishes their events to Kafka.",
		.keys = ingest_keys,
		.settings = &settings,
		.settings_size = sizeof(settings),
		.admin_listen = "127.0.0.1:9101",
		.check = ingest_settings_check,
		.reloaded = reloaded,
		.ctx = &in,
	};

	if (service_start(&service, &spec, argc, argv, &err) == 0 && ingest_open(&in, &settings, service, &err) == 0)
		(void)!ingest_run(in, &err);
	ingest_close(&in);
	return service_end(&service, &err);
}
