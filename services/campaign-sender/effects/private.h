/* Private to effects/: what is collected until it is written. */
#ifndef CAMPAIGN_SENDER_EFFECTS_PRIVATE_H
#define CAMPAIGN_SENDER_EFFECTS_PRIVATE_H

#include "campaign-sender/effects/effects.h"

struct effect_account {
	int64_t workspace_id, account_id;
};

struct effect_hold {
	struct send_hold hold;
	const char *reason; /* our word, static */
	bool alert, disconnected;
};

struct effect_wait {
	struct effect_account account;
	enum account_scope scope;
	int64_t at_us;
};

struct effect_opt_out {
	struct effect_account account;
	struct str address;
	int64_t at_us;
};

struct effect_warning {
	struct uuid campaign;
	const char *reason; /* static */
	struct str code;
};

struct effects {
	struct arena *arena;
	struct effect_hold *holds; /* one an account: the longest */
	struct effect_wait *waits; /* one an account and scope */
	struct effect_account *connected;
	struct campaign_pause *pauses; /* one a campaign: the first */
	struct effect_opt_out *opt_outs;
	struct undeliverable_row *undeliverable; /* one an address */
	struct effect_warning *warnings; /* one a campaign and reason */
	size_t n_holds, n_waits, n_connected, n_pauses, n_opt_outs, n_undeliverable, n_warnings;
	size_t cap_holds, cap_waits, cap_connected, cap_pauses, cap_opt_outs, cap_undeliverable, cap_warnings;
};

#endif
