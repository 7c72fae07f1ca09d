/* Random numbers from the kernel. Never fails visibly: without randomness the process ends with a message. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>

void rng_bytes(void *p, size_t n);
double rng_unit(void); /* uniform in [0,1) */

#endif
