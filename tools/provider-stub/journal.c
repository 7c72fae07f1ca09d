/* See journal.h. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/digest.h"

#define KEEP_BYTES ((size_t)256 << 20) /* of all lines in memory */

/* A line, and what filters compare, in one block. */
struct line {
	size_t n; /* of `bytes` */
	enum stub_provider provider;
	enum stub_act act;
	bool accepted;
	struct str text, account, recipient, client_message_id, rule;
	char bytes[];
};

struct stub_journal {
	int fd; /* -1: none */
	bool bodies;
	struct line **ring; /* lines `first` to `next` - 1, line n at n % keep */
	size_t keep, bytes;
	uint64_t first, next;
	struct buf text; /* the line being written */
	struct buf content;
};

static int file_write(const struct stub_journal *j, struct err *err)
{
	for (size_t done = 0; j->fd >= 0 && done < j->text.n;) {
		ssize_t n = write(j->fd, j->text.p + done, j->text.n - done);

		if (n < 0 && errno != EINTR)
			return err_set(err, ERR_FATAL, "journal", "the journal cannot be written: %s", strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* A kill may have left half a line: the next one begins on a line of its own. */
static int file_open(struct stub_journal *j, const char *path, struct err *err)
{
	char last = '\n';
	off_t end;

	j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return err_set(err, ERR_FATAL, "journal", "%s: %s", path, strerror(errno));
	end = lseek(j->fd, 0, SEEK_END);
	if (end > 0 && pread(j->fd, &last, 1, end - 1) != 1)
		return err_set(err, ERR_FATAL, "journal", "%s: %s", path, strerror(errno));
	if (last != '\n')
		buf_add_char(&j->text, '\n');
	return file_write(j, err);
}

int stub_journal_open(struct stub_journal **out, const struct stub_journal_options *o, struct err *err)
{
	struct stub_journal *j = mem_calloc(1, sizeof(*j));

	j->fd = -1;
	j->bodies = o->bodies;
	j->keep = o->keep;
	j->ring = mem_calloc(o->keep, sizeof(struct line *));
	j->first = j->next = o->next_seq;
	if (o->file && *o->file && file_open(j, o->file, err) < 0) {
		stub_journal_close(j);
		return -1;
	}
	*out = j;
	return 0;
}

static void first_drop(struct stub_journal *j)
{
	struct line *line = j->ring[j->first++ % j->keep];

	j->bytes -= line->n;
	free(line);
}

void stub_journal_close(struct stub_journal *j)
{
	if (!j)
		return;
	while (j->first < j->next)
		first_drop(j);
	free(j->ring);
	buf_fini(&j->text);
	buf_fini(&j->content);
	if (j->fd >= 0)
		close(j->fd);
	free(j);
}

/* Of the request without what differs between two requests for one message. */
static void hash_write(struct stub_journal *j, const json *body, struct json_writer *w)
{
	static const char *const without[] = { "client_message_id", "biz_opaque_callback_data", "typing_ms", "delay" };
	uint8_t digest[32];
	char hex[64];

	buf_clear(&j->content);
	if (json_write_without(body, without, sizeof(without) / sizeof(without[0]), &j->content, NULL) < 0)
		return;
	sha256(buf_str(&j->content), digest);
	hex_encode(digest, sizeof(digest), hex);
	jw_member_str(w, "content_sha256", (struct str){ hex, sizeof(hex) });
	if (j->bodies)
		jw_member_raw(w, "request", buf_str(&j->content));
}

static void text_write(struct stub_journal *j, const struct stub_journal_entry *e)
{
	const struct stub_call *c = e->call;
	struct json_writer w = json_writer(&j->text);

	buf_clear(&j->text);
	jw_obj(&w);
	jw_member_i64(&w, "seq", (int64_t)j->next);
	jw_member_i64(&w, "at_ms", e->at_ms);
	jw_member_bool(&w, "accepted", e->accepted);
	jw_member_str(&w, "provider", str_of(stub_provider_word(c->dialect->provider)));
	jw_member_str(&w, "account", c->account);
	jw_member_str(&w, "act", str_of(stub_act_word(c->act)));
	jw_member_str(&w, "recipient", c->recipient);
	jw_member_str(&w, "client_message_id", c->client_message_id);
	jw_member_str(&w, "type", c->type);
	jw_member_str(&w, "id", str_of(e->id));
	jw_member_i64(&w, "status", e->status);
	jw_member_str(&w, "end", str_of(e->end));
	jw_member_str(&w, "reason", e->reason);
	jw_member_str(&w, "rule", e->rule);
	hash_write(j, c->body, &w);
	jw_obj_end(&w);
	buf_add_char(&j->text, '\n');
}

static struct str keep(char **at, struct str s)
{
	struct str kept = { *at, s.n };

	if (!s.p)
		return STR_NONE;
	memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

static void line_keep(struct stub_journal *j, const struct stub_journal_entry *e)
{
	const struct stub_call *c = e->call;
	size_t n = j->text.n + c->account.n + c->recipient.n + c->client_message_id.n + e->rule.n;
	struct line *line = mem_alloc(sizeof(*line) + n);
	char *at = line->bytes;

	line->n = n;
	line->provider = c->dialect->provider;
	line->act = c->act;
	line->accepted = e->accepted;
	line->text = keep(&at, buf_str(&j->text));
	line->account = keep(&at, c->account);
	line->recipient = keep(&at, c->recipient);
	line->client_message_id = keep(&at, c->client_message_id);
	line->rule = keep(&at, e->rule);
	while (j->next - j->first >= j->keep || (j->first < j->next && j->bytes + n > KEEP_BYTES))
		first_drop(j);
	j->ring[j->next++ % j->keep] = line;
	j->bytes += n;
}

int stub_journal_write(struct stub_journal *j, const struct stub_journal_entry *e, struct err *err)
{
	text_write(j, e);
	if (file_write(j, err) < 0)
		return -1;
	line_keep(j, e);
	return 0;
}

uint64_t stub_journal_lines(const struct stub_journal *j)
{
	return j->next - 1;
}

static bool wanted(struct str filter, struct str value)
{
	return !filter.p || str_eq(filter, value);
}

static bool matches(const struct line *l, const struct stub_journal_filter *f)
{
	return wanted(f->provider, str_of(stub_provider_word(l->provider))) &&
		wanted(f->act, str_of(stub_act_word(l->act))) &&
		wanted(f->accepted, l->accepted ? STR("true") : STR("false")) && wanted(f->account, l->account) &&
		wanted(f->recipient, l->recipient) && wanted(f->client_message_id, l->client_message_id) &&
		wanted(f->rule, l->rule);
}

void stub_journal_read(const struct stub_journal *j, const struct stub_journal_filter *f, struct buf *out)
{
	uint64_t first = f->after >= (int64_t)j->first ? (uint64_t)f->after + 1 : j->first;
	int64_t left = f->limit;

	for (uint64_t seq = first; seq < j->next && left > 0; seq++) {
		const struct line *l = j->ring[seq % j->keep];

		if (matches(l, f)) {
			buf_add_str(out, l->text);
			left--;
		}
	}
}
