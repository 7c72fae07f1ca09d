/* The keys of ingest's configuration; see settings.h. */
#include "ingest/settings.h"

#include "http/networks.h"

#define AT(field) offsetof(struct ingest_settings, field)

const struct config_key ingest_keys[] = {
	{ "http.listen", CONFIG_STRING, 0, AT(http_listen), ":8080", 0, 0,
		"Where bridges and Meta post to: address:port, \":8080\" for every address." },
	{ "http.port_file", CONFIG_STRING, 0, AT(http_port_file), NULL, 0, 0,
		"File to write the port to that http.listen got." },
	{ "http.max_connections", CONFIG_INT, 0, AT(http_max_connections), "4000", 1, 100000,
		"Open connections. When nearly all are used, each new one closes the oldest that is idle or slow." },
	{ "http.max_connections_per_address", CONFIG_INT, 0, AT(http_max_connections_per_address), "100", 0, 100000,
		"Connections from one IPv4 address or IPv6 /64, and unauthenticated requests from one source; 0: no limit." },
	{ "http.header_timeout", CONFIG_DURATION_MS, 0, AT(http_header_timeout_ms), "10s", 10, 600000,
		"Deadline of a request's whole header." },
	{ "http.body_timeout", CONFIG_DURATION_MS, 0, AT(http_body_timeout_ms), "30s", 10, 600000,
		"Deadline of a request's whole body." },
	{ "http.idle_timeout", CONFIG_DURATION_MS, 0, AT(http_idle_timeout_ms), "75s", 10, 3600000,
		"Time between two requests of a connection, and for sending an answer." },
	{ "http.trusted_proxies", CONFIG_LIST, CONFIG_LIVE, AT(http_trusted_proxies), NULL, 0, 0,
		"Networks (10.0.0.0/8) whose X-Forwarded-For is trusted, and whose connections are not limited per address." },
	{ "request.deadline", CONFIG_DURATION_MS, 0, AT(request_deadline_ms), "8s", 100, 600000,
		"503 when Kafka has not acknowledged by then; bridges time out after 10 s." },
	{ "drain.timeout", CONFIG_DURATION_MS, 0, AT(drain_timeout_ms), "10s", 0, 600000,
		"How long requests in flight may take to finish after SIGTERM." },
	{ "limits.bytes_in_flight", CONFIG_BYTES, 0, AT(limits_bytes_in_flight), "256M", 16777216, 68719476736,
		"Memory for received bodies and what is made of them; an eighth for one unauthenticated source; 503 beyond." },
	{ "limits.failures_per_minute", CONFIG_INT, CONFIG_LIVE, AT(limits_failures_per_minute), "60", 1, 1000000,
		"Failed authentications per source address; 429 beyond." },
	{ "limits.account_rate", CONFIG_INT, CONFIG_LIVE, AT(limits_account_rate), "1000", 0, 1000000,
		"Events per second of one account; 16 KiB of body count as one more; 0: no limit." },
	{ "limits.account_burst", CONFIG_INT, CONFIG_LIVE, AT(limits_account_burst), "2000", 1, 1000000,
		"Burst of events of one account. One request may exceed it; later ones get 429 until that has refilled." },
	{ "limits.sync_rate", CONFIG_INT, CONFIG_LIVE, AT(limits_sync_rate), "10", 1, 1000000,
		"Chats per second of one account's initial sync." },
	{ "limits.sync_burst", CONFIG_INT, CONFIG_LIVE, AT(limits_sync_burst), "500", 50, 1000000,
		"Burst of chats: one full sync. With 50, one batch, live messages are not delayed by a sync." },
	POSTGRES_KEYS(AT(postgres), "5s"),
	KEYRING_KEYS(AT(keyring), "secrets and QR codes"),
	{ "qr.ttl", CONFIG_DURATION_MS, 0, AT(qr_ttl_ms), "60s", 1000, 3600000, "How long a QR code is shown." },
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
