/* Every statement of libs/store and the role that runs it, so that a test prepares them all against the migrated
 * schema.
 *
 * Each file keeps its statements static beside the code that binds them and lists them in one of these NULL-terminated
 * tables.
 */
#ifndef STORE_STATEMENTS_H
#define STORE_STATEMENTS_H

#include "pg/pg.h"

extern const struct pg_stmt *const progress_statements[], *const progress_admin_statements[],
								  *const progress_list_statements[];
extern const struct pg_stmt *const outbox_statements[];
extern const struct pg_stmt *const leases_statements[];
extern const struct pg_stmt *const cleanup_instances_statements[], *const cleanup_accounts_statements[],
									   *const cleanup_storage_statements[];
extern const struct pg_stmt *const cleanup_health_statements[], *const cleanup_resync_statements[];
extern const struct pg_stmt *const cleanup_retention_statements[], *const cleanup_sends_statements[],
									   *const cleanup_campaigns_statements[];
extern const struct pg_stmt *const workspace_rows_statements[];
extern const struct pg_stmt *const cleanup_erasure_statements[], *const erasure_requests_statements[];
extern const struct pg_stmt *const cleanup_jobs_statements[], *const cleanup_requests_statements[];
extern const struct pg_stmt *const cleanup_recount_statements[],
	*const cleanup_orphans_statements[], *const cleanup_page_statements[], *const cleanup_watch_statements[];
extern const struct pg_stmt *const accounts_statements[];
extern const struct pg_stmt *const contacts_statements[];
extern const struct pg_stmt *const aliases_statements[];
extern const struct pg_stmt *const opt_outs_statements[];
extern const struct pg_stmt *const groups_statements[];
extern const struct pg_stmt *const conversations_statements[], *const conversations_merge_statements[];
extern const struct pg_stmt *const messages_statements[];
extern const struct pg_stmt *const messages_delete_statements[];
extern const struct pg_stmt *const reactions_statements[];
extern const struct pg_stmt *const receipts_statements[];
extern const struct pg_stmt *const sender_renames_statements[];
extern const struct pg_stmt *const media_statements[];
extern const struct pg_stmt *const parked_statements[];
extern const struct pg_stmt *const syncs_statements[];
extern const struct pg_stmt *const templates_statements[], *const contact_erasure_statements[];
extern const struct pg_stmt *const schema_statements[];
extern const struct pg_stmt *const intake_statements[], *const account_qr_statements[];
extern const struct pg_stmt *const workspace_definition_statements[];
extern const struct pg_stmt *const app_definition_statements[];
extern const struct pg_stmt *const account_definition_statements[], *const account_wish_statements[];
extern const struct pg_stmt *const instance_definition_statements[];
extern const struct pg_stmt *const sealed_columns_statements[];
extern const struct pg_stmt *const endpoints_statements[], *const endpoints_health_statements[],
								   *const endpoint_definition_statements[];
extern const struct pg_stmt *const replays_statements[], *const replays_admin_statements[];
extern const struct pg_stmt *const positions_statements[];
extern const struct pg_stmt *const retries_statements[], *const retries_claim_statements[];
extern const struct pg_stmt *const attempts_statements[];
extern const struct pg_stmt *const webhook_ops_statements[];
extern const struct pg_stmt *const moves_statements[], *const rekey_statements[];
extern const struct pg_stmt *const sends_intake_statements[], *const sends_fetch_statements[];
extern const struct pg_stmt *const sends_check_statements[], *const sends_results_statements[];
extern const struct pg_stmt *const sends_evidence_statements[];
extern const struct pg_stmt *const send_lanes_statements[], *const send_attempts_statements[];
extern const struct pg_stmt *const campaigns_statements[], *const segments_statements[], *const audience_statements[];
extern const struct pg_stmt *const campaign_counts_statements[], *const campaign_driver_statements[];
extern const struct pg_stmt *const sending_settings_statements[], *const sending_accounts_statements[];
extern const struct pg_stmt *const sending_templates_statements[];
extern const struct pg_stmt *const send_references_statements[], *const send_events_statements[];
extern const struct pg_stmt *const contact_groups_statements[];
extern const struct pg_stmt *const campaigns_admin_statements[], *const campaigns_segments_statements[];
extern const struct pg_stmt *const campaigns_ops_statements[], *const sends_ops_statements[];
extern const struct pg_stmt *const lanes_ops_statements[];
extern const struct pg_stmt *const audience_read_statements[], *const campaigns_read_statements[];

struct statements_of_role {
	const char *role;
	const struct pg_stmt *const *statements; /* ends with NULL */
};
extern const struct statements_of_role statements_by_role[];
extern const size_t statements_by_role_count;

#endif
