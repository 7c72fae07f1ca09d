/* blazzctl contacts erase, erasures: what is to be forgotten of a person. The command writes the request; the leader of cleanup and chat-sync carry
 * it out. */
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl.h"
#include "facts.h"
#include "kafka/inbound_ends.h"
#include "store/cleanup_erasure.h"

#define LIST_LIMIT 100
/* How long a record of the person may outlast the erasure: dead letters are kept longest of all topics, and a backup for as long by default. */
#define KEPT_DAYS 30
#define DAY_US    INT64_C(86400000000)

struct erase_options {
	bool forget_opt_outs;
};

static const struct option_row erase_rows[] = {
	{ "forget-opt-outs", OPTION_FLAG, offsetof(struct erase_options, forget_opt_outs), NULL,
		"also forget that the person objected to messages" },
	{ 0 },
};

static int erase(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct erase_options *o = options;
	const struct passwd *user = getpwuid(getuid());
	struct uuid contact, erasure;
	struct buf behind = BUF_INIT;
	const struct kafka_config *kafka;
	struct table *t;
	struct pg *pg;
	int rc = -1;

	if (ctl_uuid("CONTACT", arguments[0], &contact, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0 ||
		ctl_kafka(ctl, &kafka, err) < 0 ||
		/* Events that are on their way may bring the person back: chat-sync has to consume them first. */
		kafka_inbound_ends(kafka, &ctl->topics, CTL_TIMEOUT_MS, &behind, err) < 0)
		goto out;
	if (store_erasure_request(pg, &contact, o->forget_opt_outs, buf_str(&behind),
		    user ? str_of(user->pw_name) : STR("blazzctl"), &erasure, err) < 0)
		goto out;
	t = facts_new();
	fact_uuid(t, "erasure", &erasure);
	fact_uuid(t, "contact", &contact);
	fact_bool(t, "forget_opt_outs", o->forget_opt_outs);
	fact_time(t, "kept_until", clock_now_ms() * 1000 + KEPT_DAYS * DAY_US);
	table_print(t, ctl->json);
	table_free(t);
	rc = 0;
out:
	buf_fini(&behind);
	return rc;
}

static void erasure_row(void *ctx, const struct erasure_info *e)
{
	struct table *t = ctx;

	table_uuid(t, &e->uuid);
	table_uuid(t, &e->workspace);
	table_uuid(t, &e->contact);
	table_text(t, e->stage);
	table_time(t, e->requested_us);
	table_text(t, e->requested_by);
	table_i64(t, e->passes);
	table_i64(t, e->erased);
	table_time(t, e->next_us);
	table_time(t, e->completed_us);
}

static int erasures(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "erasure", "workspace", "contact", "stage", "requested", "by", "passes",
		"erased", "next", "completed", NULL };
	struct table *t = table_new(columns);
	struct pg *pg;
	int rc = -1;

	(void)options;
	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) == 0)
		rc = store_erasures_list(pg, NULL, LIST_LIMIT, erasure_row, t, err);
	if (rc == 0)
		table_print(t, ctl->json);
	table_free(t);
	return rc;
}

const struct command contacts_commands[] = {
	{ "contacts", "erase", "CONTACT", 1, 1, erase_rows, sizeof(struct erase_options),
		"erases a contact, given by its id, with everything that was merged into it, and shows until when Kafka\n"
		"                                and backups may still have data of it",
		erase },
	{ "contacts", "erasures", NULL, 0, 0, NULL, 0, "lists the latest erasures and how far they are", erasures },
	{ 0 },
};
