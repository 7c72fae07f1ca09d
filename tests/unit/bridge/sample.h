/* An instance of each kind, a session, and a call about it. */
#ifndef BRIDGE_SAMPLE_H
#define BRIDGE_SAMPLE_H

#include "unit.h"

#include <string.h>

#include "bridge/answer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW_MS   INT64_C(1767225600123)
#define SECRET   "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static const struct str account_keys[] = { { "whsec_one", 9 }, { "whsec_two", 9 } };

static inline struct bridge_instance sample_instance(enum bridge_kind kind, const struct signing_keys *signing)
{
	return (struct bridge_instance){
		.kind = kind,
		.uuid = { { 0x0b, 0x8e } },
		.url = STR("http://bridge:3000/wa/"),
		.key = STR("api-key"),
		.signing = kind == BRIDGE_BLAZZ ? signing : NULL,
	};
}

static inline struct bridge_call sample_call(enum bridge_action action)
{
	return (struct bridge_call){
		.action = action,
		.session = {
			.name = STR("sales-1"),
			.workspace = { { 0xab } },
			.epoch = 7,
			.webhook_url = STR("https://in.example.com/webhooks/x/1"),
			.webhook_secret = STR("secret"),
			.signing_keys = account_keys,
			.n_signing_keys = COUNT(account_keys),
		},
		.lease_ttl_s = 60,
	};
}

static inline struct signing_keys *sample_keys(void)
{
	const struct str secret = STR(SECRET);
	struct signing_keys *keys = NULL;
	struct err err;

	assert_int_equal(signing_keys_of(&keys, &secret, 1, &err), 0);
	return keys;
}

#endif
