/* Keys of endpoints; see webhook.h. Invariant: an open secret is in memory only while the command runs, and is
 * wiped. */
#include <inttypes.h>
#include <string.h>

#include "base/hex.h"
#include "base/rng.h"
#include "crypto/sealed_row.h"
#include "webhook.h"
#include "json/json.h"
#include "json/writer.h"

#define TEXT_BYTES 65536 /* reserved at once: growing would leave secrets in freed memory */

static void secret_make(struct buf *out)
{
	uint8_t key[32];

	rng_bytes(key, sizeof(key));
	buf_add_str(out, STR("whsec_"));
	base64_encode(out, key, sizeof(key));
	explicit_bzero(key, sizeof(key));
}

static int key_add(struct webhook_keys *k, struct str secret, int64_t expires_at_ms, struct err *err)
{
	if (k->n == WEBHOOK_KEYS_MAX)
		return err_set(err, ERR_INPUT, "secret", "at most %d secrets", WEBHOOK_KEYS_MAX);
	k->secret[k->n] = secret;
	k->expires_at_ms[k->n++] = expires_at_ms;
	return 0;
}

int webhook_keys_read(const char *file, struct webhook_keys *out, struct err *err)
{
	struct webhook_keys k = { .n = 0 };
	struct str rest;
	bool more = true;

	buf_reserve(&k.text, TEXT_BYTES);
	if (!file)
		secret_make(&k.text);
	else if (ctl_secret_read(file, &k.text, err) < 0)
		goto fail;
	rest = buf_str(&k.text);
	while (more) {
		struct str line;

		more = str_cut(rest, '\n', &line, &rest);
		line = str_trim(line);
		if (line.n > 0 && key_add(&k, line, INT64_MAX, err) < 0)
			goto fail;
	}
	if (k.n == 0) {
		err_set(err, ERR_INPUT, "secret", "%s holds no secret", file);
		goto fail;
	}
	*out = k;
	return 0;
fail:
	webhook_keys_fini(&k);
	return -1;
}

int webhook_keys_open(struct ctl *ctl, const struct endpoint_row *e, struct webhook_keys *out, struct err *err)
{
	struct webhook_keys k = { .n = 0 };
	const struct keyring *keyring;
	struct json_iter it;
	const json *one;

	if (e->kind != ENDPOINT_HTTP)
		return err_set(err, ERR_INPUT, "kind",
			"a pusher has no keys of its own: it is signed with its application's");
	buf_reserve(&k.text, TEXT_BYTES);
	if (ctl_keyring(ctl, &keyring, err) < 0 ||
		row_unseal(keyring, SEALED_ENDPOINT, &e->uuid, e->secrets, &k.text, err) < 0 ||
		json_parse(&k.doc, buf_str(&k.text), err) < 0)
		goto fail;
	it = json_iter(json_get(json_root(k.doc), "keys"));
	while ((one = json_next(&it))) {
		int64_t expires_at_ms = INT64_MAX;

		json_to_i64(json_get(one, "expires_at"), &expires_at_ms);
		if (key_add(&k, json_str(json_get(one, "secret")), expires_at_ms, err) < 0)
			goto fail;
	}
	*out = k;
	return 0;
fail:
	webhook_keys_fini(&k);
	return -1;
}

void webhook_keys_write(const struct webhook_keys *k, struct buf *out)
{
	struct json_writer w = json_writer(out);

	buf_reserve(out, TEXT_BYTES);
	jw_obj(&w);
	jw_key(&w, "keys");
	jw_arr(&w);
	for (size_t i = 0; i < k->n; i++) {
		jw_obj(&w);
		jw_member_str(&w, "secret", k->secret[i]);
		if (k->expires_at_ms[i] != INT64_MAX)
			jw_member_i64(&w, "expires_at", k->expires_at_ms[i]);
		jw_obj_end(&w);
	}
	jw_arr_end(&w);
	jw_obj_end(&w);
}

int webhook_keys_seal(struct ctl *ctl, const struct uuid *endpoint, const struct webhook_keys *k, struct buf *out,
	struct err *err)
{
	struct buf plain = BUF_INIT;
	const struct keyring *keyring;
	int rc = -1;

	webhook_keys_write(k, &plain);
	if (ctl_keyring(ctl, &keyring, err) == 0)
		rc = row_seal(keyring, SEALED_ENDPOINT, endpoint, buf_str(&plain), out, err);
	ctl_secret_free(&plain);
	return rc;
}

void webhook_keys_fini(struct webhook_keys *k)
{
	json_free(k->doc);
	ctl_secret_free(&k->text);
	*k = (struct webhook_keys){ .n = 0 };
}
