/* A measurement in a thread of its own, as a file system that hangs holds its caller for as long as it likes. */
#ifndef CLEANUP_STORAGE_MEASURING_H
#define CLEANUP_STORAGE_MEASURING_H

#include "cleanup/storage/storage.h"

struct measuring;

typedef int measure_fn(int root_fd, const char *path, struct storage_found *out,
	struct err *err); /* storage_measure() */

/* Begins to measure the path. The root is duplicated and the path copied. ERR_RETRY: no descriptor or thread is left. */
int measuring_start(struct measuring **out, measure_fn *measure, int root_fd, struct str path,
	struct err *err) ERR_MUST_USE;
bool measuring_has_ended(const struct measuring *m);
/* What measure() returned. After its end only. */
int measuring_result(const struct measuring *m, struct storage_found *out, struct err *err) ERR_MUST_USE;
struct str measuring_path(const struct measuring *m);
/* Does not wait: a thread that still runs frees it at its end. Accepts NULL. */
void measuring_free(struct measuring **m);

#endif
