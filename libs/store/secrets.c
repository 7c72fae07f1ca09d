/* Opening secrets; see secrets.h. Invariant: no secret is empty, because any client can make a signature with an empty key and
 * send an empty token. */
#include "store/secrets.h"

#include "json/json.h"

static struct secret_list list_read(const json *arr, struct arena *a)
{
	struct secret_list list = { ARENA_ARRAY(a, struct str, json_count(arr)), 0 };
	struct json_iter it = json_iter(arr);
	const json *v;

	while (json_is_arr(arr) && (v = json_next(&it)))
		if (json_str(v).n > 0)
			list.items[list.n++] = arena_str(a, json_str(v));
	return list;
}

static struct str text_read(const json *v, struct arena *a)
{
	return json_str(v).n > 0 ? arena_str(a, json_str(v)) : STR_NONE;
}

int store_secrets_parse(struct secrets *out, struct str text, enum secrets_use use, struct arena *a, struct err *err)
{
	struct json_doc *doc = NULL;
	const json *root;
	int rc = -1;

	if (json_parse(&doc, text, NULL) < 0 || !json_is_obj(root = json_root(doc))) {
		err_set(err, ERR_INPUT, "secrets", "the secrets are not a JSON object");
		goto out;
	}
	*out = (struct secrets){
		.signing_keys = list_read(json_get(root, "signing_keys"), a),
		.tokens = list_read(json_get(root, "tokens"), a),
		.app_secrets = list_read(json_get(root, "app_secrets"), a),
		.verify_token = text_read(json_get(root, "verify_token"), a),
		.access_token = use == SECRETS_SEND ? text_read(json_get(root, "access_token"), a) : STR_NONE,
		.require_timestamp = json_true(json_get(root, "require_timestamp")),
	};
	rc = 0;
out:
	json_free(doc);
	return rc;
}

int store_secrets_open(struct secrets *out, const struct keyring *k, const char *what, const struct uuid *row,
	struct str sealed, enum secrets_use use, struct arena *a, struct err *err)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	if (sealed.n == 0)
		*out = (struct secrets){ 0 };
	else if (row_unseal(k, what, row, sealed, &text, err) < 0)
		rc = -1;
	else
		rc = store_secrets_parse(out, buf_str(&text), use, a, err);
	buf_wipe(&text);
	buf_fini(&text);
	return rc;
}
