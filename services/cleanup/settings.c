/* The keys of cleanup's configuration; see settings.h. */
#include "cleanup/settings.h"

#include "cleanup/policy/window.h"

#include "http/guard.h"

#define AT(field) offsetof(struct cleanup_settings, field)

#define RUN_KEYS(name, at, every) \
	{ "jobs." name ".enabled", CONFIG_BOOL, CONFIG_LIVE, (at) + offsetof(struct job_settings, enabled), "true", 0, \
		0, "Whether the job " name " runs by itself; a request runs it in any case." }, \
		{ "jobs." name ".every", CONFIG_DURATION_MS, CONFIG_LIVE, \
			(at) + offsetof(struct job_settings, every_ms), (every), 100, 604800000, \
			"How often the job " name " begins." }

#define JOB_KEYS(name, at, every, after, after_help) \
	RUN_KEYS(name, at, every), \
	{ \
		"jobs." name ".after", CONFIG_DURATION_MS, CONFIG_LIVE, \
			(at) + offsetof(struct job_settings, after_ms), (after), 1000, 31536000000, (after_help) \
	}

const struct config_key cleanup_keys[] = {
	POSTGRES_KEYS(AT(postgres), "15s"),
	KEYRING_KEYS(AT(keyring), "the secrets of accounts and instances"),
	{ "lease.ttl", CONFIG_DURATION_MS, 0, AT(lease_ttl_ms), "15s", 1000, 300000,
		"How long this replica leads after its last renewal; after a kill another one takes over so much later." },
	{ "lease.renew", CONFIG_DURATION_MS, 0, AT(lease_renew_ms), "5s", 100, 100000,
		"How often the lease is renewed: at most a third of lease.ttl." },
	{ "lease.session_ttl", CONFIG_DURATION_MS, 0, AT(session_ttl_ms), "60s", 2000, 300000,
		"How long an instance of kind blazz runs its sessions after its last lease, in whole seconds; after seven sixths of it they may move." },
	{ "bridges.webhook_base", CONFIG_STRING, 0, AT(webhook_base), "", 0, 0,
		"Where bridges reach ingest (https://ingest.example.com): the base of the webhook URLs of sessions. Without it no session is created." },
	{ "providers.allow_http", CONFIG_BOOL, 0, AT(allow_http), "false", 0, 0,
		"Also call instances over plain http; only where the network in between is yours." },
	{ "providers.allowed_networks", CONFIG_LIST, 0, AT(allowed_networks), NULL, 0, 0,
		"Networks (10.0.0.0/8) of instances that may be called although they are not public." },
	{ "providers.ca_file", CONFIG_STRING, 0, AT(ca_file), NULL, 0, 0,
		"Certificates of the authorities to trust (PEM) instead of the system's." },
	{ "probe.interval", CONFIG_DURATION_MS, 0, AT(probe_interval_ms), "10s", 100, 20000,
		"How often each instance is probed; an instance of kind blazz gets its lease with it." },
	{ "list.interval", CONFIG_DURATION_MS, 0, AT(list_interval_ms), "55s", 500, 3600000,
		"How often each instance is asked for its sessions." },
	{ "meta.base_url", CONFIG_STRING, 0, AT(meta_base_url), "https://graph.facebook.com", 0, 0,
		"The Graph API of Meta." },
	{ "meta.version", CONFIG_STRING, 0, AT(meta_version), "v25.0", 0, 0, "Its version." },
	{ "meta.interval", CONFIG_DURATION_MS, 0, AT(meta_interval_ms), "1h", 100, 86400000,
		"How often Meta is asked whether an account can still be used." },
	{ "qr.interval", CONFIG_DURATION_MS, 0, AT(qr_interval_ms), "5s", 100, 60000,
		"How often the QR code of a WAHA session is fetched while it waits for its scan." },
	{ "qr.ttl", CONFIG_DURATION_MS, 0, AT(qr_ttl_ms), "60s", 1000, 3600000, "How long it is shown." },
	{ "health.interval", CONFIG_DURATION_MS, 0, AT(health_interval_ms), "5m", 100, 86400000,
		"How often the health of accounts is computed." },
	{ "resync.interval", CONFIG_DURATION_MS, 0, AT(resync_interval_ms), "60s", 100, 86400000,
		"How often accounts whose history is to be posted again are looked for." },
	{ "storage.root", CONFIG_STRING, 0, AT(storage_root), "", 0, 0,
		"A read-only mount of the files of all sessions. Without it they are not looked for." },
	{ "storage.interval", CONFIG_DURATION_MS, 0, AT(storage_interval_ms), "1d", 1000, 2592000000,
		"How often the files of each session are looked for." },
	{ "drain.timeout", CONFIG_DURATION_MS, 0, AT(drain_timeout_ms), "10s", 0, 25000,
		"How long calls in flight may take to end after SIGTERM." },
	JOB_KEYS("stale_qr", AT(stale_qr), "5m", "30m", "How long a QR code may wait to be scanned."),
	JOB_KEYS("disconnected", AT(disconnected), "1h", "24h",
		"How long an account may be disconnected or failed although it is desired connected."),
	JOB_KEYS("duplicates", AT(duplicates), "1h", "10m",
		"How long an account must not have been connected before it is deleted as a duplicate."),
	RUN_KEYS("retention", AT(retention), "1d"),
	{ "jobs.retention.sends", CONFIG_DURATION_MS, CONFIG_LIVE, AT(retention_sends_ms), "35d", 604800000,
		31536000000, "How long rows of single messages to send are kept after their last result." },
	{ "jobs.retention.campaigns", CONFIG_DURATION_MS, CONFIG_LIVE, AT(retention_campaigns_ms), "90d", 604800000,
		315360000000,
		"How long campaigns are kept, with their recipients, after they were completed or cancelled, or have failed." },
	RUN_KEYS("recount", AT(recount), "7d"),
	RUN_KEYS("orphans", AT(orphans), "1d"),
	RUN_KEYS("maintenance", AT(maintenance), "1h"),
	{ "jobs.maintenance.partitions_keep_days", CONFIG_INT, CONFIG_LIVE, AT(partitions_keep_days), "30", 1, 3650,
		"The age in days at which partitions are dropped: the largest attempts.keep_days of webhook-dispatcher and campaign-sender. Older ones are an alarm." },
	{ "jobs.maintenance.retries_keep", CONFIG_DURATION_MS, CONFIG_LIVE, AT(retries_keep_ms), "14d", 60000,
		31536000000,
		"The age at which finished retries are deleted: retry.keep of webhook-dispatcher. Ones that are an hour older are an alarm." },
	RUN_KEYS("backfill", AT(backfill), "10s"),
	JOB_KEYS("erasure", AT(erasure), "10s", "60s",
		"How long messages may still arrive in conversations of an erased contact; longer than cache.ttl of chat-sync."),
	JOB_KEYS("workspaces", AT(workspaces), "10s", "7d",
		"How long a deleted workspace can be restored; then its sessions are deleted, and after them its rows."),
	{ "jobs.workspaces.wait", CONFIG_DURATION_MS, CONFIG_LIVE, AT(workspaces_wait_ms), "10m", 0, 86400000,
		"How long after the deletion of its sessions began the rows of a workspace stay at least; longer than cache.ttl of chat-sync." },
	{ "jobs.window", CONFIG_STRING, 0, AT(jobs_window), "", 0, 0,
		"When heavy jobs (retention, recount, orphans) run by themselves, by local time (22:00-06:00, also over midnight); unset: at any time." },
	{ "jobs.duty", CONFIG_INT, CONFIG_LIVE, AT(jobs_duty), "25", 1, 100,
		"How much of the time jobs that work through rows may use, in percent; the rest are pauses." },
	{ 0 },
};

static int webhook_base_check(const char *base, struct err *err)
{
	struct str url = str_of(base);

	if (url.n == 0)
		return 0;
	if (!str_starts(url, STR("https://")) && !str_starts(url, STR("http://")))
		return err_set(err, ERR_INPUT, "config", "bridges.webhook_base is not an http or https URL");
	if (str_ends(url, STR("/")))
		return err_set(err, ERR_INPUT, "config", "bridges.webhook_base must not end with a slash");
	return 0;
}

int cleanup_settings_check(const void *settings, struct err *err)
{
	const struct cleanup_settings *s = settings;
	struct guard *guard = NULL;
	struct job_window window;
	int rc;

	if (keyring_setting_check(s->keyring, err) < 0 || webhook_base_check(s->webhook_base, err) < 0)
		return -1;
	if (!job_window_parse(str_of(s->jobs_window), &window))
		return err_set(err, ERR_INPUT, "config", "jobs.window is not of the form 22:00-06:00");
	if (s->lease_renew_ms * 3 > s->lease_ttl_ms)
		return err_set(err, ERR_INPUT, "config", "lease.renew is more than a third of lease.ttl");
	if (s->session_ttl_ms % 1000 != 0)
		return err_set(err, ERR_INPUT, "config", "lease.session_ttl is not in whole seconds");
	if (s->probe_interval_ms * 3 > s->session_ttl_ms)
		return err_set(err, ERR_INPUT, "config", "probe.interval is more than a third of lease.session_ttl");
	if (guard_new(&guard, s->allowed_networks, s->allow_http, err) < 0)
		return err_wrap(err, "providers.allowed_networks");
	rc = guard_check_url(guard, str_of(s->meta_base_url), err);
	guard_free(guard);
	return rc < 0 ? err_wrap(err, "meta.base_url") : 0;
}
