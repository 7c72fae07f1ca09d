/* See orphans.h. Invariant: only rows are deleted that no program reads any more; whatever else is found is reported. */
#include "cleanup/jobs/orphans.h"

#include "base/log.h"
#include "cleanup/jobs/sections.h"
#include "store/cleanup_orphans.h"

typedef int deletion_fn(struct pg *pg, struct key_page *page, struct page_deletion *d, struct err *err);
typedef int report_fn(struct pg *pg, struct key_page *page, struct page_report *r, struct err *err);

static int deletion_step(struct section_run *run, deletion_fn *delete_page, struct err *err)
{
	struct key_page page = section_page(run);
	struct page_deletion d = { .dry = run->env->dry_run };

	if (delete_page(run->env->pg, &page, &d, err) < 0)
		return -1;
	run->found += d.found;
	run->acted += d.deleted;
	return d.again ? 1 : section_advance(run, &page);
}

static int qr_step(struct section_run *run, struct err *err)
{
	return deletion_step(run, store_orphans_qr, err);
}

static int syncs_step(struct section_run *run, struct err *err)
{
	return deletion_step(run, store_orphans_syncs, err);
}

static int logs_step(struct section_run *run, struct err *err)
{
	return deletion_step(run, store_orphans_logs, err);
}

static int report_step(struct section_run *run, report_fn *report_page, const char *what, struct err *err)
{
	struct key_page page = section_page(run);
	struct page_report r = { 0 };
	char workspace[37], example[37];

	if (report_page(run->env->pg, &page, &r, err) < 0)
		return -1;
	run->found += r.found;
	if (r.found > 0 && !run->env->dry_run) {
		uuid_format(&r.workspace, workspace);
		uuid_format(&r.example, example);
		log_warn(what, LOG_I("rows", r.found), LOG_S("workspace", workspace), LOG_S("example", example));
	}
	return section_advance(run, &page);
}

static int contacts_step(struct section_run *run, struct err *err)
{
	return report_step(run, store_orphans_contacts, "contacts without alias and conversation", err);
}

static int last_messages_step(struct section_run *run, struct err *err)
{
	return report_step(run, store_orphans_last_messages, "conversations whose last message does not exist", err);
}

static void orphan_log(struct section_run *run, const struct orphan_report *r, const char *what, const char *program,
	const char *place)
{
	run->found++;
	if (!run->env->dry_run)
		log_warn(what, LOG_STR(program, r->program), LOG_STR("topic", r->topic), LOG_I(place, r->partition),
			LOG_I("records", r->records), LOG_I("since_us", r->since_us));
}

static void on_outbox(void *ctx, const struct orphan_report *r)
{
	orphan_log(ctx, r, "records wait in the outbox", "producer", "slot");
}

static int outbox_step(struct section_run *run, struct err *err)
{
	return store_orphans_outbox(run->env->pg, on_outbox, run, err);
}

static void on_progress(void *ctx, const struct orphan_report *r)
{
	orphan_log(ctx, r, "consumer is silent", "consumer", "partition");
}

static int progress_step(struct section_run *run, struct err *err)
{
	return store_orphans_progress(run->env->pg, on_progress, run, err);
}

static const struct section sections[] = {
	{ "qr", false, qr_step },
	{ "syncs", false, syncs_step },
	{ "logs", false, logs_step },
	{ "outbox", true, outbox_step },
	{ "progress", true, progress_step },
	{ "contacts", false, contacts_step },
	{ "last_messages", false, last_messages_step },
};

int orphans_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	return sections_step(sections, sizeof(sections) / sizeof(sections[0]), env, step, err);
}
