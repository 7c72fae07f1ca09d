/* Hexadecimal and base64. Strict: each value has exactly one encoding (hex is accepted in either case), so base64 whose
 * last character has non-zero unused bits is rejected (RFC 4648, 3.5). */
#include "base/hex.h"

/* The value of a digit plus 1; 0: not a digit. */
static const unsigned char hex_digits[256] = {
	['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16,
};

static int hex_value(char c)
{
	return hex_digits[(unsigned char)c] - 1;
}

void hex_encode(const void *p, size_t n, char *out)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < n; i++) {
		*out++ = "0123456789abcdef"[bytes[i] >> 4];
		*out++ = "0123456789abcdef"[bytes[i] & 15];
	}
}

void hex_add(struct buf *out, const void *p, size_t n)
{
	hex_encode(p, n, buf_reserve(out, 2 * n));
	out->n += 2 * n;
}

bool hex_decode(struct str s, void *out, size_t n)
{
	unsigned char *bytes = out;

	if (s.n % 2 != 0 || s.n / 2 != n)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (hex_value(s.p[i]) < 0)
			return false;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(hex_value(s.p[2 * i]) << 4 | hex_value(s.p[2 * i + 1]));
	return true;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *p, size_t n)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)bytes[i] << 16;

		if (have > 1)
			v |= (uint32_t)bytes[i + 1] << 8;
		if (have > 2)
			v |= bytes[i + 2];
		buf_add_char(out, base64_alphabet[v >> 18]);
		buf_add_char(out, base64_alphabet[v >> 12 & 63]);
		buf_add_char(out, have > 1 ? base64_alphabet[v >> 6 & 63] : '=');
		buf_add_char(out, have > 2 ? base64_alphabet[v & 63] : '=');
	}
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Decodes four characters, of which the last `padding` are '='. */
static bool base64_decode_group(struct buf *out, const char *p, size_t padding)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int bits = i < 4 - padding ? base64_value(p[i]) : 0;

		if (bits < 0)
			return false;
		v = v << 6 | (uint32_t)bits;
	}
	if (v & ((1u << 8 * padding) - 1))
		return false;
	for (size_t i = 0; i < 3 - padding; i++)
		buf_add_char(out, (char)(v >> (16 - 8 * i)));
	return true;
}

static size_t base64_padding(struct str s)
{
	if (str_ends(s, STR("==")))
		return 2;
	return str_ends(s, STR("=")) ? 1 : 0;
}

bool base64_decode(struct buf *out, struct str s)
{
	size_t before = out->n;
	size_t padding = base64_padding(s);

	if (s.n % 4 != 0)
		return false;
	buf_reserve(out, s.n / 4 * 3);
	for (size_t i = 0; i < s.n; i += 4)
		if (!base64_decode_group(out, s.p + i, i + 4 == s.n ? padding : 0)) {
			out->n = before;
			return false;
		}
	return true;
}
