/* getrandom(2), which needs no state in the process and is safe with several threads and after fork. */
#include "base/rng.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void rng_bytes(void *p, size_t n)
{
	unsigned char *at = p;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			perror("getrandom");
			abort();
		}
		at += got;
		n -= (size_t)got;
	}
}

double rng_unit(void)
{
	uint64_t bits;

	rng_bytes(&bits, sizeof(bits));
	return (double)(bits >> 11) * 0x1p-53; /* a double represents 53 bits exactly: never rounds up to 1 */
}
