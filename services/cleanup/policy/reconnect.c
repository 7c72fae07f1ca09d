/* See reconnect.h. Invariant: a suspension lasts until the account is desired anew or the session is lost again; the passing of
 * time alone neither ends it nor makes the starts before it void. */
#include "cleanup/policy/reconnect.h"

#include <ctype.h>

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)

#define IN_USE_DELAY_US (10 * MINUTE_US)
#define LATER_DELAY_US  (15 * MINUTE_US)
#define JITTER_LEAST    0.8
#define JITTER_RANGE    0.4

static const int64_t delays_us[] = { 5 * SECOND_US, 15 * SECOND_US, 45 * SECOND_US, 2 * MINUTE_US, 5 * MINUTE_US };
#define DELAYS ((int64_t)(sizeof(delays_us) / sizeof(delays_us[0])))

const char *suspension_word(enum suspension s)
{
	switch (s) {
	case SUSPENDED_LOGGED_OUT:
		return "logged_out";
	case SUSPENDED_BLOCKED:
		return "blocked";
	case SUSPENDED_IN_USE:
		return "in_use";
	case SUSPENDED_GAVE_UP:
		return "gave_up";
	case SUSPENDED_NOT:
		break;
	}
	return "";
}

static bool is_in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The next word at or after *at, and *at behind it; absent at the end. "close 403" has two, and "4030" is not 403. */
static struct str word_next(struct str text, size_t *at)
{
	size_t from;

	while (*at < text.n && !is_in_word(text.p[*at]))
		++*at;
	from = *at;
	while (*at < text.n && is_in_word(text.p[*at]))
		++*at;
	return *at > from ? str_slice(text, from, *at) : STR_NONE;
}

static bool is_block(struct str word)
{
	return str_ends(word, STR("BLOCK")) || str_is(word, "403") || str_is(word, "DEPRECATED_VERSION") ||
		str_is(word, "auth_failure");
}

static bool is_conflict(struct str word)
{
	return str_is(word, "CONFLICT") || str_is(word, "440");
}

static bool has_word(struct str text, bool (*is)(struct str word))
{
	size_t at = 0;

	for (struct str word = word_next(text, &at); word.n > 0; word = word_next(text, &at))
		if (is(word))
			return true;
	return false;
}

/* What a loss leads to, at once or after the starts that are made before. */
static enum suspension loss_leads_to(const struct session_loss *loss)
{
	if (str_is(loss->reason, "user_initiated") || str_is(loss->reason, "qr_expired"))
		return SUSPENDED_LOGGED_OUT;
	if (loss->reason.n > 0 && !str_is(loss->reason, "error"))
		return SUSPENDED_GAVE_UP;
	if (has_word(loss->details, is_block))
		return SUSPENDED_BLOCKED;
	return has_word(loss->details, is_conflict) ? SUSPENDED_IN_USE : SUSPENDED_GAVE_UP;
}

/* Starts since the account was desired, if the first was made in the 24 hours before at_us. */
int64_t restarts_count(const struct restarts *done, int64_t desired_us, int64_t at_us)
{
	return done->n > 0 && done->last_us > desired_us && done->since_us + RECONNECT_WINDOW_US > at_us ? done->n : 0;
}

struct restarts restarts_add(const struct restarts *done, int64_t desired_us, int64_t now_us)
{
	int64_t n = restarts_count(done, desired_us, now_us);

	return (struct restarts){ n + 1, n > 0 ? done->since_us : now_us, now_us };
}

static int64_t delay_us(enum suspension end, int64_t starts, double jitter)
{
	if (end == SUSPENDED_IN_USE)
		return IN_USE_DELAY_US;
	if (starts < DELAYS)
		return delays_us[starts];
	return (int64_t)((double)LATER_DELAY_US * (JITTER_LEAST + JITTER_RANGE * jitter));
}

struct reconnect reconnect_decide(const struct session_loss *loss, const struct restarts *done, int64_t desired_us,
	double jitter, int64_t now_us)
{
	enum suspension end;
	bool exhausted, tried;
	int64_t at_us;

	if (!loss || loss->at_us <= desired_us)
		return (struct reconnect){ SUSPENDED_NOT, 0 };
	end = loss_leads_to(loss);
	if (end == SUSPENDED_LOGGED_OUT || end == SUSPENDED_BLOCKED)
		return (struct reconnect){ end, 0 };
	tried = done->n > 0 && done->last_us >= loss->at_us;
	at_us = (tried ? done->last_us : loss->at_us) + delay_us(end, restarts_count(done, desired_us, now_us), jitter);
	/* Counted as of the loss: a day later, the same loss does not begin anew. */
	exhausted = restarts_count(done, desired_us, loss->at_us) >= (end == SUSPENDED_IN_USE ? 1 : RECONNECT_MAX);
	if (exhausted && (!tried || now_us >= at_us)) /* before, the last start may still succeed */
		return (struct reconnect){ end, 0 };
	return (struct reconnect){ SUSPENDED_NOT, at_us };
}
