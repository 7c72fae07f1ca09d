/* Phone numbers: E.164 by libphonenumber with the workspace's region, never refused because the library calls a number
 * invalid, and a match key that unites the regional variants of one subscriber.
 *
 * match_key (ours; libphonenumber unites only Mexico's): Brazil without the ninth digit, Mexico 52 without the 1, Argentina
 * 54 without the 9. The number as received is kept by the caller. LIDs are not phones: never pass their digits here.
 */
#ifndef PHONE_PHONE_H
#define PHONE_PHONE_H

#include "base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct phone {
	char e164[24];      /* "+16505551234" */
	char match_key[24]; /* digits */
};

/* raw: digits with or without +, spaces, dashes, brackets; region: ISO 3166 alpha-2 of numbers in national form, "" for
 * none; international: the digits are in international form (WhatsApp's), with or without +. false when there are fewer
 * than 5 or more than 20 digits, or letters. Takes about 10 us: with WhatsApp's digits, look phone_match_key up first. */
bool phone_normalise(struct str raw, const char *region, bool international, struct phone *out);
/* The pure part, on international digits without +. */
void phone_match_key(struct str digits, char out[24]);

#ifdef __cplusplus
}
#endif

#endif
