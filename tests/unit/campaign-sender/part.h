/* What the tests of parts that apply records share: the caches, accounts with which can be sent, and what a batch emitted. */
#ifndef CAMPAIGN_SENDER_PART_H
#define CAMPAIGN_SENDER_PART_H

#include "unit.h"

#include "../store/sending.h"
#include "../worker/applier.h"
#include "base/log.h"
#include "campaign-sender/shared.h"
#include "campaign-sender/stats.h"
#include "crypto/sealed_row.h"
#include "wire/inbound.h"
#include "wire/outbound.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define WORKSPACE "00000000-0000-4000-8000-000000000001"
#define KEY       "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

static const char *const account_ids[] = { "", "00000000-0000-4000-8000-000000000011",
	"00000000-0000-4000-8000-000000000012", "00000000-0000-4000-8000-000000000013",
	"00000000-0000-4000-8000-000000000014" };

static struct shared shared;
static struct topic_names topics;
static struct applier applier;

static const struct worker_options sender_options = {
	.owner = { .consumer = "campaign-sender",
		.topics = { { .name = "t.outbound.v1", .dlq = "t.outbound.dlq" },
			{ .name = "t.chat-event.v1", .dlq = "t.chat-event.dlq" } } },
	.batch_max_events = 20000,
	.batch_max_bytes = INT64_MAX
};

/* What the last batch emitted. */
static struct {
	struct inbound_event inbound[100];
	struct campaign_command commands[100];
	struct record_view dead[100];
	size_t n_inbound, n_commands, n_dead;
} out;

static inline struct keyring *keyring_new(void)
{
	struct keyring *k = NULL;

	assert_int_equal(keyring_parse(&k, STR(KEY), &db.err), 0);
	return k;
}

static inline void secrets_seal(int account)
{
	struct keyring *k = keyring_new();
	const struct uuid row = uuid_of(account_ids[account]);
	struct buf sealed = BUF_INIT;
	struct pg_args *args = pg_args_new();

	assert_int_equal(row_seal(k, "account", &row, STR("{\"access_token\": \"t\"}"), &sealed, &db.err), 0);
	pg_arg_bytea(args, buf_str(&sealed));
	pg_arg_uuid(args, &row);
	pg_rows_free(query(db.admin, "UPDATE whatsapp_accounts SET secrets = $1::bytea WHERE uuid = $2::uuid", args));
	pg_args_free(args);
	buf_fini(&sealed);
	keyring_free(k);
}

/* Accounts 1 (waha), 2 (evolution) and 4 (Meta) can send; 1 is the primary. */
#define SENDING_ACCOUNTS \
	"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, phone_number_id, waba_id) VALUES" \
	" (1, 4, '00000000-0000-4000-8000-000000000014', 's4', 'meta', 'p4', 'w4');" \
	"UPDATE whatsapp_accounts SET assigned_instance_url = 'https://bridge.example' WHERE provider_type = 'webjs';" \
	"UPDATE whatsapp_accounts SET is_primary = true WHERE id = 1"

static inline void accounts_open(void)
{
	struct keyring *k = keyring_new();

	db_script(SENDING_ACCOUNTS);
	for (int i = 1; i <= 4; i++)
		secrets_seal(i);
	topic_names_make(&topics, "t");
	shared = (struct shared){ .topics = &topics,
		.accounts = account_cache_new(&(struct account_cache_options){ .keyring = &k,
			.meta_base_url = "https://graph.example",
			.meta_version = "v25.0",
			.partitions = 24 }),
		.campaigns = campaign_cache_new(),
		.chat_events = 1,
		.outbound_partitions = 24 };
}

static inline int part_open(void **state, const struct worker_ops *ops, int32_t topic)
{
	log_set_level(LOG_ERROR);
	stats_init();
	if (sending_start(state) < 0)
		return -1;
	accounts_open();
	applier = (struct applier){ .options = &sender_options, .ops = ops };
	applier_open(&applier, SENDER, (struct topic_partition){ topic, 1 });
	return 0;
}

static inline int part_close(void **state)
{
	applier_close(&applier);
	account_cache_free(shared.accounts);
	campaign_cache_free(shared.campaigns);
	return db_stop(state);
}

/* A setup for each test: no rows but the tenants', every account connected since before 2026, nothing cached. */
static inline int part_empty(void **state)
{
	int rc = db_empty(state);

	execute(db.admin,
		"UPDATE whatsapp_accounts SET status = 'connected', desired_state = 'connected', desired_at = '2025-12-31Z', deleted_at = NULL");
	execute(db.admin, "UPDATE workspaces SET settings = '{}'");
	account_cache_clear(shared.accounts);
	campaign_cache_clear(shared.campaigns);
	memset(&out, 0, sizeof(out));
	return rc;
}

static inline void out_add(const struct record_view *v)
{
	if (str_is(v->topic, topics.of[TOPIC_INBOUND])) {
		done(inbound_decode(&out.inbound[out.n_inbound++], v->value, db.arena, &db.err));
	} else if (str_is(v->topic, topics.of[TOPIC_CAMPAIGN_COMMAND])) {
		done(campaign_command_decode(&out.commands[out.n_commands++], v->value, db.arena, &db.err));
	} else {
		assert_true(str_ends(v->topic, STR(".dlq")));
		out.dead[out.n_dead++] = *v;
	}
}

static inline void out_read(void)
{
	size_t n, at = 0;
	struct str row = applier_records(&applier, &n);
	struct record_view v;

	memset(&out, 0, sizeof(out));
	assert_true(n <= 100);
	while (records_next(row, &at, &v, &db.err) == 1)
		out_add(&v);
}

/* One batch of records that were received, committed, and what it emitted read. */
static inline void batch_commit(void)
{
	applier_commit(&applier);
	out_read();
}

static inline struct str dead_header(size_t i, const char *name)
{
	return header_find(out.dead[i].headers, out.dead[i].n_headers, name);
}

static inline enum outcome outcome_of(size_t i)
{
	return applier.batch->items[i].outcome;
}

#endif
