/* See statements.h. */
#include "store/statements.h"

#define CHAT_SYNC  "blazz_chat_sync"
#define DISPATCHER "blazz_webhook_dispatcher"
#define CAMPAIGNS  "blazz_campaign_sender"

const struct statements_of_role statements_by_role[] = {
	{ CHAT_SYNC, progress_statements },
	{ CHAT_SYNC, outbox_statements },
	{ CHAT_SYNC, accounts_statements },
	{ CHAT_SYNC, contacts_statements },
	{ CHAT_SYNC, aliases_statements },
	{ CHAT_SYNC, opt_outs_statements },
	{ CHAT_SYNC, groups_statements },
	{ CHAT_SYNC, conversations_statements },
	{ CHAT_SYNC, conversations_merge_statements },
	{ CHAT_SYNC, messages_statements },
	{ CHAT_SYNC, receipts_statements },
	{ CHAT_SYNC, reactions_statements },
	{ CHAT_SYNC, sender_renames_statements },
	{ CHAT_SYNC, media_statements },
	{ CHAT_SYNC, parked_statements },
	{ CHAT_SYNC, syncs_statements },
	{ CHAT_SYNC, templates_statements },
	{ CHAT_SYNC, schema_statements },
	{ DISPATCHER, progress_statements },
	{ DISPATCHER, outbox_statements },
	{ DISPATCHER, endpoints_statements },
	{ DISPATCHER, endpoints_health_statements },
	{ DISPATCHER, positions_statements },
	{ DISPATCHER, retries_statements },
	{ DISPATCHER, retries_claim_statements },
	{ DISPATCHER, attempts_statements },
	{ DISPATCHER, replays_statements },
	{ DISPATCHER, schema_statements },
	{ CAMPAIGNS, progress_statements },
	{ CAMPAIGNS, outbox_statements },
	{ CAMPAIGNS, schema_statements },
	{ "blazz_cleanup", outbox_statements },
	{ "blazz_cleanup", leases_statements },
	{ "blazz_cleanup", schema_statements },
	{ "blazz_gateway", schema_statements },
	{ "blazz_ingest", intake_statements },
	{ "blazz_ingest", schema_statements },
	{ "blazz_admin", replays_admin_statements },
	{ "blazz_admin", workspace_definition_statements },
	{ "blazz_admin", app_definition_statements },
	{ "blazz_admin", account_definition_statements },
	{ "blazz_admin", endpoints_statements },
	{ "blazz_admin", endpoint_definition_statements },
	{ "blazz_admin", schema_statements },
	{ "blazz_ops", progress_admin_statements },
	{ "blazz_ops", webhook_ops_statements },
	{ "blazz_ops", schema_statements },
};

const size_t statements_by_role_count = sizeof(statements_by_role) / sizeof(statements_by_role[0]);
