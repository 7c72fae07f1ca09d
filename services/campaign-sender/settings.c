/* The keys of campaign-sender's configuration; see settings.h. */
#include "campaign-sender/settings.h"

#include "http/guard.h"

#define AT(field) offsetof(struct sender_settings, field)

const struct config_key sender_keys[] = {
	POSTGRES_KEYS(AT(postgres), "15s"),
	KEYRING_KEYS(AT(keyring), "accounts' secrets"),
	{ "meta.base_url", CONFIG_STRING, 0, AT(meta_base_url), "https://graph.facebook.com", 0, 0,
		"The Graph API of Meta." },
	{ "meta.version", CONFIG_STRING, 0, AT(meta_version), "v25.0", 0, 0, "Its version." },
	{ "providers.allow_http", CONFIG_BOOL, 0, AT(allow_http), "false", 0, 0,
		"Also send over plain http; only where the network in between is yours." },
	{ "providers.allowed_networks", CONFIG_LIST, 0, AT(allowed_networks), NULL, 0, 0,
		"Networks (10.0.0.0/8) of bridges that may be sent to although they are not public." },
	{ "providers.ca_file", CONFIG_STRING, 0, AT(ca_file), NULL, 0, 0,
		"Certificates of the authorities to trust (PEM) instead of the system's." },
	{ "providers.max_in_flight", CONFIG_INT, 0, AT(max_in_flight), "500", 1, 10000,
		"Requests in flight at most, of all accounts together: so many messages may be unknown after a kill." },
	{ "providers.threads", CONFIG_INT, 0, AT(threads), "1", 1, 64,
		"Threads that send requests, each for its share of the accounts; one further thread makes all decisions." },
	{ "providers.timeout", CONFIG_DURATION_MS, 0, AT(timeout_ms), "30s", 100, 120000,
		"Deadline of one request, from the look-up of the name to the last byte of the answer." },
	{ "flush.interval", CONFIG_DURATION_MS, 0, AT(flush_interval_ms), "20ms", 1, 5000,
		"How often results are written and campaigns' messages are begun; single messages do not wait for it." },
	{ "dispatch.max_delay", CONFIG_DURATION_MS, 0, AT(max_delay_ms), "5s", 100, 60000,
		"From the check of a message until its request begins at most; later it is not sent but checked again." },
	{ "unknown.after", CONFIG_DURATION_MS, 0, AT(unknown_after_ms), "15m", 1000, 86400000,
		"How long it is waited for evidence that an unknown message was sent before policy decides." },
	{ "limits.meta_per_second", CONFIG_INT, 0, AT(meta_per_second), "80", 1, 1000,
		"Messages a second of an account of Meta; metadata.sending of the account overrides it." },
	{ "limits.bridge_per_minute", CONFIG_INT, 0, AT(bridge_per_minute), "60", 1, 60000,
		"Messages a minute of an account of a bridge; overridden in the same way." },
	{ "limits.bridge_burst", CONFIG_INT, 0, AT(bridge_burst), "5", 1, 1000, "Of them at once." },
	{ "limits.bridge_per_hour", CONFIG_INT, 0, AT(bridge_per_hour), "1000", 1, 1000000,
		"Messages an hour of an account of a bridge; overridden in the same way." },
	{ "campaign.chunk", CONFIG_INT, 0, AT(campaign_chunk), "2000", 1, 20000,
		"Recipients written in one transaction." },
	{ "campaign.misfire", CONFIG_DURATION_MS, 0, AT(misfire_ms), "6h", 1000, 604800000,
		"A campaign that is this much later than scheduled is paused instead of started." },
	{ "media.max_bytes", CONFIG_BYTES, 0, AT(media_max_bytes), "100M", 1024, 4294967296,
		"Largest media file of a single message, by the size that its request states; one that states none is sent." },
	{ "attempts.keep_days", CONFIG_INT, 0, AT(retention_days), "30", 1, 3650,
		"How long attempts that did not succeed are kept, in days." },
	{ "drain.timeout", CONFIG_DURATION_MS, 0, AT(drain_timeout_ms), "20s", 0, 25000,
		"How long requests in flight may take to end after SIGTERM." },
	{ "batch.max_events", CONFIG_INT, 0, AT(batch_max_events), "500", 1, 20000, "Records in one transaction." },
	{ "batch.max_bytes", CONFIG_BYTES, 0, AT(batch_max_bytes), "4M", 1024, 67108864, "Bytes in one transaction." },
	{ "batch.linger", CONFIG_DURATION_MS, 0, AT(batch_linger_ms), "0", 0, 5000,
		"How long a batch waits for further records." },
	{ "batch.interval", CONFIG_DURATION_MS, 0, AT(batch_interval_ms), "20ms", 0, 5000,
		"How long after the beginning of a batch one of chat events alone begins at the earliest, unless it is full: larger batches cost less." },
	{ "outbox.max_outstanding", CONFIG_INT, 0, AT(outbox_max_outstanding), "16", 1, 1000,
		"While this many outbox rows of a partition are not acknowledged by Kafka, nothing is applied or sent." },
	OWNER_KEYS(AT(owner)),
	{ 0 },
};

int sender_settings_check(const void *settings, struct err *err)
{
	const struct sender_settings *s = settings;
	struct guard *guard = NULL;

	if (keyring_setting_check(s->keyring, err) < 0)
		return -1;
	if (guard_new(&guard, s->allowed_networks, s->allow_http, err) < 0)
		return err_wrap(err, "providers.allowed_networks");
	if (guard_check_url(guard, str_of(s->meta_base_url), err) < 0) {
		guard_free(guard);
		return err_wrap(err, "meta.base_url");
	}
	guard_free(guard);
	return 0;
}
