/* FAILPOINT is parsed once, when the program first reaches any failpoint. A syntax error aborts the process: a test
 * must not pass because its fault was never injected. Syntax: the name, ':', kill|stop|error, then optionally '@' and
 * which pass triggers it (default 1), or '*' for every pass.
 */
#include "base/failpoint.h"

#ifdef BLAZZ_FAILPOINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#define POINTS_MAX 16
#define EVERY_PASS 0

enum action { ACTION_KILL, ACTION_STOP, ACTION_ERROR };

struct point {
	struct str name; /* points into the environment */
	enum action action;
	int64_t at; /* 1-based pass, or EVERY_PASS */
	atomic_int_least64_t passes;
};

static struct point points[POINTS_MAX];
static size_t points_n;

static bool action_parse(struct str word, enum action *out)
{
	static const char *const names[] = { [ACTION_KILL] = "kill", [ACTION_STOP] = "stop", [ACTION_ERROR] = "error" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(word, names[i])) {
			*out = (enum action)i;
			return true;
		}
	return false;
}

static bool pass_parse(struct str word, int64_t *out)
{
	if (str_is(word, "*")) {
		*out = EVERY_PASS;
		return true;
	}
	return str_to_i64(word, out) && *out > 0;
}

static bool point_parse(struct str text, struct point *out)
{
	struct str action, pass;

	if (!str_cut(text, ':', &out->name, &action) || out->name.n == 0)
		return false;
	if (!str_cut(action, '@', &action, &pass))
		pass = STR("1");
	return action_parse(action, &out->action) && pass_parse(pass, &out->at);
}

static void points_read(void)
{
	struct str rest = str_of(getenv("FAILPOINT")), one;

	while (rest.n > 0) {
		str_cut(rest, ',', &one, &rest);
		if (points_n == POINTS_MAX || !point_parse(one, &points[points_n])) {
			fprintf(stderr, "FAILPOINT: cannot use '%.*s'\n", STR_ARG(one));
			abort();
		}
		points_n++;
	}
}

static bool point_act(const struct point *p)
{
	if (p->action == ACTION_ERROR)
		return true;
	raise(p->action == ACTION_KILL ? SIGKILL : SIGSTOP); /* sent to this thread, which therefore stops here */
	return false;
}

bool failpoint(const char *name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	bool fail = false;

	pthread_once(&once, points_read);
	for (size_t i = 0; i < points_n; i++) {
		struct point *p = &points[i];

		if (!str_is(p->name, name))
			continue;
		if (atomic_fetch_add(&p->passes, 1) + 1 == p->at || p->at == EVERY_PASS)
			fail |= point_act(p);
	}
	return fail;
}

#endif
