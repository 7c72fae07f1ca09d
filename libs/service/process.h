/* The process: its own metrics, its protection from inspection, its limit of open files. */
#ifndef SERVICE_PROCESS_H
#define SERVICE_PROCESS_H

#include "base/buf.h"

/* Writes version and service, start, memory, descriptors and processor time in OpenMetrics; metrics_write() must
 * follow. */
void process_write_metrics(const char *service, int64_t started_ms, struct buf *out);
/* Disables core files and debuggers: both would expose keys and messages. Does nothing where failpoints are compiled
 * in, so that tests can inspect the process. */
void process_harden(void);
/* Raises the limit of open files to the hard limit: the usual soft limit of 1,024 protects users of select(2), which
 * Blazz never calls. */
void process_raise_files(void);

#endif
