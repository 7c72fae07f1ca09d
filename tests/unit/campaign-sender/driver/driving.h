/* What the tests of the driver against PostgreSQL share: a driver without Kafka on a session of its own, three accounts that can
 * send, commands as the wire brings them, and what is published. ../../store/db.h has the tenants.
 *
 * Workspace 1 has the accounts 1 (waha, primary), 2 (evolution) and 4 (Meta), and the campaign 1. */
#ifndef DRIVING_H
#define DRIVING_H

#include "unit.h"

#include "../../store/db.h"
#include "base/log.h"
#include "campaign-sender/driver/driver.h"
#include "campaign-sender/stats.h"
#include "crypto/sealed_row.h"
#include "wire/chat_event.h"
#include "wire/outbound.h"
#include "worker/batch.h"
#include "worker/owner_private.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define WORKSPACE "00000000-0000-4000-8000-000000000001"
#define CAMPAIGN  "00000000-0000-4000-8000-0000000000c1"
#define OTHER     "00000000-0000-4000-8000-0000000000c2"
#define GROUP_A   "00000000-0000-4000-8000-0000000000d1"
#define GROUP_B   "00000000-0000-4000-8000-0000000000d2"
#define GROUP_C   "00000000-0000-4000-8000-0000000000d3"
#define KEY       "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

enum { OUTBOUND, COMMANDS, CHAT_EVENTS };
static const struct topic_partition partition_three = { COMMANDS, 3 };

static struct {
	struct sender_settings settings;
	struct topic_names topics;
	struct shared shared;
	struct driver *driver;
	struct slot_state slot;
	struct owner owner;
	struct batch *batch;
	int64_t offset;
	char published[2000]; /* the last transaction's events: "started", "paused:code" */
	char reason[2000]; /* of the last of them */
	size_t dead;
} on;

static const struct worker_options driving_options = {
	.owner = { .consumer = "campaign-sender",
		.topics = { { .name = "t.outbound", .dlq = "t.outbound.dlq" },
			{ .name = "t.campaign-command", .dlq = "t.campaign-command.dlq" },
			{ .name = "t.chat-event.v1", .dlq = "t.chat-event.dlq" } } },
	.batch_max_events = 1000,
	.batch_max_bytes = INT64_MAX
};

static inline int decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	return driver_decode(ctx, m, a, decoded, err);
}
static const struct worker_ops driving_ops = { .decode = decode };

/* Secrets and a host, so that it can be used. */
static inline void account_seal(const struct keyring *k, int64_t id, const char *uuid)
{
	const struct uuid u = uuid_of(uuid);
	struct buf sealed = BUF_INIT, sql = BUF_INIT;

	done(row_seal(k, "account", &u, STR("{\"access_token\": \"t\"}"), &sealed, &db.err));
	buf_printf(&sql, "UPDATE whatsapp_accounts SET secrets = '\\x");
	for (size_t i = 0; i < sealed.n; i++)
		buf_printf(&sql, "%02x", (unsigned)(unsigned char)sealed.p[i]);
	buf_printf(&sql, "' WHERE id = %lld", (long long)id);
	buf_add_char(&sql, '\0');
	execute(db.admin, sql.p);
	buf_fini(&sql);
	buf_fini(&sealed);
}

#define USABLE \
	"UPDATE whatsapp_accounts SET desired_state = 'connected', status = 'connected', is_primary = id = 1, deleted_at = NULL," \
	" assigned_instance_url = 'http://bridge' || id WHERE workspace_id = 1"

static inline struct keyring *accounts_arrange(void)
{
	struct keyring *k = NULL;

	done(keyring_parse(&k, STR(KEY), &db.err));
	db_script(
		"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, phone_number_id, waba_id) VALUES"
		" (1, 4, '00000000-0000-4000-8000-000000000014', 's4', 'meta', 'pn4', 'wb')");
	account_seal(k, 1, "00000000-0000-4000-8000-000000000011");
	account_seal(k, 2, "00000000-0000-4000-8000-000000000012");
	account_seal(k, 4, "00000000-0000-4000-8000-000000000014");
	return k;
}

static inline int driving_start(void **state)
{
	struct keyring *k;

	log_set_level(LOG_ERROR);
	stats_init();
	if (db_start(state) < 0)
		return -1;
	pg_close(&db.pg);
	db.pg = db_session(SENDER);
	k = accounts_arrange();
	on.settings = (struct sender_settings){ .campaign_chunk = 2, .misfire_ms = 3600000 };
	topic_names_make(&on.topics, "t");
	on.shared = (struct shared){ .settings = &on.settings,
		.topics = &on.topics,
		.accounts = account_cache_new(&(struct account_cache_options){ .keyring = &k,
			.limits = { 80, 60, 5, 1000 },
			.meta_base_url = "https://graph.example",
			.meta_version = "v21.0",
			.partitions = 24 }),
		.campaigns = campaign_cache_new(),
		.outbound = OUTBOUND,
		.commands = COMMANDS,
		.chat_events = CHAT_EVENTS,
		.outbound_partitions = 24 };
	on.driver = driver_new(&on.shared);
	on.slot = (struct slot_state){ .partition = partition_three,
		.progress = { "t.campaign-command", 3, 1, 0, PROGRESS_NO_OFFSET } };
	on.owner = (struct owner){ .pg = db.pg, .state = OWNER_RUNNING, .slots = &on.slot, .n_slots = 1 };
	owner_topics_set(&on.owner, &driving_options.owner);
	owner_metrics_init(&on.owner);
	on.batch = batch_new(&driving_options, &on.owner);
	return 0;
}

static inline int driving_stop(void **state)
{
	batch_free(on.batch);
	driver_free(on.driver);
	campaign_cache_free(on.shared.campaigns);
	account_cache_free(on.shared.accounts);
	return db_stop(state);
}

/* Two groups that have 628110 in common; contact 17 was merged into 10, and its number leads there. 628111 has stopped, 628113 has
 * no value for var.day, the LID has no number. */
#define AUDIENCE \
	"INSERT INTO contacts (workspace_id, id, source_type, first_name, phone, match_key) SELECT 1, g, 'webjs', 'N' || g, '+6281' || g," \
	" '6281' || g FROM generate_series(10, 12) g;" \
	"INSERT INTO contacts (workspace_id, id, source_type, merged_into) VALUES (1, 17, 'webjs', 10);" \
	"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) VALUES (1, 10, 'phone', '628110'), (1, 11, 'phone', '628111')," \
	" (1, 12, 'phone', '628112'), (1, 10, 'phone', '628117');" \
	"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 11, 'all', now());" \
	"INSERT INTO contact_groups (workspace_id, id, uuid, name) VALUES (1, 1, '" GROUP_A \
	"', 'a'), (1, 2, '" GROUP_B "', 'b'), (1, 3, '" GROUP_C "', 'empty');" \
	"INSERT INTO contact_group_members (workspace_id, group_id, address, variables) VALUES (1, 1, '628110', '{\"day\": \"Monday\"}')," \
	" (1, 1, '628111', '{\"day\": \"x\"}'), (1, 1, '628112', '{\"day\": \"Tuesday\"}'), (1, 1, '628113', '{}')," \
	" (1, 2, '628110', '{\"day\": \"another\"}'), (1, 2, '628117', '{\"day\": \"Friday\"}'), (1, 2, '628118', '{\"day\": \"Friday\"}'), (1, 2, 'bsuid:ID.1', '{\"day\": \"x\"}')"
#define CAMPAIGN_ROW \
	"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, preferred_provider, audience, body_text) VALUES (1, 1, '" CAMPAIGN \
	"', 'c', 'instant', 'webjs', '{\"groups\": [\"" GROUP_A "\", \"" GROUP_B \
	"\"]}', 'Hi {{contact.first_name|there}}, on {{var.day}}')"

/* A setup for each test. */
static inline int driving_empty(void **state)
{
	db_empty(state);
	db_script(USABLE);
	db_script(AUDIENCE);
	db_script(CAMPAIGN_ROW);
	account_cache_clear(on.shared.accounts);
	campaign_cache_clear(on.shared.campaigns);
	driver_lost(on.driver);
	on.settings.campaign_chunk = 2;
	return 0;
}

static inline void published_add(const struct record_view *v)
{
	struct chat_event e;
	size_t at = strlen(on.published);
	const struct ce_campaign *c = &e.u.campaign;

	if (str_is(v->topic, "t.campaign-command.dlq"))
		on.dead++;
	if (!str_is(v->topic, "t.chat-event.v1"))
		return;
	done(chat_event_decode(&e, v->value, db.arena, &db.err));
	assert_int_equal(e.kind, CE_CAMPAIGN);
	snprintf(on.published + at, sizeof(on.published) - at, "%s%.*s%s%.*s", at ? " " : "", STR_ARG(c->kind),
		c->code.n > 0 ? ":" : "", STR_ARG(c->code));
	snprintf(on.reason, sizeof(on.reason), "%.*s", STR_ARG(c->reason));
}

static inline void published_read(void)
{
	const struct tx_partition *share = owner_tx_partition(on.batch->tx, partition_three);
	struct str row = arena_str(db.arena, buf_str(&share->out.records));
	struct record_view v;
	size_t at = 0;

	on.published[0] = on.reason[0] = '\0';
	on.dead = 0;
	while (records_next(row, &at, &v, &db.err) == 1)
		published_add(&v);
}

static inline void driving_begin(void)
{
	done(owner_tx_include(on.batch->tx, partition_three, &db.err));
	done(pg_begin(db.pg, &db.err));
}

static inline void driving_commit(void)
{
	done(pg_commit(db.pg, &db.err));
	driver_committed(on.driver);
	published_read();
}

/* One command in a batch of its own; returns its outcome. `code`: NULL of a user's. */
static inline enum outcome command(const char *campaign, enum campaign_action action, const char *code, int64_t at_ms)
{
	struct campaign_command c = { .workspace = uuid_of(WORKSPACE),
		.campaign = uuid_of(campaign),
		.request = uuid_of(WORKSPACE),
		.action = action,
		.requested_at_ms = at_ms,
		.code = str_of(code),
		.reason = code ? STR("because") : STR_NONE };
	struct kafka_message m = { .topic = COMMANDS, .partition = 3, .offset = on.offset++, .timestamp_ms = at_ms };
	struct buf value = BUF_INIT;
	struct batch_item *item;

	batch_reset(on.batch);
	done(campaign_command_encode(&c, &value, &db.err));
	m.key = STR("k");
	m.value = arena_str(db.arena, buf_str(&value));
	buf_fini(&value);
	batch_add(on.batch, &m, &driving_ops, on.driver);
	item = &on.batch->items[0];
	assert_non_null(item->decoded);
	driving_begin();
	done(driver_apply(on.driver, on.batch->tx, &item, 1, &db.err));
	driving_commit();
	return item->outcome;
}

static inline enum outcome user(enum campaign_action action)
{
	return command(CAMPAIGN, action, NULL, clock_now_ms());
}

static inline void driving_sweep(void)
{
	batch_reset(on.batch);
	driving_begin();
	if (driver_sweep(on.driver, on.batch->tx, &partition_three, 1, &db.err) < 0)
		fail_msg("%s [%s]", db.err.msg, db.err.code);
	driving_commit();
}

/* commit false: rolled back, as by a crash. */
static inline bool driving_step(bool commit)
{
	int rc;

	batch_reset(on.batch);
	driving_begin();
	rc = driver_step(on.driver, on.batch->tx, &partition_three, 1, &db.err);
	if (rc < 0)
		fail_msg("%s [%s]", db.err.msg, db.err.code);
	if (commit) {
		driving_commit();
	} else {
		pg_rollback(db.pg);
		driver_rolled_back(on.driver);
	}
	return rc == 1;
}

static inline size_t driving_steps(void)
{
	size_t n = 0;

	while (driving_step(true))
		assert_true(n++ < 100);
	return n;
}

#define assert_campaign(what, want) \
	assert_text("SELECT (" what ")::text FROM campaigns WHERE workspace_id = 1 AND id = 1", want)

#endif
