/* The keys of webhook-dispatcher's configuration; see settings.h. */
#include "webhook-dispatcher/settings.h"

#include "http/guard.h"
#include "pacing/share.h"

#define AT(field) offsetof(struct dispatcher_settings, field)

const struct config_key dispatcher_keys[] = {
	POSTGRES_KEYS(AT(postgres), "15s"),
	KEYRING_KEYS(AT(keyring), "endpoints' secrets"),
	{ "webhooks.allow_http", CONFIG_BOOL, 0, AT(allow_http), "false", 0, 0,
		"Also deliver to plain http; only where the network in between is yours." },
	{ "webhooks.allowed_networks", CONFIG_LIST, 0, AT(allowed_networks), NULL, 0, 0,
		"Networks (10.0.0.0/8) to which events may be delivered although they are not public." },
	{ "webhooks.ca_file", CONFIG_STRING, 0, AT(ca_file), NULL, 0, 0,
		"Certificates of the authorities to trust (PEM) instead of the system's." },
	{ "delivery.max_in_flight", CONFIG_INT, 0, AT(max_in_flight), "1000", 1, 20000,
		"Requests in flight at most, of all endpoints together." },
	{ "delivery.max_share", CONFIG_INT, 0, AT(max_share), "25", 1, SHARE_PERCENT_MAX,
		"Percentage of delivery.max_in_flight that one workspace may use while others send; as much stays free while it sends alone." },
	{ "delivery.max_lookups", CONFIG_INT, 0, AT(max_lookups), "32", 1, 256,
		"Name look-ups in flight at most, each on a thread of its own; delivery.max_share applies to them, too." },
	{ "delivery.threads", CONFIG_INT, 0, AT(threads), "1", 1, 64,
		"Threads that send requests, each for its share of the endpoints; one further thread makes all decisions." },
	{ "delivery.max_waiting", CONFIG_INT, 0, AT(endpoint_waiting), "256", 1, 100000,
		"Events of one partition that may wait in memory for one endpoint." },
	{ "window.max_events", CONFIG_INT, 0, AT(window_events), "4000", 1, 1000000,
		"Events of one partition in memory whose deliveries have not all ended." },
	{ "window.max_bytes", CONFIG_BYTES, 0, AT(window_bytes), "16M", 65536, 4294967296, "Memory for them." },
	{ "window.max_age", CONFIG_DURATION_MS, 0, AT(window_age_ms), "1s", 10, 60000,
		"How long one delivery may hold a partition's offset; after that it gets a row of the retry queue, or its endpoint falls behind." },
	{ "flush.interval", CONFIG_DURATION_MS, 0, AT(flush_interval_ms), "50ms", 1, 5000,
		"How often results are written to PostgreSQL; deliveries since the last time are repeated after a kill." },
	{ "retry.max_rows", CONFIG_INT, 0, AT(endpoint_rows), "1000", 1, 1000000,
		"Deliveries of one partition that may wait in the retry queue for one endpoint; with more, the endpoint falls behind." },
	{ "retry.claim_interval", CONFIG_DURATION_MS, 0, AT(claim_interval_ms), "250ms", 10, 60000,
		"How often due retries are claimed." },
	{ "retry.claim_max", CONFIG_INT, 0, AT(claim_max), "100", 1, 10000,
		"Due retries of each partition that are claimed at once." },
	{ "retry.lease", CONFIG_DURATION_MS, 0, AT(lease_ms), "60s", 1000, 3600000,
		"Lease of a claimed retry; must be longer than any endpoint's deadline." },
	{ "retry.keep", CONFIG_DURATION_MS, 0, AT(retries_keep_ms), "14d", 60000, 31536000000,
		"How long finished rows of the retry queue are kept." },
	{ "attempts.keep_days", CONFIG_INT, 0, AT(attempts_keep_days), "30", 1, 3650,
		"How long attempts are kept, in days." },
	{ "endpoint.disable_after", CONFIG_DURATION_MS, CONFIG_LIVE, AT(disable_after_ms), "5d", 100, 31536000000,
		"An endpoint is disabled when all attempts have failed for so long." },
	{ "breaker.failures", CONFIG_INT, 0, AT(breaker_failures), "10", 1, 10000,
		"Failures in a row after which the circuit breaker of an endpoint opens, in one partition." },
	{ "breaker.min_pause", CONFIG_DURATION_MS, 0, AT(breaker_min_ms), "1s", 10, 3600000,
		"First pause of an open circuit breaker; after it, one attempt is made." },
	{ "breaker.max_pause", CONFIG_DURATION_MS, 0, AT(breaker_max_ms), "1m", 10, 3600000,
		"Longest pause; each failed attempt doubles the pause up to it." },
	{ "catch_up.rate", CONFIG_INT, 0, AT(catch_up_rate), "5000", 1, 1000000,
		"Records a second that are read again in one partition for endpoints that are behind, and for replays." },
	{ "drain.timeout", CONFIG_DURATION_MS, 0, AT(drain_timeout_ms), "10s", 0, 25000,
		"How long requests in flight may take to end after SIGTERM." },
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
