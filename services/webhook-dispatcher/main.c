/* blazz-webhook-dispatcher: delivers chat events to the endpoints of their workspaces: signed, retried, in order. */
#include "webhook-dispatcher/dispatcher.h"

static void reloaded(void *ctx)
{
	struct dispatcher **d = ctx;

	if (*d)
		dispatcher_reload(*d);
}

int main(int argc, char **argv)
{
	struct dispatcher_settings settings = { 0 };
	struct dispatcher *dispatcher = NULL;
	struct service *service = NULL;
	struct err err = { 0 };
	const struct service_spec spec = {
		.name = "webhook-dispatcher",
		.summary = "delivers chat events to webhooks: signed, retried, in order",
		.keys = dispatcher_keys,
		.settings = &settings,
		.settings_size = sizeof(settings),
		.admin_listen = "127.0.0.1:9103",
		.check = dispatcher_settings_check,
		.reloaded = reloaded,
		.ctx = &dispatcher,
	};

	if (service_start(&service, &spec, argc, argv, &err) == 0 &&
		dispatcher_open(&dispatcher, &settings, service, &err) == 0)
		(void)!dispatcher_run(dispatcher, &err);
	dispatcher_close(&dispatcher);
	return service_end(&service, &err);
}
