/* The match key: one text for the forms that WhatsApp uses for one subscriber. Invariant: pure, and applying it twice is
 * applying it once. The rules are those of three countries' numbering plans; where a rule could unite two subscribers
 * it does not apply: Brazil's 9 2xxx to 9 5xxx were never eight digits long, and without the 9 are land lines.
 */
#include "phone/phone.h"

#include <string.h>

struct variant {
	const char *country;
	size_t digits; /* of the long form, country code included */
	size_t at; /* where the digit is that goes */
	char digit;
};

static const struct variant variants[] = {
	{ "55", 13, 4, '9' }, /* Brazil: 55, two digits of area, the ninth digit, eight digits */
	{ "52", 13, 2, '1' }, /* Mexico: 52, 1 of mobile, ten digits */
	{ "54", 13, 2, '9' }, /* Argentina: 54, 9 of mobile, ten digits */
};

static bool variant_fits(const struct variant *v, struct str digits)
{
	if (digits.n != v->digits || !str_starts(digits, str_of(v->country)) || digits.p[v->at] != v->digit)
		return false;
	/* Brazil's mobiles of eight digits began with 6 to 9. */
	return v->country[1] != '5' || (digits.p[5] >= '6' && digits.p[5] <= '9');
}

void phone_match_key(struct str digits, char out[24])
{
	size_t n = digits.n < 23 ? digits.n : 23;
	size_t cut = n; /* the place of the digit to leave out; n: none */

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (variant_fits(&variants[i], digits))
			cut = variants[i].at;
	for (size_t i = 0; i < n; i++)
		if (i != cut)
			*out++ = digits.p[i];
	*out = '\0';
}
