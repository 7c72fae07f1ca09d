/* campaign-sender/events/records: each record as its consumer decodes it. */
#include "unit.h"

#include <string.h>

#include "../emitted.h"
#include "base/log.h"
#include "campaign-sender/events/records.h"
#include "crypto/ids.h"
#include "wire/chat_event.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define NOW_MS    INT64_C(1767225600123)
#define WORKSPACE "22222222-2222-4222-8222-222222222222"
#define ACCOUNT   "33333333-3333-4333-8333-333333333333"
#define CAMPAIGN  "44444444-4444-4444-8444-444444444444"
#define AGENT     "55555555-5555-4555-8555-555555555555"
#define PHONE     "6281234567890"

static struct arena *arena;
static struct account account;
static struct record_target to;

static struct uuid uuid_of(const char *text)
{
	struct uuid u;

	assert_true(uuid_parse(str_of(text), &u));
	return u;
}

static int start(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR + 1);
	arena = arena_new(1 << 14);
	owner_start(NULL);
	account = (struct account){
		.workspace = uuid_of(WORKSPACE),
		.uuid = uuid_of(ACCOUNT),
		.from = { .provider = PROVIDER_META },
		.business_id = STR("business"),
	};
	to = (struct record_target){ tx, partition, &topics, NOW_MS };
	return 0;
}

static int stop(void **state)
{
	(void)state;
	owner_stop();
	arena_free(arena);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	tx_renew();
	return 0;
}

#define assert_str(s, want) assert_string_equal(arena_cstr(arena, (s)), (want))

static struct outgoing outgoing_of(struct send_message m)
{
	struct client_id id = { .campaign = uuid_of(CAMPAIGN), .id = 9, .generation = 1 };
	struct buf content = BUF_INIT;
	struct outgoing out = { 0 };
	struct err err = { .kind = ERR_NONE };

	m.request = m.workspace = uuid_of(WORKSPACE);
	m.requested_at_ms = 1;
	m.chat.contact.phone = STR(PHONE);
	if (send_message_encode(&m, &content, &err) < 0 ||
		outgoing_read(&out, buf_str(&content), STR(PHONE), &id, NULL, arena, &err) < 0)
		fail_msg("%s", err.msg);
	buf_fini(&content);
	return out;
}

static struct outgoing text(const char *body)
{
	return outgoing_of((struct send_message){ .type = MSG_TEXT, .u.text = str_of(body) });
}

static struct inbound_event inbound_one(const char *type)
{
	struct record_view r = emitted_one(TOPIC_INBOUND, type);
	struct inbound_event e;
	struct err err;
	char id[37];

	if (inbound_decode(&e, r.value, arena, &err) < 0)
		fail_msg("%s", err.msg);
	assert_str(r.key, WORKSPACE ":" ACCOUNT);
	uuid_format(&e.id, id);
	assert_str(header_find(r.headers, r.n_headers, "ce_id"), id);
	assert_int_equal(e.origin, ORIGIN_LIVE);
	assert_int_equal(e.provider, PROVIDER_META);
	assert_int_equal(e.ingest_time_ms, NOW_MS);
	return e;
}

static struct dispatch_record dispatch_of(const struct outgoing *o, enum dispatch_outcome outcome)
{
	return (struct dispatch_record){
		.account = &account,
		.outgoing = o,
		.outcome = outcome,
		.key = outcome == DISPATCH_SENT ? STR("wamid.A") : STR_NONE,
		.provider_id = outcome == DISPATCH_SENT ? STR("wamid.A") : STR_NONE,
		.wa_id = outcome == DISPATCH_SENT ? STR("6281") : STR_NONE,
		.at_ms = NOW_MS - 5,
	};
}

static struct inbound_event dispatched(const struct dispatch_record *d)
{
	tx_renew();
	record_dispatch(&to, d, arena);
	return inbound_one("blazz.inbound.dispatch");
}

static void a_sent_message_is_a_dispatch(void **state)
{
	struct outgoing o = outgoing_of((struct send_message){ .type = MSG_TEXT,
		.u.text = STR("hello"),
		.reply_to = { .key = STR("wamid.0") },
		.user = uuid_of(AGENT) });
	struct dispatch_record d = dispatch_of(&o, DISPATCH_SENT);
	struct inbound_event e = dispatched(&d);
	const struct in_message *m = &e.u.dispatch.message;

	(void)state;
	assert_int_equal(e.u.dispatch.outcome, DISPATCH_SENT);
	assert_int_equal(e.source_time_ms, NOW_MS - 5);
	assert_str(m->key, "wamid.A");
	assert_str(m->provider_id, "wamid.A");
	assert_str(m->client_message_id, CAMPAIGN ".9#2");
	assert_int_equal(m->direction, DIR_OUTBOUND);
	assert_str(m->chat.contact.phone, PHONE);
	assert_int_equal(m->type, MSG_TEXT);
	assert_str(m->body, "hello");
	assert_str(m->quoted.target.key, "wamid.0");
	assert_str(m->user_id, AGENT);
	assert_str(m->extra, "{\"wa_id\":\"6281\"}");
}

static void a_failed_message_has_its_error(void **state)
{
	struct outgoing o = text("hello");
	struct dispatch_record d = dispatch_of(&o, DISPATCH_FAILED);
	struct inbound_event e;

	(void)state;
	d.error = (struct provider_error){ STR("131026"), STR("Message undeliverable"), STR("bad\xff") };
	e = dispatched(&d);
	assert_int_equal(e.u.dispatch.outcome, DISPATCH_FAILED);
	assert_str(e.u.dispatch.error.code, "131026");
	assert_str(e.u.dispatch.error.title, "Message undeliverable");
	assert_int_equal(e.u.dispatch.error.details.n, 0);
	assert_int_equal(e.u.dispatch.message.key.n, 0);
	assert_int_equal(e.u.dispatch.message.extra.n, 0);
}

/* proto/README.md: UUIDv8 over the account, client_message_id and outcome. */
static void an_outcome_has_one_id(void **state)
{
	struct outgoing o = text("hello");
	struct dispatch_record sent = dispatch_of(&o, DISPATCH_SENT), unknown = dispatch_of(&o, DISPATCH_UNKNOWN);
	const struct str parts[] = { uuid_bytes(&account.uuid), STR(CAMPAIGN ".9#2"), STR("unknown") };
	struct inbound_event first = dispatched(&sent), other = dispatched(&unknown), again;
	struct uuid want;

	(void)state;
	sent.at_ms += 1000;
	again = dispatched(&sent);
	assert_true(uuid_eq(&first.id, &again.id));
	assert_false(uuid_eq(&first.id, &other.id));
	uuid_v8(&want, parts, 3);
	assert_true(uuid_eq(&other.id, &want));
	assert_int_equal(other.u.dispatch.outcome, DISPATCH_UNKNOWN);
}

static void a_templates_metadata_keeps_its_name(void **state)
{
	struct outgoing o = outgoing_of((struct send_message){
		.type = MSG_TEMPLATE, .u.template = { true, STR("promo"), STR("id"), STR_NONE } });
	struct dispatch_record d = dispatch_of(&o, DISPATCH_SENT);
	struct inbound_event e = dispatched(&d);

	(void)state;
	assert_int_equal(e.u.dispatch.message.type, MSG_TEMPLATE);
	assert_str(e.u.dispatch.message.extra,
		"{\"template\":{\"name\":\"promo\",\"language\":\"id\"},\"wa_id\":\"6281\"}");
}

static void a_bsuid_is_of_the_accounts_portfolio(void **state)
{
	struct outgoing o = text("hello");
	struct dispatch_record d = dispatch_of(&o, DISPATCH_SENT);

	(void)state;
	o.to_provider.to.contact = (struct party){ .bsuid = STR("ID.42") };
	assert_str(dispatched(&d).u.dispatch.message.chat.contact.bsuid_scope, "business");
}

static void a_reaction_is_one_only_when_sent(void **state)
{
	struct outgoing o = outgoing_of((struct send_message){
		.kind = SEND_REACTION, .u.emoji = STR("+"), .reply_to = { .key = STR("wamid.0") } });
	struct dispatch_record failed = dispatch_of(&o, DISPATCH_FAILED), sent = dispatch_of(&o, DISPATCH_SENT);
	struct record_view all[EMITTED_MAX];
	struct inbound_event e;

	(void)state;
	record_dispatch(&to, &failed, arena);
	assert_int_equal(emitted(all), 0);
	record_dispatch(&to, &sent, arena);
	e = inbound_one("blazz.inbound.reaction");
	assert_str(e.u.reaction.target.key, "wamid.0");
	assert_str(e.u.reaction.emoji, "+");
	assert_str(e.u.reaction.chat.contact.phone, PHONE);
	assert_int_equal(e.u.reaction.direction, DIR_OUTBOUND);
}

static void a_read_marker_is_nothing(void **state)
{
	struct outgoing o =
		outgoing_of((struct send_message){ .kind = SEND_READ, .reply_to = { .key = STR("wamid.0") } });
	struct dispatch_record sent = dispatch_of(&o, DISPATCH_SENT);
	struct record_view all[EMITTED_MAX];

	(void)state;
	record_dispatch(&to, &sent, arena);
	assert_int_equal(emitted(all), 0);
}

static void what_its_consumer_would_reject_is_not_published(void **state)
{
	struct outgoing o = text("hello");
	struct dispatch_record d = dispatch_of(&o, DISPATCH_SENT);
	struct record_view all[EMITTED_MAX];

	(void)state;
	d.key = STR_NONE;
	record_dispatch(&to, &d, arena);
	record_opt_out(&to, &account, STR("erased:5"), STR("marketing_messages"), true, NOW_MS, arena);
	assert_int_equal(emitted(all), 0);
}

static void a_session_is_disconnected_by_an_error(void **state)
{
	struct inbound_event e;

	(void)state;
	record_session(&to, &account, false, STR("token_invalid"), arena);
	e = inbound_one("blazz.inbound.session_state");
	assert_int_equal(e.u.session_state.state, SESSION_DISCONNECTED);
	assert_int_equal(e.u.session_state.reason, REASON_ERROR);
	assert_str(e.u.session_state.details, "token_invalid");
	tx_renew();
	record_session(&to, &account, true, STR_NONE, arena);
	e = inbound_one("blazz.inbound.session_state");
	assert_int_equal(e.u.session_state.state, SESSION_CONNECTED);
	assert_int_equal(e.u.session_state.reason, REASON_NONE);
}

static void an_opt_out_names_the_contact(void **state)
{
	struct inbound_event stop_event, resume_event;

	(void)state;
	record_opt_out(&to, &account, STR(PHONE), STR("marketing_messages"), true, NOW_MS - 5, arena);
	stop_event = inbound_one("blazz.inbound.opt_out");
	assert_str(stop_event.u.opt_out.party.phone, PHONE);
	assert_str(stop_event.u.opt_out.category, "marketing_messages");
	assert_true(stop_event.u.opt_out.stop);
	assert_int_equal(stop_event.source_time_ms, NOW_MS - 5);
	tx_renew();
	record_opt_out(&to, &account, STR("bsuid:ID.42"), STR("marketing_messages"), false, NOW_MS - 5, arena);
	resume_event = inbound_one("blazz.inbound.opt_out");
	assert_false(resume_event.u.opt_out.stop);
	assert_str(resume_event.u.opt_out.party.bsuid, "ID.42");
	assert_str(resume_event.u.opt_out.party.bsuid_scope, "business");
	assert_false(uuid_eq(&stop_event.id, &resume_event.id));
}

static void a_pause_is_a_command_with_its_reason(void **state)
{
	struct campaign_pause p = { .workspace = uuid_of(WORKSPACE),
		.campaign = uuid_of(CAMPAIGN),
		.code = STR("132015"),
		.reason = STR("Template is paused") };
	struct campaign_command c;
	struct record_view r;
	struct err err;

	(void)state;
	record_campaign_command(&to, &p, arena);
	r = emitted_one(TOPIC_CAMPAIGN_COMMAND, "blazz.campaign_command.pause");
	assert_str(r.key, WORKSPACE ":" CAMPAIGN);
	assert_int_equal(campaign_command_decode(&c, r.value, arena, &err), 0);
	assert_int_equal(c.action, CAMPAIGN_PAUSE);
	assert_int_equal(c.requested_at_ms, NOW_MS);
	assert_true(uuid_is_nil(&c.user));
	assert_str(c.code, "132015");
	assert_str(c.reason, "Template is paused");
	tx_renew();
	p.resume = true;
	record_campaign_command(&to, &p, arena);
	r = emitted_one(TOPIC_CAMPAIGN_COMMAND, "blazz.campaign_command.resume");
	assert_int_equal(campaign_command_decode(&c, r.value, arena, &err), 0);
	assert_int_equal(c.action, CAMPAIGN_RESUME);
}

static void a_campaigns_news_has_its_counters(void **state)
{
	struct campaign_news n = { .workspace = uuid_of(WORKSPACE),
		.campaign = uuid_of(CAMPAIGN),
		.what = "paused",
		.code = STR("132015"),
		.reason = STR("Template is paused"),
		.counters = { .recipients = 7,
			.sent = 6,
			.delivered = 5,
			.read = 4,
			.failed = 3,
			.skipped = 2,
			.unknown = 1 } };
	struct chat_event e;
	struct record_view r;
	struct err err;

	(void)state;
	record_campaign(&to, &n, arena);
	r = emitted_one(TOPIC_CHAT_EVENT, "blazz.chat_event.campaign");
	assert_str(r.key, WORKSPACE ":" CAMPAIGN);
	assert_int_equal(chat_event_decode(&e, r.value, arena, &err), 0);
	assert_int_equal(e.kind, CE_CAMPAIGN);
	assert_str(e.u.campaign.kind, "paused");
	assert_str(e.u.campaign.code, "132015");
	assert_str(e.u.campaign.reason, "Template is paused");
	assert_int_equal(e.u.campaign.recipients, 7);
	assert_int_equal(e.u.campaign.sent, 6);
	assert_int_equal(e.u.campaign.delivered, 5);
	assert_int_equal(e.u.campaign.read, 4);
	assert_int_equal(e.u.campaign.failed, 3);
	assert_int_equal(e.u.campaign.skipped, 2);
	assert_int_equal(e.u.campaign.unknown, 1);
	assert_str(e.source.producer, "campaign-sender");
	assert_int_equal(e.source.slot, 3);
	assert_int_equal(e.source.epoch, 7);
	assert_int_equal(e.source.seq, 5);
	assert_int_equal(e.occurred_at_ms, NOW_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_sent_message_is_a_dispatch, setup),
		cmocka_unit_test_setup(a_failed_message_has_its_error, setup),
		cmocka_unit_test_setup(an_outcome_has_one_id, setup),
		cmocka_unit_test_setup(a_templates_metadata_keeps_its_name, setup),
		cmocka_unit_test_setup(a_bsuid_is_of_the_accounts_portfolio, setup),
		cmocka_unit_test_setup(a_reaction_is_one_only_when_sent, setup),
		cmocka_unit_test_setup(a_read_marker_is_nothing, setup),
		cmocka_unit_test_setup(what_its_consumer_would_reject_is_not_published, setup),
		cmocka_unit_test_setup(a_session_is_disconnected_by_an_error, setup),
		cmocka_unit_test_setup(an_opt_out_names_the_contact, setup),
		cmocka_unit_test_setup(a_pause_is_a_command_with_its_reason, setup),
		cmocka_unit_test_setup(a_campaigns_news_has_its_counters, setup),
	};

	return cmocka_run_group_tests_name("campaign-sender/events/records", tests, start, stop);
}
