/* See window.h. */
#include "cleanup/policy/window.h"

static bool digits_read(struct str s, int64_t below, int64_t *out)
{
	if (s.n != 2 || s.p[0] < '0' || s.p[0] > '9' || s.p[1] < '0' || s.p[1] > '9')
		return false;
	*out = (s.p[0] - '0') * 10 + s.p[1] - '0';
	return *out < below;
}

static bool minute_read(struct str s, int64_t *out)
{
	struct str hour, minute;
	int64_t h, m;

	if (!str_cut(s, ':', &hour, &minute) || !digits_read(hour, 24, &h) || !digits_read(minute, 60, &m))
		return false;
	*out = h * 60 + m;
	return true;
}

bool job_window_parse(struct str text, struct job_window *out)
{
	struct job_window w = { 0, 0 };
	struct str from, to;

	if (text.n > 0 && (!str_cut(text, '-', &from, &to) || !minute_read(from, &w.from) || !minute_read(to, &w.to)))
		return false;
	*out = w;
	return true;
}

bool job_window_is_open(const struct job_window *w, int64_t minute)
{
	if (w->from <= w->to)
		return w->from == w->to || (minute >= w->from && minute < w->to);
	return minute >= w->from || minute < w->to;
}
