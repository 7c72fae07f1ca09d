/* Applications of Pusher-compatible servers; see webhook.h. */
#include "http/pusher.h"
#include "webhook.h"

static int application_check(const struct webhook_pusher *p, struct err *err)
{
	if (!p->app_id || !p->key || !p->secret_file)
		return ctl_usage(err, "a pusher needs --app-id, --key and --secret-file");
	if (!pusher_word_is_valid(str_of(p->app_id)) || !pusher_word_is_valid(str_of(p->key)))
		return ctl_usage(err, "--app-id and --key are up to 64 letters, digits and -_.~");
	if (p->channel && !pusher_channel_is_valid(str_of(p->channel)))
		return ctl_usage(err, "--channel is up to 164 letters, digits and _-=@,.;");
	return 0;
}

int webhook_pusher_seal(struct ctl *ctl, const struct uuid *endpoint, const struct webhook_pusher *p, struct buf *out,
	struct err *err)
{
	struct str app_id = str_of(p->app_id), key = str_of(p->key), channel = str_of(p->channel);
	struct sealing_secrets secrets = { .n = 0 };
	int rc = -1;

	if (application_check(p, err) < 0 || sealing_secrets_read(p->secret_file, &secrets, err) < 0)
		return -1;
	if (secrets.n != 1)
		ctl_usage(err, "--secret-file of a pusher holds one secret");
	else
		rc = sealing_seal(ctl, SEALED_ENDPOINT, endpoint,
			(const struct sealing_member[]){
				{ "app_id", &app_id, 1, true },
				{ "key", &key, 1, true },
				{ "secret", secrets.values, 1, true },
				{ "channel", &channel, p->channel ? 1 : 0, true },
			},
			4, out, err);
	sealing_secrets_fini(&secrets);
	return rc;
}
