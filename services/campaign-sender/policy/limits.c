/* See limits.h. Invariant: all that a decision depends on is in the lane's row, the limits and the parameters; so a process that
 * is killed after the row was written changes nothing.
 *
 * GCRA allows burst - 1 + window / interval messages in a window that is open at one end. The interval here is chosen so that
 * this is what the limit says. */
#include "campaign-sender/policy/limits.h"

#include <math.h>

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define DAY_US    (24 * 60 * MINUTE_US)

#define MINUTE_MAX      (60 * LIMITS_PER_SECOND_MAX)
#define HOUR_MAX        (60 * MINUTE_MAX)
#define META_BURST_PART 16 /* of the rate; a flush, every 20 ms, must find what its interval admits */
#define BURST_PART_MAX  4

#define IN_FLIGHT_SECONDS 2
#define IN_FLIGHT_MIN     8

/* A person's pauses between messages are distributed like this. */
#define GAP_MEDIAN_S  8.0
#define GAP_SIGMA     0.6
#define GAP_MIN_S     4.0
#define GAP_MAX_S     45.0
#define RUN_MIN       30
#define RUN_MAX       50
#define BREAK_MIN_US  (5 * MINUTE_US)
#define BREAK_MAX_US  (15 * MINUTE_US)
#define RUN_NOT_DRAWN (-1)

#define TYPING_MS_PER_CHARACTER 40
#define TYPING_MAX_MS           8000

static const int32_t warm_up[] = { 20, 35, 60, 100, 160, 250, 400, 1000 };
#define WARM_UP_LAST ((int32_t)(sizeof(warm_up) / sizeof(warm_up[0])) - 1)

/* 0: not set, or out of range. */
static double number_read(const json *sending, const char *name, double max)
{
	double value;

	return json_to_f64(json_get(sending, name), &value) && value > 0 && value <= max ? value : 0;
}

static struct gcra_limit rate_of(double uses, int64_t window_us, double burst)
{
	if (burst > uses / BURST_PART_MAX)
		burst = uses / BURST_PART_MAX;
	burst = burst < 1 ? 1 : floor(burst);
	return gcra_limit_of(uses > 0 ? uses - burst + 1 : 0, window_us, (int32_t)burst);
}

static struct gcra_limit rate_read(const struct limit_defaults *d, bool bridge, const json *sending)
{
	double second = number_read(sending, "per_second", LIMITS_PER_SECOND_MAX);
	double minute = number_read(sending, "per_minute", MINUTE_MAX);

	if (second == 0 && minute == 0) {
		second = bridge ? 0 : d->meta_per_second;
		minute = bridge ? d->bridge_per_minute : 0;
	}
	return gcra_limit_both(rate_of(second, SECOND_US, bridge ? d->bridge_burst : second / META_BURST_PART),
		rate_of(minute, MINUTE_US, bridge ? d->bridge_burst : minute / 60 / META_BURST_PART));
}

static int32_t in_flight_of(struct gcra_limit rate)
{
	int64_t n = rate.interval_us > 0 ? IN_FLIGHT_SECONDS * SECOND_US / rate.interval_us : SEND_LANE_IN_FLIGHT_MAX;

	return n < IN_FLIGHT_MIN ? IN_FLIGHT_MIN : n > SEND_LANE_IN_FLIGHT_MAX ? SEND_LANE_IN_FLIGHT_MAX : (int32_t)n;
}

void limits_of(struct lane_limits *out, const struct limit_defaults *defaults, bool bridge, const json *sending)
{
	int32_t per_hour = (int32_t)number_read(sending, "per_hour", HOUR_MAX);

	*out = (struct lane_limits){
		.rate = rate_read(defaults, bridge, sending),
		.per_hour = per_hour > 0 ? per_hour
			: bridge         ? defaults->bridge_per_hour
					 : 0,
		.bridge = bridge,
		.warmed = json_true(json_get(sending, "warmed")),
	};
	out->max_in_flight = bridge ? 1 : in_flight_of(out->rate);
}

/* A campaign's message of a bridge waits for the gap after the previous one. */
static int32_t gap_room(struct send_lane *lane, int64_t now_us, int64_t *again_us)
{
	if (lane->next_us > now_us + BREAK_MAX_US)
		lane->next_us = now_us + BREAK_MAX_US;
	*again_us = lane->next_us;
	return lane->next_us > now_us ? 0 : 1;
}

int32_t limits_room(struct send_lane *lane, const struct lane_limits *l, bool campaign, int64_t now_us,
	int64_t *again_us)
{
	int64_t again[3] = { now_us, now_us, now_us };
	int32_t room[3] = {
		gcra_room(&lane->minute_us, l->rate, now_us, &again[0]),
		hourly_room(&lane->hour, l->per_hour, now_us, &again[1]),
		l->bridge && campaign ? gap_room(lane, now_us, &again[2]) : INT32_MAX,
	};
	int32_t least = INT32_MAX;
	int64_t last_us = now_us;

	for (int i = 0; i < 3; i++) {
		least = room[i] < least ? room[i] : least;
		last_us = room[i] == 0 && again[i] > last_us ? again[i] : last_us;
	}
	if (least == 0)
		*again_us = last_us;
	return least;
}

/* Moves to the present day. When the clock has jumped back, what was counted last counts today. */
static void day_move(struct send_lane *lane, int64_t now_us)
{
	int64_t day = now_us / DAY_US;

	if (day > lane->day) {
		lane->warm_day += lane->day_new > 0;
		lane->day_new = 0;
	}
	lane->day = day;
}

bool limits_new_conversation(struct send_lane *lane, const struct lane_limits *l, int64_t now_us, int64_t *again_us)
{
	int32_t limit;

	if (!l->bridge || l->warmed)
		return true;
	day_move(lane, now_us);
	limit = warm_up[lane->warm_day < WARM_UP_LAST ? lane->warm_day : WARM_UP_LAST];
	if (lane->day_new < limit)
		return true;
	*again_us = (lane->day + 1) * DAY_US;
	return false;
}

static void rate_take(struct send_lane *lane, struct gcra_limit rate, int64_t now_us)
{
	int64_t again_us;

	if (gcra_room(&lane->minute_us, rate, now_us, &again_us) > 0)
		gcra_take(&lane->minute_us, rate, 1, now_us);
	else
		lane->minute_us += rate.interval_us; /* gcra_room() has brought it to at most a burst ahead */
}

static int64_t gap_us(const double random[static 2])
{
	/* Box and Muller: two numbers of [0,1) as one of the normal distribution. */
	double normal = sqrt(-2 * log(1 - random[0])) * cos(2 * M_PI * random[1]);
	double seconds = GAP_MEDIAN_S * exp(GAP_SIGMA * normal);

	seconds = seconds < GAP_MIN_S ? GAP_MIN_S : seconds > GAP_MAX_S ? GAP_MAX_S : seconds;
	return (int64_t)(seconds * (double)SECOND_US);
}

static void gap_take(struct send_lane *lane, const struct limit_use *use, int64_t now_us)
{
	int64_t wait_us, typing_us = use->typing_ms * 1000;

	if (lane->run_left <= 0)
		lane->run_left = RUN_MIN + (int32_t)(use->random[2] * (RUN_MAX - RUN_MIN + 1));
	if (--lane->run_left > 0) {
		wait_us = gap_us(use->random);
	} else {
		wait_us = BREAK_MIN_US + (int64_t)(use->random[2] * (double)(BREAK_MAX_US - BREAK_MIN_US));
		lane->run_left = RUN_NOT_DRAWN;
	}
	lane->next_us = now_us + (wait_us > typing_us ? wait_us : typing_us);
}

void limits_take(struct send_lane *lane, const struct lane_limits *l, const struct limit_use *use, int64_t now_us)
{
	rate_take(lane, l->rate, now_us);
	hourly_take(&lane->hour, 1, now_us);
	if (!l->bridge)
		return;
	if (use->campaign)
		gap_take(lane, use, now_us);
	if (use->new_conversation) {
		day_move(lane, now_us);
		lane->day_new++;
	}
}

int64_t limits_typing_ms(size_t characters)
{
	return characters < TYPING_MAX_MS / TYPING_MS_PER_CHARACTER ? (int64_t)characters * TYPING_MS_PER_CHARACTER
								    : TYPING_MAX_MS;
}
