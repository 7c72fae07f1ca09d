/* Clocks, and the time format of logs and JSON. The test offset is read once, at the first call; where failpoints are
 * compiled in, a file may also move the clock of a running program. A clock that follows another one depends on neither. */
#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define OFFSET_MAX_MS INT64_C(10000000000000) /* 300 years: sums in microseconds stay in range */
#define FOLLOW_US     INT64_C(1000000) /* between readings of the clock that is followed: their delays differ */
#define FORMAT_MIN_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define FORMAT_MAX_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static int64_t offset_ms;
static atomic_int_least64_t
	followed_us; /* what the clock that is followed shows, minus the monotonic one; 0: none is */

#ifdef BLAZZ_FAILPOINTS
static const atomic_int_least64_t *jump_us; /* the mapped file */

/* An unusable file aborts the process: a test must not pass because its clock change was ignored. */
static void jump_map(void)
{
	const char *path = getenv("BLAZZ_CLOCK_FILE");
	void *at;
	int fd;

	if (!path)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, sizeof(*jump_us), PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		fprintf(stderr, "BLAZZ_CLOCK_FILE: cannot map '%s'\n", path);
		abort();
	}
	close(fd);
	jump_us = at;
}

static int64_t jump_read_us(void)
{
	return jump_us ? atomic_load(jump_us) : 0;
}
#else
static void jump_map(void)
{
}

static int64_t jump_read_us(void)
{
	return 0;
}
#endif

static void offset_read(void)
{
	int64_t ms;

	jump_map();
	if (str_to_i64(str_of(getenv("BLAZZ_CLOCK_OFFSET_MS")), &ms) && ms >= -OFFSET_MAX_MS && ms <= OFFSET_MAX_MS)
		offset_ms = ms;
}

static int64_t read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t); /* cannot fail for the two clocks of this file */
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int64_t followed = atomic_load(&followed_us);

	pthread_once(&once, offset_read);
	if (followed != 0)
		return clock_mono_us() + followed;
	return read_us(CLOCK_REALTIME) + offset_ms * 1000 + jump_read_us();
}

int64_t clock_follow_us(int64_t now_us)
{
	int64_t moves_us = now_us - clock_now_us(), mono_us = clock_mono_us();

	if (atomic_load(&followed_us) != 0 && moves_us > -FOLLOW_US && moves_us < FOLLOW_US)
		return 0;
	atomic_store(&followed_us, now_us - mono_us);
	return moves_us > -FOLLOW_US && moves_us < FOLLOW_US ? 0 : moves_us;
}

int64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

/* Writes `width` digits, then the character `then`. */
static char *put_number(char *at, int width, int v, char then)
{
	for (int i = width - 1; i >= 0; i--, v /= 10)
		at[i] = (char)('0' + v % 10);
	at[width] = then;
	return at + width + 1;
}

void clock_format_ms(int64_t ms, char out[static 25])
{
	struct tm t;
	time_t seconds;
	int milli;

	if (ms < FORMAT_MIN_MS)
		ms = FORMAT_MIN_MS;
	if (ms > FORMAT_MAX_MS)
		ms = FORMAT_MAX_MS;
	milli = (int)((ms % 1000 + 1000) % 1000);
	seconds = (time_t)((ms - milli) / 1000);
	gmtime_r(&seconds, &t);
	out = put_number(out, 4, t.tm_year + 1900, '-');
	out = put_number(out, 2, t.tm_mon + 1, '-');
	out = put_number(out, 2, t.tm_mday, 'T');
	out = put_number(out, 2, t.tm_hour, ':');
	out = put_number(out, 2, t.tm_min, ':');
	out = put_number(out, 2, t.tm_sec, '.');
	out = put_number(out, 3, milli, 'Z');
	*out = '\0';
}
