/* blazz-campaign-sender: sends single messages and campaigns through Meta and bridges, and follows what becomes of them. */
#include "campaign-sender/sender.h"

static void reloaded(void *ctx)
{
	struct sender_service **s = ctx;

	if (*s)
		sender_service_reload(*s);
}

int main(int argc, char **argv)
{
	struct sender_settings settings = { 0 };
	struct sender_service *sender = NULL;
	struct service *service = NULL;
	struct err err = { 0 };
	const struct service_spec spec = {
		.name = "campaign-sender",
		.summary = "sends messages and campaigns, none of them twice knowingly",
		.keys = sender_keys,
		.settings = &settings,
		.settings_size = sizeof(settings),
		.admin_listen = "127.0.0.1:9104",
		.check = sender_settings_check,
		.reloaded = reloaded,
		.ctx = &sender,
	};

	if (service_start(&service, &spec, argc, argv, &err) == 0 &&
		sender_service_open(&sender, &settings, service, &err) == 0 && sender_service_run(sender, &err) == 0)
		err = (struct err){ 0 }; /* what it recovered from */
	sender_service_close(&sender);
	return service_end(&service, &err);
}
