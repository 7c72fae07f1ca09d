/* See stats.h. */
#include "cleanup/stats.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "metrics/metrics.h"

#define KINDS   (BRIDGE_EVOLUTION + 1)
#define REASONS (REASON_UNKNOWN + 1)

static struct {
	struct metric_cell *leader, *migrations, *invalid_retention;
	struct metric_cell *calls[KINDS][BRIDGE_ACTIONS][BRIDGE_OUTCOMES];
	struct metric_cell *oddities[KINDS][ODDITIES], *strays[KINDS];
	struct metric_cell *runs[CLEANUP_JOBS], *found[CLEANUP_JOBS], *acted[CLEANUP_JOBS], *success[CLEANUP_JOBS];
	struct metric_cell *failures[CLEANUP_JOBS], *work_us[CLEANUP_JOBS], *pauses[CLEANUP_JOBS][PAUSE_CAUSES];
	struct metric_cell *differences[RECOUNT_COUNTERS], *findings[WATCH_FINDINGS], *erasures[ERASURE_STAGES];
	struct metric_cell *disconnects[REASONS], *reconcile;
	struct metric_cell *accounts[OBSERVED_COUNT], *pending[PENDING_REASONS], *instances[INSTANCE_STATES];
	struct metric *up, *sessions; /* their children are made as instances are seen */
	struct metric_cell *other_sessions;
	struct {
		struct metric_cell *up, *sessions; /* NULL: not seen yet */
	} each[STATS_INSTANCES];
} m;

static void calls_init(void)
{
	struct metric *calls = metric_counter("blazz_cleanup_bridge_calls",
		"Calls to instances about sessions and themselves by outcome.", "kind,action,outcome");
	struct metric *oddities = metric_counter("blazz_cleanup_odd_answers",
		"Answers of instances that were not as they should be.", "kind,what");
	struct metric *strays = metric_counter("blazz_cleanup_strays",
		"Sessions that an instance listed although their account is assigned to another.", "kind");

	for (enum bridge_kind k = BRIDGE_BLAZZ; (int)k < KINDS; k++) {
		m.strays[k] = METRIC_CELL(strays, bridge_word(k));
		for (int a = 0; a < BRIDGE_ACTIONS; a++)
			for (int o = 0; o < BRIDGE_OUTCOMES; o++)
				m.calls[k][a][o] =
					METRIC_CELL(calls, bridge_word(k), bridge_action_word((enum bridge_action)a),
						bridge_outcome_word((enum bridge_outcome)o));
		for (int o = ODDITY_NONE + 1; o < ODDITIES; o++)
			m.oddities[k][o] =
				METRIC_CELL(oddities, bridge_word(k), bridge_oddity_word((enum bridge_oddity)o));
	}
}

static void states_init(void)
{
	struct metric *accounts = metric_gauge("blazz_cleanup_accounts",
		"Managed accounts by what was observed of their session.", "observed");
	struct metric *pending = metric_gauge("blazz_cleanup_unreconciled",
		"Managed accounts whose desired state is not reached, by why.", "reason");
	struct metric *instances = metric_gauge("blazz_cleanup_instances", "Instances by state.", "state");

	for (int i = OBSERVED_NONE + 1; i < OBSERVED_COUNT; i++)
		m.accounts[i] = METRIC_CELL(accounts, bridge_observed_word((enum bridge_observed)i));
	for (int i = PENDING_NOTHING + 1; i < PENDING_REASONS; i++)
		m.pending[i] = METRIC_CELL(pending, pending_reason_word((enum pending_reason)i));
	for (int i = 0; i < INSTANCE_STATES; i++)
		m.instances[i] = METRIC_CELL(instances, instance_state_word((enum instance_state)i));
	m.up = metric_gauge("blazz_cleanup_instance_up", "1: the instance is up.", "instance");
	m.sessions =
		metric_gauge("blazz_cleanup_instance_sessions", "Sessions that the instance has listed.", "instance");
	m.other_sessions = METRIC_CELL(m.sessions, "other");
}

static void changes_init(void)
{
	static const double seconds[] = { 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, -1 };
	struct metric *disconnects = metric_counter("blazz_cleanup_disconnects",
		"Losses of managed accounts' sessions that were reported while this replica led.", "reason");

	for (int r = REASON_NONE + 1; r < REASONS; r++)
		m.disconnects[r] = METRIC_CELL(disconnects, session_reason_word((enum session_reason)r));
	m.reconcile = METRIC_CELL(metric_histogram("blazz_cleanup_reconcile_seconds",
					  "Time from an account being desired to its desired state being reached.",
					  NULL, seconds),
		NULL);
}

static void jobs_init(void)
{
	struct metric *runs = metric_counter("blazz_cleanup_job_runs", "Runs of jobs, also dry ones.", "job");
	struct metric *rows = metric_counter("blazz_cleanup_job_rows",
		"Accounts or rows that a job found, and those on which it acted.", "job,what");
	struct metric *success = metric_gauge("blazz_cleanup_job_last_success_timestamp",
		"When a run of the job last ended here, also a dry one, in seconds since 1970; 0: none did.", "job");
	struct metric *failures = metric_counter("blazz_cleanup_job_failures",
		"Runs of jobs that work through rows that ended with invalid data.", "job");
	struct metric *work = metric_counter("blazz_cleanup_job_microseconds",
		"Time that steps of jobs that work through rows took.", "job");
	struct metric *pauses = metric_counter("blazz_cleanup_job_pauses",
		"Pauses of jobs that work through rows, by cause.", "job,cause");

	for (int i = 0; i < CLEANUP_JOBS; i++) {
		const char *job = cleanup_job_word((enum cleanup_job)i);

		m.runs[i] = METRIC_CELL(runs, job);
		m.found[i] = METRIC_CELL(rows, job, "found");
		m.acted[i] = METRIC_CELL(rows, job, "acted");
		m.success[i] = METRIC_CELL(success, job);
	}
	for (int i = ACCOUNT_JOBS; i < CLEANUP_JOBS; i++) {
		const char *job = cleanup_job_word((enum cleanup_job)i);

		m.failures[i] = METRIC_CELL(failures, job);
		m.work_us[i] = METRIC_CELL(work, job);
		for (int c = PAUSE_NONE + 1; c < PAUSE_CAUSES; c++)
			m.pauses[i][c] = METRIC_CELL(pauses, job, pause_cause_word((enum pause_cause)c));
	}
}

static void watch_init(void)
{
	static const char *const words[RECOUNT_COUNTERS] = { "unread_messages", "participants_count", "campaign",
		"progress" };
	struct metric *differences = metric_counter("blazz_cleanup_recount_differences",
		"Counters that differed from a recount, each time that one was found.", "counter");
	struct metric *findings = metric_gauge("blazz_cleanup_maintenance_missing",
		"Relations for which the last run of maintenance found that this was not done.", "what");

	struct metric *erasures = metric_gauge("blazz_cleanup_erasures",
		"Erasures that were not completed when the job erasure last began, by stage.", "stage");

	for (size_t i = 0; i < ERASURE_STAGES; i++)
		m.erasures[i] = METRIC_CELL(erasures, store_erasure_stage_word(i));
	for (int i = 0; i < RECOUNT_COUNTERS; i++)
		m.differences[i] = METRIC_CELL(differences, words[i]);
	for (int i = 0; i < WATCH_FINDINGS; i++)
		m.findings[i] = METRIC_CELL(findings, watch_finding_word((enum watch_finding)i));
}

void stats_init(void)
{
	m.leader = METRIC_CELL(metric_gauge("blazz_cleanup_leader", "1 while this replica leads.", NULL), NULL);
	m.migrations = METRIC_CELL(metric_counter("blazz_cleanup_migrations",
					   "Accounts that were moved to another instance.", NULL),
		NULL);
	m.invalid_retention = METRIC_CELL(metric_gauge("blazz_cleanup_invalid_retention",
						  "Workspaces whose retention.messages_days is not valid.", NULL),
		NULL);
	calls_init();
	jobs_init();
	watch_init();
	changes_init();
	states_init();
}

void stats_leader(bool leads)
{
	metric_set(m.leader, leads);
}

void stats_call(enum bridge_kind kind, enum bridge_action action, enum bridge_outcome outcome)
{
	metric_add(m.calls[kind][action][outcome], 1);
}

void stats_oddity(enum bridge_kind kind, enum bridge_oddity oddity)
{
	if (oddity != ODDITY_NONE)
		metric_add(m.oddities[kind][oddity], 1);
}

void stats_stray(enum bridge_kind kind)
{
	metric_add(m.strays[kind], 1);
}

void stats_job(enum cleanup_job job, int64_t found, int64_t acted)
{
	metric_add(m.runs[job], 1);
	metric_add(m.found[job], found);
	metric_add(m.acted[job], acted);
	metric_set(m.success[job], (double)clock_now_ms() / 1000);
}

void stats_job_step(enum cleanup_job job, int64_t took_us)
{
	metric_add(m.work_us[job], took_us);
}

void stats_job_pause(enum cleanup_job job, enum pause_cause cause)
{
	metric_add(m.pauses[job][cause], 1);
}

void stats_job_failure(enum cleanup_job job)
{
	metric_add(m.failures[job], 1);
}

void stats_invalid_retention(int64_t workspaces)
{
	metric_set(m.invalid_retention, (double)workspaces);
}

void stats_erasures(const int64_t n[ERASURE_STAGES])
{
	for (size_t i = 0; i < ERASURE_STAGES; i++)
		metric_set(m.erasures[i], (double)n[i]);
}

void stats_recount(enum recount_counter counter)
{
	metric_add(m.differences[counter], 1);
}

void stats_watch(enum watch_finding finding, int64_t n)
{
	metric_set(m.findings[finding], (double)n);
}

void stats_migration(void)
{
	metric_add(m.migrations, 1);
}

void stats_disconnect(struct str reason)
{
	int r = REASON_NONE + 1;

	while (r < REASON_UNKNOWN && !str_is(reason, session_reason_word((enum session_reason)r)))
		r++;
	metric_add(m.disconnects[r], 1);
}

void stats_reconciled(int64_t took_us)
{
	metric_observe(m.reconcile, (double)took_us / 1e6);
}

/* A child is never removed: that of an instance that is not there any more is not exposed. */
static void report_instance(int index, const struct stats_instance *at)
{
	char label[16];

	if (!m.each[index].up && !at->listed)
		return;
	if (!m.each[index].up) {
		snprintf(label, sizeof(label), "%d", index);
		m.each[index].up = METRIC_CELL(m.up, label);
		m.each[index].sessions = METRIC_CELL(m.sessions, label);
	}
	metric_set(m.each[index].up, at->listed && at->probed ? at->up : (double)NAN);
	metric_set(m.each[index].sessions, at->listed ? (double)at->sessions : (double)NAN);
}

void stats_report_none(void)
{
	stats_report(&(struct stats_report){ 0 });
}

void stats_report(const struct stats_report *r)
{
	for (int i = OBSERVED_NONE + 1; i < OBSERVED_COUNT; i++)
		metric_set(m.accounts[i], (double)r->accounts[i]);
	for (int i = PENDING_NOTHING + 1; i < PENDING_REASONS; i++)
		metric_set(m.pending[i], (double)r->pending[i]);
	for (int i = 0; i < INSTANCE_STATES; i++)
		metric_set(m.instances[i], (double)r->instances[i]);
	for (int i = 0; i < STATS_INSTANCES; i++)
		report_instance(i, &r->each[i]);
	metric_set(m.other_sessions, (double)r->others);
}
