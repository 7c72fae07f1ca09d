/* Slots that tenants share: how many one of them may hold, so that a tenant that holds none finds a free one. Pure: no clock, no I/O.
 *
 * While others hold or want some, a tenant gets another slot only if it holds less than a fixed ratio of those that are free (Choudhury
 * and Hahne, Dynamic queue length thresholds, 1998): with a share of p it never holds more than p of all, and n tenants that give nothing back
 * leave (1-p)^n of all, in whatever order they came. Alone, a tenant may hold all but p, which is what the next one finds.
 * Source: services/webhook-dispatcher/README.md, Fairness. */
#ifndef PACING_SHARE_H
#define PACING_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#define SHARE_PERCENT_MAX 50

struct share {
	size_t slots, percent;
	size_t used;
	size_t holders; /* tenants that hold any */
};

/* slots: at least 1; percent: 1 to SHARE_PERCENT_MAX. */
void share_init(struct share *s, size_t slots, int percent);
/* Whether a tenant that holds `held` may have one more. wanted_by_others: others want slots now. */
bool share_admits(const struct share *s, size_t held, bool wanted_by_others);
void share_take(struct share *s, size_t *held);
void share_release(struct share *s, size_t *held);

#endif
