/* The table of errors; see codes.h. Invariant: a code has one row, and does the same to the account and the campaign
 * whether it came in an answer or in a status webhook.
 *
 * Sources: Meta's "Error codes" of the Cloud API and the copies of its providers; where these disagree, what most of
 * them say. A row of code and reason points to a decision, as many codes mean the same. */
#include "provider/codes.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)

/* Rates. */
static const struct decision throughput = {
	.row = ROW_RETRIED,
	.retry = RETRY_RATE,
	.account = ACCOUNT_SLOWED,
	.retryable = true,
};
/* We nearly sent the same recipient a message twice; another account would do just that. */
static const struct decision pair_rate = { .row = ROW_RETRIED, .retry = RETRY_PAIR, .retryable = true };
static const struct decision waba_limit = {
	.row = ROW_PENDING,
	.account = ACCOUNT_WAITS,
	.scope = SCOPE_WABA,
	.failover = FAILOVER_OTHER_WABA,
	.retryable = true,
};
static const struct decision app_limit = {
	.row = ROW_PENDING,
	.account = ACCOUNT_WAITS,
	.scope = SCOPE_APP,
	.failover = FAILOVER_OTHER_APP,
	.retryable = true,
};

/* The recipients blocked or reported the number. Failing over within the portfolio would spread the restriction. */
static const struct decision spam = {
	.row = ROW_PENDING,
	.account = ACCOUNT_HELD,
	.hold = HOLD_TIMED,
	.hold_ms = 24 * HOUR_MS,
	.campaign = CAMPAIGN_MOVES,
	.failover = FAILOVER_OTHER_PORTFOLIO,
	.alert = true,
	.retryable = true,
};

/* The recipient. */
static const struct decision ecosystem = {
	.row = ROW_FAILED,
	.campaign = CAMPAIGN_WARNED,
	.retryable = true,
	.retryable_after_ms = 24 * HOUR_MS,
};
static const struct decision stopped = { .row = ROW_FAILED, .opt_out = true };
static const struct decision final = { .row = ROW_FAILED };
static const struct decision unreachable = {
	.row = ROW_FAILED,
	.campaign = CAMPAIGN_WARNED_OVER_SHARE,
	.undeliverable = true,
};
static const struct decision window_closed = {
	.row = ROW_FAILED,
	.campaign = CAMPAIGN_BREAKER,
	.failover = FAILOVER_OTHER_PROVIDER,
};
static const struct decision country = { .row = ROW_FAILED, .campaign = CAMPAIGN_BREAKER, .failover = FAILOVER_ANY };

/* The content. */
static const struct decision data = { .row = ROW_FAILED, .campaign = CAMPAIGN_BREAKER };
static const struct decision template_unusable = { .row = ROW_PENDING, .campaign = CAMPAIGN_STOPS, .retryable = true };
static const struct decision template_paused = {
	.row = ROW_PENDING,
	.campaign = CAMPAIGN_STOPS,
	.resumes_on_approval = true,
	.retryable = true,
};

/* The account. */
static const struct decision logged_out = {
	.row = ROW_PENDING,
	.account = ACCOUNT_HELD,
	.hold = HOLD_UNTIL_DESIRED,
	.campaign = CAMPAIGN_MOVES,
	.failover = FAILOVER_ANY,
	.alert = true,
	.disconnected = true,
	.retryable = true,
};
static const struct decision not_registered = {
	.row = ROW_PENDING,
	.account = ACCOUNT_HELD,
	.hold = HOLD_UNTIL_DESIRED,
	.campaign = CAMPAIGN_MOVES,
	.failover = FAILOVER_ANY,
	.disconnected = true,
	.retryable = true,
};
/* The account of logged_out; a campaign learns of it when the account is no longer usable. */
static const struct decision registration = {
	.row = ROW_PENDING,
	.account = ACCOUNT_HELD,
	.hold = HOLD_UNTIL_DESIRED,
	.failover = FAILOVER_ANY,
	.alert = true,
	.disconnected = true,
	.retryable = true,
};
static const struct decision registration_rate = {
	.row = ROW_PENDING,
	.account = ACCOUNT_HELD,
	.hold = HOLD_TIMED,
	.hold_ms = MINUTE_MS,
	.failover = FAILOVER_ANY,
	.retryable = true,
};
static const struct decision payment = {
	.row = ROW_PENDING,
	.account = ACCOUNT_HELD,
	.hold = HOLD_TIMED,
	.hold_ms = 6 * HOUR_MS,
	.campaign = CAMPAIGN_MOVES,
	.failover = FAILOVER_OTHER_PORTFOLIO,
	.alert = true,
	.retryable = true,
};
static const struct decision locked = {
	.row = ROW_PENDING,
	.account = ACCOUNT_HELD,
	.hold = HOLD_UNTIL_RELEASED,
	.campaign = CAMPAIGN_STOPS_FOR_PERSON,
	.alert = true,
	.retryable = true,
};
static const struct decision maintenance = {
	.row = ROW_PENDING,
	.account = ACCOUNT_HELD,
	.hold = HOLD_TIMED,
	.hold_ms = MINUTE_MS,
	.failover = FAILOVER_FREE,
	.probe = true,
	.retryable = true,
};

/* The provider. */
static const struct decision transient = {
	.row = ROW_RETRIED,
	.retry = RETRY_TRANSIENT,
	.account = ACCOUNT_COUNTS,
	.failover = FAILOVER_AFTER_TRIES,
	.retryable = true,
};
static const struct decision refused = {
	.row = ROW_RETRIED,
	.retry = RETRY_REFUSED,
	.campaign = CAMPAIGN_BREAKER,
	.retryable = true,
};

static const struct code_row {
	int64_t first, last;
	const char *reason;
	const struct decision *decision;
} rows[] = {
	{ 130429, 130429, "throughput", &throughput },
	{ 131056, 131056, "pair_rate", &pair_rate },
	{ 80007, 80007, "waba_limit", &waba_limit },
	{ 4, 4, "app_limit", &app_limit },
	{ 131048, 131048, "spam_restricted", &spam },
	{ 131049, 131049, "ecosystem_limited", &ecosystem },
	{ 131050, 131050, "opted_out", &stopped },
	{ 130472, 130472, "marketing_experiment", &final },
	{ 131026, 131026, "undeliverable", &unreachable },
	{ 131047, 131047, "needs_template", &window_closed },
	{ 131021, 131021, "sender_is_recipient", &final },
	{ 131062, 131062, "bsuid_not_allowed", &final },
	{ 137000, 137000, "recipient_not_allowed", &final },
	{ 130501, 130501, "type_not_supported", &final },
	{ 132000, 132000, "template_parameters", &data },
	{ 132005, 132005, "template_parameters", &data },
	{ 132012, 132012, "template_parameters", &data },
	{ 132018, 132018, "template_parameters", &data },
	{ 131008, 131009, "invalid_parameters", &data },
	{ 100, 100, "invalid_parameters", &data },
	{ 131051, 131051, "type_not_supported", &data },
	{ 131052, 131052, "media_download_failed", &data },
	{ 131053, 131053, "media_upload_failed", &data },
	{ 132001, 132001, "template_missing", &template_unusable },
	{ 132007, 132007, "template_content_policy", &template_unusable },
	{ 132015, 132015, "template_paused", &template_paused },
	{ 132016, 132016, "template_disabled", &template_unusable },
	{ 132068, 132068, "flow_blocked", &template_unusable },
	{ 132069, 132069, "flow_throttled", &template_unusable },
	{ 0, 0, "token_invalid", &logged_out },
	{ 190, 190, "token_invalid", &logged_out },
	{ 3, 3, "permission_missing", &logged_out },
	{ 10, 10, "permission_missing", &logged_out },
	{ 200, 299, "permission_missing", &logged_out },
	{ 131005, 131005, "permission_missing", &logged_out },
	{ 131042, 131042, "payment_problem", &payment },
	{ 131031, 131031, "account_locked", &locked },
	{ 368, 368, "policy_block", &locked },
	{ 130497, 130497, "country_restricted", &country },
	{ 131037, 131037, "display_name_not_approved", &not_registered },
	{ 131045, 131045, "certificate_invalid", &not_registered },
	{ 133010, 133010, "not_registered", &not_registered },
	{ 33, 33, "number_deleted", &not_registered },
	{ 131057, 131057, "maintenance", &maintenance },
	{ 133004, 133004, "registration_busy", &registration_rate },
	{ 133000, 133000, "registration_failed", &registration },
	{ 133005, 133006, "registration_failed", &registration },
	{ 133008, 133009, "registration_failed", &registration },
	{ 133015, 133016, "registration_failed", &registration },
	{ 1, 2, "provider_error", &transient },
	{ 131000, 131000, "provider_error", &transient },
	{ 131016, 131016, "provider_error", &transient },
};

static struct decision with_reason(struct decision d, const char *reason)
{
	d.reason = reason;
	return d;
}

static const struct code_row *row_find(int64_t code)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (code >= rows[i].first && code <= rows[i].last)
			return &rows[i];
	return NULL;
}

int64_t code_parse(struct str text)
{
	int64_t code;

	return str_to_i64(text, &code) && code >= 0 ? code : CODE_NONE;
}

struct decision code_of_answer(int64_t code, int http_status)
{
	const struct code_row *row = row_find(code);

	if (row)
		return with_reason(*row->decision, row->reason);
	if (http_status >= 400 && http_status < 500)
		return with_reason(refused, "rejected");
	return code_of_unknown(true);
}

struct decision code_of_status(int64_t code)
{
	struct decision d = code_of_answer(code, 400);

	d.row = ROW_FAILED;
	d.retry = RETRY_NONE;
	d.failover = FAILOVER_NEVER;
	return d;
}

/* The codes of our contract, and what other bridges say by their status. */
enum bridge_error {
	BRIDGE_OTHER,
	BRIDGE_NOT_ON_WHATSAPP,
	BRIDGE_SESSION_NOT_CONNECTED,
	BRIDGE_BLOCKED,
	BRIDGE_RATE_LIMITED,
	BRIDGE_INVALID,
	BRIDGE_MEDIA_FAILED,
	BRIDGE_KEY_REJECTED,
	BRIDGE_RESTRICTED,
	BRIDGE_NOT_FOUND, /* a session that the bridge does not have, or a wrong base_url: nothing distinguishes them */
};

static enum bridge_error word_read(struct str word)
{
	static const char *const words[] = {
		[BRIDGE_NOT_ON_WHATSAPP] = "not_on_whatsapp",
		[BRIDGE_SESSION_NOT_CONNECTED] = "session_not_connected",
		[BRIDGE_BLOCKED] = "blocked",
		[BRIDGE_RATE_LIMITED] = "rate_limited",
		[BRIDGE_INVALID] = "invalid",
		[BRIDGE_MEDIA_FAILED] = "media_failed",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i] && str_is(word, words[i]))
			return (enum bridge_error)i;
	return BRIDGE_OTHER;
}

static enum bridge_error status_read(enum bridge_kind bridge, int http_status)
{
	switch (http_status) {
	case 401:
	case 403:
		return BRIDGE_KEY_REJECTED;
	case 429:
		return BRIDGE_RATE_LIMITED;
	case 404:
		return bridge == BRIDGE_BLAZZ ? BRIDGE_OTHER : BRIDGE_NOT_FOUND;
	case 463: /* WAHA: WhatsApp's limit of new conversations */
	case 475: /* WAHA: WhatsApp's cap of messages */
		return bridge == BRIDGE_WAHA ? BRIDGE_RESTRICTED : BRIDGE_OTHER;
	default:
		return BRIDGE_OTHER;
	}
}

static struct decision blocked(void)
{
	struct decision d = with_reason(spam, "blocked");

	d.hold_ms = 6 * HOUR_MS;
	return d;
}

/* The key is wrong, which says nothing about the session. */
static struct decision key_rejected(void)
{
	struct decision d = with_reason(logged_out, "key_rejected");

	d.disconnected = false;
	return d;
}

/* Our contract names the error of a 404. */
static bool is_of_proxy(enum bridge_kind bridge, int http_status, struct str word)
{
	return bridge == BRIDGE_BLAZZ && http_status == 404 && word.n == 0;
}

struct decision code_of_bridge(enum bridge_kind bridge, int http_status, struct str word)
{
	enum bridge_error error = word_read(word);

	if (http_status == 409 || http_status >= 500 || is_of_proxy(bridge, http_status, word))
		return code_of_unknown(true);
	switch (error ? error : status_read(bridge, http_status)) {
	case BRIDGE_NOT_ON_WHATSAPP:
		return code_of_missing_recipient();
	case BRIDGE_SESSION_NOT_CONNECTED:
		return code_of_lost_session();
	case BRIDGE_BLOCKED:
		return blocked();
	case BRIDGE_RATE_LIMITED:
		return with_reason(throughput, "rate_limited");
	case BRIDGE_MEDIA_FAILED:
		return with_reason(data, "media_failed");
	case BRIDGE_KEY_REJECTED:
		return key_rejected();
	case BRIDGE_RESTRICTED:
		return with_reason(spam, "spam_restricted");
	case BRIDGE_NOT_FOUND:
		return with_reason(refused, "not_found");
	case BRIDGE_INVALID:
	case BRIDGE_OTHER:
		break;
	}
	return with_reason(data, "rejected");
}

enum failover code_failover_of_hold(struct str text)
{
	int64_t code = code_parse(text);
	int status = code >= 400 && code < 500 ? (int)code : 400;
	const struct decision holds[] = { code_of_answer(code, 400),
		code_of_bridge(BRIDGE_WAHA, status, code == CODE_NONE ? text : STR_NONE) };

	for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++)
		if (holds[i].account == ACCOUNT_HELD)
			return holds[i].failover;
	return FAILOVER_ANY;
}

struct decision code_of_lost_session(void)
{
	return (struct decision){
		.row = ROW_PENDING,
		.account = ACCOUNT_COUNTS,
		.failover = FAILOVER_ANY,
		.reason = "session_not_connected",
		.retryable = true,
	};
}

struct decision code_of_missing_recipient(void)
{
	return with_reason(unreachable, "undeliverable");
}

struct decision code_of_not_sent(bool counts)
{
	return (struct decision){
		.row = ROW_PENDING,
		.account = counts ? ACCOUNT_COUNTS : ACCOUNT_UNAFFECTED,
		.failover = FAILOVER_ANY,
		.reason = "not_sent",
		.retryable = true,
	};
}

struct decision code_of_unknown(bool counts)
{
	return (struct decision){
		.row = ROW_UNKNOWN,
		.account = counts ? ACCOUNT_COUNTS : ACCOUNT_UNAFFECTED,
		.reason = "unknown_outcome",
	};
}

struct decision code_of_sent(void)
{
	return (struct decision){ .row = ROW_SENT, .reason = "" };
}

int64_t codes_retry_ms(enum retry_plan plan, int32_t retries, int64_t retry_after_ms, double random)
{
	static const int64_t rate_ms[] = { 1000, 2000, 4000, 8000, 16000, 32000, 64000 };
	static const int64_t pair_ms[] = { 4000, 16000, 64000, 256000, 1024000 };
	static const int64_t transient_ms[] = { 2000, 8000, 30000, 120000 };
	static const struct schedule schedules[] = {
		[RETRY_NONE] = { NULL, 0, -1 },
		[RETRY_RATE] = { rate_ms, 7, -1 },
		[RETRY_PAIR] = { pair_ms, 5, -1 },
		[RETRY_TRANSIENT] = { transient_ms, 4, -1 },
		[RETRY_REFUSED] = { transient_ms, 4, 2 },
	};
	const struct schedule *s = &schedules[plan];

	if ((plan == RETRY_RATE || plan == RETRY_PAIR) && retries >= (int32_t)s->n)
		retries = (int32_t)s->n - 1;
	return schedule_next_ms(s, retries, retry_after_ms, random);
}
