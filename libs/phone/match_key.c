/* Numbers without libphonenumber: whether one may exist, and the match key, one key for all forms of a number that WhatsApp uses for the same subscriber. Invariant: pure and
 * idempotent. The rules follow three countries' numbering plans; a rule does not apply where it could give two
 * subscribers the same key: Brazil's 9 2xxx to 9 5xxx never had eight digits, and without the 9 they are landlines.
 */
#include "phone/phone.h"

#include <string.h>

struct key_variant {
	const char *country;
	size_t digits; /* of the long form, country code included */
	size_t at; /* index of the digit to remove */
	char digit;
};

static const struct key_variant variants[] = {
	{ "55", 13, 4, '9' }, /* Brazil: 55, two digits of area, the ninth digit, eight digits */
	{ "52", 13, 2, '1' }, /* Mexico: 52, 1 of mobile, ten digits */
	{ "54", 13, 2, '9' }, /* Argentina: 54, 9 of mobile, ten digits */
};

static bool variant_fits(const struct key_variant *v, struct str digits)
{
	if (digits.n != v->digits || !str_starts(digits, str_of(v->country)) || digits.p[v->at] != v->digit)
		return false;
	/* Brazil's eight-digit mobile numbers began with 6 to 9. */
	return v->country[1] != '5' || (digits.p[5] >= '6' && digits.p[5] <= '9');
}

#define DIGITS_MIN 7
#define DIGITS_MAX 15

bool phone_is_possible(struct str e164)
{
	struct str digits = str_starts(e164, STR("+")) ? str_slice(e164, 1, e164.n) : e164;

	return digits.n >= DIGITS_MIN && digits.n <= DIGITS_MAX && str_all_digits(digits) && digits.p[0] != '0';
}

void phone_match_key(struct str digits, char out[24])
{
	size_t n = digits.n < 23 ? digits.n : 23;
	size_t cut = n; /* index of the digit to remove; n: none */

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (variant_fits(&variants[i], digits))
			cut = variants[i].at;
	for (size_t i = 0; i < n; i++)
		if (i != cut)
			*out++ = digits.p[i];
	*out = '\0';
}
