/* blazzctl retry: the retry queue, with pending and failed deliveries. */
#include <stddef.h>
#include <string.h>

#include "ctl.h"
#include "store/webhook_ops.h"

struct retry_options {
	const char *endpoint, *status;
	int64_t id, limit;
};

#define AT(field) offsetof(struct retry_options, field)
#define FILTER_ROWS \
	{ "endpoint", OPTION_TEXT, AT(endpoint), "UUID", "only of this one" }, \
		{ "status", OPTION_TEXT, AT(status), "WORD", "pending, retrying, success or failed" }, \
		{ "id", OPTION_NUMBER, AT(id), "N", "this row" }

static const struct option_row list_rows[] = { FILTER_ROWS,
	{ "limit", OPTION_NUMBER, AT(limit), "N", "at most; default: 100" }, { 0 } };
static const struct option_row change_rows[] = { FILTER_ROWS, { 0 } };

static int filter_read(const struct retry_options *o, struct retry_filter *f, struct err *err)
{
	static const char *const words[] = { "pending", "retrying", "success", "failed" };
	bool known = !o->status;

	for (size_t i = 0; !known && i < sizeof(words) / sizeof(words[0]); i++)
		known = strcmp(o->status, words[i]) == 0;
	if (!known)
		return ctl_usage(err, "--status must be pending, retrying, success or failed");
	*f = (struct retry_filter){ .status = o->status, .id = o->id };
	return o->endpoint ? ctl_uuid("--endpoint", o->endpoint, &f->endpoint, err) : 0;
}

static void time_or_none(struct table *t, int64_t us)
{
	table_time_ms(t, us == PG_NO_TIME ? 0 : us / 1000);
}

static void row(void *ctx, const struct retry_info *r)
{
	struct table *t = ctx;

	table_i64(t, r->id);
	table_uuid(t, &r->endpoint);
	table_text(t, r->status);
	table_bool(t, r->dropped);
	table_uuid(t, &r->event_id);
	table_text(t, r->event_type);
	table_uuid(t, &r->ordering_key);
	table_i64(t, r->partition);
	table_i64(t, r->offset);
	table_i64(t, r->retry_count);
	table_i64(t, r->max_retries);
	time_or_none(t, r->next_retry_us);
	time_or_none(t, r->created_us);
	table_text(t, r->last_error);
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "id", "endpoint", "status", "dropped", "event", "type", "ordering_key",
		"partition", "offset", "retries", "max_retries", "next_retry", "since", "last_error", NULL };
	const struct retry_options *o = options;
	struct table *t = table_new(columns);
	struct retry_filter f;
	struct pg *ops;
	int rc = -1;

	(void)arguments;
	if (filter_read(o, &f, err) < 0 || ctl_pg_ops(ctl, &ops, err) < 0 ||
		store_retries_list(ops, &f, o->limit > 0 && o->limit < INT32_MAX ? (int)o->limit : 100, row, t, err) <
			0)
		goto out;
	table_print(t, ctl->json);
	rc = 0;
out:
	table_free(t);
	return rc;
}

/* Requires at least one condition, so that no operator selects the rows of all tenants by mistake. */
static int change(struct ctl *ctl, const struct retry_options *o, const char *done,
	int (*run)(struct pg *pg, const struct retry_filter *f, int64_t *changed, struct err *err), struct err *err)
{
	const char *const columns[] = { done, NULL };
	struct retry_filter f;
	struct table *t;
	int64_t changed;
	struct pg *ops;

	if (!o->endpoint && !o->id)
		return ctl_usage(err, "which ones: --endpoint or --id, and --status");
	if (filter_read(o, &f, err) < 0 || ctl_pg_ops(ctl, &ops, err) < 0 || run(ops, &f, &changed, err) < 0)
		return -1;
	t = table_new(columns);
	table_i64(t, changed);
	table_print(t, ctl->json);
	table_free(t);
	return 0;
}

static int again(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)arguments;
	return change(ctl, options, "retried", store_retries_again, err);
}

static int drop(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)arguments;
	return change(ctl, options, "dropped", store_retries_drop, err);
}

const struct command retry_commands[] = {
	{ "retry", "list", NULL, 0, 0, list_rows, sizeof(struct retry_options),
		"lists deliveries in the retry queue: pending, failed, or delivered after a retry", list },
	{ "retry", "retry", NULL, 0, 0, change_rows, sizeof(struct retry_options),
		"makes scheduled retries due now, and retries failed deliveries again", again },
	{ "retry", "drop", NULL, 0, 0, change_rows, sizeof(struct retry_options),
		"marks pending deliveries to fail without another attempt; deletes finished ones", drop },
	{ 0 },
};
