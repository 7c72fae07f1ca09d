/* Fair sharing of slots between tenants: limits how many one tenant may hold, so that a tenant without any finds one
 * free. Pure: no clock, no I/O.
 *
 * While other tenants hold or want slots, a tenant gets another one only if it holds less than a fixed ratio of the
 * free ones (Choudhury and Hahne, Dynamic queue length thresholds, 1998): with a share of p it never holds more than
 * p of all, and n tenants that release nothing leave (1-p)^n of all free, in whatever order they came. A tenant alone
 * may hold all but p, which is then free for the next one. Source: services/webhook-dispatcher/README.md, Fairness. */
#ifndef PACING_SHARE_H
#define PACING_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#define SHARE_PERCENT_MAX 50

struct share {
	size_t slots, percent;
	size_t used;
	size_t holders; /* tenants that hold at least one */
};

/* slots: at least 1; percent: 1 to SHARE_PERCENT_MAX. */
void share_init(struct share *s, size_t slots, int percent);
/* Whether a tenant that holds `held` slots may have another. wanted_by_others: other tenants are waiting for slots. */
bool share_admits(const struct share *s, size_t held, bool wanted_by_others);
void share_acquire(struct share *s, size_t *held);
void share_release(struct share *s, size_t *held);

#endif
