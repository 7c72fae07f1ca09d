/* Log lines. A line is built on the stack and written with one write(2) under a lock, so that lines of several threads
 * never interleave, even where a pipe would split them (above PIPE_BUF).
 *
 * Invariant: a line is at most LINE_MAX_BYTES, always complete (closed quotes and braces, one newline at the end) and
 * valid UTF-8 without control characters. A field that does not fit is truncated if it is text, omitted otherwise.
 */
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define LINE_MAX_BYTES  8192
#define LINE_TAIL_BYTES 3 /* reserved for a closing quote, a closing brace and the newline */

struct line {
	char p[LINE_MAX_BYTES];
	size_t n;
	bool full;
};

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static struct {
	char service[64];
	enum log_format format;
	atomic_int level;
	pthread_mutex_t lock;
} logger = { .service = "", .format = LOG_LOGFMT, .level = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER };

void log_init(const char *service, enum log_level level, enum log_format format)
{
	snprintf(logger.service, sizeof(logger.service), "%s", service);
	logger.format = format;
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

bool log_level_parse(struct str word, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (str_is(word, level_names[i])) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

bool log_format_parse(struct str word, enum log_format *out)
{
	if (!str_is(word, "logfmt") && !str_is(word, "json"))
		return false;
	*out = str_is(word, "json") ? LOG_JSON : LOG_LOGFMT;
	return true;
}

/* Appends all of it or nothing. Once something did not fit, the line accepts nothing more. */
static void put(struct line *l, const char *p, size_t n)
{
	if (l->full || n > sizeof(l->p) - LINE_TAIL_BYTES - l->n) {
		l->full = true;
		return;
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void put_cstr(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

static void put_tail(struct line *l, char c)
{
	l->p[l->n++] = c;
}

/* Quote, backslash, and the control characters C0, DEL and C1, which terminals interpret. */
static bool needs_escape(const unsigned char *p, size_t n)
{
	return (n == 1 && (*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\')) ||
		(n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

static void put_escape(struct line *l, unsigned char c)
{
	static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
	const char *known = c ? strchr(from, c) : NULL;
	char text[8];

	if (known)
		snprintf(text, sizeof(text), "\\%c", to[known - from]);
	else
		snprintf(text, sizeof(text), "\\u%04x", c);
	put_cstr(l, text);
}

static void put_escaped(struct line *l, struct str s)
{
	while (s.n > 0 && !l->full) {
		size_t whole = utf8_next(s), step = whole ? whole : 1;
		const unsigned char *p = (const unsigned char *)s.p;

		if (!whole)
			put_cstr(l, "\xef\xbf\xbd"); /* U+FFFD */
		else if (needs_escape(p, whole))
			put_escape(l, p[whole - 1]);
		else
			put(l, s.p, whole);
		s = (struct str){ s.p + step, s.n - step };
	}
}

/* Whether logfmt parsers accept s without quotes. */
static bool is_bare(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return s.n > 0;
}

/* An absent string is null in JSON and no text at all in logfmt, where "" is an empty string. */
static bool put_text(struct line *l, enum log_format format, struct str s)
{
	if (!s.p) {
		put_cstr(l, format == LOG_JSON ? "null" : "");
		return !l->full;
	}
	if (format == LOG_LOGFMT && is_bare(s)) {
		put_escaped(l, s);
		return true;
	}
	put(l, "\"", 1);
	if (l->full)
		return false;
	put_escaped(l, s);
	put_tail(l, '"');
	return true;
}

static bool put_i64(struct line *l, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	put_cstr(l, text);
	return !l->full;
}

/* JSON has no NaN and no infinity. */
static bool put_f64(struct line *l, enum log_format format, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.10g", v);
	put_cstr(l, format == LOG_JSON && !isfinite(v) ? "null" : text);
	return !l->full;
}

/* "***123": the last three digits, whatever other characters are in the text; no digits when it has three or fewer. */
static bool put_phone(struct line *l, enum log_format format, struct str s)
{
	char masked[] = "***\0\0\0";
	size_t digits = 0, left = 3;

	for (size_t i = 0; i < s.n; i++)
		digits += s.p[i] >= '0' && s.p[i] <= '9';
	for (size_t i = s.n; i > 0 && left > 0 && digits > 3; i--)
		if (s.p[i - 1] >= '0' && s.p[i - 1] <= '9')
			masked[3 + --left] = s.p[i - 1];
	return put_text(l, format, s.p ? str_of(masked) : STR_NONE);
}

static bool put_value(struct line *l, enum log_format format, const struct log_field *f)
{
	switch (f->type) {
	case LOG_T_STR:
		return put_text(l, format, f->s);
	case LOG_T_I64:
		return put_i64(l, f->i);
	case LOG_T_F64:
		return put_f64(l, format, f->f);
	case LOG_T_PHONE:
		return put_phone(l, format, f->s);
	case LOG_END:
		break;
	}
	return false;
}

/* Names are literals in the source and need no escaping. */
static void put_name(struct line *l, enum log_format format, const char *name)
{
	bool first = l->n == 0;

	if (format == LOG_JSON) {
		put_cstr(l, first ? "{\"" : ",\"");
		put_cstr(l, name);
		put_cstr(l, "\":");
	} else {
		put_cstr(l, first ? "" : " ");
		put_cstr(l, name);
		put_cstr(l, "=");
	}
}

static void put_field(struct line *l, enum log_format format, const struct log_field *f)
{
	size_t before = l->n;

	put_name(l, format, f->name);
	if (l->full || !put_value(l, format, f))
		l->n = before;
}

static void line_emit(const struct line *l)
{
	size_t done = 0;

	pthread_mutex_lock(&logger.lock);
	while (done < l->n) {
		ssize_t n = write(STDERR_FILENO, l->p + done, l->n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* nowhere left to report the failure */
		done += (size_t)n;
	}
	pthread_mutex_unlock(&logger.lock);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	enum log_format format = logger.format;
	int saved_errno = errno;
	struct line l;
	char time[25];

	l.n = 0;
	l.full = false;
	clock_format_ms(clock_now_ms(), time);
	put_field(&l, format, &LOG_S("time", time));
	put_field(&l, format, &LOG_S("level", level_names[level]));
	put_field(&l, format, &LOG_S("service", logger.service));
	put_field(&l, format, &LOG_S("event", event));
	for (const struct log_field *f = fields; f->type != LOG_END; f++)
		put_field(&l, format, f);
	if (format == LOG_JSON)
		put_tail(&l, '}');
	put_tail(&l, '\n');
	line_emit(&l);
	errno = saved_errno;
}
