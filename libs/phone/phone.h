/* Phone numbers: E.164 by libphonenumber with the workspace's region, and a match key that is the same for all regional
 * variants of a subscriber's number. A number is not rejected because libphonenumber calls it invalid.
 *
 * match_key is defined here, as libphonenumber covers only Mexico: Brazil without the ninth digit, Mexico 52 without
 * the 1, Argentina 54 without the 9. The caller keeps the number as received. LIDs are not phone numbers: never pass
 * their digits.
 */
#ifndef PHONE_PHONE_H
#define PHONE_PHONE_H

#include "base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct phone {
	char e164[24]; /* "+16505551234" */
	char match_key[24]; /* digits */
};

/* raw: digits with or without +, spaces, dashes, brackets. region: ISO 3166 alpha-2 code for numbers in national
 * format, "" for none. international: the digits are in international format (as from WhatsApp), with or without +.
 * False when there are fewer than 5 or more than 20 digits, or letters. Takes about 10 us: for WhatsApp's digits,
 * first look for a contact by phone_match_key(). */
bool phone_normalise(struct str raw, const char *region, bool international, struct phone *out);
/* Whether a subscriber may have this number: a country code, which never begins with 0, and 7 to 15 digits in all (ITU-T E.164). For the
 * recipients of messages: phone_normalise() keeps what WhatsApp sends, whatever its length. e164: as of struct phone, or its digits. */
bool phone_is_possible(struct str e164);
/* The match key alone, from international digits without +. Pure, and does not call libphonenumber. */
void phone_match_key(struct str digits, char out[24]);

#ifdef __cplusplus
}
#endif

#endif
