/* Whether an instance is up, by its probes, and whether many went down at once. Pure. Source: README.md, Instances. */
#ifndef CLEANUP_PROBE_H
#define CLEANUP_PROBE_H

#include "bridge/answer.h"

enum instance_state {
	INSTANCE_UNKNOWN, /* not probed yet */
	INSTANCE_UP,
	INSTANCE_DOWN,
	INSTANCE_MISCONFIGURED, /* it rejects our key: only probes are sent until one succeeds */
	INSTANCE_STATES
};
const char *instance_state_word(enum instance_state s); /* "unknown", "up", ... */
enum instance_state instance_state_parse(struct str word); /* INSTANCE_UNKNOWN for other words */

#define PROBE_FAILURES  3 /* in a row: down */
#define PROBE_SUCCESSES 2 /* in a row: up again */

struct probe_state {
	enum instance_state state;
	int64_t failures, successes; /* in a row */
};

/* After one probe. An instance that was never probed is up with its first success. A rejected key makes it
 * misconfigured at once. */
struct probe_state probe_next(const struct probe_state *p, enum bridge_outcome outcome);

/* More than half of the fleet went down within a minute: the fault is likely ours. `down` of `total` instances that were
 * up went down in the last minute. */
bool probe_is_mass_outage(int64_t down, int64_t total);

#endif
