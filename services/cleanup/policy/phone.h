/* Whether a session has another phone number than its account. Pure. */
#ifndef CLEANUP_PHONE_H
#define CLEANUP_PHONE_H

#include "base/str.h"

/* Two numbers as written: "+62 812-3456", "628123456". The variants of a subscriber's number are the same (phone/phone.h). False when
 * either is none that can be compared: absent, without digits, in national format (a leading 0), or too long. */
bool phones_differ(struct str a, struct str b);

#endif
