/* See settings.h. */
#include "settings.h"

#include <stddef.h>

#define AT(member) offsetof(struct stub_settings, member)

const struct config_key stub_settings_keys[] = {
	{ "http.listen", CONFIG_STRING, 0, AT(listen), "127.0.0.1:0", 0, 0, "Address and port; port 0: any free one." },
	{ "http.port_file", CONFIG_STRING, 0, AT(port_file), NULL, 0, 0, "File to which the port is written." },
	{ "http.max_connections", CONFIG_INT, 0, AT(max_connections), "4000", 1, 100000, "Open connections." },
	{ "sessions.file", CONFIG_STRING, 0, AT(sessions_file), NULL, 0, 0, "JSON array of sessions." },
	{ "sessions.max", CONFIG_INT, 0, AT(sessions_max), "10000", 1, 1000000, "Sessions kept." },
	{ "rules.file", CONFIG_STRING, 0, AT(rules_file), NULL, 0, 0, "JSON array of rules." },
	{ "rules.seed", CONFIG_INT, 0, AT(seed), "1", 0, 0, "Seed of the rules' shares." },
	{ "rules.hang", CONFIG_DURATION_MS, 0, AT(hang_ms), "60s", 1, 86400000,
		"Time after which a connection that a rule lets hang is closed." },
	{ "journal.file", CONFIG_STRING, 0, AT(journal_file), NULL, 0, 0, "File to which lines are appended." },
	{ "journal.keep", CONFIG_INT, 0, AT(journal_keep), "100000", 1, 10000000, "Lines kept for GET /_journal." },
	{ "journal.bodies", CONFIG_BOOL, 0, AT(journal_bodies), "false", 0, 0, "Whether lines hold the request." },
	{ "ids.keep", CONFIG_INT, 0, AT(ids_keep), "1000000", 1, 100000000,
		"Messages whose client_message_id is remembered; the oldest are forgotten." },
	{ "ids.ttl", CONFIG_DURATION_MS, 0, AT(ids_ttl_ms), "72h", 1, 31536000000, "Time for which it is remembered." },
	{ "webhooks.allowed_networks", CONFIG_LIST, 0, AT(webhook_networks), "127.0.0.0/8,::1/128", 0, 0,
		"Networks to which statuses and echoes are posted." },
	{ "webhooks.ca_file", CONFIG_STRING, 0, AT(webhook_ca_file), NULL, 0, 0,
		"Certificates of the authorities to trust (PEM)." },
	{ "webhooks.queue", CONFIG_INT, 0, AT(webhook_queue), "100000", 1, 10000000,
		"Posts that wait; further ones are dropped and counted." },
	{ "webhooks.max_in_flight", CONFIG_INT, 0, AT(webhook_in_flight), "64", 1, 10000, "Posts at the same time." },
	{ "webhooks.timeout", CONFIG_DURATION_MS, 0, AT(webhook_timeout_ms), "10s", 1, 600000, "Of one post." },
	{ "webhooks.retry_for", CONFIG_DURATION_MS, 0, AT(webhook_retry_ms), "10m", 0, 0,
		"Time for which a post that is not answered with 2xx is tried again; 0: never." },
	{ 0 },
};
