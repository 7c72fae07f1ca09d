/* blazzctl messages show: a message to send with its failed attempts, and the state of the account that sends it. */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "facts.h"
#include "messages.h"
#include "tenants.h"

#define LOOK_MS 100

static struct table *send_table(const struct send_info *s)
{
	struct table *t = facts_new();

	fact_text(t, "client_message_id", s->client_message_id);
	fact_uuid(t, "workspace", &s->workspace);
	fact_uuid(t, "campaign", &s->campaign);
	fact_text(t, "kind", s->kind);
	fact_text(t, "address", s->address);
	fact_text(t, "status", s->status);
	fact_i64(t, "attempts", s->attempt);
	fact_i64(t, "generation", s->generation);
	fact_time(t, "next_attempt", s->next_us);
	fact_time(t, "deadline", s->deadline_us);
	fact_text(t, "provider_message_id", s->provider_message_id);
	fact_text(t, "error_code", s->error_code);
	fact_text(t, "error_message", s->error_message);
	fact_text(t, "resolved_by", s->resolved_by);
	fact_bool(t, "duplicate_suspected", s->duplicate_suspected);
	fact_time(t, "created_at", s->created_us);
	fact_time(t, "sent_at", s->sent_us);
	fact_time(t, "delivered_at", s->delivered_us);
	fact_time(t, "read_at", s->read_us);
	fact_uuid(t, "account", uuid_is_nil(&s->sent_by) ? &s->account : &s->sent_by);
	fact_text(t, "session_id", s->session_id);
	fact_bool(t, "connected", s->connected);
	fact_bool(t, "held", s->held);
	fact_text(t, "held_code", s->held ? s->held_code : STR_NONE);
	fact_time(t, "held_until", s->held ? s->held_until_us : PG_NO_TIME);
	fact_time(t, "paused_until", s->paused_until_us);
	return t;
}

static const char *const attempt_columns[] = { "at", "session_id", "generation", "attempt", "class", "status", "code",
	"total_us", "answer", NULL };

static void attempt_row(void *ctx, const struct send_attempt_info *at)
{
	struct table *t = ctx;

	table_time(t, at->at_us);
	table_text(t, at->session_id);
	table_i64(t, at->generation);
	table_i64(t, at->attempt);
	table_text(t, at->class);
	if (at->status)
		table_i64(t, at->status);
	else
		table_none(t);
	table_text(t, at->code);
	if (at->total_us >= 0)
		table_i64(t, at->total_us);
	else
		table_none(t);
	table_text(t, at->excerpt);
}

static int send_print(struct pg *ops, const struct send_info *s, bool json, struct err *err)
{
	struct table *attempts = table_new(attempt_columns), *message = NULL;
	int rc = store_send_attempts_list(ops, s->workspace_id, s->id, attempt_row, attempts, err);

	if (rc == 0) {
		message = send_table(s);
		tables_print((const struct titled_table[]){ { "message", message }, { "attempts", attempts }, { 0 } },
			json);
	}
	table_free(message);
	table_free(attempts);
	return rc;
}

static int id_parse(const char *text, struct client_id *out, struct err *err)
{
	if (store_client_id_read(str_of(text), out))
		return 0;
	return ctl_usage(err, "%s is neither a request id nor a client_message_id", text);
}

int message_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct message_show_options *o = options;
	struct arena *a = arena_new(4096);
	struct tenant t = { 0 };
	struct client_id id;
	struct send_info s = { 0 };
	struct pg *ops;
	int rc = -1;

	if (id_parse(arguments[0], &id, err) < 0 || (o->workspace && tenant_find(ctl, o->workspace, &t, err) < 0) ||
		ctl_pg_ops(ctl, &ops, err) < 0)
		goto out;
	rc = store_send_find(ops, t.id, &id, a, &s, err);
	if (rc == 1)
		rc = send_print(ops, &s, ctl->json, err);
	else if (rc == 0)
		rc = err_set(err, ERR_INPUT, "unknown", "there is no such message");
out:
	arena_free(a);
	return rc;
}

static bool has_ended(const struct send_info *s)
{
	return !str_is(s->status, "pending") && !str_is(s->status, "ongoing") && !str_is(s->status, "unknown");
}

/* Looks until the row has ended. 1: *out is the row as it is last; 0: there is none. */
static int end_await(struct pg *ops, int64_t workspace_id, const struct client_id *id, int64_t timeout_ms,
	struct arena *a, struct send_info *out, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;
	int found;

	for (;;) {
		arena_reset(a);
		found = store_send_find(ops, workspace_id, id, a, out, err);
		if (found < 0 || (found == 1 && has_ended(out)) || clock_mono_ms() >= deadline_ms)
			return found;
		(void)poll(NULL, 0, LOOK_MS);
	}
}

int message_wait(struct ctl *ctl, int64_t workspace_id, const struct uuid *request, int64_t timeout_ms, struct err *err)
{
	struct client_id id = { .request = *request };
	struct arena *a = arena_new(4096);
	struct send_info s = { 0 };
	struct pg *ops;
	int rc = ctl_pg_ops(ctl, &ops, err);

	if (rc == 0)
		rc = end_await(ops, workspace_id, &id, timeout_ms, a, &s, err);
	if (rc == 0)
		rc = err_set(err, ERR_RETRY, "timeout",
			"campaign-sender has not read the request yet; if it runs, blazzctl dlq list says why");
	if (rc == 1) {
		rc = send_print(ops, &s, ctl->json, err);
		if (rc == 0 && !has_ended(&s))
			rc = err_set(err, ERR_RETRY, "timeout", "the message is still %.*s", STR_ARG(s.status));
		else if (rc == 0 && (str_is(s.status, "failed") || str_is(s.status, "skipped")))
			rc = err_set(err, ERR_INPUT, "failed", "the message was not sent: %.*s", STR_ARG(s.error_code));
	}
	arena_free(a);
	return rc;
}
