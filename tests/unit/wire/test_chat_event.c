/* libs/wire/chat_event: types, keys and ids, what is refused on either side, and that another language's bytes are read. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "wire/chat_event.h"

/* Printed by vectors.py. */
static const char python_event[] =
	"0a2430623865376636612d333333332d383333332d383333332d30303030303030303030303312243062386537663661"
	"2d313131312d343131312d383131312d3030303030303030303030311a2430623865376636612d323232322d34323232"
	"2d383232322d303030303030303030303032222430623865376636612d343434342d343434342d383434342d30303030"
	"303030303030303428073080d0eab6b7333801421a0a09636861742d73796e63100318808081b184e99103202a280148"
	"01c2015008e724122430623865376636612d333333332d383333332d383333332d3030303030303030303030331a0d0a"
	"0b3136353035353531323334200130013a0550697a7a613a0b4e61736920676f72656e67";

static const char *const types[] = { "message.created", "message.edited", "message.revoked", "message.status",
	"message.reaction", "contact.created", "contact.updated", "contact.merged", "contact.erased", "group.updated",
	"conversation.updated", "sync.progress", "sync.completed", "session.state", "account.notice", "template.status",
	"account.migrated", "account.cleaned", "campaign", "endpoint" };

static struct uuid uuid_of(const char *text)
{
	struct uuid u;

	assert_true(uuid_parse(str_of(text), &u));
	return u;
}

static struct chat_event event_of(enum chat_event_kind kind)
{
	struct chat_event e;

	memset(&e, 0, sizeof(e));
	e.id = uuid_of("0b8e7f6a-3333-8333-8333-000000000003");
	e.workspace = uuid_of("0b8e7f6a-1111-4111-8111-000000000001");
	e.account = uuid_of("0b8e7f6a-2222-4222-8222-000000000002");
	e.conversation = uuid_of("0b8e7f6a-4444-4444-8444-000000000004");
	e.kind = kind;
	return e;
}

static void an_event_encoded_by_another_language_is_read(void **state)
{
	struct arena *a = arena_new(4096);
	const size_t n = strlen(python_event) / 2;
	char *bytes = arena_alloc(a, n);
	struct buf again = BUF_INIT;
	struct chat_event e;
	struct err err;

	(void)state;
	assert_true(hex_decode(str_of(python_event), bytes, n));
	assert_int_equal(chat_event_decode(&e, (struct str){ bytes, n }, a, &err), 0);
	assert_int_equal(e.kind, CE_MESSAGE_REACTION);
	assert_int_equal(e.sequence, 7);
	assert_int_equal(e.occurred_at_ms, 1767225600000);
	assert_int_equal(e.origin, ORIGIN_LIVE);
	assert_int_equal(e.provider, PROVIDER_META);
	assert_true(str_is(e.source.producer, "chat-sync"));
	assert_int_equal(e.source.slot, 3);
	assert_int_equal(e.source.epoch, 1767225600000000);
	assert_int_equal(e.source.seq, 42);
	assert_int_equal(e.source.index, 1);
	assert_int_equal(e.u.message_reaction.message_id, 4711);
	assert_true(uuid_eq(&e.u.message_reaction.message_uuid, &e.id));
	assert_true(str_is(e.u.message_reaction.sender.phone, "16505551234"));
	assert_true(e.u.message_reaction.from_me && e.u.message_reaction.vote);
	assert_null(e.u.message_reaction.emoji.p);
	assert_int_equal(e.u.message_reaction.n_options, 2);
	assert_true(str_is(e.u.message_reaction.options[1], "Nasi goreng"));
	assert_int_equal(chat_event_encode(&e, &again, &err), 0);
	assert_true(str_eq(buf_str(&again), (struct str){ bytes, n }));
	buf_fini(&again);
	arena_free(a);
}

static void each_kind_has_its_type(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CE_KINDS - 1; i++) {
		assert_string_equal(chat_event_type(i + 1), types[i]);
		assert_int_equal(chat_event_kind_parse(str_of(types[i])), i + 1);
	}
	assert_string_equal(chat_event_type(CE_NONE), "");
	assert_string_equal(chat_event_type(CE_KINDS), "");
}

static void a_type_is_parsed_completely(void **state)
{
	static const struct {
		const char *type;
		enum chat_event_kind kind;
	} cases[] = {
		{ "campaign.started", CE_CAMPAIGN },
		{ "endpoint.disabled", CE_ENDPOINT },
		{ "message.created", CE_MESSAGE_CREATED },
		{ "message", CE_NONE },
		{ "message.createdx", CE_NONE },
		{ "message.created.x", CE_NONE },
		{ "campaigns.started", CE_NONE },
		{ "", CE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(chat_event_kind_parse(str_of(cases[i].type)), cases[i].kind);
	assert_int_equal(chat_event_kind_parse(STR_NONE), CE_NONE);
}

static void a_full_type_has_the_kind_of_campaigns_and_endpoints(void **state)
{
	struct chat_event campaign = event_of(CE_CAMPAIGN), endpoint = event_of(CE_ENDPOINT),
			  status = event_of(CE_MESSAGE_STATUS);
	char out[CHAT_EVENT_TYPE_SIZE], endless[500];

	(void)state;
	campaign.u.campaign.kind = STR("started");
	endpoint.u.endpoint.kind = STR("disabled");
	assert_true(str_is(chat_event_full_type(&campaign, out), "campaign.started"));
	assert_true(str_is(chat_event_full_type(&endpoint, out), "endpoint.disabled"));
	assert_true(str_is(chat_event_full_type(&status, out), "message.status"));
	memset(endless, 'x', sizeof(endless));
	campaign.u.campaign.kind = (struct str){ endless, sizeof(endless) };
	assert_int_equal(chat_event_full_type(&campaign, out).n, CHAT_EVENT_TYPE_SIZE / 2 + strlen("campaign."));
}

static void the_key_is_the_ordering_key_of_the_event(void **state)
{
	struct chat_event e = event_of(CE_MESSAGE_CREATED), campaign = event_of(CE_CAMPAIGN),
			  endpoint = event_of(CE_ENDPOINT);
	char key[74];

	(void)state;
	chat_event_key(&e, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-4444-4444-8444-000000000004");
	memset(&e.conversation, 0, sizeof(e.conversation));
	chat_event_key(&e, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-2222-4222-8222-000000000002");
	campaign.u.campaign.campaign = uuid_of("0b8e7f6a-5555-4555-8555-000000000005");
	chat_event_key(&campaign, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-5555-4555-8555-000000000005");
	endpoint.u.endpoint.endpoint = uuid_of("0b8e7f6a-6666-4666-8666-000000000006");
	chat_event_key(&endpoint, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-6666-4666-8666-000000000006");
}

static void derived_ids_are_stable_and_differ_by_every_part(void **state)
{
	struct uuid inbound = uuid_of("0b8e7f6a-3333-8333-8333-000000000003");
	struct uuid subject = uuid_of("0b8e7f6a-7777-8777-8777-000000000007");
	struct chat_event e = event_of(CE_MESSAGE_STATUS), other = e;
	char text[37];

	(void)state;
	chat_event_derive_id(&e, &inbound, &subject);
	uuid_format(&e.id, text);
	assert_string_equal(text, "4761b7e2-3b80-8169-8f78-aedeab16069b");
	chat_event_derive_id(&other, &subject, &inbound);
	assert_false(uuid_eq(&other.id, &e.id));
	chat_event_derive_id(&other, &inbound, &inbound);
	assert_false(uuid_eq(&other.id, &e.id));
	other = event_of(CE_MESSAGE_EDITED);
	chat_event_derive_id(&other, &inbound, &subject);
	assert_false(uuid_eq(&other.id, &e.id));
	e = other = event_of(CE_CAMPAIGN);
	e.u.campaign.kind = STR("started");
	other.u.campaign.kind = STR("paused");
	chat_event_derive_id(&e, &inbound, &subject);
	chat_event_derive_id(&other, &inbound, &subject);
	assert_false(uuid_eq(&other.id, &e.id));
}

static void sources_are_ordered_by_epoch_then_seq_then_index(void **state)
{
	static const struct event_source rising[] = {
		{ .epoch = 1, .seq = 1, .index = 1 },
		{ .epoch = 1, .seq = 1, .index = 2 },
		{ .epoch = 1, .seq = 2, .index = 0 },
		{ .epoch = 2, .seq = 0, .index = 0 },
		{ .epoch = INT64_MAX, .seq = 0, .index = 0 },
	};
	const int n = sizeof(rising) / sizeof(rising[0]);

	(void)state;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			assert_int_equal(event_source_cmp(&rising[i], &rising[j]), (i > j) - (i < j));
}

static void assert_not_encoded(const struct chat_event *e, const char *code)
{
	struct buf out = BUF_INIT;
	struct err err;

	buf_add_str(&out, STR("before"));
	assert_int_equal(chat_event_encode(e, &out, &err), -1);
	assert_string_equal(err.code, code);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_true(str_is(buf_str(&out), "before"));
	buf_fini(&out);
}

static void an_event_that_could_not_be_read_is_not_written(void **state)
{
	struct chat_event nul = event_of(CE_MESSAGE_EDITED), utf8 = nul, type = event_of(CE_MESSAGE_CREATED),
			  kind = event_of(CE_NONE), id = event_of(CE_SYNC_PROGRESS), time = id;

	(void)state;
	nul.u.message_edited.body = (struct str){ "a\0b", 3 };
	utf8.u.message_edited.body = (struct str){ "\xff", 1 };
	type.u.message_created.message.type = MSG_TEMPLATE + 1;
	memset(&id.workspace, 0, sizeof(id.workspace));
	time.occurred_at_ms = -1;
	assert_not_encoded(&nul, "decode");
	assert_not_encoded(&utf8, "decode");
	assert_not_encoded(&type, "unsupported");
	assert_not_encoded(&kind, "unsupported");
	assert_not_encoded(&id, "rule");
	assert_not_encoded(&time, "rule");
}

static void an_event_beyond_the_record_limit_is_too_large(void **state)
{
	struct chat_event e = event_of(CE_MESSAGE_EDITED);
	char *text = mem_alloc(WIRE_MAX_RECORD_BYTES);

	(void)state;
	memset(text, 'x', WIRE_MAX_RECORD_BYTES);
	e.u.message_edited.body = (struct str){ text, WIRE_MAX_RECORD_BYTES };
	assert_not_encoded(&e, "too_large");
	free(text);
}

static void encoding_appends(void **state)
{
	struct arena *a = arena_new(0);
	struct chat_event back, e = event_of(CE_CONVERSATION_UPDATED);
	struct buf out = BUF_INIT;
	struct err err;

	(void)state;
	buf_add_str(&out, STR("before"));
	assert_int_equal(chat_event_encode(&e, &out, &err), 0);
	assert_true(str_starts(buf_str(&out), STR("before")));
	assert_int_equal(chat_event_decode(&back, str_slice(buf_str(&out), 6, out.n), a, &err), 0);
	assert_int_equal(back.kind, CE_CONVERSATION_UPDATED);
	assert_int_equal(back.origin, ORIGIN_LIVE);
	buf_fini(&out);
	arena_free(a);
}

static void broken_bytes_are_rejected_and_leave_the_output_unchanged(void **state)
{
	static const struct {
		const char *name;
		struct str bytes;
		const char *code;
	} cases[] = {
		{ "nothing at all", { "", 0 }, "rule" },
		{ "no protobuf", { "\x0a\x24", 2 }, "decode" },
		{ "no UUID", { "\x0a\x01x", 3 }, "rule" },
		{ "an unknown kind", { "\x9a\x06\x00", 3 }, "unsupported" },
		{ "an empty event", { "\xaa\x02\x00", 3 }, "rule" },
	};
	struct arena *a = arena_new(0);
	struct chat_event out;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&out, 0xa5, sizeof(out));
		assert_int_equal(chat_event_decode(&out, cases[i].bytes, a, &err), -1);
		if (strcmp(err.code, cases[i].code) != 0)
			fail_msg("%s: %s (%s)", cases[i].name, err.code, err.msg);
		assert_int_equal(out.id.b[0], 0xa5);
	}
	arena_free(a);
}

static void a_message_is_of_a_contact_or_of_a_group(void **state)
{
	struct arena *a = arena_new(0);
	struct chat_event back, e = event_of(CE_MESSAGE_CREATED);
	struct buf out = BUF_INIT;
	struct err err;

	(void)state;
	e.u.message_created.contact.name = STR("Alice");
	assert_int_equal(chat_event_encode(&e, &out, &err), 0);
	assert_int_equal(chat_event_decode(&back, buf_str(&out), a, &err), 0);
	assert_true(str_is(back.u.message_created.contact.name, "Alice"));
	assert_int_equal(back.u.message_created.group.name.n, 0);
	e.u.message_created.group.name = STR("Ops");
	buf_clear(&out);
	assert_int_equal(chat_event_encode(&e, &out, &err), 0);
	assert_int_equal(chat_event_decode(&back, buf_str(&out), a, &err), 0);
	assert_true(str_is(back.u.message_created.group.name, "Ops"));
	assert_int_equal(back.u.message_created.contact.name.n, 0);
	buf_fini(&out);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_encoded_by_another_language_is_read),
		cmocka_unit_test(each_kind_has_its_type),
		cmocka_unit_test(a_type_is_parsed_completely),
		cmocka_unit_test(a_full_type_has_the_kind_of_campaigns_and_endpoints),
		cmocka_unit_test(the_key_is_the_ordering_key_of_the_event),
		cmocka_unit_test(derived_ids_are_stable_and_differ_by_every_part),
		cmocka_unit_test(sources_are_ordered_by_epoch_then_seq_then_index),
		cmocka_unit_test(an_event_that_could_not_be_read_is_not_written),
		cmocka_unit_test(an_event_beyond_the_record_limit_is_too_large),
		cmocka_unit_test(encoding_appends),
		cmocka_unit_test(broken_bytes_are_rejected_and_leave_the_output_unchanged),
		cmocka_unit_test(a_message_is_of_a_contact_or_of_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
