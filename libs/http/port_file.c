/* Writing a port to a file; see port_file.h. */
#include "http/port_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

static int port_write(const char *path, int port)
{
	FILE *f = fopen(path, "we");
	int rc;

	if (!f)
		return -1;
	rc = fprintf(f, "%d\n", port) > 0 ? 0 : -1;
	return fclose(f) == 0 ? rc : -1;
}

int port_file_write(const char *path, int port, struct err *err)
{
	struct buf temporary = BUF_INIT;
	int rc = 0;

	if (!path || !*path)
		return 0;
	buf_printf(&temporary, "%s.new", path);
	if (port_write(temporary.p, port) < 0 || rename(temporary.p, path) < 0) {
		rc = err_set(err, ERR_FATAL, "port_file", "%s: %s", path, strerror(errno));
		unlink(temporary.p);
	}
	buf_fini(&temporary);
	return rc;
}
