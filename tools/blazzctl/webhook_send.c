/* blazzctl webhook test, sign, verify: making and checking a single delivery. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/ids.h"
#include "crypto/webhook_signature.h"
#include "http/exchange_class.h"
#include "http/headers.h"
#include "http/sender.h"
#include "http/signing.h"
#include "webhook.h"
#include "json/json.h"
#include "json/writer.h"

#define BODY_MAX_BYTES ((size_t)16 << 20)
#define ID_MAX_BYTES   200

/* The keys in the form of signing_keys_parse(). */
static int signing_open(const struct webhook_keys *k, struct signing_keys **out, struct err *err)
{
	struct buf plain = BUF_INIT;
	int rc;

	webhook_keys_write(k, &plain);
	rc = signing_keys_parse(out, buf_str(&plain), err);
	ctl_secret_free(&plain);
	return rc;
}

static void test_event_write(const struct endpoint_row *e, const struct uuid *id, struct buf *out)
{
	struct json_writer w = json_writer(out);
	char event[37], workspace[37], endpoint[37], at[25];

	uuid_format(id, event);
	uuid_format(&e->workspace, workspace);
	uuid_format(&e->uuid, endpoint);
	clock_format_ms(clock_now_ms(), at);
	jw_obj(&w);
	jw_member_str(&w, "id", str_of(event));
	jw_member_str(&w, "type", STR("endpoint.test"));
	jw_member_str(&w, "api_version", e->api_version);
	jw_member_str(&w, "workspace_id", str_of(workspace));
	jw_member_raw(&w, "account_id", STR("null"));
	jw_member_raw(&w, "conversation_id", STR("null"));
	jw_member_raw(&w, "sequence", STR("null"));
	jw_member_str(&w, "timestamp", str_of(at));
	jw_key(&w, "data");
	jw_obj(&w);
	jw_member_str(&w, "endpoint_id", str_of(endpoint));
	jw_obj_end(&w);
	jw_obj_end(&w);
}

struct test {
	struct table *table;
	bool done, accepted;
};

static void timing(struct table *t, int64_t us)
{
	if (us < 0)
		table_none(t);
	else
		table_i64(t, us);
}

static void test_done(void *ctx, const struct exchange_result *r)
{
	struct test *test = ctx;

	enum exchange_class class = exchange_classify(r);

	test->done = true;
	test->accepted = class == CLASS_SUCCESS;
	table_text(test->table, str_of(exchange_class_word(class)));
	table_i64(test->table, r->status);
	timing(test->table, r->dns_us);
	timing(test->table, r->connect_us);
	timing(test->table, r->tls_us);
	timing(test->table, r->first_byte_us);
	timing(test->table, r->total_us);
	table_text(test->table, r->detail[0] ? str_of(r->detail) : STR_NONE);
}

/* Sends the body as the dispatcher would, and waits for the result. */
static int test_send(struct ctl *ctl, const struct endpoint_row *e, const struct signing_keys *keys, const char *id,
	struct str body, struct arena *a, struct test *test, struct err *err)
{
	struct sender_options options = {
		.max_connections = 1, .user_agent = "Blazz-Webhooks/1", .ca_file = ctl->settings.ca_file
	};
	const char *headers[SIGNING_HEADERS + HEADERS_MAX + 2] = { "content-type: application/json" };
	struct buf signatures = BUF_INIT;
	struct sender *sender = NULL;
	struct loop *loop = NULL;
	char **own;
	const char *line;
	size_t n = 1;
	int rc = -1;

	if (headers_parse(e->headers, a, &own, err) < 0)
		return -1;
	signing_headers(keys, id, clock_now_ms(), body, &signatures);
	line = signatures.p;
	for (int i = 0; i < SIGNING_HEADERS; i++, line += strlen(line) + 1)
		headers[n++] = line;
	while (*own)
		headers[n++] = *own++;
	if (loop_new(&loop, err) < 0 || ctl_guard(ctl, &options.guard, err) < 0)
		goto out;
	options.loop = loop;
	if (sender_open(&sender, &options, err) < 0)
		goto out;
	sender_send(sender,
		&(struct send_request){ .url = arena_cstr(a, e->url),
			.headers = headers,
			.body = body,
			.timeout_ms = e->timeout_ms,
			.done = test_done,
			.ctx = test },
		NULL);
	while (!test->done)
		loop_turn(loop, 1000);
	rc = 0;
out:
	sender_close(&sender);
	loop_free(loop);
	buf_fini(&signatures);
	return rc;
}

int webhook_test(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "outcome", "status", "dns_us", "connect_us", "tls_us", "first_byte_us",
		"total_us", "detail", NULL };
	struct test test = { .table = table_new(columns) };
	struct webhook_keys keys = { .n = 0 };
	struct signing_keys *signing = NULL;
	struct arena *a = arena_new(4096);
	struct buf body = BUF_INIT;
	struct endpoint_row e;
	char id[SIGNING_ID_SIZE];
	struct uuid event;
	int rc = -1;

	(void)options;
	uuid_v4(&event);
	if (webhook_find(ctl, arguments[0], a, &e, err) < 0 || webhook_keys_open(ctl, &e, &keys, err) < 0 ||
		signing_open(&keys, &signing, err) < 0)
		goto out;
	signing_id(&event, &e.uuid, id);
	test_event_write(&e, &event, &body);
	if (test_send(ctl, &e, signing, id, buf_str(&body), a, &test, err) < 0)
		goto out;
	table_print(test.table, ctl->json);
	rc = test.accepted ? 0 : err_set(err, ERR_INPUT, "test", "the endpoint did not accept the event");
out:
	table_free(test.table);
	signing_keys_free(signing);
	webhook_keys_fini(&keys);
	buf_fini(&body);
	arena_free(a);
	return rc;
}

/* Reads the bytes unchanged; "-": standard input. */
static int body_read(const char *path, struct buf *out, struct err *err)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (fd >= 0 && out->n <= BODY_MAX_BYTES && (n = read(fd, buf_reserve(out, 65536), 65536)) > 0)
		out->n += (size_t)n;
	if (n < 0)
		err_set(err, ERR_INPUT, "file", "%s: %s", path, strerror(errno));
	else if (n > 0)
		err_set(err, ERR_INPUT, "file", "%s: larger than 16 MiB", path);
	if (fd > STDIN_FILENO)
		close(fd);
	return n == 0 ? 0 : -1;
}

/* The arguments of sign and verify: "[ENDPOINT] BODY". */
static int signed_read(struct ctl *ctl, const struct webhook_sign_options *o, char *const *arguments,
	struct webhook_keys *keys, struct buf *body, struct err *err)
{
	struct arena *a;
	struct endpoint_row e;
	int rc;

	if (!o->secret_file == !arguments[1])
		return ctl_usage(err, "either an endpoint or --secret-file, and a body");
	if (body_read(arguments[arguments[1] ? 1 : 0], body, err) < 0)
		return -1;
	if (o->secret_file)
		return webhook_keys_read(o->secret_file, keys, err);
	a = arena_new(4096);
	rc = webhook_find(ctl, arguments[0], a, &e, err);
	if (rc == 0)
		rc = webhook_keys_open(ctl, &e, keys, err);
	arena_free(a);
	return rc;
}

int webhook_sign_body(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct webhook_sign_options *o = options;
	struct webhook_keys keys = { .n = 0 };
	struct signing_keys *signing = NULL;
	struct buf body = BUF_INIT, lines = BUF_INIT;
	char made[41] = "msg_";
	struct uuid random;
	const char *line;
	int rc = -1;

	uuid_v4(&random);
	uuid_format(&random, made + 4);
	if (o->id && strlen(o->id) > ID_MAX_BYTES) {
		ctl_usage(err, "--id is too long");
		goto out;
	}
	if (signed_read(ctl, o, arguments, &keys, &body, err) < 0 || signing_open(&keys, &signing, err) < 0)
		goto out;
	signing_headers(signing, o->id ? o->id : made, o->timestamp_s ? o->timestamp_s * 1000 : clock_now_ms(),
		buf_str(&body), &lines);
	line = lines.p;
	for (int i = 0; i < SIGNING_HEADERS; i++, line += strlen(line) + 1)
		printf("%s\n", line);
	rc = 0;
out:
	signing_keys_free(signing);
	webhook_keys_fini(&keys);
	buf_fini(&body);
	buf_fini(&lines);
	return rc;
}

/* Moves the unexpired keys to the front; returns how many. */
static size_t keys_active(struct webhook_keys *k, int64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++)
		if (k->expires_at_ms[i] > now_ms)
			k->secret[n++] = k->secret[i];
	return n;
}

int webhook_verify_body(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct webhook_sign_options *o = options;
	struct webhook_keys keys = { .n = 0 };
	int64_t now_ms = clock_now_ms();
	struct buf body = BUF_INIT;
	char timestamp[24];
	int rc = -1;

	if (!o->id || !o->timestamp_s || !o->signature) {
		ctl_usage(err, "webhook verify needs --id, --timestamp and --signature");
		goto out;
	}
	if (signed_read(ctl, o, arguments, &keys, &body, err) < 0)
		goto out;
	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)o->timestamp_s);
	if (!webhook_verify(keys.secret, keys_active(&keys, now_ms), str_of(o->id), str_of(timestamp),
		    str_of(o->signature), buf_str(&body), now_ms)) {
		err_set(err, ERR_INPUT, "signature",
			"no signature matches, or the timestamp is more than 5 minutes from now");
		goto out;
	}
	printf("good\n");
	rc = 0;
out:
	webhook_keys_fini(&keys);
	buf_fini(&body);
	return rc;
}
