/* See probe.h.
 *
 *   unknown ──1 success──► up ◄──2 successes── down
 *      └────3 failures────►└────3 failures──────►▲
 *   any ──rejected key──► misconfigured ──1 success──► up, ──3 failures──► down
 */
#include "cleanup/policy/probe.h"

static const char *const words[INSTANCE_STATES] = {
	[INSTANCE_UNKNOWN] = "unknown",
	[INSTANCE_UP] = "up",
	[INSTANCE_DOWN] = "down",
	[INSTANCE_MISCONFIGURED] = "misconfigured",
};

const char *instance_state_word(enum instance_state s)
{
	return words[s];
}

enum instance_state instance_state_parse(struct str word)
{
	for (unsigned s = 0; s < INSTANCE_STATES; s++)
		if (str_is(word, words[s]))
			return (enum instance_state)s;
	return INSTANCE_UNKNOWN;
}

static struct probe_state probe_succeeded(const struct probe_state *p)
{
	struct probe_state next = { p->state, 0, p->successes + 1 };

	if (p->state != INSTANCE_DOWN || next.successes >= PROBE_SUCCESSES)
		next.state = INSTANCE_UP;
	return next;
}

static struct probe_state probe_failed(const struct probe_state *p)
{
	struct probe_state next = { p->state, p->failures + 1, 0 };

	if (next.failures >= PROBE_FAILURES)
		next.state = INSTANCE_DOWN;
	return next;
}

struct probe_state probe_next(const struct probe_state *p, enum bridge_outcome outcome)
{
	switch (outcome) {
	case BRIDGE_OK:
	case BRIDGE_ALREADY_DONE:
		return probe_succeeded(p);
	case BRIDGE_BAD_KEY: /* it answers, so it is not about to be down */
		return (struct probe_state){ .state = INSTANCE_MISCONFIGURED };
	case BRIDGE_GONE:
	case BRIDGE_BUSY:
	case BRIDGE_REJECTED:
	case BRIDGE_OUTCOMES:
		break;
	}
	return probe_failed(p);
}

bool probe_is_mass_outage(int64_t down, int64_t total)
{
	return down > total / 2;
}
