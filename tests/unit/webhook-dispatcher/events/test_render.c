/* services/webhook-dispatcher/events/render: the JSON of every type of event, in full. */
#include "webhook-dispatcher/events/render.h"

#include <string.h>

#include "unit.h"

#include "json/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TIME_MS  INT64_C(1767225600123)
#define T(text)  { text, sizeof(text) - 1 }

/* Ids whose last byte tells them apart. */
#define ID(n) \
	{ \
		{ \
			[15] = (n) \
		} \
	}
#define ID_TEXT(n) "\"00000000-0000-0000-0000-0000000000" #n "\""
#define AT         "\"2026-01-01T00:00:00.123Z\""

static struct str changed[] = { T("name"), T("opt_out") };
static struct str options[] = { T("yes"), T("no") };
static struct participant participants[] = {
	{ .party = { .phone = T("16505551234"), .name = T("Ann") }, .admin = true },
	{ .party = { .lid = T("42"), .bsuid_scope = T("not shown") }, .super_admin = true },
	{ .party = { .jid = T("x@y") } },
};

static const struct {
	struct chat_event event;
	const char *type, *data;
} cases[] = {
	{ { .kind = CE_MESSAGE_CREATED,
		  .origin = ORIGIN_LIVE,
		  .provider = PROVIDER_WEBJS,
		  .u.message_created = { .message = { .id = 7,
						 .uuid = ID(0x21),
						 .key = T("false:3EB0"),
						 .provider_id = T("3EB0"),
						 .direction = DIR_INBOUND,
						 .type = MSG_TEXT,
						 .status = STATUS_DELIVERED,
						 .body = T("h\"i\n"),
						 .sent_at_ms = TIME_MS },
			  .contact = { ID(0x22), T("Ann"), T("+16505551234") } } },
		"message.created",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(
			21) ",\"chat_type\":\"private\",\"origin\":\"live\",\"type\":\"inbound\","
			    "\"provider_type\":\"webjs\",\"message\":\"h\\\"i\\n\",\"message_type\":\"text\",\"created_at\":" AT
			    ",\"is_read\":false,\"status\":\"delivered\",\"provider_message_id\":\"3EB0\",\"client_message_id\":null,"
			    "\"placeholder\":false},\"contact\":{\"id\":" ID_TEXT(
				    22) ",\"name\":\"Ann\",\"phone\":\"+16505551234\"}}" },
	{ { .kind = CE_MESSAGE_CREATED,
		  .origin = ORIGIN_SYNC,
		  .provider = PROVIDER_META,
		  .u.message_created = { .message = { .id = 8,
						 .uuid = ID(0x21),
						 .client_message_id = T("order-1"),
						 .direction = DIR_OUTBOUND,
						 .type = MSG_IMAGE,
						 .status = STATUS_READ,
						 .is_read = true,
						 .placeholder = true,
						 .media = { .present = true,
							 .provider_media_id = T("m1"),
							 .mime = T("image/png"),
							 .file_name = T("a.png"),
							 .sha256 = T("ab"),
							 .url = T("https://m.example/1"),
							 .size_bytes = 9,
							 .caption = T("look"),
							 .missing = true },
						 .location = { .present = true,
							 .latitude = 1.5,
							 .longitude = -2.25,
							 .name = T("here"),
							 .address = T("road"),
							 .url = T("https://l.example") },
						 .quoted = { .present = true,
							 .target = { T("true:3EB1"), T("3EB1") },
							 .sender = { .phone = T("1650") },
							 .body = T("what?") },
						 .metadata = T("{\"extra\":[1]}") },
			  .group = { ID(0x23), T("1@g.us"), T("Team"), 12 },
			  .sender = { .id = ID(0x24) } } },
		"message.created",
		"{\"chat\":{\"id\":8,\"uuid\":" ID_TEXT(
			21) ",\"chat_type\":\"group\",\"origin\":\"sync\",\"type\":\"outbound\","
			    "\"provider_type\":\"meta\",\"message\":null,\"message_type\":\"image\",\"created_at\":null,\"is_read\":true,"
			    "\"status\":\"read\",\"provider_message_id\":null,\"client_message_id\":\"order-1\",\"placeholder\":true,"
			    "\"media\":{\"provider_media_id\":\"m1\",\"mime\":\"image/png\",\"file_name\":\"a.png\",\"sha256\":\"ab\","
			    "\"url\":\"https://m.example/1\",\"size_bytes\":9,\"caption\":\"look\",\"missing\":true},"
			    "\"location\":{\"latitude\":1.5,\"longitude\":-2.25,\"name\":\"here\",\"address\":\"road\",\"url\":\"https://l.example\"},"
			    "\"quoted\":{\"key\":\"true:3EB1\",\"stanza\":\"3EB1\",\"sender\":{\"phone\":\"1650\"},\"message\":\"what?\"},"
			    "\"metadata\":{\"extra\":[1]}},"
			    "\"group\":{\"id\":" ID_TEXT(
				    23) ",\"name\":\"Team\",\"participants_count\":12,\"jid\":\"1@g.us\"},"
					"\"sender\":{\"id\":" ID_TEXT(24) ",\"name\":null,\"phone\":null}}" },
	{ { .kind = CE_MESSAGE_EDITED,
		  .u.message_edited = { .message_id = 7,
			  .message_uuid = ID(0x21),
			  .body = T("new"),
			  .edited_at_ms = TIME_MS } },
		"message.edited",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(21) ",\"message\":\"new\"},\"edited_at\":" AT
							    ",\"filled\":false}" },
	{ { .kind = CE_MESSAGE_EDITED,
		  .provider = PROVIDER_META,
		  .u.message_edited = { .message_id = 7,
			  .message_uuid = ID(0x21),
			  .edited_at_ms = TIME_MS,
			  .filled = true,
			  .message = { .id = 7,
				  .direction = DIR_INBOUND,
				  .type = MSG_TEXT,
				  .body = T("new"),
				  .sent_at_ms = TIME_MS } } },
		"message.edited",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(
			21) ",\"type\":\"inbound\",\"provider_type\":\"meta\",\"message\":\"new\","
			    "\"message_type\":\"text\",\"created_at\":" AT
			    ",\"is_read\":false,\"status\":null,\"provider_message_id\":null,"
			    "\"client_message_id\":null,\"placeholder\":false},\"edited_at\":" AT ",\"filled\":true}" },
	{ { .kind = CE_MESSAGE_REVOKED,
		  .u.message_revoked = { .message_id = 7,
			  .message_uuid = ID(0x21),
			  .revoked_at_ms = TIME_MS,
			  .for_us_only = true } },
		"message.revoked",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(21) "},\"revoked_at\":" AT ",\"for_us_only\":true}" },
	{ { .kind = CE_MESSAGE_STATUS,
		  .u.message_status = { .message_id = 7,
			  .message_uuid = ID(0x21),
			  .status = STATUS_FAILED,
			  .at_ms = TIME_MS,
			  .client_message_id = T("order-1"),
			  .error = { .code = T("131047"), .title = T("Re-engagement") },
			  .participant = { .phone = T("1650") },
			  .extra = T("{\"pricing\":{}}") } },
		"message.status",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(
			21) ",\"client_message_id\":\"order-1\"},\"status\":\"failed\",\"at\":" AT
			    ",\"error\":{\"code\":\"131047\",\"title\":\"Re-engagement\",\"details\":null},\"participant\":{\"phone\":\"1650\"},"
			    "\"extra\":{\"pricing\":{}}}" },
	{ { .kind = CE_MESSAGE_STATUS,
		  .u.message_status = { .message_id = 7,
			  .message_uuid = ID(0x21),
			  .status = STATUS_READ,
			  .at_ms = TIME_MS } },
		"message.status",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(
			21) ",\"client_message_id\":null},\"status\":\"read\",\"at\":" AT "}" },
	{ { .kind = CE_MESSAGE_REACTION,
		  .u.message_reaction = { .message_id = 7,
			  .message_uuid = ID(0x21),
			  .sender = { .phone = T("1650"), .username = T("ann") },
			  .emoji = T("\xf0\x9f\x91\x8d") } },
		"message.reaction",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(
			21) "},\"sender\":{\"phone\":\"1650\",\"username\":\"ann\"},\"from_me\":false,"
			    "\"vote\":false,\"emoji\":\"\xf0\x9f\x91\x8d\"}" },
	{ { .kind = CE_MESSAGE_REACTION,
		  .u.message_reaction = { .message_id = 7, .message_uuid = ID(0x21), .from_me = true } },
		"message.reaction",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(21) "},\"from_me\":true,\"vote\":false,\"emoji\":null}" },
	{ { .kind = CE_MESSAGE_REACTION,
		  .u.message_reaction = { .message_id = 7,
			  .message_uuid = ID(0x21),
			  .vote = true,
			  .options = options,
			  .n_options = 2 } },
		"message.reaction",
		"{\"chat\":{\"id\":7,\"uuid\":" ID_TEXT(
			21) "},\"from_me\":false,\"vote\":true,\"options\":[\"yes\",\"no\"]}" },
	{ { .kind = CE_CONTACT_CREATED, .u.contact_changed = { .contact = { .id = ID(0x22), .name = T("Ann") } } },
		"contact.created",
		"{\"contact\":{\"id\":" ID_TEXT(22) ",\"name\":\"Ann\",\"phone\":null},\"changed\":[]}" },
	{ { .kind = CE_CONTACT_UPDATED,
		  .u.contact_changed = { .contact = { .id = ID(0x22), .name = T("Ann") },
			  .changed = changed,
			  .n_changed = 2,
			  .opt_out_category = T("marketing"),
			  .opted_out = true } },
		"contact.updated",
		"{\"contact\":{\"id\":" ID_TEXT(
			22) ",\"name\":\"Ann\",\"phone\":null},\"changed\":[\"name\",\"opt_out\"],"
			    "\"opt_out\":{\"category\":\"marketing\",\"opted_out\":true}}" },
	{ { .kind = CE_CONTACT_MERGED, .u.contact_merged = { ID(0x22), ID(0x24), ID(0) } }, "contact.merged",
		"{\"from_contact_id\":" ID_TEXT(22) ",\"into_contact_id\":" ID_TEXT(
			24) ",\"into_conversation_id\":null}" },
	{ { .kind = CE_CONTACT_ERASED, .u.contact_erased = { ID(0x22) } }, "contact.erased",
		"{\"contact_id\":" ID_TEXT(22) "}" },
	{ { .kind = CE_GROUP_UPDATED,
		  .u.group_updated = { .group = { ID(0x23), T("1@g.us"), T("Team"), 3 },
			  .action = T("add"),
			  .participants = participants,
			  .n_participants = COUNT(participants),
			  .text = T("hello") } },
		"group.updated",
		"{\"group\":{\"id\":" ID_TEXT(
			23) ",\"name\":\"Team\",\"participants_count\":3,\"jid\":\"1@g.us\"},\"action\":\"add\","
			    "\"participants\":[{\"phone\":\"16505551234\",\"name\":\"Ann\",\"admin\":true,\"super_admin\":false},"
			    "{\"lid\":\"42\",\"admin\":true,\"super_admin\":true},{\"jid\":\"x@y\",\"admin\":false,\"super_admin\":false}],"
			    "\"text\":\"hello\"}" },
	{ { .kind = CE_CONVERSATION_UPDATED,
		  .u.conversation_updated = { .unread = 0,
			  .last_read_at_ms = TIME_MS,
			  .archived = true,
			  .changed = changed,
			  .n_changed = 1 } },
		"conversation.updated",
		"{\"unread\":0,\"last_read_at\":" AT ",\"archived\":true,\"changed\":[\"name\"]}" },
	{ { .kind = CE_SYNC_PROGRESS,
		  .u.sync = { .sync_id = T("s1"),
			  .status = T("running"),
			  .synced = 3,
			  .rejected = 1,
			  .percent = 40,
			  .batches = 2,
			  .batches_total = 4,
			  .started_at_ms = TIME_MS } },
		"sync.progress",
		"{\"sync_id\":\"s1\",\"status\":\"running\",\"synced\":3,\"skipped\":0,\"rejected\":1,\"total\":null,\"percent\":40,\"batches\":2,\"batches_total\":4,"
		"\"started_at\":" AT ",\"duration_ms\":0}" },
	{ { .kind = CE_SYNC_COMPLETED,
		  .u.sync = { .sync_id = T("s1"), .status = T("completed"), .total = 3, .duration_ms = 12 } },
		"sync.completed",
		"{\"sync_id\":\"s1\",\"status\":\"completed\",\"synced\":0,\"skipped\":0,\"rejected\":0,\"total\":3,\"percent\":null,\"batches\":null,\"batches_total\":null,"
		"\"started_at\":null,\"duration_ms\":12}" },
	{ { .kind = CE_SESSION_STATE, .u.session_state = { .status = T("connected"), .previous = T("authenticated") } },
		"session.state",
		"{\"status\":\"connected\",\"previous\":\"authenticated\",\"reason\":null,\"details\":null}" },
	{ { .kind = CE_ACCOUNT_NOTICE,
		  .u.account = { .kind = T("quality"),
			  .severity = T("warning"),
			  .text = T("low"),
			  .error = { .code = T("1") },
			  .extra = T("{}") } },
		"account.notice",
		"{\"kind\":\"quality\",\"severity\":\"warning\",\"text\":\"low\","
		"\"error\":{\"code\":\"1\",\"title\":null,\"details\":null},\"extra\":{}}" },
	{ { .kind = CE_ACCOUNT_MIGRATED, .u.account = { .kind = T("moved") } }, "account.migrated",
		"{\"kind\":\"moved\",\"severity\":null,\"text\":null}" },
	{ { .kind = CE_ACCOUNT_CLEANED, .u.account = { .kind = T("stale") } }, "account.cleaned",
		"{\"kind\":\"stale\",\"severity\":null,\"text\":null}" },
	{ { .kind = CE_TEMPLATE_STATUS,
		  .u.template_status = { .name = T("hello"),
			  .language = T("en"),
			  .category = T("UTILITY"),
			  .status = T("APPROVED") } },
		"template.status",
		"{\"name\":\"hello\",\"language\":\"en\",\"category\":\"UTILITY\",\"status\":\"APPROVED\",\"quality\":null,\"reason\":null}" },
	{ { .kind = CE_CAMPAIGN,
		  .u.campaign = { .campaign = ID(0x25),
			  .kind = T("paused"),
			  .reason = T("rate"),
			  .code = T("130429"),
			  .recipients = 9,
			  .sent = 5,
			  .delivered = 4,
			  .read = 3,
			  .failed = 2,
			  .skipped = 1,
			  .unknown = 6 } },
		"campaign.paused",
		"{\"campaign_id\":" ID_TEXT(
			25) ",\"recipients\":9,\"sent\":5,\"delivered\":4,\"read\":3,\"failed\":2,\"skipped\":1,"
			    "\"unknown\":6,\"code\":\"130429\",\"reason\":\"rate\"}" },
	{ { .kind = CE_ENDPOINT, .u.endpoint = { ID(0x26), T("disabled"), T("gone"), ID(0x27) } }, "endpoint.disabled",
		"{\"endpoint_id\":" ID_TEXT(26) ",\"reason\":\"gone\",\"event_id\":" ID_TEXT(27) "}" },
};

static void each_type_is_rendered_in_full(void **state)
{
	bool seen[CE_KINDS] = { false };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct chat_event e = cases[i].event;
		struct buf got = BUF_INIT, want = BUF_INIT;
		struct json_doc *doc = NULL;

		e.id.b[15] = 0x11;
		e.workspace.b[15] = 0x12;
		e.account.b[15] = 0x13;
		e.conversation.b[15] = 0x14;
		e.sequence = 5;
		e.occurred_at_ms = TIME_MS;
		render_event(&e, &got);
		buf_printf(&want,
			"{\"id\":" ID_TEXT(11) ",\"type\":\"%s\",\"api_version\":\"1\",\"workspace_id\":" ID_TEXT(
				12) ",\"account_id\":" ID_TEXT(13) ",\"conversation_id\":" ID_TEXT(14) ",\"sequence\":5,\"timestamp\":" AT
												       ",\"data\":%s}",
			cases[i].type, cases[i].data);
		buf_add_char(&got, '\0');
		buf_add_char(&want, '\0');
		assert_string_equal(got.p, want.p);
		assert_int_equal(json_parse(&doc, str_of(got.p), NULL), 0);
		json_free(doc);
		seen[e.kind] = true;
		buf_fini(&got);
		buf_fini(&want);
	}
	for (enum chat_event_kind k = CE_NONE + 1; k < CE_KINDS; k++)
		if (!seen[k])
			fail_msg("%s is not among them", chat_event_type(k));
}

static void what_an_event_does_not_have_is_null(void **state)
{
	const struct chat_event e = { .id = ID(0x11), .workspace = ID(0x12), .kind = CE_CONTACT_MERGED };
	struct buf got = BUF_INIT;

	(void)state;
	render_event(&e, &got);
	assert_true(str_is(buf_str(&got),
		"{\"id\":" ID_TEXT(11) ",\"type\":\"contact.merged\",\"api_version\":\"1\",\"workspace_id\":" ID_TEXT(
			12) ",\"account_id\":null,\"conversation_id\":null,\"sequence\":null,\"timestamp\":null,\"data\":{"
			    "\"from_contact_id\":null,\"into_contact_id\":null,\"into_conversation_id\":null}}"));
	buf_fini(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_is_rendered_in_full),
		cmocka_unit_test(what_an_event_does_not_have_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
