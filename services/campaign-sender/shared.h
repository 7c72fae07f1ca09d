/* What the parts of campaign-sender that apply records share. Everything is borrowed. */
#ifndef CAMPAIGN_SENDER_SHARED_H
#define CAMPAIGN_SENDER_SHARED_H

#include "campaign-sender/accounts/account_cache.h"
#include "campaign-sender/campaigns/campaign_cache.h"
#include "campaign-sender/settings.h"
#include "kafka/topics.h"
#include "worker/worker.h"

struct shared {
	const struct sender_settings *settings;
	const struct topic_names *topics;
	struct account_cache *accounts;
	struct campaign_cache *campaigns;
	/* Indexes of the topics in owner_options.topics. */
	int32_t outbound, commands, chat_events;
	int32_t outbound_partitions; /* 24; known once partitions are assigned */
};

#endif
