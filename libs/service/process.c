/* Metrics of the process, read from the system at each scrape: counting them continuously would gain nothing. */
#include "service/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "service/service.h"

/* The second number of statm, in pages. */
static int64_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char line[128] = "";
	struct str size, resident, rest;
	int64_t pages = 0;

	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f) && str_cut(str_of(line), ' ', &size, &rest)) {
		str_cut(rest, ' ', &resident, &rest);
		(void)str_to_i64(resident, &pages);
	}
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -3; /* ".", ".." and the descriptor of this directory */

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void head(struct buf *out, const char *name, const char *type, const char *unit, const char *help)
{
	buf_printf(out, "# TYPE %s %s\n", name, type);
	if (unit)
		buf_printf(out, "# UNIT %s %s\n", name, unit);
	buf_printf(out, "# HELP %s %s\n", name, help);
}

void process_write_metrics(const char *service, int64_t started_ms, struct buf *out)
{
	head(out, "blazz_build", "info", NULL, "The program that runs.");
	buf_printf(out, "blazz_build_info{service=\"%s\",version=\"%s\"} 1\n", service, service_version());
	head(out, "process_start_time_seconds", "gauge", "seconds", "Start, since the epoch.");
	buf_printf(out, "process_start_time_seconds %.3f\n", (double)started_ms / 1000);
	head(out, "process_resident_memory_bytes", "gauge", "bytes", "Memory in use.");
	buf_printf(out, "process_resident_memory_bytes %lld\n", (long long)resident_bytes());
	head(out, "process_open_fds", "gauge", NULL, "Open descriptors.");
	buf_printf(out, "process_open_fds %d\n", open_descriptors());
	head(out, "process_cpu_seconds", "counter", "seconds", "Processor time, user and system.");
	buf_printf(out, "process_cpu_seconds_total %.6f\n", cpu_seconds());
}

void process_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

void process_harden(void)
{
#ifndef BLAZZ_FAILPOINTS
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
