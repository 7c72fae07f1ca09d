/* blazzctl secrets keys: the keys of the keyring, without showing them. */
#include <stddef.h>

#include "base/hex.h"
#include "ctl.h"

static int keys(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "id", "sha256", "seals", NULL };
	const struct keyring *keyring;
	struct table *t;

	(void)options;
	(void)arguments;
	if (ctl_keyring(ctl, &keyring, err) < 0)
		return -1;
	t = table_new(columns);
	for (size_t i = 0; keyring_key_id(keyring, i).p; i++) {
		uint8_t sha[32];
		char hex[64];

		keyring_fingerprint(keyring, i, sha);
		table_text(t, keyring_key_id(keyring, i));
		hex_encode(sha, sizeof(sha), hex);
		table_text(t, (struct str){ hex, sizeof(hex) });
		table_bool(t, i == 0);
	}
	table_print(t, ctl->json);
	table_free(t);
	return 0;
}

const struct command secrets_keys_commands[] = {
	{ "secrets", "keys", NULL, 0, 0, NULL, 0,
		"shows the keyring's keys by id and SHA-256, which backups name, and which of them seals", keys },
	{ 0 },
};
