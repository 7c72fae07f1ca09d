/* Random numbers from the kernel. Never returns an error: without randomness the process aborts with a message. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>

void rng_bytes(void *p, size_t n);
double rng_unit(void); /* uniform in [0,1) */

#endif
