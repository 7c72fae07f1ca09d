/* What Meta says about an account, and when it is asked. Pure. Source: README.md, Accounts of Meta. */
#ifndef CLEANUP_META_H
#define CLEANUP_META_H

#include "base/uuid.h"

enum meta_finding {
	META_UNKNOWN, /* the answer does not say: asked again the next time */
	META_CONNECTED,
	META_DISCONNECTED, /* our token, or its permission, is not valid any more */
	META_FAILED, /* the number is not registered */
};

#define META_PHONE_BYTES 24

/* Of an answer to GET /{version}/{phone_number_id}. phone gets the digits of the number it shows, "" for none. */
enum meta_finding meta_read(int http_status, struct str body, struct str phone_number_id, char phone[META_PHONE_BYTES]);

/* The account is asked once in each turn of interval_ms, which begin at another time for each account, and at the same for every
 * replica. */
int64_t meta_turn_of(const struct uuid *account, int64_t now_ms, int64_t interval_ms);

#endif
