/* Parsing opened secrets; see secrets.h. Invariant: no secret is empty, because any client can make a signature with
 * an empty key and send an empty token. */
#include "ingest/secrets.h"

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

int secrets_parse(struct secrets *out, struct str text, struct arena *a, struct err *err)
{
	struct json_doc *doc = NULL;
	const json *root;
	int rc = -1;

	if (json_parse(&doc, text, NULL) < 0 || !json_is_obj(root = json_root(doc))) {
		err_set(err, ERR_INPUT, "secrets", "the secrets are not a JSON object");
		goto out;
	}
	out->signing_keys = list_read(json_get(root, "signing_keys"), a);
	out->tokens = list_read(json_get(root, "tokens"), a);
	out->app_secrets = list_read(json_get(root, "app_secrets"), a);
	out->verify_token = json_str(json_get(root, "verify_token"));
	out->verify_token = out->verify_token.n > 0 ? arena_str(a, out->verify_token) : STR_NONE;
	out->require_timestamp = json_true(json_get(root, "require_timestamp"));
	rc = 0;
out:
	json_free(doc);
	return rc;
}
