/* The command line, the same for every service. */
#ifndef SERVICE_ARGUMENTS_H
#define SERVICE_ARGUMENTS_H

#include "service/service.h"

struct arguments {
	const char *file; /* -c; NULL: defaults and environment only */
	bool check_only;  /* -n */
};

/* Exits after --help, --version and --config-table, and with 78 (SERVICE_EXIT_CONFIG) for an unknown option or
 * argument. */
struct arguments arguments_parse(const struct service_spec *spec, int argc, char **argv);

#endif
