/* Meta's Graph API: POST /{version}/{phone_number_id}/messages, GET /{version}/{media id},
 * GET /{version}/{waba id}/message_templates (templates.c answers), and its statuses.
 * Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/ */
#include <inttypes.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/digest.h"
#include "meta.h"

#define CALLBACK_MAX_CHARS 512
#define TEXT_MAX_BYTES     (4096 * 4)

#define INVALID_TOKEN     190
#define INVALID_PARAMETER 100
#define UNKNOWN_OBJECT    33 /* a subcode */

static bool route(struct stub_call *c)
{
	struct str path = http_path(c->http), version = stub_segment(path, 0);
	bool get = str_is(http_method(c->http), "GET"), post = str_is(http_method(c->http), "POST");
	size_t n = stub_segments(path);

	if (!str_starts(version, STR("v")) || version.n < 2 || version.p[1] < '0' || version.p[1] > '9')
		return false;
	c->object = stub_segment(path, 1);
	if (post && n == 3 && str_is(stub_segment(path, 2), "messages")) {
		c->act = STUB_SEND;
		c->account = c->object;
		return true;
	}
	if (get && n == 3 && str_is(stub_segment(path, 2), "message_templates")) {
		c->act = STUB_TEMPLATES;
		return true;
	}
	c->act = STUB_MEDIA;
	return get && n == 2;
}

/* text.body, image.caption, reaction.emoji, template.name. */
static struct str text_of(const json *content)
{
	static const char *const members[] = { "body", "caption", "emoji", "name" };
	struct str text = STR_NONE;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !text.p; i++)
		text = json_str(json_get(content, members[i]));
	return text;
}

static int content_read(struct stub_call *c, struct err *err)
{
	const json *content;

	c->type = json_str(json_get(c->body, "type"));
	if (!c->type.p)
		c->type = STR("text"); /* as Meta has it */
	content = json_get(c->body, arena_cstr(c->arena, c->type));
	if (!content)
		return err_set(err, ERR_INPUT, "missing", "Parameter '%.*s' is mandatory", STR_ARG(c->type));
	c->act = str_is(c->type, "reaction") ? STUB_REACTION : STUB_SEND;
	c->text = text_of(content);
	if (str_is(c->type, "text") && (c->text.n == 0 || c->text.n > TEXT_MAX_BYTES))
		return err_set(err, ERR_INPUT, "text", "Param text['body'] must be 1 to 4096 characters long");
	return 0;
}

static int recipient_read(struct stub_call *c, struct err *err)
{
	c->to = json_str(json_get(c->body, "to"));
	if (c->to.n == 0)
		c->to = json_str(json_get(c->body, "recipient"));
	if (c->to.n == 0)
		return err_set(err, ERR_INPUT, "missing", "The parameter to is required.");
	c->is_group = str_is(json_str(json_get(c->body, "recipient_type")), "group");
	c->recipient = str_starts(c->to, STR("+")) ? str_slice(c->to, 1, c->to.n) : c->to;
	return 0;
}

static int callback_read(struct stub_call *c, struct err *err)
{
	struct str data = json_str(json_get(c->body, "biz_opaque_callback_data"));

	if (data.n > CALLBACK_MAX_CHARS)
		return err_set(err, ERR_INPUT, "callback", "Param biz_opaque_callback_data is too long");
	c->client_message_id = data;
	if (str_starts(data, STR(CALLBACK_PREFIX)))
		c->client_message_id = str_slice(data, strlen(CALLBACK_PREFIX), data.n);
	return 0;
}

static int read_message(struct stub_call *c, struct err *err)
{
	if (!str_is(json_str(json_get(c->body, "messaging_product")), "whatsapp"))
		return err_set(err, ERR_INPUT, "missing", "The parameter messaging_product is required.");
	if (str_is(json_str(json_get(c->body, "status")), "read")) {
		c->act = STUB_READ;
		return stub_require(json_str(json_get(c->body, "message_id")), "message_id", err);
	}
	if (recipient_read(c, err) < 0 || callback_read(c, err) < 0)
		return -1;
	return content_read(c, err);
}

static int read_call(struct stub_call *c, struct err *err)
{
	if (c->act == STUB_SEND)
		return read_message(c, err);
	if (c->act == STUB_MEDIA && !str_all_digits(c->object))
		return err_set(err, ERR_INPUT, "object", "Unsupported get request.");
	return 0;
}

static struct str token_of(const struct stub_call *c)
{
	struct str header = http_header(c->http, "authorization");

	return str_starts(header, STR("Bearer ")) ? str_slice(header, strlen("Bearer "), header.n) : STR_NONE;
}

/* Calls about media and templates name no number: their session is one with this token. */
static bool authentic(const struct stub_call *c)
{
	return crypto_equal(token_of(c), str_of(c->session->key));
}

static void id_write(char out[static STUB_ID_BYTES], const char *unique)
{
	memcpy(out, "wamid.HBgL", 10);
	memcpy(out + 10, unique, 16);
	out[26] = '\0';
}

static void read_success(struct stub_answer *out)
{
	struct json_writer w = stub_answer_begin(out, 200);

	jw_obj(&w);
	jw_member_bool(&w, "success", true);
	jw_obj_end(&w);
}

static void media_success(const struct stub_call *c, struct stub_answer *out)
{
	struct json_writer w = stub_answer_begin(out, 200);

	jw_obj(&w);
	jw_member_str(&w, "messaging_product", STR("whatsapp"));
	jw_key(&w, "url");
	jw_str(&w,
		arena_printf(c->arena, "https://lookaside.example/whatsapp_business/attachments/?mid=%.*s",
			STR_ARG(c->object)));
	jw_member_str(&w, "mime_type", STR("image/jpeg"));
	jw_member_str(&w, "sha256", STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	jw_member_str(&w, "file_size", STR("1024"));
	jw_member_str(&w, "id", c->object);
	jw_obj_end(&w);
}

static void contacts_write(struct json_writer *w, const struct stub_sent *m)
{
	jw_key(w, "contacts");
	jw_arr(w);
	jw_obj(w);
	jw_member_str(w, "input", m->to);
	jw_member_str(w, "wa_id", m->recipient);
	jw_obj_end(w);
	jw_arr_end(w);
}

static void success(const struct stub_call *c, const struct stub_sent *m, const struct stub_success *how,
	struct stub_answer *out)
{
	struct json_writer w;

	if (c->act == STUB_READ || c->act == STUB_MEDIA) {
		c->act == STUB_READ ? read_success(out) : media_success(c, out);
		return;
	}
	w = stub_answer_begin(out, 200);
	jw_obj(&w);
	jw_member_str(&w, "messaging_product", STR("whatsapp"));
	contacts_write(&w, m);
	jw_key(&w, "messages");
	jw_arr(&w);
	jw_obj(&w);
	if (!how->no_id)
		jw_member_str(&w, "id", str_of(m->id));
	jw_member_str(&w, "message_status", how->message_status.p ? how->message_status : STR("accepted"));
	jw_obj_end(&w);
	jw_arr_end(&w);
	jw_obj_end(&w);
}

/* Our words as Graph errors. */
static struct stub_fault fault_of(const struct stub_fault *f)
{
	struct stub_fault out = *f;

	if (!f->word.p)
		return out;
	out.code = str_is(f->word, "unauthenticated") ? INVALID_TOKEN : INVALID_PARAMETER;
	if (str_is(f->word, "unknown_session"))
		out.subcode = UNKNOWN_OBJECT;
	return out;
}

static void fault(const struct stub_call *c, const struct stub_fault *given, struct stub_answer *out)
{
	struct stub_fault f = fault_of(given);
	int status = f.status ? f.status : f.code == INVALID_TOKEN ? 401 : 400;
	struct json_writer w = stub_answer_begin(out, status);
	struct buf message = BUF_INIT;

	(void)c;
	buf_printf(&message, "(#%" PRId64 ") %.*s", f.code, STR_ARG(f.title.p ? f.title : STR("refused")));
	jw_obj(&w);
	jw_key(&w, "error");
	jw_obj(&w);
	jw_member_str(&w, "message", buf_str(&message));
	jw_member_str(&w, "type", STR("OAuthException"));
	jw_member_i64(&w, "code", f.code);
	if (f.subcode)
		jw_member_i64(&w, "error_subcode", f.subcode);
	if (f.details.p) {
		jw_key(&w, "error_data");
		jw_obj(&w);
		jw_member_str(&w, "messaging_product", STR("whatsapp"));
		jw_member_str(&w, "details", f.details);
		jw_obj_end(&w);
	}
	jw_member_str(&w, "fbtrace_id", STR("AStubTraceId0000000000"));
	jw_obj_end(&w);
	jw_obj_end(&w);
	buf_fini(&message);
}

static void sign(const struct session *s, const char *id, int64_t now_ms, struct str body, struct buf *out)
{
	uint8_t mac[64];

	(void)id;
	(void)now_ms;
	buf_printf(out, "x-hub-signature-256: sha256=");
	hex_add(out, mac, hmac(HMAC_SHA256, str_of(s->webhook_secret), body, mac));
	buf_add_char(out, '\0');
}

const struct dialect dialect_meta = {
	.provider = STUB_META,
	.route = route,
	.read = read_call,
	.authentic = authentic,
	.id_write = id_write,
	.success = success,
	.fault = fault,
	.status = meta_status_write,
	.sign = sign,
};
