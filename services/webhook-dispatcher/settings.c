/* The keys of webhook-dispatcher's configuration; see settings.h. */
#include "webhook-dispatcher/settings.h"

#include "http/guard.h"
#include "pacing/share.h"

#define AT(field) offsetof(struct dispatcher_settings, field)

const struct config_key dispatcher_keys[] = {
	POSTGRES_KEYS(AT(postgres), "15s"),
	KEYRING_KEYS(AT(keyring), "endpoints' secrets"),
	{ "webhooks.allow_http", CONFIG_BOOL, 0, AT(allow_http), "false", 0, 0,
		"Plain http is delivered to, too; only where the network between is yours." },
	{ "webhooks.allowed_networks", CONFIG_LIST, 0, AT(allowed_networks), NULL, 0, 0,
		"Networks (10.0.0.0/8) that may be delivered to although they are not public." },
	{ "webhooks.ca_file", CONFIG_STRING, 0, AT(ca_file), NULL, 0, 0,
		"Certificates of the authorities to trust (PEM) instead of the system's." },
	{ "delivery.max_in_flight", CONFIG_INT, 0, AT(max_in_flight), "1000", 1, 20000,
		"Requests under way at once, all endpoints together." },
	{ "delivery.max_share", CONFIG_INT, 0, AT(max_share), "25", 1, SHARE_PERCENT_MAX,
		"Percent of delivery.max_in_flight for one workspace while others send; as much is kept free while one sends alone." },
	{ "delivery.max_lookups", CONFIG_INT, 0, AT(max_lookups), "32", 1, 256,
		"Names looked up at once, each on a thread of its own; max_share counts for them, too." },
	{ "delivery.threads", CONFIG_INT, 0, AT(threads), "1", 1, 64,
		"Threads that send, each with its share of the endpoints; one more decides what is sent." },
	{ "delivery.max_waiting", CONFIG_INT, 0, AT(endpoint_waiting), "256", 1, 100000,
		"Events of one partition that may wait in memory for one endpoint." },
	{ "window.max_events", CONFIG_INT, 0, AT(window_events), "4000", 1, 1000000,
		"Events of one partition that were read and still have deliveries to end." },
	{ "window.max_bytes", CONFIG_BYTES, 0, AT(window_bytes), "16M", 65536, 4294967296, "Memory for them." },
	{ "window.max_age", CONFIG_DURATION_MS, 0, AT(window_age_ms), "1s", 10, 60000,
		"How long one delivery may hold up a partition's offset; then it is kept in the retry queue, or its endpoint falls behind." },
	{ "flush.interval", CONFIG_DURATION_MS, 0, AT(flush_interval_ms), "50ms", 1, 5000,
		"How often what was delivered is written: what is repeated at most after a kill." },
	{ "retry.max_rows", CONFIG_INT, 0, AT(endpoint_rows), "1000", 1, 1000000,
		"Deliveries of one partition that may wait in the retry queue for one endpoint; beyond it falls behind." },
	{ "retry.claim_interval", CONFIG_DURATION_MS, 0, AT(claim_interval_ms), "250ms", 10, 60000,
		"How often due retries are looked for." },
	{ "retry.claim_max", CONFIG_INT, 0, AT(claim_max), "100", 1, 10000,
		"Due retries taken up at once, of each partition." },
	{ "retry.lease", CONFIG_DURATION_MS, 0, AT(lease_ms), "60s", 1000, 3600000,
		"How long a retry belongs to who took it up; longer than any endpoint's deadline." },
	{ "retry.keep", CONFIG_DURATION_MS, 0, AT(retries_keep_ms), "14d", 60000, 31536000000,
		"How long finished retries are kept." },
	{ "attempts.keep_days", CONFIG_INT, 0, AT(attempts_keep_days), "30", 1, 3650,
		"How long attempts are kept, in days." },
	{ "endpoint.disable_after", CONFIG_DURATION_MS, CONFIG_LIVE, AT(disable_after_ms), "5d", 100, 31536000000,
		"An endpoint whose every attempt failed for so long is disabled." },
	{ "breaker.failures", CONFIG_INT, 0, AT(breaker_failures), "10", 1, 10000,
		"Failures in a row after which an endpoint is left alone for a while, in one partition." },
	{ "breaker.min_pause", CONFIG_DURATION_MS, 0, AT(breaker_min_ms), "1s", 10, 3600000,
		"How long at first; then one delivery is tried." },
	{ "breaker.max_pause", CONFIG_DURATION_MS, 0, AT(breaker_max_ms), "1m", 10, 3600000,
		"How long at most, doubled with each try that fails." },
	{ "catch_up.rate", CONFIG_INT, 0, AT(catch_up_rate), "5000", 1, 1000000,
		"Records a second that are read again in one partition for endpoints that are behind." },
	{ "drain.timeout", CONFIG_DURATION_MS, 0, AT(drain_timeout_ms), "10s", 0, 25000,
		"Time that requests under way get to finish after SIGTERM." },
	OWNER_KEYS(AT(owner)),
	{ 0 },
};

int dispatcher_settings_check(const void *settings, struct err *err)
{
	const struct dispatcher_settings *s = settings;
	struct guard *guard = NULL;

	if (keyring_setting_check(s->keyring, err) < 0)
		return -1;
	if (guard_new(&guard, s->allowed_networks, s->allow_http, err) < 0)
		return err_wrap(err, "webhooks.allowed_networks");
	guard_free(guard);
	return 0;
}
