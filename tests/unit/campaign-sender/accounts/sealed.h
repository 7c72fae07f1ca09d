/* What the tests of accounts share: a cache over a migrated database, with sealed secrets. */
#ifndef CAMPAIGN_SENDER_SEALED_H
#define CAMPAIGN_SENDER_SEALED_H

#include "../../store/sending.h"
#include "campaign-sender/accounts/account_cache.h"
#include "crypto/sealed_row.h"

#define KEY       "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define OTHER_KEY "k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHx8=\n"
#define ACCOUNT_1 "00000000-0000-4000-8000-000000000011"
#define ACCOUNT_2 "00000000-0000-4000-8000-000000000012"
#define ACCOUNT_3 "00000000-0000-4000-8000-000000000013"

static struct account_cache *cache;

static inline struct keyring *keyring_of(const char *text)
{
	struct keyring *k = NULL;

	assert_int_equal(keyring_parse(&k, str_of(text), &db.err), 0);
	return k;
}

/* Seals secrets into the row with this uuid by the statement, whose arguments they are. */
static inline void seal_into(const char *sql, const char *what, const char *uuid, const char *secrets)
{
	struct keyring *k = keyring_of(KEY);
	const struct uuid row = uuid_of(uuid);
	struct buf sealed = BUF_INIT;
	struct pg_args *args = pg_args_new();

	assert_int_equal(row_seal(k, what, &row, str_of(secrets), &sealed, &db.err), 0);
	pg_arg_bytea(args, buf_str(&sealed));
	pg_arg_uuid(args, &row);
	pg_rows_free(query(db.admin, sql, args));
	pg_args_free(args);
	buf_fini(&sealed);
	keyring_free(k);
}

static inline void account_seal(const char *account, const char *secrets)
{
	seal_into("UPDATE whatsapp_accounts SET secrets = $1::bytea WHERE uuid = $2::uuid", "account", account,
		secrets);
}

static inline void instance_seal(const char *instance, const char *secrets)
{
	seal_into("UPDATE instances SET secrets = $1::bytea WHERE uuid = $2::uuid", "instance", instance, secrets);
}

static inline void cache_new(const char *keys, const struct guard *guard)
{
	struct keyring *k = keyring_of(keys);

	cache = account_cache_new(&(struct account_cache_options){
		.keyring = &k,
		.guard = guard,
		.limits = { .meta_per_second = 80,
			.bridge_per_minute = 60,
			.bridge_burst = 5,
			.bridge_per_hour = 1000 },
		.meta_base_url = "https://graph.example",
		.meta_version = "v25.0",
		.partitions = 24,
	});
}

static inline void cache_load(int64_t workspace)
{
	done(account_cache_load(cache, db.pg, &workspace, 1, &db.err));
}

static inline void cache_load_id(const char *account)
{
	const struct uuid id = uuid_of(account);

	done(account_cache_load_ids(cache, db.pg, &id, 1, &db.err));
}

static inline const struct account *cache_find(const char *account)
{
	const struct uuid id = uuid_of(account);

	return account_cache_find_uuid(cache, &id);
}

#endif
