/* blazzctl campaigns export: the recipients of a campaign as CSV (RFC 4180). Invariant: no cell begins a formula when a
 * spreadsheet opens the file: texts come from providers. Source: OWASP, CSV injection. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "campaigns.h"

#define CHUNK_ROWS 5000

static void cell(FILE *f, struct str s, bool last)
{
	fputc('"', f);
	if (s.n > 0 && memchr("=+-@\t\r", s.p[0], 6))
		fputc('\'', f);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			fputc('"', f);
		fputc(s.p[i], f);
	}
	fputs(last ? "\"\r\n" : "\",", f);
}

static void number(FILE *f, int32_t n)
{
	fprintf(f, "%d,", n);
}

static void moment(FILE *f, int64_t us, bool last)
{
	char text[25] = "";

	if (us != PG_NO_TIME)
		clock_format_ms(us / 1000, text);
	fprintf(f, "%s%s", text, last ? "\r\n" : ",");
}

struct export
{
	FILE *file;
	int64_t last_id;
	int64_t n;
};

static void recipient_write(void *ctx, const struct recipient_info *r)
{
	struct export *e = ctx;

	cell(e->file, r->address, false);
	cell(e->file, r->status, false);
	cell(e->file, r->error_code, false);
	cell(e->file, r->error_message, false);
	cell(e->file, r->session_id, false);
	cell(e->file, r->client_message_id, false);
	cell(e->file, r->provider_message_id, false);
	number(e->file, r->attempts);
	number(e->file, r->generation);
	moment(e->file, r->sent_us, false);
	moment(e->file, r->delivered_us, false);
	moment(e->file, r->read_us, true);
	e->last_id = r->id;
	e->n++;
}

static int recipients_write(struct pg *ops, const struct campaign_key *key, const char *statuses, struct export *e,
	struct err *err)
{
	int64_t before;

	fputs("address,status,reason,message,session_id,client_message_id,provider_message_id,attempts,generation,sent_at,"
	      "delivered_at,read_at\r\n",
		e->file);
	do {
		before = e->n;
		if (store_campaign_recipients_list(ops, key, statuses, e->last_id, CHUNK_ROWS, recipient_write, e,
			    err) < 0)
			return -1;
	} while (e->n == before + CHUNK_ROWS && !ferror(e->file));
	return 0;
}

int campaign_export(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct campaign_export_options *o = options;
	struct export e = { .file = stdout };
	struct arena *a = arena_new(4096);
	struct campaign_info c;
	struct pg *ops;
	int rc = -1;

	if (campaign_find(ctl, arguments[0], a, &c, err) < 0 || ctl_pg_ops(ctl, &ops, err) < 0)
		goto out;
	if (o->file && !(e.file = fopen(o->file, "we"))) {
		err_set(err, ERR_INPUT, "file", "%s: %s", o->file, strerror(errno));
		goto out;
	}
	rc = recipients_write(ops, &c.counters.key, o->statuses, &e, err);
	if ((fflush(e.file) != 0 || ferror(e.file)) && rc == 0)
		rc = err_set(err, ERR_INPUT, "file", "the export cannot be written");
	if (e.file != stdout && fclose(e.file) != 0 && rc == 0)
		rc = err_set(err, ERR_INPUT, "file", "the export cannot be written");
out:
	arena_free(a);
	return rc;
}
