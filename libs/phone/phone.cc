// E.164 by libphonenumber. Invariant: a number that the library cannot parse is kept as "+" and its digits; only text that
// is not a number at all is rejected. Running out of memory aborts the process, as everywhere.
#include "phone/phone.h"

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <cstring>
#include <string>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace
{

constexpr size_t min_digits = 5, max_digits = 20;

struct dialled {
	bool plus = false;
	std::string digits;
};

bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// Length in bytes of the separator that s begins with: punctuation, or the invisible characters that address books put
// between digits (no-break space, soft hyphen, and U+2000 to U+207F: spaces, dashes, direction marks).
size_t separator(const char *p, size_t n)
{
	if (std::memchr(" -().[]/\t", *p, 9))
		return 1;
	if (n >= 2 && (std::memcmp(p, "\xc2\xa0", 2) == 0 || std::memcmp(p, "\xc2\xad", 2) == 0))
		return 2;
	if (n >= 3 && (std::memcmp(p, "\xe2\x80", 2) == 0 || std::memcmp(p, "\xe2\x81", 2) == 0) &&
		(static_cast<unsigned char>(p[2]) & 0xc0) == 0x80)
		return 3;
	return 0;
}

bool dialled_read(struct str raw, dialled &out)
{
	size_t step;

	for (size_t i = 0; i < raw.n; i += step) {
		step = separator(raw.p + i, raw.n - i);
		if (step > 0)
			continue;
		step = 1;
		if (is_digit(raw.p[i]) && out.digits.size() < max_digits + 2) // two more, for a leading "00"
			out.digits += raw.p[i];
		else if (raw.p[i] == '+' && !out.plus && out.digits.empty())
			out.plus = true;
		else
			return false;
	}
	return true;
}

bool parse(const std::string &text, const char *region, PhoneNumber *out)
{
	return PhoneNumberUtil::GetInstance()->Parse(text, region, out) == PhoneNumberUtil::NO_PARSING_ERROR;
}

bool parse_international(const std::string &digits, PhoneNumber *out)
{
	return parse("+" + digits, "ZZ", out);
}

// Address books also contain international numbers without the plus: digits that are not a possible national number are
// parsed as an international one.
bool parse_national(const std::string &digits, const char *region, PhoneNumber *out)
{
	const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
	PhoneNumber abroad;

	if (parse(digits, region, out) && util.IsPossibleNumber(*out))
		return true;
	if (parse_international(digits, &abroad) && util.IsValidNumber(abroad)) {
		*out = abroad;
		return true;
	}
	return parse(digits, region, out);
}

std::string e164(const std::string &digits, const char *region, bool international)
{
	PhoneNumber number;
	std::string text;

	if (!(international ? parse_international(digits, &number) : parse_national(digits, region, &number)))
		return "+" + digits;
	PhoneNumberUtil::GetInstance()->Format(number, PhoneNumberUtil::E164, &text);
	return text;
}

} // namespace

bool phone_normalise(struct str raw, const char *region, bool international, struct phone *out)
{
	dialled d;

	if (!dialled_read(raw, d))
		return false;
	international = international || d.plus || region[0] == '\0';
	if (international && d.digits.compare(0, 2, "00") == 0) // dialled in place of the plus
		d.digits.erase(0, 2);
	if (d.digits.size() < min_digits || d.digits.size() > max_digits)
		return false;

	const std::string text = e164(d.digits, region, international);
	// Again, because E.164 lacks a "00" that was read as the region's own prefix.
	if (text.size() <= min_digits || text.size() >= sizeof(out->e164))
		return false;
	std::memcpy(out->e164, text.c_str(), text.size() + 1);
	phone_match_key({ text.data() + 1, text.size() - 1 }, out->match_key);
	return true;
}
