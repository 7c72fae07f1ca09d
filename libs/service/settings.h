/* The configuration of a service: its own keys and the shared ones, in one table and one file. */
#ifndef SERVICE_SETTINGS_H
#define SERVICE_SETTINGS_H

#include "base/log.h"
#include "service/service.h"

struct shared_settings {
	char *log_level, *log_format;
	char *admin_listen, *admin_port_file;
	int64_t admin_live_timeout_ms;
	char *topic_prefix;
	char *kafka_brokers; /* a row of the table; passed to librdkafka with all other kafka.* keys */
};

struct settings;

/* Both tables as one, terminated by a row without a name; the caller frees it with free(). Offsets count from the
 * service's own settings, which the shared ones follow. */
struct config_key *settings_keys(const struct service_spec *spec);

/* Loads and checks everything, fills spec->settings. spec is borrowed. ERR_INPUT. */
int settings_load(struct settings **out, const struct service_spec *spec, const char *file,
	struct err *err) ERR_MUST_USE;
/* Applies changed live keys when the whole new configuration is valid, otherwise none. Keys that need a restart are
 * named in need_restart. */
int settings_reload(struct settings *s, struct buf *need_restart, struct err *err) ERR_MUST_USE;
void settings_free(struct settings *s);

const struct shared_settings *settings_shared(const struct settings *s);
const struct kafka_config *settings_kafka(const struct settings *s);
void settings_dump(const struct settings *s, struct buf *out);
enum log_level settings_log_level(const struct settings *s);
enum log_format settings_log_format(const struct settings *s);

#endif
