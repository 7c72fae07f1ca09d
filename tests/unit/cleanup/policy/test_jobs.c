/* services/cleanup/policy/jobs: what each job does with an account, a second before and after its limit. */
#include "cleanup/policy/jobs.h"

#include "pg/pg.h"
#include "unit.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define SECOND    INT64_C(1000000)
#define MINUTE    (60 * SECOND)
#define HOUR      (60 * MINUTE)
#define DAY       (24 * HOUR)
#define NOW       (INT64_C(1767225600) * SECOND)
#define STALE     (30 * MINUTE)
#define LOST      (24 * HOUR)
#define DUPLICATE (10 * MINUTE)
#define NEVER     PG_NO_TIME
#define ACCOUNTS  4
#define ALL_KEPT  { JOB_KEEP, JOB_KEEP, JOB_KEEP, JOB_KEEP }

/* Desired, created and, unless said otherwise, active 30 days ago; ages are before NOW. */
struct row {
	const char *status;
	bool unmanaged, observed_connected, had_connected;
	int64_t since, disconnected; /* ages; 0: never */
	int64_t desired, created, active;
	const char *number;
	int64_t workspace;
};

static int64_t before(int64_t age, int64_t otherwise)
{
	return age == 0 ? otherwise : NOW - age;
}

static struct job_account account_of(const struct row *r, int64_t id)
{
	return (struct job_account){ .workspace_id = r->workspace ? r->workspace : 1,
		.id = id,
		.managed = !r->unmanaged,
		.connected = r->observed_connected || str_is(str_of(r->status), "connected"),
		.status = str_of(r->status),
		.number = str_of(r->number),
		.created_us = before(r->created, NOW - 30 * DAY),
		.desired_us = before(r->desired, NOW - 30 * DAY),
		.status_since_us = before(r->since, NEVER),
		.disconnected_us = before(r->disconnected, NEVER),
		.first_connected_us = r->had_connected ? NOW - 29 * DAY : NEVER,
		.active_us = before(r->active, NEVER) };
}

static enum job_action due(const struct job_account *a)
{
	return a->at_us <= NOW ? a->action : JOB_KEEP;
}

static const struct {
	const char *name;
	enum cleanup_job job;
	struct row row;
	enum job_action want;
} cases[] = {
	{ "a code that nobody scanned for 30 min", JOB_STALE_QR, { .status = "qr_scanning", .since = STALE + SECOND },
		JOB_DELETE },
	{ "for exactly 30 min", JOB_STALE_QR, { .status = "qr_scanning", .since = STALE }, JOB_DELETE },
	{ "for a second less", JOB_STALE_QR, { .status = "qr_scanning", .since = STALE - SECOND }, JOB_KEEP },
	{ "of an account that had been connected", JOB_STALE_QR,
		{ .status = "qr_scanning", .since = STALE + SECOND, .had_connected = true }, JOB_EXPIRE },
	{ "of such an account for a second less", JOB_STALE_QR,
		{ .status = "qr_scanning", .since = STALE - SECOND, .had_connected = true }, JOB_KEEP },
	{ "desired anew 30 min ago", JOB_STALE_QR, { .status = "qr_scanning", .since = DAY, .desired = STALE + SECOND },
		JOB_DELETE },
	{ "desired anew since", JOB_STALE_QR, { .status = "qr_scanning", .since = DAY, .desired = STALE - SECOND },
		JOB_KEEP },
	{ "of an account that is not managed", JOB_STALE_QR,
		{ .status = "qr_scanning", .since = DAY, .unmanaged = true }, JOB_KEEP },
	{ "that was scanned a moment ago", JOB_STALE_QR,
		{ .status = "qr_scanning", .since = DAY, .observed_connected = true }, JOB_KEEP },
	{ "without a time", JOB_STALE_QR, { .status = "qr_scanning" }, JOB_KEEP },
	{ "no code", JOB_STALE_QR, { .status = "disconnected", .since = 9 * DAY, .disconnected = 9 * DAY }, JOB_KEEP },
	{ "scanned, and not connected yet", JOB_STALE_QR, { .status = "authenticated", .since = DAY }, JOB_KEEP },

	{ "disconnected for 24 h", JOB_DISCONNECTED, { .status = "disconnected", .disconnected = LOST + SECOND },
		JOB_DELETE },
	{ "for a second less than 24 h", JOB_DISCONNECTED, { .status = "disconnected", .disconnected = LOST - SECOND },
		JOB_KEEP },
	{ "failed for 24 h", JOB_DISCONNECTED, { .status = "failed", .disconnected = LOST + SECOND }, JOB_DELETE },
	{ "failed for a second less", JOB_DISCONNECTED, { .status = "failed", .disconnected = LOST - SECOND },
		JOB_KEEP },
	{ "failed a moment ago, disconnected for 24 h", JOB_DISCONNECTED,
		{ .status = "failed", .since = SECOND, .disconnected = LOST + SECOND }, JOB_DELETE },
	{ "never disconnected", JOB_DISCONNECTED, { .status = "disconnected", .since = 9 * DAY }, JOB_KEEP },
	{ "connected again", JOB_DISCONNECTED, { .status = "connected", .disconnected = 9 * DAY }, JOB_KEEP },
	{ "observed connected, not reported yet", JOB_DISCONNECTED,
		{ .status = "disconnected", .disconnected = 9 * DAY, .observed_connected = true }, JOB_KEEP },
	{ "waits for its code", JOB_DISCONNECTED, { .status = "qr_scanning", .disconnected = 9 * DAY }, JOB_KEEP },
	{ "not managed or not desired", JOB_DISCONNECTED,
		{ .status = "disconnected", .disconnected = 9 * DAY, .unmanaged = true }, JOB_KEEP },
	{ "desired again for 24 h", JOB_DISCONNECTED,
		{ .status = "disconnected", .disconnected = 9 * DAY, .desired = LOST + SECOND }, JOB_DELETE },
	{ "restored a second less than 24 h ago", JOB_DISCONNECTED,
		{ .status = "disconnected", .disconnected = 9 * DAY, .desired = LOST - SECOND }, JOB_KEEP },
};

static void an_account_is_ended_when_the_limit_of_its_job_has_passed(void **state)
{
	static const int64_t limits[] = { STALE, LOST };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct job_account a = account_of(&cases[i].row, 1);

		job_decide(cases[i].job, &a, 1, limits[cases[i].job]);
		if (due(&a) != cases[i].want)
			fail_msg("%s: %s", cases[i].name, job_action_word(due(&a)));
	}
}

#define N1 .number = "6281"
static const struct {
	const char *name;
	struct row rows[ACCOUNTS];
	enum job_action want[ACCOUNTS];
} groups[] = {
	{ "the connected account is kept",
		{ { "disconnected", .disconnected = DAY, .active = SECOND, N1 }, { "connected", N1 } },
		{ JOB_DELETE } },
	{ "for 10 min", { { "disconnected", .disconnected = DUPLICATE + SECOND, N1 }, { "connected", N1 } },
		{ JOB_DELETE } },
	{ "for a second less", { { "disconnected", .disconnected = DUPLICATE - SECOND, N1 }, { "connected", N1 } },
		ALL_KEPT },
	{ "added 10 min ago", { { "qr_scanning", .created = DUPLICATE + SECOND, N1 }, { "connected", N1 } },
		{ JOB_DELETE } },
	{ "added since", { { "qr_scanning", .created = DUPLICATE - SECOND, N1 }, { "connected", N1 } }, ALL_KEPT },
	{ "desired anew since",
		{ { "disconnected", .disconnected = DAY, .desired = DUPLICATE - SECOND, N1 }, { "connected", N1 } },
		ALL_KEPT },
	{ "lost a moment ago without its time",
		{ { "qr_scanning", .since = DUPLICATE - SECOND, N1 }, { "connected", N1 } }, ALL_KEPT },
	{ "else the last active",
		{ { "failed", .active = HOUR, N1 }, { "failed", .active = MINUTE, N1 }, { "failed", N1 } },
		{ JOB_DELETE, JOB_KEEP, JOB_DELETE } },
	{ "else the oldest", { { "failed", .created = DAY, N1 }, { "failed", .created = 2 * DAY, N1 } },
		{ JOB_DELETE, JOB_KEEP } },
	{ "two connected get a notice only",
		{ { "connected", N1 }, { "connected", N1 }, { "disconnected", .disconnected = DAY, N1 } },
		{ JOB_NOTIFY, JOB_NOTIFY, JOB_KEEP } },
	{ "observed connected is connected", { { "connected", N1 }, { "failed", .observed_connected = true, N1 } },
		{ JOB_NOTIFY, JOB_NOTIFY } },
	{ "other numbers", { { "failed", .number = "6281" }, { "connected", .number = "62811" } }, ALL_KEPT },
	{ "no number", { { .status = "failed" }, { .status = "connected" }, { .status = "failed", .number = "" } },
		ALL_KEPT },
	{ "another workspace", { { "failed", N1, .workspace = 2 }, { "connected", N1 } }, ALL_KEPT },
	{ "not managed", { { "failed", .unmanaged = true, N1 }, { "connected", N1 } }, ALL_KEPT },
	{ "beside one that is not managed", { { "failed", N1 }, { "connected", .unmanaged = true, N1 } }, ALL_KEPT },
	{ "alone", { { "failed", .disconnected = DAY, N1 } }, ALL_KEPT },
};

static size_t rows_of(const struct row *rows)
{
	size_t n = 0;

	while (n < ACCOUNTS && rows[n].status)
		n++;
	return n;
}

static void of_accounts_with_one_number_one_is_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(groups); i++) {
		struct job_account list[ACCOUNTS];
		size_t n = rows_of(groups[i].rows);

		for (size_t k = 0; k < n; k++)
			list[k] = account_of(&groups[i].rows[k], (int64_t)k);
		job_decide(JOB_DUPLICATES, list, n, DUPLICATE);
		for (size_t k = 0; k < n; k++)
			if (due(&list[k]) != groups[i].want[list[k].id])
				fail_msg("%s: account %ld: %s", groups[i].name, (long)list[k].id,
					job_action_word(due(&list[k])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_is_ended_when_the_limit_of_its_job_has_passed),
		cmocka_unit_test(of_accounts_with_one_number_one_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
