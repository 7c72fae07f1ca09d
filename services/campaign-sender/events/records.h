/* The records that campaign-sender publishes, into the outbox of an open transaction (worker/owner_tx.h): to inbound what became of
 * messages and accounts, to chat-event what became of campaigns, to campaign-command pauses of its own.
 *
 * Each takes the partition under whose fence it is emitted, included in tx. */
#ifndef CAMPAIGN_SENDER_RECORDS_H
#define CAMPAIGN_SENDER_RECORDS_H

#include "campaign-sender/accounts/account.h"
#include "campaign-sender/content/outgoing.h"
#include "kafka/topics.h"
#include "store/campaigns.h"
#include "wire/inbound.h"
#include "worker/owner_tx.h"

struct record_target {
	struct owner_tx *tx;
	struct topic_partition partition;
	const struct topic_names *topics;
	int64_t now_ms;
};

/* Dispatch: the message was sent, failed or is unknown. Reactions that were sent become a reaction, others and read markers
 * nothing. A message that cannot be published (too large) is logged, and its row keeps its result. */
struct dispatch_record {
	const struct account *account; /* that sent it, or stands for its workspace */
	const struct outgoing *outgoing;
	const struct sending_template *template; /* NULL: not known */
	enum dispatch_outcome outcome;
	struct provider_error error; /* of a failed one */
	struct str key, provider_id, wa_id; /* of a sent one */
	int64_t at_ms;
};
void record_dispatch(const struct record_target *to, const struct dispatch_record *d, struct arena *a);

/* The account's session as its provider sees it: disconnected (reason error, details our word), or connected again. */
void record_session(const struct record_target *to, const struct account *account, bool connected, struct str details,
	struct arena *a);
/* Someone stopped (or resumed) marketing: by word, or as 131050 says. */
void record_opt_out(const struct record_target *to, const struct account *account, struct str address,
	struct str category, bool stop, int64_t at_ms, struct arena *a);

/* CampaignCommand PAUSE or RESUME with a reason. */
struct campaign_pause {
	struct uuid workspace, campaign;
	struct str code, reason; /* code: the provider's or our word; reason: a sentence for people */
	bool resume;
};
void record_campaign_command(const struct record_target *to, const struct campaign_pause *p, struct arena *a);
/* campaign.started, .paused, .resumed, .progress, .completed, .cancelled, .failed */
struct campaign_news {
	struct uuid workspace, campaign;
	const char *what; /* "started", ... */
	struct str code, reason;
	struct campaign_counters counters;
};
void record_campaign(const struct record_target *to, const struct campaign_news *n, struct arena *a);

#endif
