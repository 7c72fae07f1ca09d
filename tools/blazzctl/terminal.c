/* Printing untrusted text; see terminal.h. Invariant: whatever the text, a terminal only displays it. */
#include "terminal.h"

#include "base/utf8.h"

/* The code point of n valid bytes. */
static unsigned code_point(const unsigned char *p, size_t n)
{
	switch (n) {
	case 1:
		return p[0];
	case 2:
		return (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU);
	case 3:
		return (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
	default:
		return 0x10000; /* no character that terminals interpret is above the basic plane */
	}
}

static bool acts(unsigned c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Removes the next character, at least one byte, from *text; *c is its code point, 0 when it is not UTF-8. */
static struct str character_next(struct str *text, unsigned *c)
{
	size_t whole = utf8_next(*text), n = whole ? whole : 1;
	struct str head = { text->p, n };

	*c = whole ? code_point((const unsigned char *)text->p, whole) : 0;
	*text = (struct str){ text->p + n, text->n - n };
	return head;
}

void terminal_print(FILE *f, struct str text)
{
	while (text.n > 0) {
		unsigned c;
		struct str one = character_next(&text, &c);

		if (acts(c))
			putc('?', f);
		else
			fwrite(one.p, 1, one.n, f);
	}
}

size_t terminal_width(struct str text)
{
	unsigned c;
	size_t n = 0;

	for (; text.n > 0; n++)
		character_next(&text, &c);
	return n;
}

void terminal_print_json(FILE *f, struct str json)
{
	while (json.n > 0) {
		unsigned c;
		struct str one = character_next(&json, &c);

		if (c == '\t' || c == '\r') /* between values: inside strings the writer has escaped it */
			putc(' ', f);
		else if (acts(c) && c != '\n')
			fprintf(f, "\\u%04x", c ? c : 0xfffd);
		else
			fwrite(one.p, 1, one.n, f);
	}
}
