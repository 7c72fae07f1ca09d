/* See account_read.h. */
#include "campaign-sender/accounts/account_read.h"

#include <stdio.h>

#include "base/log.h"
#include "kafka/partition.h"
#include "store/secrets.h"

static int32_t partition_read(const struct sending_account *row, int32_t partitions)
{
	char workspace[37], account[37], key[2 * 37];
	int n;

	if (partitions <= 0)
		return -1;
	uuid_format(&row->workspace, workspace);
	uuid_format(&row->uuid, account);
	n = snprintf(key, sizeof(key), "%s:%s", workspace, account);
	return kafka_partition_of((struct str){ key, (size_t)n }, partitions);
}

/* Meta reports a session only when it refuses the token, so an account of which nothing else is known is connected. */
static bool connected_read(const struct sending_account *row)
{
	if (str_is(row->status, "connected"))
		return true;
	return row->provider == PROVIDER_META &&
		(row->status_at_us == PG_NO_TIME || row->desired_us > row->status_at_us);
}

static struct provider_account from_read(const struct sending_account *row, const struct account_cache_options *options,
	struct arena *a)
{
	bool meta = row->provider == PROVIDER_META;
	bool by_ref = row->bridge != BRIDGE_BLAZZ && row->provider_ref.n > 0;

	return (struct provider_account){
		.provider = row->provider,
		.bridge = meta ? BRIDGE_NONE : row->bridge,
		.uuid = row->uuid,
		.base_url = meta ? str_of(options->meta_base_url) : arena_str(a, row->instance_url),
		.version = meta ? str_of(options->meta_version) : STR_NONE,
		.phone_number_id = arena_str(a, row->phone_number_id),
		.session = arena_str(a, by_ref ? row->provider_ref : row->session_id),
	};
}

/* A bridge of our own contract is called with signed requests, any other provider with a token or an API key. */
static int secrets_use(struct account *out, struct signing_keys **signing, const struct secrets *s, struct err *err)
{
	if (out->from.bridge != BRIDGE_BLAZZ) {
		out->from.key = s->access_token;
		out->secrets_open = s->access_token.n > 0;
		return 0;
	}
	if (s->signing_keys.n == 0)
		return 0;
	if (signing_keys_of(signing, s->signing_keys.items, s->signing_keys.n, err) < 0)
		return -1;
	out->from.signing = *signing;
	out->secrets_open = true;
	return 0;
}

static int own_secrets_read(struct account *out, struct signing_keys **signing, const struct sending_account *row,
	const struct keyring *keyring, struct arena *a, struct err *err)
{
	struct secrets secrets;

	if (store_secrets_open(&secrets, keyring, SEALED_ACCOUNT, &row->uuid, row->secrets, SECRETS_SEND, a, err) < 0)
		return -1;
	return secrets_use(out, signing, &secrets, err);
}

/* The API key of the instance. An instance of our own contract is called with its key about sessions only, never about messages. */
static int instance_secrets_read(struct account *out, const struct sending_account *row, const struct keyring *keyring,
	struct arena *a, struct err *err)
{
	struct secrets secrets;

	if (row->bridge == BRIDGE_BLAZZ || row->instance_secrets.n == 0)
		return 0;
	if (store_secrets_open(&secrets, keyring, SEALED_INSTANCE, &row->instance, row->instance_secrets, SECRETS_SEND,
		    a, err) < 0)
		return -1;
	out->from.key = secrets.access_token;
	out->secrets_open = secrets.access_token.n > 0;
	return 0;
}

/* Secrets of the account that cannot be opened are not replaced by the instance's. */
static void secrets_read(struct account *out, struct signing_keys **signing, const struct sending_account *row,
	const struct keyring *keyring, struct arena *a)
{
	struct err err = { 0 };

	if (row->deleted)
		return;
	if (own_secrets_read(out, signing, row, keyring, a, &err) < 0)
		log_error("account's secrets cannot be opened", LOG_I("account_id", row->id), LOG_ERR(&err));
	else if (!out->secrets_open && instance_secrets_read(out, row, keyring, a, &err) < 0)
		log_error("secrets of the account's instance cannot be opened", LOG_I("account_id", row->id),
			LOG_ERR(&err));
}

static void host_read(struct account *out, const struct guard *guard)
{
	struct err err = { 0 };

	if (out->from.base_url.n == 0 || out->deleted)
		return;
	out->host_allowed = !guard || guard_host(guard, out->from.base_url, &out->host, &err) == 0;
	if (!out->host_allowed)
		log_error("account's host is not allowed", LOG_I("account_id", out->id), LOG_ERR(&err));
}

static void limits_read(struct account *out, const struct sending_account *row, const struct limit_defaults *defaults)
{
	struct json_doc *doc = NULL;
	bool parsed = row->limits.n > 0 && json_parse(&doc, row->limits, NULL) == 0;

	limits_of(&out->limits, defaults, row->provider == PROVIDER_WEBJS, parsed ? json_root(doc) : NULL);
	json_free(doc);
}

void account_read(struct account *out, struct signing_keys **signing, const struct sending_account *row,
	const struct account_cache_options *options, const struct keyring *keyring, struct arena *a)
{
	*signing = NULL;
	*out = (struct account){
		.workspace_id = row->workspace_id,
		.id = row->id,
		.workspace = row->workspace,
		.uuid = row->uuid,
		.partition = partition_read(row, options->partitions),
		.api = provider_find(row->provider, row->bridge),
		.from = from_read(row, options, a),
		.phone_number = arena_str(a, row->phone_number),
		.waba_id = arena_str(a, row->waba_id),
		.business_id = arena_str(a, row->business_id),
		.app = arena_str(a, row->app),
		.portfolio_per_day = row->portfolio_per_day,
		.is_primary = row->is_primary,
		.deleted = row->deleted,
		.desired = row->desired_connected,
		.connected = connected_read(row),
		.desired_us = row->desired_us,
		.held_at_us = row->held_at_us,
		.held_until_us = row->held_until_us,
		.held_code = arena_str(a, row->held_code),
		.health_score = row->health_score,
		.created_us = row->created_us,
	};
	limits_read(out, row, &options->limits);
	host_read(out, options->guard);
	if (out->api)
		secrets_read(out, signing, row, keyring, a);
}
