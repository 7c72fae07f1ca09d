/* blazzctl campaigns export: the recipients of a campaign as CSV (RFC 4180). Invariant: no cell begins a formula when a
 * spreadsheet opens the file: texts come from providers. Source: OWASP, CSV injection. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "campaigns.h"
#include "terminal.h"

#define CHUNK_ROWS 5000

struct export
{
	FILE *file;
	bool terminal;
	int64_t last_id;
	int64_t n;
};

static void cell(struct export *e, struct str s)
{
	struct buf out = BUF_INIT;

	buf_add_char(&out, '"');
	if (s.n > 0 && memchr("=+-@\t\r", s.p[0], 6))
		buf_add_char(&out, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_add_char(&out, '"');
		buf_add_char(&out, s.p[i]);
	}
	buf_add_char(&out, '"');
	if (e->terminal)
		terminal_print(e->file, buf_str(&out));
	else
		fwrite(out.p, 1, out.n, e->file);
	fputc(',', e->file);
	buf_fini(&out);
}

static void moment(struct export *e, int64_t us, bool last)
{
	char text[25] = "";

	if (us != PG_NO_TIME)
		clock_format_ms(us / 1000, text);
	fprintf(e->file, "%s%s", text, last ? "\r\n" : ",");
}

static void recipient_write(void *ctx, const struct recipient_info *r)
{
	struct export *e = ctx;

	cell(e, r->address);
	cell(e, r->status);
	cell(e, r->error_code);
	cell(e, r->error_message);
	cell(e, r->session_id);
	cell(e, r->client_message_id);
	cell(e, r->provider_message_id);
	fprintf(e->file, "%d,%d,", r->attempts, r->generation);
	moment(e, r->sent_us, false);
	moment(e, r->delivered_us, false);
	moment(e, r->read_us, true);
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
	e.terminal = isatty(fileno(e.file));
	rc = recipients_write(ops, &c.counters.key, o->statuses, &e, err);
	if ((fflush(e.file) != 0 || ferror(e.file)) && rc == 0)
		rc = err_set(err, ERR_INPUT, "file", "the export cannot be written");
	if (e.file != stdout && fclose(e.file) != 0 && rc == 0)
		rc = err_set(err, ERR_INPUT, "file", "the export cannot be written");
out:
	arena_free(a);
	return rc;
}
