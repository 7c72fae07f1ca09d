/* Borrowed byte strings: a pointer and a length, never owned, not NUL-terminated.
 *
 * {NULL, 0} is "absent"; a non-NULL pointer with length 0 is "present and empty". The two differ: an absent name
 * means "not said", an empty emoji withdraws a reaction.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ "" literal "", sizeof(literal) - 1 })
#define STR_NONE     ((struct str){ NULL, 0 })
/* For printf("%.*s"): lengths above INT_MAX never occur, because inputs are capped far below. */
#define STR_ARG(s) (int)(s).n, ((s).p ? (s).p : "")

struct str str_of(const char *cstr); /* NULL gives STR_NONE */
bool str_eq(struct str a, struct str b);
bool str_is(struct str a, const char *cstr);
int str_cmp(struct str a, struct str b); /* bytewise, absent first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_slice(struct str s, size_t from, size_t to);
/* Splits s at the first `sep` into *head and *tail (both borrowed). False when there is none; *head is then s. */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);
struct str str_trim(struct str s); /* ASCII white space at both ends */
bool str_all_digits(struct str s); /* false for an empty string */

/* Strict decimal integers: optional '-', digits, nothing else ('+' or white space), in range. */
bool str_to_i64(struct str s, int64_t *out);

/* FNV-1a, for hash tables only: an attacker can construct collisions. */
uint64_t str_hash(struct str s);

#endif
