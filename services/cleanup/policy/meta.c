/* See meta.h. */
#include "cleanup/policy/meta.h"

#include "json/json.h"

#define INVALID_TOKEN    190
#define NO_CAPABILITY    3
#define NO_PERMISSION    10
#define PERMISSION_FIRST 200
#define PERMISSION_LAST  299
#define NOT_REGISTERED   133010

static enum meta_finding code_finding(int64_t code)
{
	if (code == NOT_REGISTERED)
		return META_FAILED;
	if (code == INVALID_TOKEN || code == NO_CAPABILITY || code == NO_PERMISSION ||
		(code >= PERMISSION_FIRST && code <= PERMISSION_LAST))
		return META_DISCONNECTED;
	return META_UNKNOWN;
}

/* "+62 812-3456-789" */
static void phone_read(struct str shown, char phone[META_PHONE_BYTES])
{
	size_t n = 0;

	for (size_t i = 0; i < shown.n; i++) {
		if (shown.p[i] < '0' || shown.p[i] > '9')
			continue;
		if (n == META_PHONE_BYTES - 1) {
			n = 0;
			break;
		}
		phone[n++] = shown.p[i];
	}
	phone[n] = '\0';
}

static enum meta_finding root_read(int http_status, const json *root, struct str phone_number_id,
	char phone[META_PHONE_BYTES])
{
	int64_t code;

	if (json_to_i64(json_path(root, "error.code"), &code))
		return code_finding(code);
	if (http_status != 200 || !str_eq(json_str(json_get(root, "id")), phone_number_id))
		return META_UNKNOWN;
	phone_read(json_str(json_get(root, "display_phone_number")), phone);
	return META_CONNECTED;
}

enum meta_finding meta_read(int http_status, struct str body, struct str phone_number_id, char phone[META_PHONE_BYTES])
{
	struct json_doc *doc = NULL;
	struct err err;
	enum meta_finding finding = META_UNKNOWN;

	phone[0] = '\0';
	if (json_parse(&doc, body, &err) == 0)
		finding = root_read(http_status, json_root(doc), phone_number_id, phone);
	json_free(doc);
	return finding;
}

int64_t meta_turn_of(const struct uuid *account, int64_t now_ms, int64_t interval_ms)
{
	uint32_t place = (uint32_t)account->b[12] << 24 | (uint32_t)account->b[13] << 16 |
		(uint32_t)account->b[14] << 8 | account->b[15];

	return (now_ms + place % interval_ms) / interval_ms;
}
