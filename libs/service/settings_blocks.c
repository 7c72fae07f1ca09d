/* See settings_blocks.h. */
#include "service/settings_blocks.h"

#include "crypto/seal.h"

struct pg_options postgres_options(const struct postgres_settings *s, const char *application_name)
{
	return (struct pg_options){ .conninfo = s->conninfo,
		.application_name = application_name,
		.statement_timeout_ms = (int)s->statement_timeout_ms };
}

int keyring_setting_check(const char *keyring, struct err *err)
{
	struct keyring *parsed = NULL;

	if (keyring_parse(&parsed, str_of(keyring), err) < 0)
		return err_wrap(err, "secrets.keyring");
	keyring_free(parsed);
	return 0;
}
