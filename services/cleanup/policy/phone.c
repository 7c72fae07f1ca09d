/* See phone.h. */
#include "cleanup/policy/phone.h"

#include <string.h>

#include "phone/phone.h"

#define DIGITS_MAX 20

static bool key_read(struct str number, char key[24])
{
	char digits[DIGITS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < number.n; i++) {
		if (number.p[i] < '0' || number.p[i] > '9')
			continue;
		if (n == DIGITS_MAX)
			return false;
		digits[n++] = number.p[i];
	}
	if (n == 0 || digits[0] == '0')
		return false;
	phone_match_key((struct str){ digits, n }, key);
	return true;
}

bool phones_differ(struct str a, struct str b)
{
	char one[24], other[24];

	return key_read(a, one) && key_read(b, other) && strcmp(one, other) != 0;
}
