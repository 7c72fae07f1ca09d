/* blazzctl webhook show: one endpoint with its positions, retries and attempts. */
#include <stdio.h>

#include "store/webhook_ops.h"
#include "webhook.h"
#include "json/writer.h"

#define ATTEMPTS_SHOWN 20
#define RETRIES_SHOWN  20

static void ms_or_none(struct table *t, int64_t us)
{
	table_time_ms(t, us == PG_NO_TIME ? 0 : us / 1000);
}

static void duration(struct table *t, int32_t us)
{
	if (us < 0)
		table_none(t);
	else
		table_i64(t, us);
}

/* One row per column, name and value: an endpoint has too many columns for a table. */
static void fact(struct table *t, const char *name, struct str value)
{
	table_text(t, str_of(name));
	table_text(t, value);
}

static void number(struct table *t, const char *name, int64_t value)
{
	table_text(t, str_of(name));
	table_i64(t, value);
}

static void moment(struct table *t, const char *name, int64_t us)
{
	table_text(t, str_of(name));
	ms_or_none(t, us);
}

static void list_fact(struct table *t, const char *name, const struct str *values, size_t n)
{
	struct buf joined = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_printf(&joined, "%s%.*s", i ? "," : "", STR_ARG(values[i]));
	fact(t, name, n ? buf_str(&joined) : STR_NONE);
	buf_fini(&joined);
}

static void schedule_fact(struct table *t, const struct endpoint_row *e)
{
	struct buf joined = BUF_INIT;

	for (size_t i = 0; i < e->n_schedule; i++)
		buf_printf(&joined, "%s%lld", i ? "," : "", (long long)e->schedule_ms[i]);
	fact(t, "schedule_ms", e->n_schedule ? buf_str(&joined) : STR_NONE);
	buf_fini(&joined);
}

static struct table *endpoint_table(const struct endpoint_row *e)
{
	static const char *const columns[] = { "name", "value", NULL };
	struct table *t = table_new(columns);

	table_text(t, STR("endpoint"));
	table_uuid(t, &e->uuid);
	table_text(t, STR("workspace"));
	table_uuid(t, &e->workspace);
	fact(t, "name", e->name);
	fact(t, "kind", str_of(store_endpoint_kind_word(e->kind)));
	fact(t, "url", e->url);
	list_fact(t, "event_types", e->event_types, e->n_event_types);
	fact(t, "ordering", e->ordered ? STR("conversation") : STR("none"));
	fact(t, "client_errors", e->lenient ? STR("lenient") : STR("strict"));
	number(t, "rate", e->rate);
	number(t, "max_in_flight", e->max_in_flight);
	number(t, "timeout_ms", e->timeout_ms);
	schedule_fact(t, e);
	number(t, "max_retries", e->max_retries);
	table_text(t, STR("enabled"));
	table_bool(t, e->enabled);
	moment(t, "enabled_at", e->enabled_us);
	moment(t, "active_from", e->active_from_us);
	fact(t, "state", str_of(store_endpoint_state_word(e->state)));
	table_text(t, STR("live"));
	table_bool(t, store_endpoint_is_live(e));
	fact(t, "disabled_reason", e->disabled_reason);
	moment(t, "disabled_at", e->disabled_us);
	moment(t, "failing_since", e->failing_since_us);
	return t;
}

static void position_row(void *ctx, const struct position_info *p)
{
	struct table *t = ctx;

	table_text(t, p->topic);
	table_i64(t, p->partition);
	table_i64(t, p->next_offset);
	if (p->behind < 0)
		table_none(t);
	else
		table_i64(t, p->behind);
	ms_or_none(t, p->updated_us);
}

static void retry_row(void *ctx, const struct retry_info *r)
{
	struct table *t = ctx;

	table_i64(t, r->id);
	table_text(t, r->status);
	table_uuid(t, &r->event_id);
	table_text(t, r->event_type);
	table_i64(t, r->retry_count);
	ms_or_none(t, r->next_retry_us);
	table_text(t, r->last_error);
}

static void attempt_row(void *ctx, const struct attempt_info *a)
{
	struct table *t = ctx;

	ms_or_none(t, a->at_us);
	table_uuid(t, &a->event_id);
	table_text(t, a->event_type);
	table_i64(t, a->attempt);
	table_text(t, a->outcome);
	if (a->status)
		table_i64(t, a->status);
	else
		table_none(t);
	duration(t, a->dns_us);
	duration(t, a->connect_us);
	duration(t, a->tls_us);
	duration(t, a->first_byte_us);
	duration(t, a->total_us);
	table_text(t, a->error);
}

static const char *const position_columns[] = { "topic", "partition", "next_offset", "behind", "updated", NULL };
static const char *const retry_columns[] = { "id", "status", "event", "type", "retries", "next_retry", "last_error",
	NULL };
static const char *const attempt_columns[] = { "at", "event", "type", "attempt", "outcome", "status", "dns_us",
	"connect_us", "tls_us", "first_byte_us", "total_us", "error", NULL };

enum part { PART_ENDPOINT, PART_POSITIONS, PART_RETRIES, PART_ATTEMPTS, PARTS };

/* In JSON, one object with one member per table. */
static void parts_print(struct table *const tables[static PARTS], bool json)
{
	static const char *const names[PARTS] = { "endpoint", "positions", "retries", "attempts" };

	for (int i = 0; i < PARTS; i++) {
		if (json)
			printf("%s\"%s\": ", i ? ", " : "{", names[i]);
		else if (i)
			printf("\n%s\n", names[i]);
		table_print(tables[i], json);
	}
	if (json)
		printf("}\n");
}

int webhook_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct table *tables[PARTS] = { NULL };
	struct arena *a = arena_new(4096);
	struct endpoint_key key;
	struct endpoint_row e;
	struct pg *ops;
	int rc = -1;

	(void)options;
	if (webhook_find(ctl, arguments[0], a, &e, err) < 0 || ctl_pg_ops(ctl, &ops, err) < 0)
		goto out;
	key = (struct endpoint_key){ e.workspace_id, e.id };
	tables[PART_ENDPOINT] = endpoint_table(&e);
	tables[PART_POSITIONS] = table_new(position_columns);
	tables[PART_RETRIES] = table_new(retry_columns);
	tables[PART_ATTEMPTS] = table_new(attempt_columns);
	if (store_endpoint_positions(ops, &key, position_row, tables[PART_POSITIONS], err) < 0 ||
		store_retries_list(ops, &(struct retry_filter){ .endpoint = e.uuid, .status = NULL }, RETRIES_SHOWN,
			retry_row, tables[PART_RETRIES], err) < 0 ||
		store_endpoint_attempts(ops, &key, ATTEMPTS_SHOWN, attempt_row, tables[PART_ATTEMPTS], err) < 0)
		goto out;
	parts_print(tables, ctl->json);
	rc = 0;
out:
	for (int i = 0; i < PARTS; i++)
		table_free(tables[i]);
	arena_free(a);
	return rc;
}
