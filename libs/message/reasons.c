/* The list of reasons; see reasons.h. Invariant: it holds at most REASONS_MAX texts, whatever the content is. */
#include "message/reasons.h"

#include <assert.h>
#include <stdio.h>

#include "base/utf8.h"
#include "message/clean.h"
#include "message/grapheme.h"

#define QUOTED_CHARS 40
#define QUOTED_BYTES 1024 /* of content that is looked at */

void reasons_init(struct reasons *r, struct arena *a)
{
	*r = (struct reasons){ .arena = a, .where = "" };
}

/* Callers quote content with reasons_quote(), so a reason is never long. */
__attribute__((format(printf, 2, 0))) static struct str formatted(struct arena *a, const char *fmt, va_list args)
{
	char text[1024];
	int n = vsnprintf(text, sizeof(text), fmt, args);

	assert(n >= 0 && (size_t)n < sizeof(text));
	return arena_str(a, (struct str){ text, (size_t)n });
}

void reasons_about(struct reasons *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	r->where = formatted(r->arena, fmt, args).p;
	va_end(args);
}

void reasons_about_all(struct reasons *r)
{
	r->where = "";
}

void reasons_add(struct reasons *r, const char *fmt, ...)
{
	va_list args;

	if (r->n == REASONS_MAX) {
		r->more++;
		return;
	}
	va_start(args, fmt);
	r->at[r->n++] = arena_printf(r->arena, "%s%s", r->where, formatted(r->arena, fmt, args).p);
	va_end(args);
}

size_t reasons_count(const struct reasons *r)
{
	return r->n + r->more;
}

const char *reasons_quote(const struct reasons *r, struct str content)
{
	struct buf clean = BUF_INIT;
	struct str whole, cut;
	char *quoted;

	clean_text(&clean, utf8_truncate(content, QUOTED_BYTES));
	whole = buf_str(&clean);
	cut = grapheme_truncate(whole, QUOTED_CHARS);
	quoted = arena_cstr(r->arena, arena_printf(r->arena, "%.*s%s", STR_ARG(cut), cut.n < whole.n ? "…" : ""));
	buf_fini(&clean);
	return quoted;
}
