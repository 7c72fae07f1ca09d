/* Errors. Invariant: code and msg are each one line of valid UTF-8, whatever text a server or a peer supplied. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Copies as many whole code points as fit. Each run of control characters becomes one space, and is dropped at either
 * end. */
static void copy_clean(char *out, size_t cap, struct str in)
{
	size_t n = 0;
	bool gap = false;

	while (in.n > 0) {
		size_t whole = utf8_next(in);
		size_t step = whole ? whole : 1;

		if (is_control(in.p[0])) {
			gap = n > 0;
		} else {
			if (n + gap + step >= cap)
				break;
			if (gap)
				out[n++] = ' ';
			gap = false;
			memcpy(out + n, whole ? in.p : "?", step);
			n += step;
		}
		in = (struct str){ in.p + step, in.n - step };
	}
	out[n] = '\0';
}

/* The arguments may point into the error that is being filled, so the text is formatted before anything is stored. */
static __attribute__((format(printf, 3, 0))) void format_text(char *out, size_t cap, const char *fmt, va_list ap)
{
	if (vsnprintf(out, cap, fmt, ap) < 0)
		out[0] = '\0';
}

static __attribute__((format(printf, 4, 0))) void fill(struct err *err, struct err fresh, const char *code,
	const char *fmt, va_list ap)
{
	char text[1024];

	if (!err)
		return;
	format_text(text, sizeof(text), fmt, ap);
	copy_clean(fresh.code, sizeof(fresh.code), str_of(code));
	copy_clean(fresh.msg, sizeof(fresh.msg), str_of(text));
	*err = fresh;
}

int err_set(struct err *err, enum err_kind kind, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, (struct err){ .kind = kind }, code, fmt, ap);
	va_end(ap);
	return -1;
}

int err_reject(struct err *err, enum dead_reason reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, (struct err){ .kind = ERR_INPUT, .reason = reason }, dead_reason_word(reason), fmt, ap);
	va_end(ap);
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char prefix[512];
	char text[sizeof(prefix) + sizeof(err->msg) + 2];
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	format_text(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s: %s", prefix, err->msg);
	copy_clean(err->msg, sizeof(err->msg), str_of(text));
	return -1;
}

const char *err_kind_name(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return "none";
	case ERR_RETRY:
		return "retry";
	case ERR_INPUT:
		return "input";
	case ERR_CONFLICT:
		return "conflict";
	case ERR_FENCED:
		return "fenced";
	case ERR_BUSY:
		return "busy";
	case ERR_FATAL:
		return "fatal";
	case ERR_USAGE:
		return "usage";
	case ERR_CONFIG:
		return "config";
	case ERR_CANCELLED:
		return "cancelled";
	}
	return "unknown";
}
