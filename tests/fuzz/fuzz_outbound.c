/* SendMessages and CampaignCommands from outside, each input as both: a decoded one passes its check, is encoded to the same bytes
 * twice, and can be shown as JSON; its key names its workspace.
 */
#include <string.h>

#include "reveal.h"
#include "wire/outbound.h"

static void key_check(const char *key, const struct uuid *workspace)
{
	char text[37];

	uuid_format(workspace, text);
	assert(strlen(key) == 73 && key[36] == ':' && memcmp(key, text, 36) == 0);
}

static void send_round_trip(const struct send_message *m, struct arena *a)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct send_message again;
	char key[74];
	int rc;

	rc = send_message_check(m, NULL);
	assert(rc == 0);
	rc = send_message_encode(m, &once, NULL);
	assert(rc == 0 && once.n <= WIRE_MAX_RECORD_BYTES);
	rc = send_message_decode(&again, buf_str(&once), a, NULL);
	assert(rc == 0 && again.kind == m->kind && again.type == m->type);
	rc = send_message_encode(&again, &twice, NULL);
	assert(rc == 0 && str_eq(buf_str(&once), buf_str(&twice)));
	send_message_key(m, key);
	key_check(key, &m->workspace);
	buf_fini(&once);
	buf_fini(&twice);
}

static void command_round_trip(const struct campaign_command *c, struct arena *a)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct campaign_command again;
	char key[74];
	int rc;

	rc = campaign_command_encode(c, &once, NULL);
	assert(rc == 0 && once.n <= WIRE_MAX_RECORD_BYTES);
	rc = campaign_command_decode(&again, buf_str(&once), a, NULL);
	assert(rc == 0 && again.action == c->action);
	rc = campaign_command_encode(&again, &twice, NULL);
	assert(rc == 0 && str_eq(buf_str(&once), buf_str(&twice)));
	campaign_command_key(c, key);
	key_check(key, &c->workspace);
	buf_fini(&once);
	buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(65536);
	struct str bytes = input_of(data, size);
	bool send_shown = reveal_check(reveal_send_message, bytes);
	bool command_shown = reveal_check(reveal_campaign_command, bytes);
	struct send_message m;
	struct campaign_command c;

	if (send_message_decode(&m, bytes, a, NULL) == 0) {
		assert(send_shown);
		send_round_trip(&m, a);
	}
	if (campaign_command_decode(&c, bytes, a, NULL) == 0) {
		assert(command_shown);
		command_round_trip(&c, a);
	}
	arena_free(a);
	return 0;
}
