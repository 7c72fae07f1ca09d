/* libs/worker/commit against PostgreSQL: an offset, what it caused and what follows from it are in one commit or in none; every
 * record is counted once; a bad record costs itself. Kafka is never there: what is published waits. */
#include "unit.h"

#include "../store/db.h"
#include "base/log.h"
#include "worker/owner_private.h"
#include "worker/private.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct owner owner;
static struct worker w = { .owner = &owner };
static struct kafka_config *kafka;
static struct {
	enum err_kind fail; /* apply() fails as a whole */
	bool once;
	int64_t number; /* the last that a row was given; 0: to be read */
	bool sweep_changes;
	int applied, committed, rolled_back;
} script;

/* A record says what becomes of it: "applied", "no_effect", "filtered", "parked", or "poison", which the database refuses, or "late
 * poison", which it refuses at the commit, or "known poison", which apply() finds by itself. */
static int decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	(void)ctx;
	if (str_is(m->value, "unreadable"))
		return err_reject(err, DEAD_DECODE, "not a record");
	*decoded = arena_cstr(a, m->value);
	return 0;
}

/* As a service numbers its events: on from what is stored, which it remembers. */
static int number_next(struct pg *pg, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (script.number == 0) {
		if (run(pg, "SELECT coalesce(max(number), 0) FROM applied", NULL, &rows, err) < 0)
			return -1;
		script.number = pg_i64(rows, 0, 0);
		pg_rows_free(rows);
	}
	script.number++;
	return 0;
}

static int item_apply(struct owner_tx *tx, struct batch_item *item, struct err *err)
{
	const char *word = item->decoded;
	char sql[200];

	if (number_next(owner_tx_pg(tx), err) < 0)
		return -1;
	snprintf(sql, sizeof(sql), "INSERT INTO applied VALUES (%d, %lld / %d, %s, %lld)", item->partition.number,
		(long long)item->offset, strcmp(word, "poison") != 0, strcmp(word, "late poison") == 0 ? "7" : "NULL",
		(long long)script.number);
	if (run(owner_tx_pg(tx), sql, NULL, NULL, err) < 0)
		return -1;
	for (int o = 0; o < OUTCOMES; o++)
		if (strcmp(store_outcome_word((enum outcome)o), word) == 0)
			item->outcome = (enum outcome)o;
	owner_tx_emit(tx, item->partition, STR("t.out"), STR("k"), item->message->value, NULL, 0);
	return 0;
}

static bool known_refuse(struct owner_tx *tx, struct batch_item *const *items, size_t n)
{
	const struct err why = { ERR_INPUT, DEAD_NONE, "known", "refused whatever comes with it" };
	bool any = false;

	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i]->decoded, "known poison") == 0) {
			batch_reject(tx, items[i], &why);
			any = true;
		}
	return any;
}

static int apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	enum err_kind fail = script.fail;

	(void)ctx;
	script.applied++;
	if (known_refuse(tx, items, n))
		return err_set(err, ERR_INPUT, "known", "as apply() found");
	for (size_t i = 0; i < n; i++)
		if (item_apply(tx, items[i], err) < 0)
			return -1;
	if (script.once)
		script.fail = ERR_NONE;
	return fail ? err_set(err, fail, "scripted", "as the test wants") : 0;
}

static int sweep(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n, struct err *err)
{
	(void)ctx;
	assert_int_equal(n, 2);
	if (script.sweep_changes)
		owner_tx_emit(tx, partitions[1], STR("t.out"), STR("k"), STR("swept"), NULL, 0);
	return script.fail ? err_set(err, script.fail, "scripted", "as the test wants") : 0;
}

static void committed(void *ctx)
{
	(void)ctx;
	script.committed++;
}

static void rolled_back(void *ctx)
{
	(void)ctx;
	script.rolled_back++;
	script.number = 0;
}

static const struct worker_ops ops = { .decode = decode,
	.apply = apply,
	.sweep = sweep,
	.committed = committed,
	.rolled_back = rolled_back,
	.assignment_changed = rolled_back };

static void nobody_loses(void *ctx)
{
	(void)ctx;
}

static const struct owner_ops owner_ops = { .lost = nobody_loses };

static int start(void **state)
{
	log_set_level(LOG_ERROR);
	if (db_start(state) < 0)
		return -1;
	execute(db.admin, "CREATE TABLE nobody (id bigint PRIMARY KEY)");
	execute(db.admin,
		"CREATE TABLE applied (slot integer, record_offset bigint,"
		" account bigint REFERENCES nobody DEFERRABLE INITIALLY DEFERRED, number bigint)");
	execute(db.admin, "GRANT SELECT, INSERT ON applied TO " CHAT_SYNC);
	kafka = kafka_config_new();
	done(kafka_config_set(kafka, "bootstrap.servers", "127.0.0.1:1", &db.err));
	owner_topics_set(&owner,
		&(struct owner_options){
			.consumer = "chat-sync", .topics = { { .name = "t.inbound", .dlq = "t.dlq" } } });
	owner.ops = &owner_ops;
	owner.pg = db.pg;
	owner.state = OWNER_RUNNING;
	w.options = (struct worker_options){
		.owner = owner.options, .batch_max_events = 100, .batch_max_bytes = 1 << 20, .outbox_max_outstanding = 4
	};
	w.ops = &ops;
	w.working = batch_new(&w.options, &owner);
	w.filling = batch_new(&w.options, &owner);
	w.size = metric_histogram("blazz_worker_batch_records", "Records.", "topic", (const double[]){ 1, -1 });
	done(publisher_open(&owner.publisher, kafka, "test", 4 << 20, &db.err));
	owner_metrics_init(&owner);
	done(kafka_consumer_open(&owner.consumer,
		&(struct kafka_consumer_options){
			.config = kafka, .client_id = "test", .group = "test", .topics = { { .name = "t.inbound" } } },
		&db.err));
	return 0;
}

static int stop(void **state)
{
	kafka_consumer_close(&owner.consumer);
	publisher_close(&owner.publisher, 0);
	batch_free(w.working);
	batch_free(w.filling);
	backlog_fini(&w.backlog);
	kafka_config_free(kafka);
	free(owner.slots);
	return db_stop(state);
}

/* Takes partitions 1 and 2 over. */
static void partitions_acquire(void)
{
	struct progress rows[] = { { .topic = "t.inbound", .partition = 1 }, { .topic = "t.inbound", .partition = 2 } };

	done(store_progress_claim(owner.pg, "chat-sync", "cluster", false, rows, 2, &db.err));
	free(owner.slots);
	owner.slots = mem_calloc(2, sizeof(*owner.slots));
	owner.n_slots = 2;
	for (size_t i = 0; i < 2; i++)
		owner.slots[i] = (struct slot_state){ .partition = { 0, rows[i].partition }, .progress = rows[i] };
}

static int setup(void **state)
{
	db_empty(state);
	execute(db.admin, "TRUNCATE applied");
	memset(&script, 0, sizeof(script));
	publisher_discard_all(owner.publisher);
	batch_reset(w.working);
	batch_reset(w.filling);
	backlog_reset(&w.backlog);
	w.backlog.limit = ISOLATED_MAX;
	w.live_us = w.slice_us = 0;
	w.working->limit = w.filling->limit = w.working->cap;
	partitions_acquire();
	return 0;
}

struct record {
	int32_t partition;
	int64_t offset;
	const char *value;
};

static int commit(const struct record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct kafka_message m = { .partition = records[i].partition,
			.offset = records[i].offset,
			.key = STR("k"),
			.value = str_of(records[i].value) };

		batch_add(w.working, &m, &ops, NULL);
	}
	return worker_commit(&w, w.working, &db.err);
}

/* "applied no_effect filtered parked dead_lettered skipped" of a partition; and that they account for every offset. */
static void assert_counts(int32_t partition, int64_t next_offset, const char *want)
{
	char sql[500];

	snprintf(sql, sizeof(sql),
		"SELECT next_offset FROM consumer_progress WHERE partition = %d AND next_offset - start_offset ="
		" applied + no_effect + filtered + parked + dead_lettered + skipped",
		partition);
	assert_int_equal(db_i64(sql), next_offset);
	snprintf(sql, sizeof(sql),
		"SELECT concat_ws(' ', applied, no_effect, filtered, parked, dead_lettered, skipped) FROM consumer_progress WHERE partition = %d",
		partition);
	assert_text(sql, want);
}

/* The values in a partition's newest outbox row, with commas; a dead letter with its reason. */
static const char *outbox_of(int32_t partition)
{
	static char words[2000];
	char sql[200];
	struct record_view v;
	struct str row;
	size_t at = 0, n = 0;

	snprintf(sql, sizeof(sql), "SELECT records FROM outbox WHERE slot = %d ORDER BY seq DESC LIMIT 1", partition);
	row = db_text(sql);
	words[0] = '\0';
	while (row.p && records_next(row, &at, &v, &db.err) == 1)
		n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%.*s%s%.*s", n ? "," : "", STR_ARG(v.value),
			str_is(v.topic, "t.dlq") ? "=" : "",
			STR_ARG(header_find(v.headers, v.n_headers, "x-dlq-reason")));
	return words;
}

static void every_offset_is_accounted_for(void **state)
{
	static const struct record first[] = { { 1, 10, "applied" }, { 2, 0, "parked" }, { 1, 12, "filtered" },
		{ 1, 15, "unreadable" }, { 2, 1, "no_effect" } };
	static const struct record second[] = { { 1, 20, "applied" } };

	(void)state;
	done(commit(first, COUNT(first)));
	assert_counts(1, 16, "1 0 1 0 1 3"); /* 11, 13 and 14 were no records */
	assert_counts(2, 2, "0 1 0 1 0 0");
	assert_string_equal(outbox_of(1), "unreadable=decode,applied,filtered");
	assert_string_equal(outbox_of(2), "parked,no_effect");
	done(commit(second, COUNT(second)));
	assert_counts(1, 21, "2 0 1 0 1 7");
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 3);
	assert_int_equal(publisher_total(owner.publisher), 3);
	assert_int_equal(script.committed, 2);
	assert_int_equal(owner.slots[0].progress.next_offset, 21);
	assert_int_equal(owner.slots[0].progress.seq, 2);
}

static void records_that_were_committed_before_are_discarded(void **state)
{
	static const struct record first[] = { { 1, 10, "applied" }, { 1, 11, "applied" } };
	static const struct record again[] = { { 1, 10, "applied" }, { 1, 11, "applied" }, { 1, 12, "applied" },
		{ 3, 1, "applied" } };

	(void)state;
	done(commit(first, COUNT(first)));
	done(commit(again, COUNT(again))); /* partition 3 is not ours */
	assert_counts(1, 13, "3 0 0 0 0 0");
	assert_int_equal(db_i64("SELECT count(*) FROM applied"), 3);
	done(commit(again, 2));
	assert_int_equal(db_i64("SELECT seq FROM consumer_progress WHERE partition = 1"), 2);
}

static void invalid_records_are_isolated_and_the_others_applied_once(void **state)
{
	static const struct record records[] = { { 1, 0, "applied" }, { 1, 1, "poison" }, { 2, 0, "applied" },
		{ 1, 2, "parked" }, { 2, 1, "poison" }, { 1, 3, "unreadable" }, { 1, 4, "applied" },
		{ 2, 5, "filtered" } };

	(void)state;
	done(commit(records, COUNT(records)));
	assert_counts(1, 5, "2 0 0 1 2 0");
	assert_counts(2, 6, "1 0 1 0 1 3");
	assert_string_equal(outbox_of(1), "applied,parked,applied,poison=data_error,unreadable=decode");
	assert_string_equal(outbox_of(2), "applied,filtered,poison=data_error");
	assert_int_equal(db_i64("SELECT count(*) FROM applied"), 5);
	assert_int_equal(db_i64("SELECT count(DISTINCT (slot, record_offset)) FROM applied"), 5);
}

static void take_key(struct batch *b, int32_t partition, int64_t offset, const char *value)
{
	struct kafka_message m = {
		.partition = partition, .offset = offset, .key = str_of(value), .value = str_of(value)
	};

	batch_add(b, &m, &ops, NULL);
}

/* However many they are, they cost one attempt, and so does what comes with them: they leave the attempts of a transaction to the others. */
static void a_record_that_apply_reports_as_rejected_costs_one_attempt(void **state)
{
	(void)state;
	for (int i = 0; i < 98; i++)
		take_key(w.working, 1, i, i % 7 ? "known poison" : "applied");
	take_key(w.working, 2, 0, "known poison");
	take_key(w.working, 2, 1, "applied");
	done(worker_commit(&w, w.working, &db.err));
	assert_counts(1, 98, "14 0 0 0 84 0");
	assert_counts(2, 2, "1 0 0 0 1 0");
	assert_string_equal(outbox_of(2), "applied,known poison=data_error");
	assert_int_equal(script.applied, 2);
	assert_int_equal(w.filling->limit, w.filling->cap);
}

static int64_t letters_of(int32_t partition)
{
	char sql[200];
	struct record_view v;
	struct str rows;
	size_t at = 0;
	int64_t n = 0;

	snprintf(sql, sizeof(sql), "SELECT string_agg(records, '' ORDER BY seq) FROM outbox WHERE slot = %d",
		partition);
	rows = db_text(sql);
	while (rows.p && records_next(rows, &at, &v, &db.err) == 1)
		n += str_is(v.topic, "t.dlq");
	return n;
}

static void a_postponed_rejected_record_becomes_one_dead_letter(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		take_key(w.working, 1, i, i % 10 == 9 ? "known poison" : "poison");
	done(worker_commit(&w, w.working, &db.err));
	assert_in_range(w.backlog.n, 1, 99 - ISOLATED_MAX);
	while (w.backlog.n > 0)
		done(worker_commit_backlog(&w, &db.err));
	assert_counts(1, 100, "0 0 0 0 100 0");
	assert_int_equal(letters_of(1), 100);
}

static void a_single_invalid_record_is_a_dead_letter(void **state)
{
	static const struct record records[] = { { 1, 0, "poison" } };

	(void)state;
	done(commit(records, COUNT(records)));
	assert_counts(1, 1, "0 0 0 0 1 0");
}

static void a_record_that_only_the_commit_rejects_is_isolated_too(void **state)
{
	static const struct record records[] = { { 1, 0, "applied" }, { 1, 1, "late poison" }, { 2, 0, "applied" },
		{ 1, 2, "parked" } };

	(void)state;
	done(commit(records, COUNT(records)));
	assert_counts(1, 3, "1 0 0 1 1 0");
	assert_counts(2, 1, "1 0 0 0 0 0");
	assert_string_equal(outbox_of(1), "applied,parked,late poison=data_error");
	assert_int_equal(db_i64("SELECT count(*) FROM applied"), 3);
}

static void the_cache_of_a_failed_attempt_is_discarded(void **state)
{
	static const struct record good[] = { { 1, 0, "applied" }, { 2, 0, "applied" } };
	static const struct record mixed[] = { { 1, 1, "applied" }, { 1, 2, "poison" }, { 2, 1, "applied" } };

	(void)state;
	script.fail = ERR_CONFLICT; /* somebody else was there first: the second time it is known */
	script.once = true;
	done(commit(good, COUNT(good)));
	done(commit(mixed, COUNT(mixed)));
	assert_text("SELECT string_agg(number::text, ' ' ORDER BY number) FROM applied", "1 2 3 4");
}

static void assert_nothing_happened(void)
{
	assert_int_equal(db_i64("SELECT count(*) FROM applied"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM consumer_progress WHERE next_offset IS NOT NULL OR seq <> 0"), 0);
	assert_int_equal(publisher_total(owner.publisher), 0);
	assert_int_equal(script.committed, 0);
	assert_false(pg_in_transaction(owner.pg));
}

/* "data_error", and how many dead letters of it the newest outbox row has. */
static size_t dead_letters_of(int32_t partition)
{
	const char *at = outbox_of(partition);
	size_t n = 0;

	for (; (at = strstr(at, "=data_error")); at++)
		n++;
	return n;
}

static void any_number_of_rejected_records_is_no_outage(void **state)
{
	static const struct record next[] = { { 1, 30, "applied" }, { 2, 0, "applied" } };
	struct record records[30];

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++)
		records[i] = (struct record){ 1, (int64_t)i, "poison" };
	done(commit(records, COUNT(records)));
	assert_counts(1, 30, "0 0 0 0 30 0");
	assert_int_equal(dead_letters_of(1), 30);
	assert_in_range(script.applied, 30, 40);
	done(commit(next, COUNT(next)));
	assert_counts(1, 31, "1 0 0 0 30 0");
	assert_counts(2, 1, "1 0 0 0 0 0");
}

/* 97 good records of many accounts and three bad ones of one. */
static void valid_records_beside_invalid_ones_cost_few_attempts(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct kafka_message m = { .partition = 1 + i % 2,
			.offset = i / 2,
			.key = i % 40 == 7 ? STR("bad") : arena_printf(db.arena, "key %d", i % 9),
			.value = i % 40 == 7 ? STR("poison") : STR("applied") };

		batch_add(w.working, &m, &ops, NULL);
	}
	done(worker_commit(&w, w.working, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM applied"), 97);
	assert_int_equal(db_i64("SELECT sum(dead_lettered)::bigint FROM consumer_progress"), 3);
	assert_in_range(script.applied, 1, 30);
}

/* 98 refused records of one partition, two good ones of another and behind them: the first transaction has all of the good ones that
 * no refused one stands before. */
static void other_partitions_do_not_wait_for_the_isolation_of_rejected_records(void **state)
{
	(void)state;
	for (int i = 0; i < 98; i++)
		take_key(w.working, 1, i, "poison");
	take_key(w.working, 2, 0, "applied");
	take_key(w.working, 2, 1, "unreadable");
	take_key(w.filling, 1, 98, "applied");
	take_key(w.filling, 2, 2, "applied");
	take_key(w.filling, 1, 99, "applied");
	done(worker_commit(&w, w.working, &db.err));
	assert_counts(1, ISOLATED_MAX, "0 0 0 0 64 0");
	assert_counts(2, 2, "1 0 0 0 1 0");
	assert_in_range(script.applied, 1, ISOLATED_MAX + 10);
	assert_int_equal(w.backlog.n, 98 - ISOLATED_MAX + 2);
	assert_int_equal(w.filling->n, 1);
	assert_int_equal(w.filling->items[0].partition.number, 2);
	done(worker_commit(&w, w.filling, &db.err));
	assert_counts(2, 3, "2 0 0 0 1 0");
	while (w.backlog.n > 0)
		done(worker_commit_backlog(&w, &db.err));
	assert_counts(1, 100, "2 0 0 0 98 0");
}

static void the_backlogs_of_several_partitions_alternate(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		take_key(w.working, 1 + i % 2, i / 2, i < 98 ? "poison" : "applied");
	done(worker_commit(&w, w.working, &db.err));
	assert_counts(1, 50, "1 0 0 0 49 0");
	assert_counts(2, 14, "0 0 0 0 14 0");
	assert_int_equal(w.backlog.n, 36);
	for (int i = 50; i < 150; i++)
		take_key(w.working, 1, i, "poison");
	done(worker_commit(&w, w.working, &db.err));
	assert_counts(1, 114, "1 0 0 0 113 0");
	for (int i = 0; i < 2; i++)
		done(worker_commit_backlog(&w, &db.err));
	assert_counts(1, 124, "1 0 0 0 123 0");
	assert_counts(2, 24, "0 0 0 0 24 0");
	while (w.backlog.n > 0)
		done(worker_commit_backlog(&w, &db.err));
	assert_counts(1, 150, "1 0 0 0 149 0");
	assert_counts(2, 50, "1 0 0 0 49 0");
}

static void records_committed_elsewhere_are_not_applied_from_the_backlog(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		take_key(w.working, 1, i, "poison");
	done(worker_commit(&w, w.working, &db.err));
	partitions_acquire(); /* again, elsewhere: the rest comes from there */
	execute(db.admin, "UPDATE consumer_progress SET next_offset = 90 WHERE partition = 1");
	partitions_acquire();
	while (w.backlog.n > 0)
		done(worker_commit_backlog(&w, &db.err));
	assert_int_equal(db_i64("SELECT next_offset FROM consumer_progress WHERE partition = 1"), 100);
	assert_int_equal(db_i64("SELECT dead_lettered FROM consumer_progress WHERE partition = 1"), 64 + 10);
}

static void batches_behind_rejected_records_are_short(void **state)
{
	static const struct record bad[] = { { 1, 0, "poison" } };
	struct record good[] = { { 1, 1, "applied" } };

	(void)state;
	done(commit(bad, 1));
	assert_int_equal(w.filling->limit, 10);
	for (size_t want = 20; want <= 160; want *= 2, good[0].offset++) {
		done(commit(good, 1));
		assert_int_equal(w.filling->limit, want < 100 ? want : 100);
	}
}

static void a_missing_table_column_or_right_is_an_outage(void **state)
{
	static const struct record records[] = { { 1, 0, "applied" } };
	static const struct {
		const char *before, *after, *code;
	} cases[] = {
		{ "REVOKE INSERT ON applied FROM " CHAT_SYNC, "GRANT INSERT ON applied TO " CHAT_SYNC, "42501" },
		{ "ALTER TABLE applied RENAME TO gone", "ALTER TABLE gone RENAME TO applied", "42P01" },
		{ "ALTER TABLE applied RENAME number TO gone", "ALTER TABLE applied RENAME gone TO number", "42703" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		execute(db.admin, cases[i].before);
		assert_failed(commit(records, 1), db.err, ERR_RETRY, cases[i].code);
		execute(db.admin, cases[i].after);
		assert_nothing_happened();
	}
	done(commit(records, 1));
	assert_counts(1, 1, "1 0 0 0 0 0");
}

static void a_failure_of_the_whole_batch_leaves_no_rows(void **state)
{
	static const struct record records[] = { { 1, 0, "applied" }, { 2, 0, "applied" } };

	(void)state;
	script.fail = ERR_RETRY;
	assert_failed(commit(records, COUNT(records)), db.err, ERR_RETRY, "scripted");
	assert_int_equal(script.applied, 1); /* not bisected */
	assert_nothing_happened();
	batch_reset(w.working);
	script.fail = ERR_NONE;
	done(commit(records, COUNT(records)));
	assert_counts(1, 1, "1 0 0 0 0 0");
}

static void a_fenced_owner_changes_nothing(void **state)
{
	static const struct record records[] = { { 2, 0, "applied" }, { 1, 0, "applied" } };

	(void)state;
	execute(db.admin, "UPDATE consumer_progress SET epoch = epoch + 1 WHERE partition = 1");
	assert_failed(commit(records, COUNT(records)), db.err, ERR_FENCED, "fenced");
	assert_int_equal(script.applied, 0);
	assert_nothing_happened();
}

static void an_offset_that_moved_fences_too(void **state)
{
	static const struct record records[] = { { 1, 7, "applied" } };

	(void)state;
	execute(db.admin, "UPDATE consumer_progress SET next_offset = 5, start_offset = 5 WHERE partition = 1");
	assert_failed(commit(records, COUNT(records)), db.err, ERR_FENCED, "fenced");
	assert_int_equal(db_i64("SELECT count(*) FROM applied"), 0);
}

/* Sweeps */

static void a_sweep_that_changes_nothing_leaves_no_trace(void **state)
{
	(void)state;
	done(worker_sweep(&w, &db.err));
	assert_nothing_happened();
	assert_int_equal(script.rolled_back, 0);
}

static void records_emitted_by_a_sweep_are_committed_and_published(void **state)
{
	(void)state;
	script.sweep_changes = true;
	done(worker_sweep(&w, &db.err));
	assert_string_equal(outbox_of(2), "swept");
	assert_int_equal(db_i64("SELECT count(*) FROM consumer_progress WHERE seq = 1 AND next_offset IS NULL"), 2);
	assert_int_equal(owner.slots[1].progress.seq, 1);
	assert_int_equal(publisher_total(owner.publisher), 1);
	assert_int_equal(script.committed, 1);
}

static void a_sweep_with_rejected_data_does_not_stop_batches(void **state)
{
	(void)state;
	script.sweep_changes = true;
	script.fail = ERR_INPUT;
	done(worker_sweep(&w, &db.err));
	assert_nothing_happened();
	assert_int_equal(script.rolled_back, 1);
	script.fail = ERR_RETRY;
	assert_failed(worker_sweep(&w, &db.err), db.err, ERR_RETRY, "scripted");
	assert_nothing_happened();
}

/* Live before bulk */

static void live_and_bulk_alternate_unless_live_batches_are_full(void **state)
{
	struct kafka_message live = { .partition = 1, .value = STR("applied") },
			     bulk = { .topic = 1, .partition = 1, .value = STR("applied") };

	(void)state;
	w.bulk = batch_new(&w.options, &owner);
	assert_null(worker_due(&w));
	batch_add(w.bulk, &bulk, &ops, NULL);
	assert_ptr_equal(worker_due(&w), &w.bulk);
	batch_add(w.filling, &live, &ops, NULL);
	assert_ptr_equal(worker_due(&w), &w.bulk);
	w.working->is_bulk = true;
	assert_ptr_equal(worker_due(&w), &w.filling);
	w.working->is_bulk = false;
	w.filling->limit = 1;
	assert_ptr_equal(worker_due(&w), &w.bulk);
	w.slice_us = 100000;
	assert_ptr_equal(worker_due(&w), &w.filling);
	w.live_us = 400000;
	assert_ptr_equal(worker_due(&w), &w.bulk);
	batch_reset(w.filling);
	assert_ptr_equal(worker_due(&w), &w.bulk);
	batch_free(w.bulk);
	w.bulk = NULL;
}

/* Between two turns of the backlog a due batch has one: live ones would never have it if the backlog counted as live. */
static void a_backlog_does_not_take_the_turn_of_live_batches(void **state)
{
	struct kafka_message live = { .partition = 2, .value = STR("applied") },
			     bulk = { .topic = 1, .partition = 1, .value = STR("applied") };

	(void)state;
	for (int i = 0; i < 100; i++)
		take_key(w.working, 1, i, "poison");
	done(worker_commit(&w, w.working, &db.err));
	w.bulk = batch_new(&w.options, &owner);
	batch_add(w.bulk, &bulk, &ops, NULL);
	batch_add(w.filling, &live, &ops, NULL);
	w.working->is_bulk = true;
	done(worker_commit_backlog(&w, &db.err));
	assert_ptr_equal(worker_due(&w), &w.filling);
	w.working->is_bulk = false;
	batch_free(w.bulk);
	w.bulk = NULL;
}

static void under_load_a_batch_begins_an_interval_after_the_last_one(void **state)
{
	struct kafka_message patient = { .partition = 1, .offset = 1, .value = STR("applied") },
			     prompt = { .topic = 1, .partition = 1, .value = STR("applied") };

	(void)state;
	w.options.batch_interval_ms[0] = 60000;
	assert_int_equal(worker_wait_ms(&w), -1);
	batch_add(w.filling, &patient, &ops, NULL);
	assert_int_equal(worker_wait_ms(&w), 0); /* none has begun for long */
	w.begun_mono_ms = clock_mono_ms();
	assert_null(worker_due(&w));
	assert_in_range(worker_wait_ms(&w), 50000, 60000);
	w.filling->limit = 1;
	assert_ptr_equal(worker_due(&w), &w.filling); /* it is full */
	w.filling->limit = w.filling->cap;
	batch_add(w.filling, &prompt, &ops, NULL);
	assert_ptr_equal(worker_due(&w), &w.filling);
	batch_reset(w.filling);
}

/* As many turns as worker_turn() would take while there is always more of both; how many were bulk's. */
static int bulk_turns_of(int turns)
{
	int bulk = 0;

	for (int64_t offset = 0; offset < turns; offset++) {
		struct kafka_message live = { .partition = 1, .offset = offset, .value = STR("applied") }, other = live;
		struct batch **due;

		other.topic = 1;
		while (!batch_full(w.filling))
			batch_add(w.filling, &live, &ops, NULL);
		if (w.bulk->n == 0)
			batch_add(w.bulk, &other, &ops, NULL);
		due = worker_due(&w);
		assert_non_null(due);
		bulk += due == &w.bulk;
		w.live_us = due == &w.bulk ? 0 : w.live_us + 100000;
		w.slice_us = due == &w.bulk ? 100000 : w.slice_us;
		batch_reset(*due);
	}
	return bulk;
}

static void while_live_batches_are_full_bulk_has_a_fifth_of_the_time(void **state)
{
	static const struct record first[] = { { 1, 0, "applied" } }, second[] = { { 1, 1, "applied" } };

	(void)state;
	w.bulk = batch_new(&w.options, &owner);
	done(commit(first, 1));
	assert_true(w.live_us > 0);
	w.working->is_bulk = true;
	done(commit(second, 1));
	w.working->is_bulk = false;
	assert_true(w.slice_us > 0);
	assert_int_equal(w.live_us, 0);
	w.slice_us = 0;
	w.filling->limit = 1;
	assert_int_equal(bulk_turns_of(100), 20);
	batch_free(w.bulk);
	w.bulk = NULL;
}

/* What others left */

static void outbox_rows_of_a_previous_owner_are_adopted_before_new_records(void **state)
{
	static const struct record records[] = { { 1, 0, "applied" }, { 2, 0, "applied" } };

	(void)state;
	execute(db.admin,
		"INSERT INTO outbox (producer, slot, epoch, seq, records) SELECT 'chat-sync', s, 1, n, '' FROM generate_series(1, 3) s,"
		" generate_series(1, 700) n");
	done(owner_adopt(&owner, &db.err));
	assert_int_equal(publisher_total(owner.publisher), 1400); /* slot 3 is not ours */
	assert_int_equal(publisher_backlog(owner.publisher), 700);
	done(commit(records, COUNT(records)));
	assert_int_equal(publisher_total(owner.publisher), 2); /* nothing was in the others: acknowledged */
	done(owner_adopt(&owner, &db.err));
	publisher_poll(owner.publisher, 0);
	assert_int_equal(publisher_total(owner.publisher), 2);
}

static void acknowledged_rows_are_deleted_with_a_later_batch(void **state)
{
	static const struct record records[] = { { 1, 0, "applied" } };

	(void)state;
	execute(db.admin,
		"INSERT INTO outbox (producer, slot, epoch, seq, records) SELECT 'chat-sync', 1, 1, n, '' FROM generate_series(1, 70) n");
	done(owner_adopt(&owner, &db.err));
	publisher_poll(owner.publisher, 0); /* nothing in them: acknowledged */
	done(commit(records, COUNT(records)));
	assert_int_equal(db_i64("SELECT count(*) FROM outbox WHERE epoch = 1"), 6);
	done(worker_sweep(&w, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM outbox WHERE epoch = 1"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(every_offset_is_accounted_for),
		T(records_that_were_committed_before_are_discarded),
		T(invalid_records_are_isolated_and_the_others_applied_once),
		T(the_cache_of_a_failed_attempt_is_discarded),
		T(a_record_that_apply_reports_as_rejected_costs_one_attempt),
		T(a_postponed_rejected_record_becomes_one_dead_letter),
		T(a_single_invalid_record_is_a_dead_letter),
		T(a_record_that_only_the_commit_rejects_is_isolated_too),
		T(any_number_of_rejected_records_is_no_outage),
		T(valid_records_beside_invalid_ones_cost_few_attempts),
		T(other_partitions_do_not_wait_for_the_isolation_of_rejected_records),
		T(the_backlogs_of_several_partitions_alternate),
		T(records_committed_elsewhere_are_not_applied_from_the_backlog),
		T(batches_behind_rejected_records_are_short),
		T(a_missing_table_column_or_right_is_an_outage),
		T(a_failure_of_the_whole_batch_leaves_no_rows),
		T(a_fenced_owner_changes_nothing),
		T(an_offset_that_moved_fences_too),
		T(a_sweep_that_changes_nothing_leaves_no_trace),
		T(records_emitted_by_a_sweep_are_committed_and_published),
		T(a_sweep_with_rejected_data_does_not_stop_batches),
		T(live_and_bulk_alternate_unless_live_batches_are_full),
		T(a_backlog_does_not_take_the_turn_of_live_batches),
		T(under_load_a_batch_begins_an_interval_after_the_last_one),
		T(while_live_batches_are_full_bulk_has_a_fifth_of_the_time),
		T(outbox_rows_of_a_previous_owner_are_adopted_before_new_records),
		T(acknowledged_rows_are_deleted_with_a_later_batch),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
