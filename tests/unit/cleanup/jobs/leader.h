/* A leader of cleanup for tests of its jobs: a migrated database, the lease, and no Kafka: what is published waits in the outbox. */
#ifndef TESTS_CLEANUP_LEADER_H
#define TESTS_CLEANUP_LEADER_H

#include "cleanup/jobs/rows.h"

#include "../../store/db.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cleanup/stats.h"

#define PATIENCE_MS 20000

static struct service *service;
static struct lease *lease;
static struct topic_names topics;

static inline void leader_on_lost(void *ctx)
{
	(void)ctx;
}

static inline void leader_lease_hold(void)
{
	static const struct lease_ops ops = { .lost = leader_on_lost };
	const struct lease_options options = { .name = "cleanup",
		.holder = "test",
		.ttl_ms = 60000,
		.renew_interval_ms = 20000,
		.backoff_ms = 20,
		.max_message_bytes = 1 << 20,
		.pg = { .conninfo = db_conninfo(CLEANUP), .application_name = "test" } };

	done(lease_open(&lease, service, &options, &ops, NULL, &db.err));
	for (int64_t until = clock_mono_ms() + PATIENCE_MS; !lease_held(lease) && clock_mono_ms() < until;)
		done(lease_turn(lease, &db.err));
	assert_true(lease_held(lease));
}

static inline int leader_start(void **state)
{
	static char name[] = "cleanup", option[] = "-c", file[] = "/tmp/blazz-leader-XXXXXX";
	char *argv[] = { name, option, file, NULL };
	const struct service_spec spec = { .name = "cleanup", .summary = "for a test", .admin_listen = "127.0.0.1:0" };
	FILE *f;

	if (db_start(state) < 0)
		return -1;
	f = fdopen(mkstemp(file), "w");
	fprintf(f, "kafka: { bootstrap_servers = \"127.0.0.1:1\"; };\n");
	fclose(f);
	if (service_start(&service, &spec, 3, argv, &db.err) < 0)
		return -1;
	unlink(file);
	log_set_level(LOG_ERROR);
	stats_init();
	topic_names_make(&topics, "blazz");
	leader_lease_hold();
	return 0;
}

static inline int leader_stop(void **state)
{
	lease_close(&lease, 0);
	service_end(&service, NULL);
	return db_stop(state);
}

static inline struct record_target leader_target(void)
{
	return (struct record_target){ .lease = lease, .topics = &topics, .arena = db.arena, .now_ms = clock_now_ms() };
}

#endif
