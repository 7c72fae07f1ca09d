/* Private to fleet/. */
#ifndef CLEANUP_FLEET_PRIVATE_H
#define CLEANUP_FLEET_PRIVATE_H

#include "cleanup/fleet/fleet.h"

struct fleet {
	struct fleet_options options;
	struct instance **all; /* by index; never freed before fleet_clear(), as calls point to them */
	size_t n, cap;
	struct signing_keys **retired; /* former keys, which calls in flight may still use */
	size_t n_retired, cap_retired;
	int64_t lead_mono_ms; /* when this replica began to lead */
};

#endif
