/* services/chat-sync: an event counts towards batch.max_events as the statements that it costs, so that no transaction is long. */
#include "unit.h"

#include "chat-sync/sync.h"
#include "wire/inbound.h"
#include "worker/batch.h"
#include "worker/owner_private.h"

#define MAX_EVENTS 1000
#define REWRITES   (MAX_EVENTS / 10) /* events with the weight of a rewrite that fill a batch */

static const struct worker_options options = { .owner = { .consumer = "chat-sync",
						       .topics = { { .name = "t.inbound", .dlq = "t.dlq" } } },
	.batch_max_events = MAX_EVENTS,
	.batch_max_bytes = INT64_MAX };

static const struct {
	const char *name;
	struct inbound_event event;
	size_t weight;
} cases[] = {
	{ "a message", { .kind = IN_MESSAGE }, 1 },
	{ "a status", { .kind = IN_STATUS }, 1 },
	{ "an identity change", { .kind = IN_IDENTITY_CHANGE }, 10 },
	{ "a change of a group", { .kind = IN_GROUP_CHANGE }, 10 },
	{ "an edit", { .kind = IN_EDIT }, 10 },
	{ "a vote", { .kind = IN_POLL_VOTE }, 10 },
	{ "a chat without its participants", { .kind = IN_CHAT_STATE }, 1 },
	{ "a chat with its participants", { .kind = IN_CHAT_STATE, .u.chat_state.has_participants = true }, 10 },
	{ "a chat of a sync with 50 messages", { .kind = IN_SYNC_CHAT, .u.sync_chat.n_messages = 50 }, 51 },
};

static void an_event_weighs_what_it_costs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t weight = chat_sync_ops.weight(0, &cases[i].event);

		if (weight != cases[i].weight)
			fail_msg("%s: %zu, expected %zu", cases[i].name, weight, cases[i].weight);
	}
}

static struct inbound_event identity_change(void)
{
	struct inbound_event e = { .provider = PROVIDER_WEBJS,
		.bridge = BRIDGE_BLAZZ,
		.source_time_ms = 1,
		.ingest_time_ms = 1,
		.origin = ORIGIN_LIVE,
		.kind = IN_IDENTITY_CHANGE };

	e.id.b[0] = e.workspace.b[0] = e.account.b[0] = 1;
	e.u.identity_change.kind = IDENTITY_ALIAS;
	e.u.identity_change.old_party.lid = STR("901");
	e.u.identity_change.new_party.phone = STR("+4915111111111");
	return e;
}

/* Each is a segment of its own (sync_apply): a thousand of them in one transaction would hold its locks for seconds. */
static void a_thousand_identity_changes_do_not_fit_into_one_batch(void **state)
{
	struct owner owner = { .options = options.owner, .n_topics = 1, .state = OWNER_RUNNING };
	struct inbound_event e = identity_change();
	struct arena *arena = arena_new(1024);
	struct batch *batch;
	struct err err;

	(void)state;
	owner_metrics_init(&owner);
	batch = batch_new(&options, &owner);
	while (!batch_full(batch)) {
		struct kafka_message m = { .key = STR("k"), .offset = (int64_t)batch->n };

		if (inbound_encode(&e, arena, &m.value, &err) < 0)
			fail_msg("%s", err.msg);
		batch_add(batch, &m, &chat_sync_ops, NULL);
		assert_non_null(batch->items[batch->n - 1].decoded);
	}
	assert_int_equal(batch->n, REWRITES);
	batch_free(batch);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_weighs_what_it_costs),
		cmocka_unit_test(a_thousand_identity_changes_do_not_fit_into_one_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
