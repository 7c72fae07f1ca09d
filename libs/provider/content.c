/* Parts of bodies; see content.h. */
#include "provider/content.h"

const char *content_extra_member(enum message_type type)
{
	switch (type) {
	case MSG_INTERACTIVE:
		return "interactive";
	case MSG_CONTACTS:
		return "contacts";
	default:
		return NULL;
	}
}

static int json_missing(const char *member, struct err *err)
{
	return err_set(err, ERR_INPUT, "content", "%s%s is missing or not valid JSON", member ? "extra." : "",
		member ? member : "the list of template components");
}

int content_json(struct str text, const char *member, enum json_type type, struct arena *a, struct str *out,
	struct err *err)
{
	struct json_doc *doc = NULL;
	struct buf written = BUF_INIT;
	const json *value;
	int rc = -1;

	if (json_parse(&doc, text, NULL) < 0)
		return json_missing(member, err);
	value = member ? json_get(json_root(doc), member) : json_root(doc);
	if (json_type(value) != type || json_write_without(value, NULL, 0, &written, NULL) < 0) {
		json_missing(member, err);
		goto out;
	}
	*out = arena_str(a, buf_str(&written));
	rc = 0;
out:
	buf_fini(&written);
	json_free(doc);
	return rc;
}

void content_optional_write(struct json_writer *w, const char *name, struct str value)
{
	if (value.n > 0)
		jw_member_str(w, name, value);
}

void content_text_write(struct json_writer *w, const char *name, struct str value)
{
	jw_member_str(w, name, value.p ? value : STR(""));
}

void content_coordinates_write(struct json_writer *w, const struct location *l)
{
	jw_key(w, "latitude");
	jw_f64(w, l->latitude);
	jw_key(w, "longitude");
	jw_f64(w, l->longitude);
}

bool content_is_media(enum message_type type)
{
	return type == MSG_IMAGE || type == MSG_VIDEO || type == MSG_AUDIO || type == MSG_VOICE ||
		type == MSG_DOCUMENT || type == MSG_STICKER;
}

struct str content_digits(struct str phone)
{
	if (phone.n > 0 && phone.p[0] == '+')
		phone = str_slice(phone, 1, phone.n);
	return str_all_digits(phone) ? phone : STR_NONE;
}

int content_no_address(const char *provider, struct err *err)
{
	return err_set(err, ERR_INPUT, "content", "the recipient has no address that %s can send to", provider);
}
