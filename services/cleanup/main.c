/* blazz-cleanup: brings the sessions of bridges to their desired state, and keeps account of the instances. */
#include "cleanup/cleaner.h"

static void reloaded(void *ctx)
{
	struct cleaner **c = ctx;

	if (*c)
		cleaner_reload(*c);
}

int main(int argc, char **argv)
{
	struct cleanup_settings settings = { 0 };
	struct cleaner *cleaner = NULL;
	struct service *service = NULL;
	struct err err = { 0 };
	const struct service_spec spec = {
		.name = "cleanup",
		.summary = "brings sessions of bridges to their desired state",
		.keys = cleanup_keys,
		.settings = &settings,
		.settings_size = sizeof(settings),
		.admin_listen = "127.0.0.1:9105",
		.check = cleanup_settings_check,
		.reloaded = reloaded,
		.ctx = &cleaner,
	};

	if (service_start(&service, &spec, argc, argv, &err) == 0 &&
		cleaner_open(&cleaner, &settings, service, &err) == 0)
		(void)!cleaner_run(cleaner, &err);
	cleaner_close(&cleaner);
	return service_end(&service, &err);
}
