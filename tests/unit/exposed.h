/* Whether a scrape of this process's metrics has a text, such as a line. */
#ifndef TESTS_UNIT_EXPOSED_H
#define TESTS_UNIT_EXPOSED_H

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "metrics/metrics.h"

static inline bool is_exposed(const char *text)
{
	struct buf page = BUF_INIT;
	bool found;

	metrics_write(&page);
	buf_add_char(&page, '\0');
	found = strstr(page.p, text) != NULL;
	buf_fini(&page);
	return found;
}

#endif
