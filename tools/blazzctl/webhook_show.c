/* blazzctl webhook show: one endpoint with its positions, retries and attempts. */
#include "facts.h"
#include "store/webhook_ops.h"
#include "webhook.h"

#define ATTEMPTS_SHOWN 20
#define RETRIES_SHOWN  20

static void duration(struct table *t, int32_t us)
{
	if (us < 0)
		table_none(t);
	else
		table_i64(t, us);
}

static void list_fact(struct table *t, const char *name, const struct str *values, size_t n)
{
	struct buf joined = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_printf(&joined, "%s%.*s", i ? "," : "", STR_ARG(values[i]));
	fact_text(t, name, n ? buf_str(&joined) : STR_NONE);
	buf_fini(&joined);
}

static void schedule_fact(struct table *t, const struct endpoint_row *e)
{
	struct buf joined = BUF_INIT;

	for (size_t i = 0; i < e->n_schedule; i++)
		buf_printf(&joined, "%s%lld", i ? "," : "", (long long)e->schedule_ms[i]);
	fact_text(t, "schedule_ms", e->n_schedule ? buf_str(&joined) : STR_NONE);
	buf_fini(&joined);
}

static struct table *endpoint_table(const struct endpoint_row *e)
{
	struct table *t = facts_new();

	fact_uuid(t, "endpoint", &e->uuid);
	fact_uuid(t, "workspace", &e->workspace);
	fact_text(t, "name", e->name);
	fact_text(t, "kind", str_of(store_endpoint_kind_word(e->kind)));
	fact_text(t, "url", e->url);
	list_fact(t, "event_types", e->event_types, e->n_event_types);
	fact_text(t, "ordering", e->ordered ? STR("conversation") : STR("none"));
	fact_text(t, "client_errors", e->lenient ? STR("lenient") : STR("strict"));
	fact_i64(t, "rate", e->rate);
	fact_i64(t, "max_in_flight", e->max_in_flight);
	fact_i64(t, "timeout_ms", e->timeout_ms);
	schedule_fact(t, e);
	fact_i64(t, "max_retries", e->max_retries);
	fact_bool(t, "enabled", e->enabled);
	fact_time(t, "enabled_at", e->enabled_us);
	fact_time(t, "active_from", e->active_from_us);
	fact_text(t, "state", str_of(store_endpoint_state_word(e->state)));
	fact_bool(t, "live", store_endpoint_is_live(e));
	fact_text(t, "disabled_reason", e->disabled_reason);
	fact_time(t, "disabled_at", e->disabled_us);
	fact_time(t, "failing_since", e->failing_since_us);
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
	table_time(t, p->updated_us);
}

static void retry_row(void *ctx, const struct retry_info *r)
{
	struct table *t = ctx;

	table_i64(t, r->id);
	table_text(t, r->status);
	table_uuid(t, &r->event_id);
	table_text(t, r->event_type);
	table_i64(t, r->retry_count);
	table_time(t, r->next_retry_us);
	table_text(t, r->last_error);
}

static void attempt_row(void *ctx, const struct attempt_info *a)
{
	struct table *t = ctx;

	table_time(t, a->at_us);
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

int webhook_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct table *endpoint = NULL, *positions = table_new(position_columns), *pending = table_new(retry_columns),
		     *attempts = table_new(attempt_columns);
	struct arena *a = arena_new(4096);
	struct endpoint_key key;
	struct endpoint_row e;
	struct pg *ops;
	int rc = -1;

	(void)options;
	if (webhook_find(ctl, arguments[0], a, &e, err) < 0 || ctl_pg_ops(ctl, &ops, err) < 0)
		goto out;
	key = (struct endpoint_key){ e.workspace_id, e.id };
	endpoint = endpoint_table(&e);
	if (store_endpoint_positions(ops, &key, position_row, positions, err) < 0 ||
		store_retries_list(ops, &(struct retry_filter){ .endpoint = e.uuid, .status = NULL }, RETRIES_SHOWN,
			retry_row, pending, err) < 0 ||
		store_endpoint_attempts(ops, &key, ATTEMPTS_SHOWN, attempt_row, attempts, err) < 0)
		goto out;
	tables_print((const struct titled_table[]){ { "endpoint", endpoint }, { "positions", positions },
			     { "retries", pending }, { "attempts", attempts }, { 0 } },
		ctl->json);
	rc = 0;
out:
	table_free(endpoint);
	table_free(positions);
	table_free(pending);
	table_free(attempts);
	arena_free(a);
	return rc;
}
