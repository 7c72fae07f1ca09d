/* The keys of ingest's configuration; see settings.h. Invariant: a configuration that passes the check can be applied,
 * also on a reload. */
#include "ingest/settings.h"

#include "http/networks.h"

#define AT(field) offsetof(struct ingest_settings, field)

const struct config_key ingest_keys[] = {
	{ "http.listen", CONFIG_STRING, 0, AT(http_listen), ":8080", 0, 0,
		"Address and port to which bridges and Meta post; \":8080\" listens on every address." },
	{ "http.port_file", CONFIG_STRING, 0, AT(http_port_file), NULL, 0, 0,
		"File to which the port of http.listen is written." },
	{ "http.max_connections", CONFIG_INT, 0, AT(http_max_connections), "4000", 1, 100000,
		"Open connections. Close to this number each new connection closes the oldest idle or slow one." },
	{ "http.max_connections_per_address", CONFIG_INT, 0, AT(http_max_connections_per_address), "100", 0, 100000,
		"Connections from one IPv4 address or IPv6 /64, and unauthenticated requests from one source; 0: no limit." },
	{ "http.header_timeout", CONFIG_DURATION_MS, 0, AT(http_header_timeout_ms), "10s", 10, 600000,
		"Time in which the header of a request must be complete." },
	{ "http.body_timeout", CONFIG_DURATION_MS, 0, AT(http_body_timeout_ms), "30s", 10, 600000,
		"Time in which the body of a request must be complete." },
	{ "http.idle_timeout", CONFIG_DURATION_MS, 0, AT(http_idle_timeout_ms), "75s", 10, 3600000,
		"Time that a connection may be idle between two requests, and time for sending an answer." },
	{ "http.trusted_proxies", CONFIG_LIST, CONFIG_LIVE, AT(http_trusted_proxies), NULL, 0, 0,
		"Networks (10.0.0.0/8) whose X-Forwarded-For is trusted, and whose connections are not limited per address." },
	{ "request.deadline", CONFIG_DURATION_MS, 0, AT(request_deadline_ms), "8s", 100, 600000,
		"Time in which Kafka must acknowledge, else the answer is 503; bridges time out after 10 s." },
	{ "drain.timeout", CONFIG_DURATION_MS, 0, AT(drain_timeout_ms), "10s", 0, 600000,
		"Time that requests in flight have to finish after SIGTERM." },
	{ "limits.bytes_in_flight", CONFIG_BYTES, 0, AT(limits_bytes_in_flight), "256M", 16777216, 68719476736,
		"Memory for bodies and their records, an eighth of it for one unauthenticated source; 503 beyond." },
	{ "limits.failures_per_minute", CONFIG_INT, CONFIG_LIVE, AT(limits_failures_per_minute), "60", 1, 1000000,
		"Failed authentications per source address; 429 beyond." },
	{ "limits.account_rate", CONFIG_INT, CONFIG_LIVE, AT(limits_account_rate), "1000", 0, 1000000,
		"Events per second of one account; 16 KiB of body count as one more; 0: no limit." },
	{ "limits.account_burst", CONFIG_INT, CONFIG_LIVE, AT(limits_account_burst), "2000", 1, 1000000,
		"Burst of events of one account. One request may exceed it; later ones get 429 until it has refilled." },
	{ "limits.sync_rate", CONFIG_INT, CONFIG_LIVE, AT(limits_sync_rate), "10", 1, 1000000,
		"Chats per second of one account's initial sync." },
	{ "limits.sync_burst", CONFIG_INT, CONFIG_LIVE, AT(limits_sync_burst), "500", 50, 1000000,
		"Burst of chats; the default is one full sync. With 50 (one batch) a sync does not delay live messages." },
	POSTGRES_KEYS(AT(postgres), "5s"),
	KEYRING_KEYS(AT(keyring), "secrets and QR codes"),
	{ "qr.ttl", CONFIG_DURATION_MS, 0, AT(qr_ttl_ms), "60s", 1000, 3600000,
		"Time after which a stored QR code expires." },
	{ 0 },
};

int ingest_settings_check(const void *settings, struct err *err)
{
	const struct ingest_settings *s = settings;
	struct networks *proxies = NULL;

	if (keyring_setting_check(s->keyring, err) < 0)
		return -1;
	if (networks_parse(&proxies, s->http_trusted_proxies, err) < 0)
		return err_wrap(err, "http.trusted_proxies");
	networks_free(proxies);
	return 0;
}
