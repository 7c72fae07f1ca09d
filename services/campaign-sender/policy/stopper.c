/* See stopper.h. `codes` is a ring: result n is in codes[n % STOPPER_LAST]. */
#include "campaign-sender/policy/stopper.h"

#define OF_THE_FIRST 5
#define OF_THE_LAST  (STOPPER_LAST / 2 + 1)

/* Never 0, which stands for a success. */
static uint32_t code_hash(struct str code)
{
	uint64_t hash = str_hash(code);

	return (uint32_t)(hash ^ hash >> 32) | 1;
}

static uint32_t results(const struct stopper *s)
{
	return s->n < STOPPER_LAST ? s->n : STOPPER_LAST;
}

static uint32_t count(const struct stopper *s, uint32_t hash)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < results(s); i++)
		found += s->codes[i] == hash;
	return found;
}

bool stopper_add(struct stopper *s, struct str code)
{
	uint32_t hash = code.n > 0 ? code_hash(code) : 0;

	s->codes[s->n % STOPPER_LAST] = hash;
	s->n++;
	if (s->n == UINT32_MAX)
		s->n = STOPPER_LAST + UINT32_MAX % STOPPER_LAST; /* the same place in the ring */
	if (hash == 0)
		return false;
	return count(s, hash) >= (s->n <= STOPPER_FIRST ? OF_THE_FIRST : OF_THE_LAST);
}

int stopper_share(const struct stopper *s, struct str code)
{
	return s->n > 0 && code.n > 0 ? (int)(100 * count(s, code_hash(code)) / results(s)) : 0;
}

bool stopper_is_over(const struct stopper *s, struct str code, int percent)
{
	return s->n >= STOPPER_LAST && stopper_share(s, code) > percent;
}
