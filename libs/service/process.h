/* What a process says of itself in /metrics. */
#ifndef SERVICE_PROCESS_H
#define SERVICE_PROCESS_H

#include "base/buf.h"

/* Version and service, start, memory, descriptors and processor time, in OpenMetrics, to be followed by metrics_write(). */
void process_write_metrics(const char *service, int64_t started_ms, struct buf *out);
/* No core files and no debugger: both would show keys and messages. Not where failpoints are compiled in, so that tests may
 * look inside. */
void process_harden(void);
/* As many open files as the system lets: the customary 1,024 is for users of select(2), and nobody is one here. */
void process_raise_files(void);

#endif
